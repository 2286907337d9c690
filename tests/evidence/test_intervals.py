"""Differences between networks: published examples, by hand, against scipy and by simulation."""

import math

import numpy as np
import pytest

from stages.common.evidence.intervals import (
    Difference,
    against_the_best,
    holm,
    mcnemar,
    mean_difference,
    paired_difference,
    shown,
    t_test,
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


def test_holm_by_hand():
    """The smallest counts four times, the next three times; none counts less than one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert list(holm([0.03])) == [0.03]
    assert len(holm([])) == 0


def test_verdicts_of_holm_hold_together():
    """Thirteen claims without a difference: any is decided in at most 5 % of runs, alone each in 5 %."""
    random, runs = np.random.default_rng(0), 2000
    p = random.random((runs, 13))
    wrong = np.mean([holm(row).min() < 0.05 for row in p])
    # Three standard errors of a share of 5 % in 2,000 runs are 1.5 points.
    assert 0.035 < wrong < 0.065
    assert (p.min(1) < 0.05).mean() > 0.4


@pytest.mark.parametrize("seed", range(10))
def test_the_p_value_of_a_mean_agrees_with_its_interval(seed):
    values = np.random.default_rng(seed).normal(0.02, 0.02, 5)
    decided = mean_difference(values).verdict != "not decided"
    assert (t_test(values) < 0.05) == decided
    # Student's own example: t = 4.0621 at 9 degrees of freedom.
    first = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert t_test(first) == pytest.approx(0.002833, abs=1e-6)


def test_the_p_value_without_spread():
    assert t_test(np.array([0.3])) == 1
    assert t_test(np.array([0.3, 0.3])) == 1
    assert t_test(np.array([0.3, 0.3, 0.3])) == 0
    assert t_test(np.zeros(3)) == 1


def test_what_can_be_shown_is_the_middle_interval():
    assert shown([0.03, 0.01, 0.02, math.inf, math.nan]) == 0.02
    assert math.isnan(shown([]))


def networks(random: np.random.Generator, accuracies: list[float], n: int = 1100) -> np.ndarray:
    """Networks that find the same photos hard: equal ones of accuracy 0.68 disagree on 28 % of them."""
    ease = random.beta(0.68 * 1.8, 0.32 * 1.8, n)
    return random.random((len(accuracies), n)) < ease + (np.array(accuracies)[:, None] - 0.68)


def test_two_networks_against_each_other_are_a_paired_difference():
    right = networks(np.random.default_rng(0), [0.68, 0.60])
    first, second = against_the_best(right)
    assert first == pytest.approx(paired_difference(*right))
    assert second == pytest.approx(paired_difference(*right[::-1]))
    assert (first.standing, second.standing) == ("best", "loses")


def test_of_equal_networks_none_loses():
    """Five equally accurate networks, 1,100 photos: any "loses" in at most 5 % of runs."""
    random, runs = np.random.default_rng(7), 1500
    sample = networks(random, [0.68] * 5)
    assert (sample[0] != sample[1]).mean() == pytest.approx(0.28, abs=0.03)
    wrong = best = 0
    for _ in range(runs):
        standings = [measured.standing for measured in against_the_best(networks(random, [0.68] * 5))]
        wrong += "loses" in standings
        best += "best" in standings
    assert wrong / runs <= 0.05
    assert wrong / runs > 0.02  # wide enough, and not wider
    assert best <= wrong


def test_a_worse_network_is_found_and_the_best_one_too():
    right = networks(np.random.default_rng(2), [0.68, 0.68, 0.60, 0.68])
    assert [measured.standing for measured in against_the_best(right)].count("loses") == 1
    assert against_the_best(right)[2].standing == "loses"
    assert against_the_best(right)[2].difference == right[2].mean() - right[[0, 1, 3]].mean(1).max()
    right = networks(np.random.default_rng(3), [0.60, 0.70, 0.60])
    assert [measured.standing for measured in against_the_best(right)] == ["loses", "best", "loses"]


def test_intervals_against_the_best_hold_all_differences_at_once():
    random, runs, truth = np.random.default_rng(4), 400, np.array([0.68, 0.66, 0.62, 0.68])
    expected = [accuracy - np.delete(truth, i).max() for i, accuracy in enumerate(truth)]
    covered = 0
    for _ in range(runs):
        measured = against_the_best(networks(random, list(truth)))
        covered += all(m.low <= e <= m.high for m, e in zip(measured, expected, strict=True))
    assert covered / runs > 0.94


def test_equal_answers_are_no_certainty():
    right = np.repeat(networks(np.random.default_rng(5), [0.68]), 3, axis=0)
    for measured in against_the_best(right):
        assert measured.low < 0 < measured.high
        assert measured.difference == 0
        assert measured.standing == "not decided"


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
