"""Differences of two networks on the same photos: by hand and by simulation."""

import math

import numpy as np
import pytest

from stages.common.comparison import paired_difference


def test_a_paired_difference_by_hand():
    """Of 100 photos 9 are won and 4 lost: (10 - 5) / 102, and the interval about it."""
    first = np.array([True] * 60 + [True] * 9 + [False] * 4 + [False] * 27)
    second = np.array([True] * 60 + [False] * 9 + [True] * 4 + [False] * 27)
    difference, low, high = paired_difference(first, second)
    half = 1.959964 * math.sqrt((15 / 102 - (5 / 102) ** 2) / 102)
    assert (difference, low, high) == pytest.approx((0.05, 5 / 102 - half, 5 / 102 + half), abs=1e-6)
    back = paired_difference(second, first)
    assert back == pytest.approx((-difference, -high, -low))


def test_a_paired_interval_covers_the_truth_as_often_as_it_says():
    """Two networks of equal accuracy that disagree on a tenth of the photos: 95 % of the intervals hold 0."""
    random, covered, runs = np.random.default_rng(0), 0, 2000
    for _ in range(runs):
        second = random.random(1000) < 0.7
        flips = random.random(1000)
        first = np.where(second, flips > 0.05, flips < 0.05 * 7 / 3)
        _, low, high = paired_difference(first, second)
        covered += low <= 0 <= high
    assert 0.93 < covered / runs < 0.97


def test_nothing_is_decided_between_equals():
    same = np.array([True, False] * 50)
    difference, low, high = paired_difference(same, same)
    assert difference == 0
    assert low < 0 < high
