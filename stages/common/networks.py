"""Which networks the pipeline makes, where they are, and what made them small."""

from pathlib import Path
from typing import NamedTuple

REFERENCE_RATES = ("0.95", "0.9")  # the pruning rates that always run, beside prune.rate


class Model(NamedTuple):
    """A network of the report."""

    path: Path  # its file
    method: str  # what made it small


def _trained(name: str, method: str) -> Model:
    return Model(Path(f"models/{name}/model.safetensors"), method)


MODELS = {  # every network there is, in the order of the report
    "teacher_scratch": _trained("teacher_scratch", "none"),
    "teacher_pretrained": _trained("teacher_pretrained", "none"),
    "cnn": _trained("cnn", "none"),
    "cnn_pruned": _trained("cnn_pruned", "pruning"),
    "factorized": _trained("factorized", "low rank"),
    "cnn_quantized": Model(Path("models/cnn_quantized.safetensors"), "quantization"),
    "student_scratch": _trained("student_scratch", "design"),
    "student_distilled_scratch": _trained("student_distilled_scratch", "design, distillation"),
    "student_distilled_pretrained": _trained("student_distilled_pretrained", "design, distillation"),
    "student": _trained("student", "design, distillation"),
    "pruned": Model(Path("models/pruned.safetensors"), "design, distillation, pruning"),
    "pruned_one_shot": _trained("pruned_one_shot", "control: cut at once"),
    "pruned_from_scratch": _trained("pruned_from_scratch", "control: never cut"),
    "quantized": Model(Path("models/quantized.safetensors"), "design, distillation, quantization"),
    "onnx_fp32": Model(Path("models/onnx/student.onnx"), "design, distillation"),
    "onnx_int8": Model(Path("models/onnx/student_int8.onnx"), "design, distillation, quantization"),
    "final": Model(Path("models/final/model.onnx"), "design, distillation, pruning, quantization"),
}


def steps_of(rate: str) -> list[Path]:
    """The files of a pruning rate, a step each, the unpruned network first."""
    return sorted(Path(f"models/pruned/{rate}").glob("step_*.safetensors"))
