"""params.yaml: typed, closed and ranged. A stage reads it once, naming the keys it uses."""

import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stages.common.errors import UserError

PATH = Path("params.yaml")
MAX_STEPS = 200  # pruning steps: a rate of 0.9999 would otherwise train for weeks


class Section(BaseModel):
    """A closed group of keys: an unknown key or a text where a number belongs is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Fit(Section):
    """One run of the training loop: AdamW under a one-cycle schedule."""

    epochs: int = Field(ge=1)
    learning_rate: float = Field(gt=0, le=1)  # the peak of the cycle
    batch_size: int = Field(ge=2)
    weight_decay: float = Field(ge=0)


class Sample(Section):
    training: int = Field(ge=2)  # photos a class, in each split
    validation: int = Field(ge=1)
    evaluation: int = Field(ge=1)
    upstream: int = Field(ge=2)  # photos a class of other objects
    difficulty: float = Field(ge=0, le=1)


class Photos(Section):
    source: str = Field(min_length=1)
    image_size: int = Field(ge=32, le=1024)  # pixels; four poolings by 2 need 32
    val_fraction: float = Field(gt=0, lt=1)  # held out where the source has no validation split
    max_rejected: int = Field(ge=0)


class Augment(Section):
    crop: float = Field(gt=0, le=1)  # smallest side of a crop, as a share of the photo's
    rotation: float = Field(ge=0, le=180)  # degrees either way
    flip: bool
    colour: float = Field(ge=0, lt=1)  # brightness, contrast and saturation within 1 ± this


class Pretrain(Photos, Fit):
    pass


class Distill(Fit):
    temperature: float = Field(gt=0)
    alpha: float = Field(ge=0, le=1)
    views: int = Field(ge=1)


class PruneOnce(Fit):
    width: float = Field(gt=0, le=1)


class Prune(Section):
    importance: Literal["bn_gamma", "l1", "taylor", "random"]
    scope: Literal["uniform", "global"]  # the same share of every layer, or the least important of all layers
    rate: float = Field(gt=0, lt=1)  # each step keeps this share of the width before it
    teacher: Literal["scratch", "pretrained"]  # whose soft labels every fine-tune learns from
    min_width: float = Field(gt=0, lt=1)
    fit: Fit  # after every step

    @model_validator(mode="after")
    def _steps_end(self) -> "Prune":
        if math.log(self.min_width) / math.log(self.rate) > MAX_STEPS:
            raise ValueError(f"rate {self.rate} needs over {MAX_STEPS} steps to min_width {self.min_width}")
        return self


class Quantize(Section):
    bits: Literal[16, 8, 6, 4, 3]  # of the file that is exported; all of them are measured
    teacher: Literal["scratch", "pretrained"]  # whose soft labels the fine-tune learns from
    fit: Fit  # the quantization-aware fine-tune at 4 and 3 bits


class Factorize(Fit):
    budget: int = Field(ge=1)  # trainable parameters of the factorized plain CNN
    teacher: Literal["scratch", "pretrained"]


class Export(Section):
    calibration: int = Field(ge=1)  # training photos that set the ranges of int8 activations
    max_drop: float = Field(ge=0, le=100)  # points under the best student that models/final may lose


class Report(Section):
    embed_photos: bool  # thumbnails on the page, where the photos are not the drawn sample


class Params(Section):
    seed: int = Field(ge=0, lt=2**32)
    sample: Sample
    data: Photos
    augment: Augment
    pretrain: Pretrain
    teacher: Fit
    cnn: Fit
    student: Fit
    distill: Distill
    prune_once: PruneOnce
    prune: Prune
    quantize: Quantize
    factorize: Factorize
    export: Export
    report: Report


class _Loader(yaml.SafeLoader):
    """YAML 1.2 floats, as DVC reads them: plain YAML 1.1 takes `1e-3` for a text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def load(path: Path = PATH) -> Params:
    """The whole file, checked. Raises `UserError` naming the first wrong key, its value and its range."""
    try:
        return Params.model_validate(yaml.load(path.read_text(encoding="utf-8"), _Loader))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run from the repository's root") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        value = "" if isinstance(first["input"], dict) else f" = {first['input']!r}"
        raise UserError(f"{path}: {key}{value}: {first['msg']}") from None


def read(*keys: str, path: Path = PATH) -> SimpleNamespace:
    """Just the named sections ("student") and keys ("prune.min_width") of a checked params.yaml.

    What is not named is not there, so the names are exactly what a stage can depend on; a test
    compares them with the stage's `params` in dvc.yaml. The rest of the file is checked all the same:
    a mistake anywhere stops the first stage that runs, before anything trains.
    """
    params = load(path)
    chosen = SimpleNamespace()
    for key in keys:
        section, _, name = key.partition(".")
        if not name:
            setattr(chosen, section, getattr(params, section))
            continue
        if not hasattr(chosen, section):
            setattr(chosen, section, SimpleNamespace())
        setattr(getattr(chosen, section), name, getattr(getattr(params, section), name))
    return chosen


def require_rate(text: str) -> float:
    """A pruning rate as the command line gives it. Raises `UserError` outside (0, 1)."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 1:
        raise UserError(f"prune.rate = {text}: expected a number between 0 and 1, such as 0.9")
    return rate
