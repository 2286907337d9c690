"""The table of results: every network beside the original report's figure."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stages.common.records import MODELS
from stages.common.statistics import wilson

ORIGINAL = {  # validation accuracy on Food-11 in the report that this project reproduces
    "teacher_scratch": 0.8009,
    "teacher_pretrained": 0.8841,
    "cnn": 0.8052,
    "cnn_pruned": 0.1493,
    "student_scratch": 0.7829,
    "student_distilled_scratch": 0.8056,
    "student_distilled_pretrained": 0.8152,
}
HEADINGS = ["system", "parameters", "MACs", "KiB", "validation (95 %)", "test (95 %)", "original report"]
NOTE = "The original report's figures are of Food-11, other photos at another size."
LOG_WIDTH = 120  # characters, where there is no terminal to ask


def results() -> list[dict]:
    """One row a network: its metrics, its test accuracy (None where unlabelled) and the original's."""
    test = json.loads(Path("metrics/test.json").read_text())
    rows = []
    for name in MODELS:
        row = {"series": name, **json.loads(Path(f"metrics/{name}.json").read_text())}
        row["test_accuracy"] = test.get(name)
        if name in test:
            row["test_low"], row["test_high"] = wilson(round(test[name] * test["n"]), test["n"])
        rows.append(row | {"original": ORIGINAL.get(name)})
    return rows


def cells(row: dict) -> list[str]:
    """A row of `results` as a person reads it, under `HEADINGS`."""

    def percent(split: str) -> str:
        if row[f"{split}_accuracy"] is None:
            return "—"
        value, low, high = (100 * row[f"{split}_{part}"] for part in ("accuracy", "low", "high"))
        return f"{value:.1f} % ({low:.1f}-{high:.1f})"

    original = f"{100 * row['original']:.2f} %" if row["original"] else "—"
    costs = [f"{row['params']:,}", f"{row['macs'] / 1e6:,.1f} M", f"{row['size_kib']:,.0f}"]
    return [row["series"].replace("_", " "), *costs, percent("val"), percent("test"), original]


def markdown(rows: list[dict]) -> str:
    """The table for a README."""
    lines = [HEADINGS, ["---", *["---:"] * (len(HEADINGS) - 1)], *map(cells, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show(rows: list[dict]) -> None:
    """The table in the terminal."""
    table = Table(*HEADINGS, caption=NOTE)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*cells(row))
    console = Console()
    (console if console.is_terminal else Console(width=LOG_WIDTH)).print(table)
