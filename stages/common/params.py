"""params.yaml: typed, closed and ranged. A stage reads it once, naming the keys it uses."""

import math
import re
from difflib import get_close_matches
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML, YAMLError

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


# The networks of this project; others are a library's, or your own.
OURS = ("student", "cnn", "resnet18")
LIBRARIES = ("torchvision", "timm")


def _network(text: str) -> str:
    """`text` if it has the form of a network's name; whether there is such a network is seen when it is built."""
    own = re.fullmatch(r"(?P<file>[^:]+\.py):(?P<function>[^\W\d]\w*)", text)
    library = re.fullmatch(rf"({'|'.join(LIBRARIES)})/[\w.]+", text)
    if not (text in OURS or own or library):
        near = "".join(f"; did you mean {name}?" for name in get_close_matches(text, OURS, 1))
        raise ValueError(
            f"expected {', '.join(OURS)}, torchvision/<name>, timm/<name> or path/to/file.py:function{near}"
        )
    if own and (Path(own["file"]).is_absolute() or ".." in Path(own["file"]).parts):
        raise ValueError("expected a file inside the project, by its path from there")
    return text


Architecture = Annotated[str, AfterValidator(_network)]


class Network(Fit):
    """A network and how it is trained on the labels."""

    architecture: Architecture


class Teacher(Network):
    image_size: int | None = Field(ge=16, le=1024)  # pixels that it sees of each photo; null: as they are


class PretrainedTeacher(Teacher):
    tune: Literal["all", "head"]  # head: a linear classifier on its features, which stay as they are


class Teachers(Section):
    scratch: Teacher
    pretrained: PretrainedTeacher


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


Rate = Annotated[float, Field(gt=0, lt=1)]  # each pruning step keeps this share of the width before it


class Prune(Fit):
    """Cutting the student a little at a time; the fit is shared by all the steps of a rate."""

    importance: Literal["bn_gamma", "l1", "taylor", "random"]
    scope: Literal["uniform", "global"]  # the same share of every layer, or the worst of all layers
    round_to: int = Field(ge=1)  # every width a multiple of this
    rate: Rate
    # These two always run, small steps first: the controls have the size that both end at.
    reference_rates: Annotated[list[Rate], Field(min_length=2, max_length=2)]
    teacher: Literal["scratch", "pretrained"]  # whose student is pruned and exported
    min_width: float = Field(gt=0, lt=1)  # where every rate ends

    @model_validator(mode="after")
    def _steps_end(self) -> "Prune":
        for rate in (self.rate, *self.reference_rates):
            if math.log(self.min_width) / math.log(rate) > MAX_STEPS:
                raise ValueError(f"rate {rate} needs over {MAX_STEPS} steps to min_width {self.min_width}")
        small, large = self.reference_rates
        if not small > large > self.min_width:
            raise ValueError("reference_rates: expected small steps, then large ones, both above min_width")
        return self


class Quantize(Section):
    bits: Literal[16, 8, 6, 4, 3]  # of the file that is exported; all of them are measured
    fit: Fit  # the quantization-aware fine-tune at 4 and 3 bits


class Factorize(Fit):
    budget: int = Field(ge=1)  # trainable parameters of the factorized CNN


class Export(Section):
    calibration: int = Field(ge=1)  # training photos that set the ranges of int8 activations
    max_drop: float = Field(ge=0, le=100)  # points under the uncut student that models/final may lose


class Report(Section):
    embed_photos: bool  # thumbnails on the page, where the photos are not the drawn sample


class Params(Section):
    seed: int = Field(ge=0, lt=2**32)
    sample: Sample
    data: Photos
    augment: Augment
    pretrain: Pretrain
    own_networks: str = Field(min_length=1)  # the folder or file that holds your own; an input of every stage
    teacher: Teachers
    cnn: Network
    student: Network
    distill: Distill
    prune_once: PruneOnce
    prune: Prune
    quantize: Quantize
    factorize: Factorize
    export: Export
    report: Report

    @model_validator(mode="after")
    def _own_networks_are_watched(self) -> "Params":
        """DVC sees a change in an own network only where it looks."""
        for key, network in self.networks().items():
            file = network.architecture.partition(":")[0]
            if file.endswith(".py") and not Path(file).is_relative_to(self.own_networks):
                raise ValueError(
                    f"{key}.architecture = {network.architecture!r}: {file} is not in own_networks = "
                    f"{self.own_networks!r}, where DVC looks for changes: move it there, or name it there"
                )
        return self

    def networks(self) -> dict[str, Network]:
        """Every network that is trained on the labels, by its key."""
        return {
            "teacher.scratch": self.teacher.scratch,
            "teacher.pretrained": self.teacher.pretrained,
            "cnn": self.cnn,
            "student": self.student,
        }


def parsed(content: bytes) -> dict:
    """A YAML text as DVC reads it: YAML 1.2, where 010 is ten and 1:30 a text. Raises `YAMLError`."""
    return YAML(typ="safe").load(content.decode())


def load(path: Path = PATH) -> Params:
    """The whole file, checked. Raises `UserError` naming the first wrong key, its value and its range."""
    try:
        return Params.model_validate(parsed(path.read_bytes()))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run from the repository's root") from None
    except (YAMLError, UnicodeDecodeError) as error:
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
        *sections, name = key.split(".")
        source, target = params, chosen
        for section in sections:
            source = getattr(source, section)
            if not hasattr(target, section):
                setattr(target, section, SimpleNamespace())
            target = getattr(target, section)
        setattr(target, name, getattr(source, name))
    return chosen


def fit_of(section: SimpleNamespace, epochs: int) -> Fit:
    """The schedule of a section that was read key by key, for so many epochs."""
    return Fit(
        epochs=epochs,
        learning_rate=section.learning_rate,
        batch_size=section.batch_size,
        weight_decay=section.weight_decay,
    )


def require_rate(text: str) -> float:
    """A pruning rate as the command line gives it. Raises `UserError` outside (0, 1)."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 1:
        raise UserError(f"prune.rate = {text}: expected a number between 0 and 1, such as 0.9")
    return rate
