"""Whether a network's confidence says how often it is right."""

import numpy as np
import pandas as pd

from stages.common.evidence.predictions import Predictions

BINS = 15  # of confidence, as in Guo et al. 2017


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
