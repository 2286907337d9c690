"""The accuracy of a network's answers, with its interval."""

import numpy as np
from scipy import stats


def wilson(correct: int, n: int) -> tuple[float, float]:
    """95 % interval of a proportion, `correct` of `n` >= 1, as fractions (Wilson 1927)."""
    interval = stats.binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def balanced(said: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the classes that have photos of the share of each that is said right, a fraction.

    said, labels: (N,) class numbers. Brodersen et al. 2010, "The balanced accuracy and its posterior
    distribution".
    """
    return float(np.mean([(said[labels == c] == c).mean() for c in np.unique(labels)]))


def accuracies(said: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """val_accuracy with its 95 % interval and val_balanced_accuracy of answers to N >= 1 labelled photos.

    said, labels: (N,) class numbers. All values are fractions.
    """
    right = int((said == labels).sum())
    low, high = wilson(right, len(labels))
    accuracy = {"val_accuracy": right / len(labels), "val_low": low, "val_high": high}
    return accuracy | {"val_balanced_accuracy": balanced(said, labels)}
