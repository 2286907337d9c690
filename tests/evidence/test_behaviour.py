"""Classes, confidence, agreement and flips, by hand."""

import numpy as np
import pytest

from stages.common.evidence.behaviour import (
    agreement,
    always_wrong,
    calibration_error,
    class_accuracy,
    flips,
    reliability,
)
from stages.common.evidence.predictions import Predictions
from stages.common.training.accuracy import wilson


def answers(labels, probabilities) -> Predictions:
    labels = np.array(labels)
    return Predictions(np.array([f"{i}.jpg" for i in range(len(labels))]), labels, np.array(probabilities))


def saying(labels, said, confidence=0.9, classes=3) -> Predictions:
    """Networks that say each photo's given class with one confidence."""
    rest = (1 - confidence) / (classes - 1)
    return answers(labels, np.where(np.eye(classes)[said] == 1, confidence, rest))


def test_accuracy_of_each_class_with_its_interval():
    table = class_accuracy(saying([0, 0, 0, 2], [0, 0, 1, 1]), ["a", "b", "c"])
    assert list(table["class"]) == ["a", "c"]  # b has no photos
    assert list(table["n"]) == [3, 1]
    assert list(table["accuracy"]) == pytest.approx([2 / 3, 0])
    assert tuple(table.loc[0, ["low", "high"]]) == pytest.approx(wilson(2, 3))


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


def test_agreement_counts_equal_answers_right_or_wrong():
    first, second = saying([0, 0, 0, 0], [0, 1, 1, 2]), saying([0, 0, 0, 0], [0, 1, 2, 2])
    assert agreement(first, second) == 0.75


def test_photos_that_nobody_gets_and_photos_that_a_step_flips():
    before, after = saying([0, 0, 0, 0], [0, 0, 1, 1]), saying([0, 0, 0, 0], [0, 1, 0, 2])
    assert list(always_wrong({"before": before, "after": after})) == [3]
    lost, won = flips(before, after)
    assert list(lost) == [1]
    assert list(won) == [2]
