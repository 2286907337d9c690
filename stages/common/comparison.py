"""Two networks on the same photos: how far apart they are, and whether that is decided."""

import math

import numpy as np

from stages.common.statistics import Z95


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
