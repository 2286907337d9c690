"""How far networks are apart, and whether that is decided.

Of one run: on the same photos. Of several seeds: a difference a seed.
"""

import functools
import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
Z95 = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
DRAWS = 20_000  # to simulate the critical value of `against_the_best`


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

    @property
    def standing(self) -> str:
        """Of a network against the best of the others: "best", "loses" or "not decided"."""
        return {"holds": "best", "does not": "loses"}.get(self.verdict, self.verdict)


def paired_difference(first: np.ndarray, second: np.ndarray) -> Difference:
    """Accuracy of `first` minus that of `second` on the same photos.

    first, second: (N,) bool, N >= 1, whether each photo was classified correctly. Only the photos on which
    the two disagree count (Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of
    binomial proportions based on paired data").
    """
    centre, error = _adjusted(first, second)
    half = Z95 * error
    difference = float(first.mean() - second.mean())
    return Difference(difference, max(-1.0, centre - half), min(1.0, centre + half))


def _adjusted(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Bonett and Price's centre and standard error: as if two more photos had been won and lost, one each."""
    n = len(first)
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    p, q = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    return p - q, math.sqrt((p + q - (p - q) ** 2) / (n + 2))


def against_the_best(right: np.ndarray) -> list[Difference]:
    """Each network's accuracy minus the best of the others', 95 % intervals that hold for all at once.

    right: (K, N) bool, K >= 2 networks, N >= 1 photos, whether each photo was classified correctly.

    These are comparisons with the best (Hsu 1984, "Constrained simultaneous confidence intervals for multiple
    comparisons with the best"), made of simultaneous intervals of all pairs, as Edwards and Hsu 1983 do
    ("Multiple comparisons with the best treatment"): network i is as far from the best of the others as from
    that j which is farthest ahead, so low is the smallest of the pairs' lows, and high of their highs. Hsu's
    own, one-sided critical value is smaller, since it guards one best network against the others; but five
    equal networks are five best ones, and each must be safe from "loses". All pairs guard them: of equal
    networks any "loses" in at most 5 % of samples.

    The critical value is the 95 % quantile of the largest |Z_i - Z_j| / s_ij, where Z is normal with the
    covariance of the answers, simulated with the same numbers each time. Centre and error of each pair are
    Bonett and Price's (`paired_difference`, which this is for K = 2), so that equal answers are no certainty.
    """
    critical, accuracies, measured = _critical(right), right.mean(1), []
    for i, network in enumerate(right):
        pairs = [_adjusted(network, other) for j, other in enumerate(right) if j != i]
        low = max(-1.0, min(centre - critical * error for centre, error in pairs))
        high = min(1.0, min(centre + critical * error for centre, error in pairs))
        measured.append(Difference(float(accuracies[i] - np.delete(accuracies, i).max()), low, high))
    return measured


def _critical(right: np.ndarray) -> float:
    """The critical value of `against_the_best`; what the simulation leaves open about it makes it larger."""
    if len(right) == 2:
        return Z95
    covariance = np.cov(right, bias=True)
    variance = np.diag(covariance)
    spread = np.sqrt((variance[:, None] + variance - 2 * covariance).clip(0))
    # A trace on the diagonal, for networks that answer alike.
    z = np.linalg.cholesky(covariance + 1e-9 * np.eye(len(right))) @ _normal(len(right))
    largest = np.zeros(DRAWS)
    for i, j in itertools.combinations(range(len(right)), 2):
        if spread[i, j] > 1e-4:  # they disagree on a photo at least
            np.maximum(largest, np.abs(z[i] - z[j]) / spread[i, j], out=largest)
    # Three standard errors of the number of draws above the quantile.
    place = int(CONFIDENCE * DRAWS + 3 * math.sqrt(CONFIDENCE * (1 - CONFIDENCE) * DRAWS))
    return max(Z95, float(np.partition(largest, place)[place]))


@functools.cache
def _normal(k: int) -> np.ndarray:
    """(k, DRAWS) independent standard normal numbers, the same each time."""
    return np.random.default_rng(0).standard_normal((k, DRAWS))


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """P value of "both are equally accurate", exact (McNemar 1947): a coin for each photo they disagree on.

    first, second: (N,) bool, whether each photo was classified correctly. 1 where they never disagree.
    """
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    return float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def mean_difference(values: np.ndarray) -> Difference:
    """Mean of paired differences, one a seed, with Student's t interval (Student 1908).

    values: (K,) float. One value alone, or two equal ones, say nothing of their spread: (-inf, inf).
    """
    if len(values) < 2 or (len(values) == 2 and np.ptp(values) == 0):
        return Difference(float(values[0]), -math.inf, math.inf)
    if np.ptp(values) == 0:
        return Difference(*3 * (float(values[0]),))
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return Difference(mean, mean - half, mean + half)


def t_test(values: np.ndarray) -> float:
    """P value of "the mean is zero", two-sided: below 0.05 where `mean_difference` leaves zero out.

    values: (K,) float, as in `mean_difference`.
    """
    if np.ptp(values) == 0:  # scipy's is not a number
        return 0.0 if len(values) > 2 and values[0] else 1.0
    return float(stats.ttest_1samp(values, 0).pvalue)


def holm(p_values: Iterable[float]) -> np.ndarray:
    """P values adjusted so that all verdicts at a level hold together at that level: (K,) float.

    Holm 1979, "A simple sequentially rejective multiple test procedure": the smallest of K counts K times,
    the next K - 1 times, and none counts less than one before it. It needs no independence.
    """
    p = np.asarray(list(p_values), dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return adjusted


def shown(halves: Iterable[float]) -> float:
    """The difference that so many photos or seeds can show: the median of the intervals' half-widths.

    halves: of the claims' intervals, fractions; what is not finite does not count. A true difference of this
    size is decided about every other time. NaN where there is none.
    """
    finite = [half for half in halves if math.isfinite(half)]
    return float(np.median(finite)) if finite else math.nan
