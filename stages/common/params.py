"""params.yaml: typed, closed and ranged. A stage reads it once, naming the keys it uses."""

import math
import os
import posixpath
import re
import unicodedata
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from reprlib import Repr
from types import SimpleNamespace
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from stages.common.errors import UserError

PATH = Path("params.yaml")
LABELS = "labels"  # the folder for tables of labels; an input of `prepare`
MAX_STEPS = 200  # pruning steps: a rate of 0.9999 would otherwise train for weeks
# Of a file of parameters: deep nesting takes hours to read, and nested aliases, *name, multiply what they stand for.
MAX_BYTES, MAX_ALIASES, MAX_DEPTH = 2**16, 30, 20


class Section(BaseModel):
    """A closed group of keys: an unknown key or a text where a number belongs is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Fit(Section):
    """One run of the training loop: AdamW under a one-cycle schedule."""

    epochs: int = Field(ge=1, le=10_000)
    learning_rate: float = Field(gt=0, le=1)  # the peak of the cycle
    batch_size: int = Field(ge=2, le=65_536)
    weight_decay: float = Field(ge=0, le=10)


def _path(text: str) -> str:
    """`text` if it can name a file or folder; whether there is one is seen by the stage that reads it."""
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise ValueError("expected a path without line breaks and other control characters")
    if text.startswith("~"):
        raise ValueError("~ is not replaced by your folder here: write the whole path")
    if "://" in text:
        raise ValueError("expected a path, not an address: download it and name the file or folder")
    return text


SourcePath = Annotated[str, Field(min_length=1), AfterValidator(_path)]


def _within(file: str, folder: str) -> bool:
    """Whether a file lies below a folder, by their paths alone."""
    file, folder = posixpath.normpath(file), posixpath.normpath(folder)
    return file != folder and Path(file).is_relative_to(folder)


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
    return _path(text)


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
    training: int = Field(ge=2, le=100_000)  # photos a class, in each split
    validation: int = Field(ge=1, le=100_000)
    evaluation: int = Field(ge=1, le=100_000)
    upstream: int = Field(ge=2, le=100_000)  # photos a class of other objects
    difficulty: float = Field(ge=0, le=1)


class Photos(Section):
    source: SourcePath
    class_folder: Literal["top", "leaf"]  # the first folder below the split, or the one that holds the photo
    image_size: int = Field(ge=32, le=1024)  # pixels; four poolings by 2 need 32
    val_fraction: float = Field(gt=0, lt=1)  # held out where the source has no validation split
    max_rejected: int = Field(ge=0, le=10_000_000)


class Data(Photos):
    labels: SourcePath | None  # a table that says which class each photo has; null: the folders say it

    @model_validator(mode="after")
    def _labels_are_watched(self) -> "Data":
        """DVC sees a change in a table only where it looks."""
        if self.labels and not any(_within(self.labels, folder) for folder in (LABELS, self.source)):
            raise ValueError(
                f"data.labels = {shown(self.labels)}: is neither in {LABELS}/ nor in data.source = "
                f"{shown(self.source)}, where DVC looks for changes: put it there and write "
                f"{LABELS}/{Path(self.labels).name}"
            )
        if self.labels and Path(self.labels).suffix.lower() not in (".csv", ".tsv", ".txt"):
            raise ValueError(
                f"data.labels = {shown(self.labels)}: expected a .csv, .tsv or .txt; save the table so"
            )
        return self


class Augment(Section):
    crop: float = Field(gt=0, le=1)  # smallest side of a crop, as a share of the photo's
    rotation: float = Field(ge=0, le=180)  # degrees either way
    flip: bool
    colour: float = Field(ge=0, lt=1)  # brightness, contrast and saturation within 1 ± this


class Pretrain(Photos, Fit):
    pass


class Distill(Fit):
    temperature: float = Field(ge=0.01, le=1000)
    alpha: float = Field(ge=0, le=1)
    views: int = Field(ge=1, le=10_000)


class PruneOnce(Fit):
    width: float = Field(gt=0, le=1)


Rate = Annotated[float, Field(gt=0, lt=1)]  # each pruning step keeps this share of the width before it


def never_ends(rate: float, min_width: float) -> str:
    """Why a rate takes too many steps to prune.min_width; empty where it does not."""
    if math.log(min_width) / math.log(rate) <= MAX_STEPS:
        return ""
    return f"needs over {MAX_STEPS} steps to prune.min_width = {min_width}; lower it"


class Prune(Fit):
    """Cutting the student a little at a time; the fit is shared by all the steps of a rate."""

    importance: Literal["bn_gamma", "l1", "taylor", "random"]
    scope: Literal["uniform", "global"]  # the same share of every layer, or the worst of all layers
    round_to: int = Field(ge=1, le=1024)  # every width a multiple of this
    rate: Rate
    # These two always run, small steps first: the controls have the size that both end at.
    reference_rates: Annotated[list[Rate], Field(min_length=2, max_length=2)]
    teacher: Literal["scratch", "pretrained"]  # whose student is pruned and exported
    min_width: float = Field(gt=0, lt=1)  # where every rate ends

    @model_validator(mode="after")
    def _steps_end(self) -> "Prune":
        small, large = self.reference_rates
        for key, rate in (("rate", self.rate), ("reference_rates", small), ("reference_rates", large)):
            if reason := never_ends(rate, self.min_width):
                raise ValueError(f"prune.{key} = {rate}: {reason}")
        if not small > large > self.min_width:
            raise ValueError(
                f"prune.reference_rates = {self.reference_rates}: expected small steps, then large ones, such as "
                f"0.95 and 0.9, both above prune.min_width = {self.min_width}"
            )
        return self


class Quantize(Section):
    bits: Literal[16, 8, 6, 4, 3]  # of the file that is exported; all of them are measured
    fit: Fit  # the quantization-aware fine-tune at 4 and 3 bits


class Factorize(Fit):
    budget: int = Field(ge=1, le=10**9)  # trainable parameters of the factorized CNN


class Export(Section):
    calibration: int = Field(ge=1, le=100_000)  # training photos that set the ranges of int8 activations
    max_drop: float = Field(ge=0, le=100)  # points under the uncut student that models/final may lose


class Report(Section):
    embed_photos: bool  # thumbnails on the page, where the photos are not the drawn sample


class Params(Section):
    seed: int = Field(ge=0, le=2**32 - 1)
    sample: Sample
    data: Data
    augment: Augment
    pretrain: Pretrain
    own_networks: SourcePath  # the folder or file that holds your own; an input of every stage
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
                    f"{key}.architecture = {shown(network.architecture)}: {file} is not in own_networks = "
                    f"{shown(self.own_networks)}, where DVC looks for changes: move it there, or name it there"
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
        return Params.model_validate(_content(path))
    except ValidationError as error:
        raise UserError(f"{path}: {_first(error)}") from None


def _content(path: Path) -> object:
    """What a file of parameters holds. Raises `UserError` with the line where it is not YAML."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise UserError(f"{path}: over {MAX_BYTES // 1024} KiB; that is no file of parameters")
        _require_plain(path, content.decode())
        return parsed(content)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the repository's root") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except DuplicateKeyError as error:
        key = error.problem.partition('key "')[2].partition('" with value')[0]
        where = f"line {error.problem_mark.line + 1}"
        raise UserError(f"{path}: {where}: the key {shown(key)} comes twice; remove one") from None
    except MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        problem = ", ".join(filter(None, (error.context, error.problem)))
        raise UserError(f"{path}: {where}not YAML: {_brief(problem)}") from None
    except (YAMLError, ValueError) as error:  # ValueError: a date that is none, a number of 5000 digits
        raise UserError(f"{path}: not YAML: {_brief(str(error).partition(';')[0])}") from None


def _require_plain(path: Path, text: str) -> None:
    """Raises `UserError` at what no parameter needs and a reader can choke on."""
    aliases = depth = 0
    for event in YAML(typ="safe").parse(text):
        where = f"{path}: line {event.start_mark.line + 1}"
        aliases += isinstance(event, AliasEvent)
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise UserError(f"{where}: over {MAX_DEPTH} levels deep; that is no file of parameters")
        if aliases > MAX_ALIASES:
            raise UserError(f"{where}: over {MAX_ALIASES} aliases such as *name; write the values out")
        if getattr(event, "tag", None):
            raise UserError(f"{where}: the tag {shown(str(event.tag))}; write the value without it")


def _first(error: ValidationError) -> str:
    """What is wrong first, and what to do: unknown keys before others, as a misspelt key is a missing one too."""
    errors = error.errors(include_url=False)
    unknown = [e for e in errors if e["type"] in ("extra_forbidden", "invalid_key")]
    first = (unknown or errors)[0]
    *sections, name = first["loc"] or ("",)
    key = ".".join(_brief(str(part)) for part in first["loc"])
    if unknown:
        known = list(_schema(tuple(sections))["properties"])
        near = get_close_matches(str(name), known, 1)
        hint = f"did you mean {'.'.join([*sections, *near])}?" if near else f"there are {', '.join(known)}"
        return f"{key}: no such key; {hint}"
    if first["type"] == "missing":
        return f"{key}: missing; add it as params.food11.yaml has it"
    if not key and first["type"] != "value_error":
        return "holds no keys; params.food11.yaml shows what is expected"
    if first["type"] != "value_error":
        return f"{key} = {shown(first['input'])}: expected {_expected(_schema(first['loc']))}"
    reason = str(first["ctx"]["error"])
    return reason if isinstance(first["input"], dict) else f"{key} = {shown(first['input'])}: {reason}"


@cache
def _schema(place: tuple) -> dict:
    """The JSON schema of what is at a place, such as ("student", "epochs")."""
    whole = schema = Params.model_json_schema()
    for part in place:
        schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
        if "$ref" in schema:
            schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _expected(schema: dict) -> str:
    """What a value must be, in words."""
    match schema:
        case {"anyOf": [one, {"type": "null"}]}:
            return f"{_expected(one)}, or null"
        case {"enum": [*most, last]}:
            return f"{', '.join(map(str, most))} or {last}"
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "integer"}:
            return f"a whole number {_range(schema)}"
        case {"type": "number"}:
            return f"a number {_range(schema)}"
        case {"type": "array"}:
            return f"a list of {schema['minItems']}, each {_expected(schema['items'])}"
        case {"type": "string"}:
            return "a text that is not empty"
    return "a section of keys"


def _range(schema: dict) -> str:
    match schema:
        case {"minimum": low, "maximum": high}:
            return f"from {low:,} to {high:,}"
        case {"minimum": low, "exclusiveMaximum": high}:
            return f"from {low:,} to under {high:,}"
        case {"exclusiveMinimum": low, "maximum": high}:
            return f"above {low:,}, at most {high:,}"
        case {"exclusiveMinimum": low, "exclusiveMaximum": high}:
            return f"between {low:,} and {high:,}"


class _Short(Repr):
    """A value in a few words of one line, as YAML has them where Python differs."""

    def __init__(self):
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxstring, self.maxother = 2, 2, 4, 60, 60

    def repr_instance(self, x: object, level: int) -> str:
        return super().repr_instance(x, level) if isinstance(x, float | bytes) else f"<{type(x).__name__}>"

    def repr1(self, x: object, level: int) -> str:
        if x is None or isinstance(x, bool):
            return {None: "null", True: "true", False: "false"}[x]
        try:
            return super().repr1(x, level)
        except ValueError:  # Python writes no number of over 4300 digits
            return "a number of very many digits"


def shown(value: object) -> str:
    """A value of params.yaml as a message shows it."""
    return _Short().repr(value)


def _brief(text: str) -> str:
    """Another's words, in one line without control characters."""
    text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:200]}..."


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


def given_rate(option: str | None) -> str:
    """The text of a pruning rate: of --rate, or else of the stage that DVC runs, such as prune@0.9.

    dvc.yaml puts no parameter into a command, as a shell would read it.
    """
    stage = os.environ.get("DVC_STAGE", "")
    if option is None and "@" not in stage:
        raise UserError("prune.rate: which one? Run `dvc repro`, or add --rate 0.9")
    return stage.rpartition("@")[2] if option is None else option


def require_rate(text: str) -> float:
    """The pruning rate that `given_rate` found. Raises `UserError` outside (0, 1)."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 1:
        wrong = text if text.isprintable() and 0 < len(text) <= 60 else shown(text)
        raise UserError(f"prune.rate = {wrong}: expected a number between 0 and 1, such as 0.9")
    if text != str(rate):  # it names a folder
        raise UserError(f"prune.rate = {shown(text)}: write it as {rate}")
    return rate
