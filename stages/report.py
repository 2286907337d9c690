"""report: every result as CSV for `dvc plots`, the charts, and the tables."""

import json
from pathlib import Path

import pandas as pd

from stages.common import charts, errors, tables
from stages.common.comparison import paired_difference
from stages.common.frontier import on_frontier
from stages.common.networks import MODELS
from stages.common.records import write_csv

REFERENCE_RATES = ("0.95", "0.9")
EQUAL_SIZE = {
    # One network a method, each of about 256 k parameters, or of the bytes that so many take.
    "size of the student": ("student_scratch", "student", "cnn_pruned", "factorized", "cnn_quantized"),
    "size of the pruned student": ("pruned", "pruned_one_shot", "pruned_from_scratch"),
}
CONTROLS = {"pruned_one_shot": "one shot", "pruned_from_scratch": "from scratch"}
PLOTS = Path("plots")
INTERVAL = ["val_accuracy", "val_low", "val_high"]
STEPS = ["series", "rate", "step", "width", "params", "macs", *INTERVAL, "val_accuracy_before_finetune"]


def pruning_rows() -> pd.DataFrame:
    """Every step at the two reference rates, at prune.rate where that is another one, and the controls."""
    steps = [pd.read_csv(f"models/pruned/{rate}/steps.csv") for rate in REFERENCE_RATES]
    last = steps[0].iloc[-1]
    chosen = pd.read_csv("models/pruned.csv")
    if chosen["rate"].iloc[0] not in map(float, REFERENCE_RATES):
        steps.append(chosen)
    rows = pd.concat(steps)
    rows.insert(0, "series", [f"rate {rate:g}" for rate in rows["rate"]])
    controls = [
        {
            "series": series,
            **last[["rate", "step", "width"]],
            "val_accuracy_before_finetune": None,
            **json.loads(Path(f"metrics/{name}.json").read_text()),
        }
        for name, series in CONTROLS.items()
    ]
    rows = pd.concat([rows, pd.DataFrame(controls)])
    return rows[STEPS].astype({"step": int})


def training_rows() -> pd.DataFrame:
    """The curve of every network that was trained from its beginning or cut once."""
    curves = []
    for name, model in MODELS.items():
        curve = model.path.parent / "training.csv"
        if name != "student" and curve.exists():
            curves.append(pd.read_csv(curve))
            curves[-1].insert(0, "series", name)
    return pd.concat(curves)


def quantization_rows() -> pd.DataFrame:
    """Bits against accuracy and bytes, of the student and of the plain CNN."""
    rows = pd.concat([pd.read_csv(f"models/quantized/{n}/levels.csv") for n in ("student", "cnn")])
    return rows[["series", "bits", "size_kib", *INTERVAL]]


def tradeoff_rows(results: list[dict]) -> pd.DataFrame:
    """Every network's costs and accuracy; `frontier` says that none is both smaller and better."""
    rows = pd.DataFrame(results)[["series", "method", "params", "macs", "size_kib", *INTERVAL]]
    return rows.assign(frontier=on_frontier(rows["size_kib"], rows["val_accuracy"]))


def equal_size_rows(tradeoff: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """The methods at equal size, best first, each against the best on the same validation photos.

    predictions: a column `label` and one a network, a photo a row.
    """
    tables = []
    for size, names in EQUAL_SIZE.items():
        rows = tradeoff[tradeoff["series"].isin(names)].sort_values("val_accuracy", ascending=False)
        rows = rows[["series", "method", "params", "macs", "size_kib", "val_accuracy"]]
        rows.insert(0, "size", size)
        right = {name: (predictions[name] == predictions["label"]).to_numpy() for name in names}
        against = [paired_difference(right[name], right[rows["series"].iloc[0]]) for name in rows["series"]]
        rows[["difference", "low", "high"]] = against
        tables.append(rows)
    return pd.concat(tables)


def main() -> None:
    classes = dict(enumerate(json.loads(Path("data/prepared/manifest.json").read_text())["classes"]))
    predictions = pd.read_csv("data/predictions.csv").query("split == 'validation'")
    actual, predicted = predictions["label"].map(classes), predictions["student"].map(classes)
    results, steps = tables.results(), pruning_rows()
    tradeoff = tradeoff_rows(results)
    equal = equal_size_rows(tradeoff, predictions)
    write_csv(PLOTS / "pruning.csv", steps)
    write_csv(PLOTS / "training.csv", training_rows())
    write_csv(PLOTS / "quantization.csv", quantization_rows())
    write_csv(PLOTS / "tradeoff.csv", tradeoff)
    write_csv(PLOTS / "equal_size.csv", equal)
    write_csv(PLOTS / "confusion.csv", pd.DataFrame({"actual": actual, "predicted": predicted}))
    charts.pruning_chart(PLOTS / "pruning.png", steps)
    charts.tradeoff_chart(PLOTS / "tradeoff.png", tradeoff)
    tables.show(tables.systems(results), "Every network", tables.NOTE)
    tables.show(tables.equal_size(equal), "At equal size")
    tables.show(tables.speed(pd.read_csv(PLOTS / "latency.csv")), "Speed on this machine")


if __name__ == "__main__":
    errors.run(main)
