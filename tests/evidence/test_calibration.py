"""Confidence against accuracy, by hand."""

import numpy as np
import pytest

from stages.common.evidence.calibration import calibration_error, reliability
from tests.evidence.answers import answers, saying


def test_calibration_error_by_hand():
    """Of ten photos five are said with 0.6, three of them right, and five with 0.9, four of them right."""
    p = [[0.6, 0.4]] * 5 + [[0.9, 0.1]] * 5
    said = answers([0, 0, 0, 1, 1, 0, 0, 0, 0, 1], p)
    table = reliability(said)
    assert list(table["n"]) == [5, 5]
    assert list(table["confidence"]) == pytest.approx([0.6, 0.9])
    assert list(table["accuracy"]) == pytest.approx([0.6, 0.8])
    assert calibration_error(said) == pytest.approx(0.5 * 0 + 0.5 * 0.1)


def test_a_confidence_on_a_border_belongs_to_the_lower_step():
    table = reliability(answers([0, 0], [[0.6, 0.4], [0.61, 0.39]]), bins=5)
    assert list(table["n"]) == [1, 1]


def test_certain_and_right_is_calibrated_and_certain_and_wrong_is_not():
    assert calibration_error(saying([0, 1], [0, 1], confidence=1.0)) == 0
    assert calibration_error(saying([0, 1], [1, 0], confidence=1.0)) == 1


def test_calibration_error_of_a_calibrated_network_vanishes():
    random = np.random.default_rng(0)
    p = random.uniform(0.5, 1, 200_000)
    labels = (random.random(len(p)) > p).astype(int)
    assert calibration_error(answers(labels, np.stack([p, 1 - p], 1))) < 0.005
