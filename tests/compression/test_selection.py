"""The final network: no smaller or equal file that was tried is better."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stages.common.compression import selection
from stages.common.compression.selection import smallest_within
from stages.common.data.arrays import Split
from stages.common.networks.cards import Card, new_model
from stages.common.networks.model_files import save_model
from tests.narrow import narrow

CARD = Card("student", list("abc"), 32, (0.5, 0.5, 0.5), (0.3, 0.3, 0.3))
RANDOM = np.random.default_rng(0)
PHOTOS = RANDOM.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
VALIDATION = Split(PHOTOS, np.arange(12) % 3)
WIDTHS = {"whole": 1.0, "half": 0.5, "twin": 0.5, "third": 0.3}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Networks of four shapes, two of them of one size."""
    folder = tmp_path_factory.mktemp("networks")
    for seed, (name, width) in enumerate(WIDTHS.items()):
        channels = [16, 32, 64, *(int(c * width) for c in (128, 256, 256, 256)), 256]
        save_model(new_model(replace(CARD, shapes=narrow("student", channels, 3)), seed), folder / name)
    return {name: folder / name for name in WIDTHS}


def chosen(files, tmp_path, monkeypatch, accuracy: dict[tuple[str, str], float], floor: float):
    """The table of what was tried, where each candidate has the accuracy that is given, else 0."""
    real = selection.measured

    def measured(path, model, validation):
        key = (path.parent.name, path.stem)
        return real(path, model, validation) | {"val_accuracy": accuracy.get(key, 0.0)}

    monkeypatch.setattr(selection, "measured", measured)
    return smallest_within(
        files, floor, PHOTOS, VALIDATION, tmp_path / "work", lambda architecture: "/model/blocks.1/pointwise"
    )


def best(table: pd.DataFrame) -> tuple[str, str]:
    (row,) = table[table["chosen"]].itertuples()
    return row.candidate, row.form


def test_the_smallest_that_is_good_enough_is_taken(files, tmp_path, monkeypatch):
    enough = {("half", "int8"): 0.8, ("whole", "int8"): 0.9, ("whole", "fp32"): 0.9}
    table = chosen(files, tmp_path, monkeypatch, enough, 0.7)
    assert best(table) == ("half", "int8")
    row = table[table["chosen"]].iloc[0]
    smaller = table[table["size_kib"] <= row["size_kib"]]
    assert set(zip(smaller["candidate"], smaller["form"], strict=True)) >= {
        ("third", "int8"),
        ("twin", "int8"),
    }
    assert (smaller["val_accuracy"] <= row["val_accuracy"]).all()
    assert tmp_path.joinpath(row["file"]).stat().st_size / 1024 == pytest.approx(row["size_kib"], abs=0.01)


def test_of_equal_files_the_better_is_taken_whatever_their_order(files, tmp_path, monkeypatch):
    for winner, loser in (("half", "twin"), ("twin", "half")):
        accuracy = {(winner, "int8"): 0.9, (loser, "int8"): 0.8}
        assert best(chosen(files, tmp_path, monkeypatch, accuracy, 0.7)) == (winner, "int8")


def test_a_float_file_is_taken_where_int8_loses_too_much(files, tmp_path, monkeypatch):
    table = chosen(files, tmp_path, monkeypatch, {("third", "fp32"): 0.9, ("whole", "int8"): 0.9}, 0.7)
    assert best(table) == ("third", "fp32")  # smaller than the whole network in int8


def test_nothing_is_chosen_where_nothing_is_good_enough(files, tmp_path, monkeypatch):
    table = chosen(files, tmp_path, monkeypatch, {}, 0.7)
    assert len(table) == 2 * len(WIDTHS)
    assert not table["chosen"].any()


def test_what_is_larger_is_not_made(files, tmp_path, monkeypatch):
    table = chosen(files, tmp_path, monkeypatch, {("third", "int8"): 0.9}, 0.7)
    assert "whole" not in set(table["candidate"])
    assert not (tmp_path / "work/whole").exists()
