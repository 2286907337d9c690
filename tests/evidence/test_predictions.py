"""Predictions come back as they were written, whatever the classes are called."""

import numpy as np
import pytest

from stages.common.evidence.predictions import (
    FOLDER,
    Predictions,
    class_accuracy,
    read_predictions,
    write_predictions,
)
from stages.common.training.accuracy import wilson
from tests.evidence.answers import saying


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_they_come_back_bit_for_bit():
    random = np.random.default_rng(0)
    p = random.dirichlet(np.ones(3), 50).astype(np.float32)
    classes = ["NA", "file", "Noodles, Pasta"]
    files = np.array([f"a {i}.jpg" for i in range(50)])
    labels = random.integers(-1, 3, 50)
    write_predictions(FOLDER, "net", classes, {"validation": Predictions(files, labels, p)})
    back = read_predictions("net")
    assert (back.files == files).all()
    assert (back.labels == labels).all()
    assert (back.probabilities.astype(np.float32) == p).all()


def test_splits_stay_apart_and_photos_without_label_can_be_left_out():
    files, p = np.array(["x.jpg", "y.jpg"]), np.array([[0.7, 0.3], [0.2, 0.8]])
    splits = {
        "validation": Predictions(files, np.array([0, 0]), p),
        "test": Predictions(files, np.array([-1, 0]), p[::-1]),
    }
    write_predictions(FOLDER, "steps/0.95/step_00", ["a", "b"], splits)
    assert list(read_predictions("steps/0.95/step_00").right) == [True, False]
    test = read_predictions("steps/0.95/step_00", "test").labelled()
    assert list(test.files) == ["y.jpg"]
    assert list(test.right) == [True]


def test_names_of_photos_need_not_be_unicode():
    said = Predictions(np.array(["\udcff.jpg", "007"]), np.array([0, 1]), np.array([[0.7, 0.3], [0.2, 0.8]]))
    write_predictions(FOLDER, "net", ["007", "b"], {"validation": said})
    back = read_predictions("net")
    assert list(back.files) == ["\udcff.jpg", "007"]
    assert list(back.labels) == [0, 1]


def test_a_split_that_the_data_lack_has_no_photos():
    write_predictions(
        FOLDER,
        "net",
        ["a", "b"],
        {"validation": Predictions(np.array(["x.jpg"]), np.array([0]), np.array([[1.0, 0.0]]))},
    )
    assert len(read_predictions("net", "test").labels) == 0


def test_accuracy_of_each_class_with_its_interval():
    table = class_accuracy(saying([0, 0, 0, 2], [0, 0, 1, 1]), ["a", "b", "c"])
    assert list(table["class"]) == ["a", "c"]  # b has no photos
    assert list(table["n"]) == [3, 1]
    assert list(table["accuracy"]) == pytest.approx([2 / 3, 0])
    assert tuple(table.loc[0, ["low", "high"]]) == pytest.approx(wilson(2, 3))
