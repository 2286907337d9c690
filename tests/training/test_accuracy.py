"""Intervals against published examples, and by their definitions."""

import math

import pytest

from stages.common.training.accuracy import Z95, wilson


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [  # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_examples(correct, n, low, high):
    assert wilson(correct, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("correct", "n"), [(1, 2), (60, 100), (3000, 3430)])
def test_its_ends_are_where_the_score_test_turns(correct, n):
    for p in wilson(correct, n):
        assert abs(correct / n - p) / math.sqrt(p * (1 - p) / n) == pytest.approx(Z95)


@pytest.mark.parametrize("n", [1, 10, 5000])
def test_it_stays_within_0_and_1(n):
    assert wilson(0, n)[0] == 0
    assert wilson(n, n)[1] == 1
