"""Differences between networks: published examples, by hand, against scipy and by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from stages.common.evidence.intervals import (
    Difference,
    at_sizes,
    mcnemar,
    mean_difference,
    paired_difference,
    photos_to_decide,
    seeds_to_decide,
)


def photos(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong of two networks, from the four counts of a paired table."""
    counts = [both, first, second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def test_a_published_paired_interval():
    """21 children before and after a transplantation (Bentur et al. 2009), in Fagerland et al. 2014."""
    difference, low, high = paired_difference(*photos(1, 1, 7, 12))
    assert difference == pytest.approx(-0.286, abs=5e-4)
    assert (low, high) == pytest.approx((-0.508, -0.013), abs=1e-3)


def test_a_paired_difference_by_hand():
    """Of 100 photos 9 are won and 4 lost: (10 - 5) / 102, and the interval about it."""
    first, second = photos(60, 9, 4, 27)
    difference, low, high = paired_difference(first, second)
    half = 1.959964 * math.sqrt((15 / 102 - (5 / 102) ** 2) / 102)
    assert (difference, low, high) == pytest.approx((0.05, 5 / 102 - half, 5 / 102 + half), abs=1e-6)
    assert paired_difference(second, first) == pytest.approx((-difference, -high, -low))


def test_published_exact_mcnemar():
    """The example of R's exact2x2 (Fay 2010): 9 and 2 disagreements."""
    assert mcnemar(*photos(21, 9, 2, 12)) == pytest.approx(0.06543, abs=1e-5)
    assert mcnemar(*photos(21, 2, 9, 12)) == pytest.approx(0.06543, abs=1e-5)


def test_equals_are_not_told_apart():
    same = np.array([True, False] * 50)
    assert mcnemar(same, same) == 1
    difference = paired_difference(same, same)
    assert difference.difference == 0
    assert difference.verdict == "not decided"


def test_students_own_paired_example():
    """Student 1908, hours of sleep that two drugs add: 1.58, 95 % 0.7001142 to 2.4598858."""
    first = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    second = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    assert mean_difference(second - first) == pytest.approx((1.58, 0.7001142, 2.4598858), abs=1e-7)


def test_one_seed_or_two_equal_ones_decide_nothing():
    assert mean_difference(np.array([0.3])).verdict == "not decided"
    assert mean_difference(np.array([0.3, 0.3])).verdict == "not decided"
    assert mean_difference(np.array([0.3, 0.3, 0.3])) == (0.3, 0.3, 0.3)
    assert mean_difference(np.zeros(3)).verdict == "not decided"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.03, "holds"),
        (-0.03, -0.01, "does not"),
        (-0.01, 0.03, "not decided"),
        (0.0, 0.1, "not decided"),
    ],
)
def test_the_verdict_follows_from_the_interval(low, high, verdict):
    assert Difference((low + high) / 2, low, high).verdict == verdict


def test_an_allowance_moves_the_whole_interval():
    assert Difference(-0.005, -0.009, -0.001).plus(0.01) == pytest.approx((0.005, 0.001, 0.009))


@pytest.mark.parametrize("seed", range(20))
def test_verdict_and_mcnemar_agree_but_for_the_border(seed):
    random = np.random.default_rng(seed)
    second = random.random(2000) < 0.7
    first = np.where(random.random(2000) < 0.15, random.random(2000) < 0.7 + 0.02 * (seed - 10), second)
    p_value, verdict = mcnemar(first, second), paired_difference(first, second).verdict
    if p_value < 0.03:
        assert verdict != "not decided"
    if p_value > 0.08:
        assert verdict == "not decided"


def test_the_photos_that_would_decide_do():
    """The same answers that many times over just leave zero out, and a tenth fewer do not."""
    first, second = photos(600, 55, 45, 300)
    needed = photos_to_decide(paired_difference(first, second), 1000)
    times = needed / 1000
    assert times > 2
    for factor, decided in ((1.05, True), (0.95, False)):
        more = [round(count * times * factor) for count in (600, 55, 45, 300)]
        assert (paired_difference(*photos(*more)).verdict == "holds") == decided


def test_no_number_of_photos_decides_between_equals():
    assert photos_to_decide(Difference(0.0, -0.02, 0.02), 1000) is None
    assert photos_to_decide(Difference(1e-6, -0.02, 0.02), 1000) is None
    assert photos_to_decide(Difference(0.0201, -1e-9, 0.04), 1000) > 1000


def test_the_seeds_that_would_decide_do():
    values = np.array([0.02, -0.01, 0.03])
    k = seeds_to_decide(values)
    mean, deviation = values.mean(), values.std(ddof=1)
    assert mean > stats.t.ppf(0.975, k - 1) * deviation / math.sqrt(k)
    assert mean < stats.t.ppf(0.975, k - 2) * deviation / math.sqrt(k - 1)
    assert seeds_to_decide(np.array([-0.01, 0.01])) is None


def test_points_along_a_curve_lie_between_their_neighbours():
    sizes = np.array([100, 80, 50])
    values = np.array([[True, True], [True, False], [False, False]])
    wanted = np.array([100, 90, 50, 65])
    assert at_sizes(sizes, values, wanted) == pytest.approx(np.array([[1, 1], [1, 0.5], [0, 0], [0.5, 0]]))


def test_a_paired_interval_covers_the_truth_as_often_as_it_says():
    """Two equals that disagree on a tenth of the photos: 95 % of intervals hold 0, 2.5 % of claims "hold"."""
    random, runs = np.random.default_rng(0), 2000
    verdicts = []
    for _ in range(runs):
        second = random.random(1000) < 0.7
        flips = random.random(1000)
        first = np.where(second, flips > 0.05, flips < 0.05 * 7 / 3)
        verdicts.append(paired_difference(first, second).verdict)
    # Three standard errors of a share of 2.5 % in 2,000 runs are 1.05 points.
    assert 0.0145 < verdicts.count("holds") / runs < 0.0355
    assert 0.0145 < verdicts.count("does not") / runs < 0.0355


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_claims_over_seeds_hold_by_chance_as_seldom_as_they_should(seeds):
    random, runs = np.random.default_rng(seeds), 2000
    verdicts = [mean_difference(random.normal(0, 0.01, seeds)).verdict for _ in range(runs)]
    assert 0.0145 < verdicts.count("holds") / runs < 0.0355
    assert 0.0145 < verdicts.count("does not") / runs < 0.0355
