"""CSV and JSON files that repeat exactly."""

import json
from pathlib import Path

import pandas as pd

METRICS = (  # the keys of every metrics/<name>.json
    *("val_accuracy", "val_low", "val_high", "val_balanced_accuracy"),
    *("params", "macs", "size_kib", "epochs"),
)


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
