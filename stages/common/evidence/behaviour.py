"""What accuracy alone hides: classes, confidence, agreement, and which photos a compression changed."""

import numpy as np
import pandas as pd

from stages.common.evidence.predictions import Predictions
from stages.common.training.accuracy import wilson

BINS = 15  # of confidence, as in Guo et al. 2017
COMPRESSIONS = (  # before, after: each step that made a network smaller, or the same network cheaper
    ("teacher_pretrained", "student_distilled_pretrained"),
    ("cnn", "cnn_pruned"),
    ("cnn", "factorized"),
    ("cnn", "cnn_quantized"),
    ("student", "pruned"),
    ("student", "quantized"),
    ("onnx_fp32", "onnx_int8"),
    ("student", "final"),
)


def class_accuracy(answers: Predictions, classes: list[str]) -> pd.DataFrame:
    """Accuracy on each class that has photos: class, n, accuracy, low, high (95 % Wilson), as fractions."""
    rows = []
    for number, name in enumerate(classes):
        right = answers.right[answers.labels == number]
        if len(right):
            low, high = wilson(int(right.sum()), len(right))
            rows.append({"class": name, "n": len(right), "accuracy": right.mean(), "low": low, "high": high})
    return pd.DataFrame(rows)


def reliability(answers: Predictions, bins: int = BINS) -> pd.DataFrame:
    """Photos in equal steps of confidence: n, mean confidence and accuracy of each step that has any.

    Confidence is the probability of the most probable class (Guo et al. 2017, "On calibration of modern
    neural networks").
    """
    confidence = answers.probabilities.max(1)
    # A step holds its upper end, so that a confidence of 1 is in the last.
    step = (np.ceil(confidence * bins) - 1).clip(0, bins - 1).astype(int)
    table = pd.DataFrame({"step": step, "confidence": confidence, "accuracy": answers.right.astype(float)})
    grouped = table.groupby("step")
    return grouped.mean().assign(n=grouped.size())[["n", "confidence", "accuracy"]].reset_index(drop=True)


def calibration_error(answers: Predictions, bins: int = BINS) -> float:
    """Expected calibration error, a fraction: the distance of confidence from accuracy, over all steps."""
    table = reliability(answers, bins)
    return float((table["n"] * (table["confidence"] - table["accuracy"]).abs()).sum() / table["n"].sum())


def agreement(first: Predictions, second: Predictions) -> float:
    """Share of the photos on which two networks say the same class, right or wrong."""
    return float((first.said == second.said).mean())


def always_wrong(answers: dict[str, Predictions]) -> np.ndarray:
    """The photos that no network gets right: (K,) int64 indices."""
    return np.flatnonzero(~np.any([a.right for a in answers.values()], axis=0))


def flips(before: Predictions, after: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """The photos that a step lost, then those it won: (K,) int64 indices each."""
    return np.flatnonzero(before.right & ~after.right), np.flatnonzero(~before.right & after.right)
