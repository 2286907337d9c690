"""Intervals against published examples, and by their definitions."""

import math

import numpy as np
import pytest

from stages.common.training.accuracy import accuracies, balanced, wilson

Z95 = 1.959964


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


def test_balanced_accuracy_by_hand():
    """Three of four and none of one are right: 0.6 of all photos, 0.375 of a class."""
    labels, said = np.array([0, 0, 0, 0, 2]), np.array([0, 0, 0, 1, 1])
    assert balanced(said, labels) == pytest.approx(0.375)
    found = accuracies(said, labels)
    assert (found["val_accuracy"], found["val_balanced_accuracy"]) == pytest.approx((0.6, 0.375))
    assert (found["val_low"], found["val_high"]) == pytest.approx(wilson(3, 5))


def test_both_accuracies_agree_where_classes_are_of_one_size():
    random = np.random.default_rng(0)
    labels, said = np.repeat(np.arange(5), 20), random.integers(0, 5, 100)
    assert balanced(said, labels) == pytest.approx((said == labels).mean())
