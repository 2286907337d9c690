"""Pictures: the same table gives the same bytes, and names can be read."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from stages.common.report import charts
from tests.report.made_up import claims


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved, still open."""
    kept = []
    monkeypatch.setattr(charts, "_save", lambda figure, path: kept.append(figure))
    yield kept
    plt.close("all")


def crowd(sizes: list[float], accuracies: list[float]) -> pd.DataFrame:
    rows = pd.DataFrame({"size_kib": sizes, "val_accuracy": accuracies})
    rows = rows.assign(val_low=rows["val_accuracy"] - 0.03, val_high=rows["val_accuracy"] + 0.03)
    rows["frontier"] = [i == 0 for i in range(len(rows))]
    return rows.assign(series=[f"network_number_{i}" for i in range(len(rows))], control=rows["frontier"])


@pytest.mark.parametrize(
    ("sizes", "accuracies"),
    [
        ([1000.0] * 12 + [40_000.0], [0.7] * 12 + [0.8]),
        ([100.0, 290, 295, *[352] * 4, *[1018] * 6, 8485, 43_729, 43_729], list(np.linspace(0.6, 0.8, 16))),
        ([100.0, 101, 9000, 9000], [0.9, 0.89, 0.2, 0.9]),
    ],
)
def test_names_of_networks_of_one_size_do_not_overlap(figures, sizes, accuracies):
    charts.tradeoff_chart("unused", crowd(sizes, accuracies), 100)
    figure = figures[0]
    figure.draw_without_rendering()
    names = [text for text in figure.axes[0].texts if text.get_text().startswith("network")]
    assert len(names) == len(sizes)
    boxes = [plt.Text.get_window_extent(name) for name in names]  # without the line to the point
    for (a, one), (b, other) in combinations(zip(names, boxes, strict=True), 2):
        # A hair's breadth is the height of letters that reach below the line.
        apart = one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 + 1 or other.y1 <= one.y0 + 1
        assert apart, (a.get_text(), b.get_text())


def test_pruning_says_direction_epochs_and_photos(figures, there):
    charts.pruning_chart("unused", pd.read_csv("plots/pruning.csv"), 1234)
    axes = figures[0].axes[0]
    left, right = axes.get_xlim()
    assert left > right
    assert "smaller" in axes.get_xlabel()
    assert "1,234" in axes.get_title()
    legend = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert "rate 0.95, 20 epochs" in legend
    assert sum(text.startswith("control: ") for text in legend) == 3


def test_seeds_are_sorted_by_verdict_with_a_dot_each(figures):
    rows = claims(True, 3).assign(each="0.01 0.02 0.03", test_each="0.01 0.02 0.03")
    charts.seeds_chart("unused", rows)
    axes = figures[0].axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[0] == "Pretraining helps the teacher"
    assert names[-1] == "Pruning beats training its shape from scratch"
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [3] * len(rows)
    assert "test accuracy" in axes.get_xlabel()


def test_the_same_table_gives_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        charts.tradeoff_chart(tmp_path / name, crowd([100.0, 1000.0], [0.6, 0.8]), 100)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_picture_of_drawn_photos_is_small(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (11, 119, 137, 3), dtype=np.uint8)
    photos = {f"class {i}": Image.fromarray(pixels) for i, pixels in enumerate(noise)}
    charts.sample_picture(tmp_path / "sample.png", photos)
    assert (tmp_path / "sample.png").stat().st_size < 250_000  # drawings take a third of what noise does
    assert Image.open(tmp_path / "sample.png").width <= 800
