"""The tables of results: every network, the methods at equal size, and speed."""

import json
import math
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from stages.common.evidence.catalogue import MODELS
from stages.common.training.accuracy import wilson

ORIGINAL = {  # validation accuracy on Food-11 in the report that this project reproduces
    "teacher_scratch": 0.8009,
    "teacher_pretrained": 0.8841,
    "cnn": 0.8052,
    "cnn_pruned": 0.1493,
    "student_scratch": 0.7829,
    "student_distilled_scratch": 0.8056,
    "student_distilled_pretrained": 0.8152,
}
NOTE = "The column 'original' is the original report's figure on Food-11: other photos, at another size."
LOG_WIDTH = 140  # characters, where there is no terminal to ask

CLAIMS_NOTE = (
    "Points of accuracy in the claim's favour: the difference of two networks on the same photos, plus what "
    "the claim allows. A verdict follows from the interval; of 20 intervals about one misses."
)
SEEDS_NOTE = (
    "Mean over the seeds in the claim's favour, with Student's t interval; every stage ran anew for each. "
    "Where photos are the same for every seed, the interval holds the chance of training alone."
)

TEXT = {
    "system",
    "method",
    "network",
    "runtime",
    "verdict",
    "claim",
    "becomes",
    "fact",
    "value",
    "file",
    "reason",
}  # columns of words; the others are figures

Rows = list[list[str]]  # headings, then a row a line


def results() -> list[dict]:
    """One row a network: its metrics, its test accuracy (None where unlabelled) and the original's."""
    test = json.loads(Path("metrics/test.json").read_text())
    rows = []
    for name, model in MODELS.items():
        metrics = json.loads(Path(f"metrics/{name}.json").read_text())
        row = {"series": name, "method": model.method, **metrics, "test_accuracy": test.get(name)}
        if name in test:
            row["test_low"], row["test_high"] = wilson(round(test[name] * test["n"]), test["n"])
        rows.append(row | {"original": ORIGINAL.get(name)})
    return rows


def systems(rows: list[dict]) -> Rows:
    """Every network beside the original report's figure."""

    def percent(row: dict, split: str) -> str:
        if row[f"{split}_accuracy"] is None:
            return "—"
        value, low, high = (100 * row[f"{split}_{part}"] for part in ("accuracy", "low", "high"))
        return f"{value:.1f} % ({low:.1f}-{high:.1f})"

    headings = [
        "system",
        "method",
        "parameters",
        "MACs",
        "KiB",
        "validation (95 %)",
        "test (95 %)",
        "original",
    ]
    return [headings] + [
        [
            _words(row["series"]),
            row["method"],
            f"{row['params']:,}",
            f"{row['macs'] / 1e6:,.1f} M",
            f"{row['size_kib']:,.0f}",
            percent(row, "val"),
            percent(row, "test"),
            f"{100 * row['original']:.2f} %" if row["original"] else "—",
        ]
        for row in rows
    ]


def equal_size(rows: pd.DataFrame) -> Rows:
    """The methods at equal size and their distance to the best of them; rows: plots/equal_size.csv."""
    table = [["network", "method", "parameters", "KiB", "validation", "against the best (95 %)", "verdict"]]
    for _, group in rows.groupby("size", sort=False):
        for i, row in enumerate(group.itertuples()):
            costs = [f"{row.params:,}", f"{row.size_kib:,.0f}", f"{100 * row.val_accuracy:.1f} %"]
            verdict = "loses" if row.high < 0 else "not decided"
            against = [points(row.difference, row.low, row.high), verdict]
            best = ["—", "best of its size"]
            table.append([_words(row.series), row.method, *costs, *(against if i else best)])
    return table


def speed(latency: pd.DataFrame) -> Rows:
    """How long a network takes, against the teacher in PyTorch; latency: plots/latency.csv."""
    headings = ["network", "runtime", "threads", "photos", "ms (10-90 %)", "times faster", "times smaller"]
    return [headings] + [
        [
            _words(row.series),
            row.runtime,
            str(row.threads),
            str(row.batch),
            f"{row.ms:.2f} ({row.ms_p10:.2f}-{row.ms_p90:.2f})",
            f"{row.times_faster:.1f}",
            f"{row.times_smaller:.0f}",
        ]
        for row in latency.itertuples()
    ]


def claims(rows: pd.DataFrame) -> Rows:
    """What one run says of each claim; rows: plots/claims.csv."""
    test = "test_difference" in rows
    table = [
        ["claim", "validation (95 %)", "verdict", "photos to decide", *["test (95 %)", "verdict"][: 2 * test]]
    ]
    for row in rows.itertuples():
        line = [
            row.claim,
            points(row.difference, row.low, row.high),
            _verdict(row.verdict),
            needed(row.verdict, row.decides_at),
        ]
        if test:
            line += [points(row.test_difference, row.test_low, row.test_high), _verdict(row.test_verdict)]
        table.append(line)
    return table


def seeds(rows: pd.DataFrame) -> Rows:
    """What several seeds say of each claim; rows: plots/seeds.csv."""
    table = [["claim", "mean (95 %)", "deviation", "seeds", "verdict", "seeds to decide"]]
    for row in rows.itertuples():
        interval = points(row.difference, row.low, row.high)
        deviation = f"{100 * row.deviation:.1f}"
        table.append(
            [
                row.claim,
                interval,
                deviation,
                str(row.n),
                _verdict(row.verdict),
                needed(row.verdict, row.decides_at),
            ]
        )
    return table


def seed_networks(rows: pd.DataFrame) -> Rows:
    """Every network over several seeds; rows: plots/seeds_networks.csv."""
    table = [["network", "seeds", "validation", "test"]]
    for row in rows.itertuples():
        cells = []
        for mean, deviation in (
            (row.val_accuracy, row.val_deviation),
            (row.test_accuracy, row.test_deviation),
        ):
            cells.append("—" if pd.isna(mean) else f"{100 * mean:.1f} ± {100 * deviation:.1f} %")
        table.append([_words(row.series), str(row.n), *cells])
    return table


def points(difference: float, low: float, high: float) -> str:
    """A difference in points with its interval."""
    if pd.isna(low):
        return f"{signed(difference)} (no interval)"
    return f"{signed(difference)} ({signed(low)} to {signed(high)})"


def signed(value: float) -> str:
    """A fraction in points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def needed(verdict: str, number: float) -> str:
    """How many photos or seeds would decide what is not decided, in two digits: 2,747 is "2,800"."""
    if verdict != "not decided":
        return "—"
    if pd.isna(number):
        return "too many"
    unit = 10 ** max(len(str(int(number))) - 2, 0)
    return f"{math.ceil(number / unit) * unit:,}"


def _verdict(verdict: str) -> str:
    return "does not hold" if verdict == "does not" else verdict


def _words(name: str) -> str:
    return name.replace("_", " ")


def markdown(rows: Rows) -> str:
    """A table for a README."""
    lines = [rows[0], ["---" if heading in TEXT else "---:" for heading in rows[0]], *rows[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show(rows: Rows, title: str, caption: str = "") -> None:
    """A table in the terminal."""
    table = Table(*rows[0], title=title, caption=caption or None)
    for column in table.columns:
        column.justify = "left" if column.header in TEXT else "right"
    for row in rows[1:]:
        table.add_row(*row)
    console = Console()
    (console if console.is_terminal else Console(width=LOG_WIDTH)).print(table)
