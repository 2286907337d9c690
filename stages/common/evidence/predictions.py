"""What a network answers each photo: stored once, read by everything that compares networks."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.files import read_csv, read_json, write_csv
from stages.common.training.accuracy import wilson

FOLDER = Path("data/predictions")
SPLITS = ("validation", "test")
NAMES = "surrogateescape"  # names of files need not be UTF-8


class Predictions(NamedTuple):
    """One network's answers to the N photos of a split."""

    files: np.ndarray  # (N,) text, relative to the source
    labels: np.ndarray  # (N,) int64, -1 where unlabelled
    probabilities: np.ndarray  # (N, classes) float64

    @property
    def said(self) -> np.ndarray:
        """The most probable class: (N,) int64."""
        return self.probabilities.argmax(1)

    @property
    def right(self) -> np.ndarray:
        """Whether that is the label: (N,) bool."""
        return self.said == self.labels

    def labelled(self) -> "Predictions":
        """Without the photos that have no label."""
        known = self.labels >= 0
        return Predictions(*(part[known] for part in self))


def write_predictions(folder: Path, name: str, classes: list[str], splits: dict[str, Predictions]) -> None:
    """<folder>/<name>.csv: split, file, label (empty where there is none), p(<class>) for each class.

    Probabilities keep the nine digits that tell any two float32 apart, so the most probable class stays.
    """
    none = pd.DataFrame(columns=["split", "file", "label", *(f"p({c})" for c in classes)])
    parts = [] if splits else [none]
    for split, (files, labels, probabilities) in splits.items():
        rows = pd.DataFrame(probabilities, columns=[f"p({c})" for c in classes])
        rows.insert(0, "label", [classes[label] if label >= 0 else "" for label in labels])
        rows.insert(0, "file", files)
        rows.insert(0, "split", split)
        parts.append(rows)
    write_csv(folder / f"{name}.csv", pd.concat(parts), "%.9g")


def read_predictions(name: str, split: str = "validation") -> Predictions:
    """A network's answers to a split; without photos where the data have no such split."""
    path = FOLDER / f"{name}.csv"
    rows = read_names(path)
    rows = rows[rows["split"] == split] if "split" in rows else rows.assign(label=None)
    columns = [column for column in rows if column.startswith("p(")]
    number = {column[2:-1]: i for i, column in enumerate(columns)} | {"": -1}
    try:
        labels = np.array([number[label] for label in rows["label"]], dtype=np.int64)
        return Predictions(rows["file"].to_numpy(), labels, rows[columns].to_numpy(dtype=np.float64))
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path}: not as `evaluate` wrote it ({error}); run `dvc repro --force evaluate`"
        ) from None


def read_names(path: Path | str) -> pd.DataFrame:
    """A CSV file with names of photos and classes in it: they stay text, whatever they look like."""
    text = dict.fromkeys(("file", "label", "class", "series", "actual", "predicted", "reason"), str)
    return read_csv(path, keep_default_na=False, dtype=text, encoding_errors=NAMES)


def class_names() -> list[str]:
    """The classes in their order."""
    return read_json("data/prepared/manifest.json", ["classes"])["classes"]


def class_accuracy(answers: Predictions, classes: list[str]) -> pd.DataFrame:
    """Accuracy on each class that has photos: class, n, accuracy, low, high (95 % Wilson), as fractions."""
    rows = []
    for number, name in enumerate(classes):
        right = answers.right[answers.labels == number]
        if len(right):
            low, high = wilson(int(right.sum()), len(right))
            rows.append({"class": name, "n": len(right), "accuracy": right.mean(), "low": low, "high": high})
    return pd.DataFrame(rows)
