"""What is drawn: the CSV of each plot, where its rows come from, and how `dvc plots` and the page draw it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.common.evidence.calibration import reliability
from stages.common.evidence.catalogue import NETWORKS, Catalogue
from stages.common.evidence.claims import SIZE
from stages.common.evidence.frontier import on_frontier
from stages.common.evidence.intervals import Difference, against_the_best, paired_difference
from stages.common.evidence.predictions import Predictions, class_accuracy
from stages.common.files import METRICS, read_csv, read_json
from stages.common.training.accuracy import wilson

Answers = Callable[[str, str], Predictions]  # of a network to the labelled photos of a split

CONTROLS = {  # what step by step pruning is compared with: series of plots/pruning.csv
    "pruned_one_shot": "one shot",
    "pruned_from_scratch": "from scratch",
    "student_finetuned": "not cut",
}
INTERVAL = ("val_accuracy", "val_low", "val_high")
COSTS = ("params", "macs", "size_kib", "epochs")
EQUAL_SIZE = ["size", "series", "method", *COSTS, "val_accuracy", "difference", "low", "high", "verdict"]
STEPS = (
    *("series", "rate", "step", "width", "params", "macs", "epochs"),
    *INTERVAL,
    "val_accuracy_before_finetune",
)


class Plot(NamedTuple):
    """How a CSV is drawn: what dvc.yaml says of it, word by word, and the page's note."""

    template: str
    x: str
    y: str
    title: str
    x_label: str
    y_label: str
    note: str = ""

    @property
    def properties(self) -> dict[str, str]:
        """As dvc.yaml writes them."""
        return {key: value for key, value in self._asdict().items() if key != "note"}


ACCURACY = "validation accuracy"
PLOTS = {  # the page's charts, by their CSV below plots/
    "tradeoff": Plot(
        "scatter", "size_kib", "val_accuracy", "Accuracy against size", "KiB (log)", ACCURACY,
        "95 % intervals; the frontier is what no smaller file beats",
    ),
    "equal_size": Plot(
        "points", "difference", "series", "The methods at equal size", "against the best other", "network",
        "validation photos; intervals hold together at 95 %",
    ),
    "pruning": Plot(
        "lines", "params", "val_accuracy", "Pruning step by step", "parameters (each step goes left)",
        ACCURACY,
        "95 % intervals; single points are the controls",
    ),
    "sensitivity": Plot(
        "lines", "removed", "val_accuracy", "Sensitivity of each layer", "share of channels removed",
        ACCURACY,
        "without fine-tuning, 95 % intervals",
    ),
    "quantization": Plot(
        "lines", "bits", "val_accuracy", "Quantization", "bits a weight", ACCURACY, "95 % intervals"
    ),
    "latency": Plot(
        "latency", "ms", "runtime", "Latency", "milliseconds (log)", "runtime", "median and 10 to 90 %"
    ),
    "training": Plot("lines", "epoch", "val_accuracy", "Training", "epoch", ACCURACY),
    "classes": Plot(
        "points", "accuracy", "class", "Accuracy on each class", ACCURACY, "class", "95 % intervals"
    ),
    "confusion": Plot(
        "confusion", "actual", "predicted", "Confusion of the student", "actual", "predicted",
        "validation photos",
    ),
    "reliability": Plot(
        "lines", "confidence", "accuracy", "Confidence against accuracy", "confidence", ACCURACY,
        "the dashed line is perfect calibration",
    ),
}  # fmt: skip


def judge(answers: Answers, name: str) -> str:
    """The split that judges: the test photos, which nothing was chosen on, where there are labelled ones."""
    return "test" if len(answers(name, "test").files) else "validation"


def networks(catalogue: Catalogue, answers: Answers) -> pd.DataFrame:
    """Every network's METRICS and test accuracy, and its difference to the teacher on the same photos.

    `photos` says which those are; each interval is its own 95 %. `frontier`: none is both smaller and better.
    """
    test = read_json("metrics/test.json")
    teacher, rows = catalogue.watched[0], []
    photos = judge(answers, teacher)
    missing = catalogue.missing()
    for name, network in NETWORKS.items():
        if name in missing:
            continue
        row = {"series": name, "method": network.method, "control": network.control}
        row |= {key: value for key, value in catalogue.metrics(name).items() if key in METRICS}
        row |= {"test_accuracy": test.get(name), "test_low": None, "test_high": None}
        if name in test:
            row["test_low"], row["test_high"] = wilson(round(test[name] * test["n"]), test["n"])
        right, of_teacher = answers(name, photos).right, answers(teacher, photos).right
        against = Difference(0.0, None, None) if name == teacher else paired_difference(right, of_teacher)
        row |= {"teacher": teacher} | {f"teacher_{end}": value for end, value in against._asdict().items()}
        rows.append(row | {"photos": photos, "n": len(right)})
    table = pd.DataFrame(rows)
    return table.assign(frontier=on_frontier(table["size_kib"], table["val_accuracy"]))


def pruning(catalogue: Catalogue) -> pd.DataFrame:
    """Every step at the two reference rates, at prune.rate where that is another one, and the controls."""
    steps = [catalogue.steps(rate) for rate in catalogue.rates]
    chosen = read_csv("models/pruned.csv", ("step", *METRICS))
    if chosen["rate"].iloc[0] not in catalogue.rates:
        steps.append(chosen)
    rows = pd.concat(steps)
    rows.insert(0, "series", [f"rate {rate:g}" for rate in rows["rate"]])
    first, last = steps[0].iloc[0], steps[0].iloc[-1]
    controls, missing = [], catalogue.missing()
    for name, series in CONTROLS.items():
        if name in missing:
            continue
        shape = first if series == "not cut" else last
        controls.append({"series": series, **shape[["rate", "step", "width"]], **catalogue.metrics(name)})
    return pd.concat([rows, pd.DataFrame(controls)])[list(STEPS)].astype({"step": int})


def training() -> pd.DataFrame:
    """The curve of every network with a folder of its own: it was trained, cut or factorized once."""
    curves = []
    for name, network in NETWORKS.items():
        if network.path == Path(f"models/{name}/model.safetensors"):
            curves.append(read_csv(network.path.parent / "training.csv"))
            curves[-1].insert(0, "series", name)
    return pd.concat(curves)


def quantization() -> pd.DataFrame:
    """Bits against accuracy and bytes, of the student and of the CNN."""
    rows = pd.concat(
        [read_csv(f"models/quantized/{name}/levels.csv", ("bits", *METRICS)) for name in ("student", "cnn")]
    )
    return rows[["series", "bits", "size_kib", "epochs", *INTERVAL]]


def alike(catalogue: Catalogue, names: Iterable[str]) -> list[str]:
    """Those of `names` with the first one's epochs and, within a tenth, its parameters or its bytes."""
    metrics = {name: catalogue.metrics(name) for name in names if name not in catalogue.missing()}
    first = next(iter(metrics.values()), None)

    def near(of: dict, key: str) -> bool:
        return max(of[key], first[key]) <= SIZE * min(of[key], first[key])

    return [
        name
        for name, of in metrics.items()
        if of["epochs"] == first["epochs"] and (near(of, "params") or near(of, "size_kib"))
    ]


def equal_size(catalogue: Catalogue, answers: Answers) -> pd.DataFrame:
    """The methods at equal size, most accurate first, each against the best of the others of its size.

    Networks that parameters made larger or smaller than the others, or trained for longer, are left out.
    """
    parts = []
    for size, group in catalogue.equal_size.items():
        names = alike(catalogue, group)
        if len(names) < 2:
            continue
        rows = [{"size": size, "series": name, "method": catalogue.method(name)} for name in names]
        for row, name in zip(rows, names, strict=True):
            metrics = catalogue.metrics(name)
            row |= {key: metrics[key] for key in (*COSTS, "val_accuracy")}
        against = against_the_best(np.stack([answers(name, "validation").right for name in names]))
        measured = [a._asdict() | {"verdict": a.standing} for a in against]
        table = pd.DataFrame(rows).join(pd.DataFrame(measured))
        parts.append(table.sort_values("val_accuracy", ascending=False, kind="stable"))
    return pd.concat(parts) if parts else pd.DataFrame(columns=EQUAL_SIZE)


def confusion(catalogue: Catalogue, answers: Answers, classes: list[str]) -> pd.DataFrame:
    """What the student says of each validation photo: actual, predicted."""
    said = answers(catalogue.student, "validation")
    return pd.DataFrame({"actual": said.labels, "predicted": said.said}).map(classes.__getitem__)


def watched(
    catalogue: Catalogue, answers: Answers, rows_of: Callable[[Predictions], pd.DataFrame]
) -> pd.DataFrame:
    """`rows_of` the validation answers of each watched network, one below the other."""
    parts = [rows_of(answers(name, "validation")) for name in catalogue.watched]
    for name, part in zip(catalogue.watched, parts, strict=True):
        part.insert(0, "series", name)
    return pd.concat(parts)


def made(catalogue: Catalogue, answers: Answers, classes: list[str]) -> Iterable[tuple[str, pd.DataFrame]]:
    """(name, rows) of each plot that the report makes itself; other stages make the rest of PLOTS."""
    yield "tradeoff", networks(catalogue, answers)
    yield "pruning", pruning(catalogue)
    yield "training", training()
    yield "quantization", quantization()
    yield "equal_size", equal_size(catalogue, answers)
    yield "confusion", confusion(catalogue, answers, classes)
    yield "classes", watched(catalogue, answers, lambda said: class_accuracy(said, classes))
    yield "reliability", watched(catalogue, answers, reliability)
