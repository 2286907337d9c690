"""The files that results are kept in: which networks there are, and CSV and JSON that repeat exactly."""

import json
from pathlib import Path

import pandas as pd

MODELS = (  # every network there is, in the order of the report
    "teacher_scratch",
    "teacher_pretrained",
    "cnn",
    "cnn_pruned",
    "student_scratch",
    "student_distilled_scratch",
    "student_distilled_pretrained",
    "student",
    "pruned",
)


def model_path(name: str) -> Path:
    """The file of one of `MODELS`."""
    return Path("models/pruned.safetensors") if name == "pruned" else Path(f"models/{name}/model.safetensors")


def write_csv(path: Path | str, rows: pd.DataFrame) -> None:
    """A table as CSV; fractions keep six decimals, so equal results are equal bytes on every system."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(path, index=False, float_format="%.6f", lineterminator="\n")


def write_json(path: Path | str, values: dict) -> None:
    """A flat dict as JSON; fractions are rounded to six decimals."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}
    path.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
