"""What the pipeline makes: every network, what made it small, and which are compared with which.

The one place that says so: tables, claims, the page, latency and the tests of dvc.yaml read it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from stages.common.errors import UserError
from stages.common.files import METRICS, read_csv, read_json


class Network(NamedTuple):
    """A network of the report."""

    path: Path  # its file
    method: str  # what made it small
    original: float | None = None  # validation accuracy on Food-11 in the report that is reproduced
    control: bool = False  # made only to be compared with


def _trained(name: str, *facts) -> Network:
    return Network(Path(f"models/{name}/model.safetensors"), *facts)


SMALL_STEPS, LARGE_STEPS = "pruned_small_steps", "pruned_large_steps"
NETWORKS = {  # every network that has metrics, in the order of the report
    "teacher_scratch": _trained("teacher_scratch", "none", 0.8009),
    "teacher_pretrained": _trained("teacher_pretrained", "none", 0.8841),
    "cnn": _trained("cnn", "none", 0.8052),
    "cnn_pruned": _trained("cnn_pruned", "pruning", 0.1493),
    "factorized": _trained("factorized", "low rank"),
    "cnn_quantized": Network(Path("models/cnn_quantized.safetensors"), "quantization"),
    "student_scratch": _trained("student_scratch", "design", 0.7829),
    "student_distilled_scratch": _trained("student_distilled_scratch", "design, distillation", 0.8056),
    "student_distilled_pretrained": _trained("student_distilled_pretrained", "design, distillation", 0.8152),
    "student_finetuned": _trained("student_finetuned", "control: fine-tuned, not cut", None, True),
    "pruned": Network(Path("models/pruned.safetensors"), "design, distillation, pruning"),
    "pruned_one_shot": _trained("pruned_one_shot", "control: cut at once", None, True),
    "pruned_from_scratch": _trained("pruned_from_scratch", "control: never cut", None, True),
    "quantized": Network(Path("models/quantized.safetensors"), "design, distillation, quantization"),
    "onnx_fp32": Network(Path("models/onnx/student.onnx"), "design, distillation"),
    "onnx_int8": Network(Path("models/onnx/student_int8.onnx"), "design, distillation, quantization"),
    "final": Network(Path("models/final/model.onnx"), "the smallest that loses little"),
}

EVERYTHING = (*NETWORKS, SMALL_STEPS, LARGE_STEPS)  # whose answers are compared


def last_step(steps: pd.DataFrame) -> dict:
    """METRICS of the last of a rate's steps; None, and a `reason`, where the network could not be cut."""
    if len(steps) == 1:
        return dict.fromkeys(METRICS) | {"reason": "the student cannot be pruned"}
    return {key: steps[key].iloc[-1].item() for key in METRICS}


NOT_MADE = b"could not be made"  # how a model file begins that stands for none


def was_made(path: Path) -> bool:
    """Whether a network's file is there; False where what lies in its place says that it could not be made.

    Raises `UserError` where neither is so.
    """
    if path.is_file():
        with path.open("rb") as file:
            return file.read(len(NOT_MADE)) != NOT_MADE
    if path.with_name("reason.txt").exists() or path.with_suffix(".txt").exists():
        return False
    raise UserError(f"{path}: does not exist; `dvc repro` makes it, `dvc checkout` brings it back")


def words(name: str) -> str:
    """A network's name as people read it."""
    return name.replace("_", " ")


@dataclass(frozen=True)
class Catalogue:
    """What depends on params.yaml: which student goes on, and which pruning rates always run.

    teacher: `prune.teacher`. rates: `prune.reference_rates`, the one of small steps first; the controls have
    the size that both end at.
    """

    teacher: str
    rates: Sequence[float]

    @property
    def student(self) -> str:
        """The student that is pruned, quantized and exported."""
        return f"student_distilled_{self.teacher}"

    def steps(self, rate: float) -> pd.DataFrame:
        """The steps of a reference rate: step, width, epochs, the metrics of each."""
        return read_csv(f"models/pruned/{rate}/steps.csv", ("step", *METRICS))

    def _rate(self, name: str) -> float:
        return self.rates[(SMALL_STEPS, LARGE_STEPS).index(name)]

    def path(self, name: str) -> Path:
        """A network's file; SMALL_STEPS and LARGE_STEPS are the last steps of the two reference rates."""
        if name in NETWORKS:
            return NETWORKS[name].path
        rate = self._rate(name)
        return Path(f"models/pruned/{rate}/step_{self.steps(rate)['step'].iloc[-1]:02}.safetensors")

    def method(self, name: str) -> str:
        return NETWORKS[name if name in NETWORKS else "pruned"].method

    def metrics(self, name: str) -> dict:
        """METRICS of a network; those of one that could not be made are None, and `reason` says why."""
        if name in NETWORKS:
            return read_json(f"metrics/{name}.json", ["val_accuracy", "epochs"])
        return last_step(self.steps(self._rate(name)))

    def missing(self) -> dict[str, str]:
        """The networks that could not be made, and why."""
        metrics = {name: self.metrics(name) for name in EVERYTHING}
        return {name: of["reason"] for name, of in metrics.items() if of["val_accuracy"] is None}

    @property
    def candidates(self) -> dict[str, Path]:
        """What models/final is chosen from: every small network, but for the steps of another prune.rate.

        Quantized files are left out, since each candidate is tried in int8 anyway.
        """
        small = [
            name
            for name, network in NETWORKS.items()
            if network.method != "none" and network.path.name == "model.safetensors"
        ]
        steps = {
            f"pruned_{rate}_step_{step:02}": Path(f"models/pruned/{rate}/step_{step:02}.safetensors")
            for rate in self.rates
            for step in self.steps(rate)["step"]
            if step  # the first is the student
        }
        return {name: NETWORKS[name].path for name in small} | steps

    @property
    def files(self) -> dict[str, Path]:
        """The file of every network that could be made, by its name."""
        cut = [name for name in EVERYTHING if name in NETWORKS or len(self.steps(self._rate(name))) > 1]
        paths = {name: self.path(name) for name in cut}
        return {name: path for name, path in paths.items() if was_made(path)}

    @property
    def answering(self) -> list[str]:
        """Every network that could be made: their answers to each photo are stored."""
        missing = self.missing()
        return [name for name in EVERYTHING if name not in missing]

    @property
    def equal_size(self) -> dict[str, tuple[str, ...]]:
        """One network a method, of about as many parameters as the student or their bytes."""
        return {
            "size of the student": (
                "student_scratch",
                self.student,
                "cnn_pruned",
                "factorized",
                "cnn_quantized",
            ),
            "size of the pruned student": (
                SMALL_STEPS,
                LARGE_STEPS,
                "pruned_one_shot",
                "pruned_from_scratch",
            ),
        }

    @property
    def compressions(self) -> tuple[tuple[str, str], ...]:
        """(before, after): each step that made a network smaller, or the same network cheaper."""
        missing = self.missing()
        pairs = (
            (f"teacher_{self.teacher}", self.student),
            ("cnn", "cnn_pruned"),
            ("cnn", "factorized"),
            ("cnn", "cnn_quantized"),
            (self.student, "pruned"),
            (self.student, "quantized"),
            ("onnx_fp32", "onnx_int8"),
            (self.student, "final"),
        )
        return tuple(pair for pair in pairs if not missing.keys() & set(pair))

    @property
    def watched(self) -> tuple[str, ...]:
        """The networks whose classes and confidence are drawn."""
        missing = self.missing()
        watched = (f"teacher_{self.teacher}", self.student, "pruned", "final")
        return tuple(name for name in watched if name not in missing)

    @property
    def final_form(self) -> str:
        """ "int8" or "fp32": what the final file computes in."""
        tried = read_csv("models/final/candidates.csv")
        return tried.loc[tried["chosen"], "form"].iloc[0]

    @property
    def timed(self) -> dict[tuple[str, str], Path]:
        """(network, runtime): file, of what latency measures; the others are set against the first."""
        return {
            ("teacher_pretrained", "PyTorch fp32"): NETWORKS["teacher_pretrained"].path,
            ("teacher_pretrained", "onnxruntime fp32"): Path("models/onnx/teacher.onnx"),
            (self.student, "PyTorch fp32"): NETWORKS[self.student].path,
            (self.student, "onnxruntime fp32"): NETWORKS["onnx_fp32"].path,
            (self.student, "onnxruntime int8"): NETWORKS["onnx_int8"].path,
            ("final", f"onnxruntime {self.final_form}"): NETWORKS["final"].path,
        }
