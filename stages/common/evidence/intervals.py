"""How far two networks are apart, and whether that is decided.

Of one run: on the same photos. Of several seeds: a difference a seed.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from stages.common.training.accuracy import Z95

CONFIDENCE = 0.95
MOST = 1_000_000  # photos; more is no plan
MOST_SEEDS = 1000


class Difference(NamedTuple):
    """An accuracy minus another, as a fraction, with its 95 % interval."""

    difference: float
    low: float
    high: float

    def plus(self, allowance: float) -> "Difference":
        """The same with a handicap, for claims that allow a loss."""
        return Difference(*(value + allowance for value in self))

    @property
    def verdict(self) -> str:
        """Whether the difference is above zero: "holds", "does not" or "not decided"."""
        return "holds" if self.low > 0 else "does not" if self.high < 0 else "not decided"


def paired_difference(first: np.ndarray, second: np.ndarray) -> Difference:
    """Accuracy of `first` minus that of `second` on the same photos.

    first, second: (N,) bool, N >= 1, whether each photo was classified correctly. Only the photos on which
    the two disagree count (Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of
    binomial proportions based on paired data").
    """
    n = len(first)
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    p, q = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = Z95 * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    return Difference((gained - lost) / n, max(-1.0, p - q - half), min(1.0, p - q + half))


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """P value of "both are equally accurate", exact (McNemar 1947): a coin for each photo they disagree on.

    first, second: (N,) bool, whether each photo was classified correctly. 1 where they never disagree.
    """
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    return float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def mean_difference(values: np.ndarray) -> Difference:
    """Mean of paired differences, one a seed or one a photo, with Student's t interval (Student 1908).

    values: (K,) float. One value alone, or two equal ones, say nothing of their spread: (-inf, inf).
    """
    if len(values) < 2 or (len(values) == 2 and np.ptp(values) == 0):
        return Difference(float(values[0]), -math.inf, math.inf)
    if np.ptp(values) == 0:
        return Difference(*3 * (float(values[0]),))
    interval = stats.ttest_1samp(values, 0).confidence_interval(CONFIDENCE)
    return Difference(float(np.mean(values)), float(interval.low), float(interval.high))


def photos_to_decide(measured: Difference, n: int) -> int | None:
    """How many photos would bring zero to the end of the interval; `n` gave this one.

    The difference is taken to stay, and the interval to shrink with the root of the number. None where there
    is no difference, or where more than a million are needed.
    """
    if measured.difference == 0:
        return None
    half = (measured.high - measured.low) / 2
    needed = math.ceil(n * (half / measured.difference) ** 2)
    if measured.verdict == "not decided":
        needed = max(needed, n + 1)
    return needed if needed <= MOST else None


def seeds_to_decide(values: np.ndarray) -> int | None:
    """The smallest number of seeds whose t interval leaves zero out, at this mean and standard deviation.

    values: (K,) float, K >= 2. None where that is over a thousand, or there is no difference.
    """
    mean, deviation = abs(float(np.mean(values))), float(np.std(values, ddof=1))
    for k in range(2, MOST_SEEDS + 1):
        if mean > stats.t.ppf((1 + CONFIDENCE) / 2, k - 1) * deviation / math.sqrt(k):
            return k
    return None


def at_sizes(sizes: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Along a curve of shrinking networks, each photo's value at other sizes, linear between neighbours.

    sizes: (S,) parameters; values: (S, N) float or bool; wanted: (K,) parameters within the curve's range.
    Returns (K, N) float64.
    """
    order = np.argsort(sizes)
    sizes, values = np.asarray(sizes, float)[order], np.asarray(values, float)[order]
    right = np.searchsorted(sizes, wanted).clip(1, len(sizes) - 1)
    share = ((wanted - sizes[right - 1]) / (sizes[right] - sizes[right - 1]))[:, None]
    return (1 - share) * values[right - 1] + share * values[right]
