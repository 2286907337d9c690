"""Uncertainty of a measured accuracy, and of a difference between two on the same photos."""

import math

import numpy as np

Z95 = 1.959963984540054  # the normal distribution's 97.5 % point


def wilson(correct: int, n: int) -> tuple[float, float]:
    """95 % interval of a proportion, `correct` of `n` >= 1, as fractions (Wilson 1927)."""
    p, z2 = correct / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return 0.0 if correct == 0 else centre - half, 1.0 if correct == n else centre + half


def paired_difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Accuracy of `first` minus that of `second` on the same photos, with its 95 % interval, as fractions.

    first, second: (N,) bool, N >= 1, whether each photo was classified correctly. Only the photos on which
    the two disagree count (Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of
    binomial proportions based on paired data").
    """
    n = len(first)
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    p, q = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = Z95 * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    return (gained - lost) / n, max(-1.0, p - q - half), min(1.0, p - q + half)
