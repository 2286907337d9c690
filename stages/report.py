"""report: every result as CSV for `dvc plots`, the pruning chart, and one table."""

import json
from pathlib import Path

import pandas as pd

from stages.common import errors, tables
from stages.common.charts import pruning_chart
from stages.common.records import MODELS, write_csv

REFERENCE_RATES = ("0.95", "0.9")
PLOTS = Path("plots")
INTERVAL = ["val_accuracy", "val_low", "val_high"]
STEP_COLUMNS = [
    "series",
    "rate",
    "step",
    "width",
    "params",
    "macs",
    *INTERVAL,
    "val_accuracy_before_finetune",
]


def pruning_rows() -> pd.DataFrame:
    """Every step at the two reference rates, and at prune.rate where that is another one."""
    steps = [pd.read_csv(f"models/pruned/{rate}/steps.csv") for rate in REFERENCE_RATES]
    chosen = pd.read_csv("models/pruned.csv")
    if chosen["rate"].iloc[0] not in map(float, REFERENCE_RATES):
        steps.append(chosen)
    rows = pd.concat(steps)
    rows.insert(0, "series", [f"rate {rate:g}" for rate in rows["rate"]])
    return rows[STEP_COLUMNS]


def training_rows() -> pd.DataFrame:
    """The curve of every network that was trained from its beginning or cut once."""
    trained = [name for name in MODELS if name not in ("student", "pruned")]
    curves = [pd.read_csv(f"models/{name}/training.csv") for name in trained]
    for name, curve in zip(trained, curves, strict=True):
        curve.insert(0, "series", name)
    return pd.concat(curves)


def confusion_rows() -> pd.DataFrame:
    """Actual and predicted class of every validation photo, as the student sees it."""
    classes = dict(enumerate(json.loads(Path("data/prepared/manifest.json").read_text())["classes"]))
    said = pd.read_csv("data/predictions.csv").query("split == 'validation'")
    return pd.DataFrame({"actual": said["label"].map(classes), "predicted": said["student"].map(classes)})


def main() -> None:
    steps, results = pruning_rows(), tables.results()
    costs = ["series", "params", "macs", "size_kib", *INTERVAL]
    write_csv(PLOTS / "pruning.csv", steps)
    write_csv(PLOTS / "training.csv", training_rows())
    write_csv(PLOTS / "tradeoff.csv", pd.DataFrame(results)[costs])
    write_csv(PLOTS / "confusion.csv", confusion_rows())
    pruning_chart(PLOTS / "pruning.png", steps)
    tables.show(results)


if __name__ == "__main__":
    errors.run(main)
