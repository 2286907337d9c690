"""Pictures, drawn with matplotlib. The same table gives the same bytes."""

import io
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image, ImageOps
from scipy.optimize import isotonic_regression

from stages.common.evidence.catalogue import words
from stages.common.files import write
from stages.common.report.tables import ordered, tested

COLOURS = ("#1b6ca8", "#d1495b", "#2e8b57")  # of the rates
GAP = 8  # pixels between names
CONTROL, BEATEN = "#444444", "#8a8a8a"
MARKERS = ("D", "s", "^")  # of the controls
VERDICTS = {"holds": "#2e8b57", "not decided": "#8a8a8a", "does not": "#d1495b"}
PERCENT = FuncFormatter(lambda value, _: f"{value:.0%}")


def pruning_chart(path: Path | str, steps: pd.DataFrame, n: int) -> None:
    """Validation accuracy against parameters, smaller to the right: a line a rate, its 95 % interval shaded.

    Crosses are the cut before fine-tuning, hollow marks the controls. steps: plots/pruning.csv; n: photos.
    """
    figure, axes = plt.subplots(figsize=(8, 5), dpi=110, layout="constrained")
    colours, markers = iter(COLOURS), iter(MARKERS)
    for series, rows in steps.groupby("series", sort=False):
        x, y, cut = rows["params"], rows["val_accuracy"], rows["val_accuracy_before_finetune"]
        last = rows.iloc[-1]
        label = f"{series}, {last['epochs']:.0f} epochs"
        if series.startswith("rate"):
            colour = next(colours)
            axes.fill_between(x, rows["val_low"], rows["val_high"], color=colour, alpha=0.13, linewidth=0)
            axes.plot(x, y, "o-", color=colour, markersize=4, label=label)
            after = rows["step"] > 0
            axes.plot(x[after], cut[after], "x", color=colour, alpha=0.6, markersize=5)
        else:
            style = {"fmt": next(markers), "color": CONTROL, "markerfacecolor": "white", "markersize": 7}
            _interval(axes, rows, x, label=f"control: {label}", zorder=5, **style)
    axes.plot([], [], "x", color=BEATEN, label="before fine-tuning")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:.0f} k"))
    axes.invert_xaxis()
    title = f"Pruning step by step (95 % intervals, n = {n:,})"
    _finish(figure, axes, "parameters, smaller →", title)
    _save(figure, path)


def tradeoff_chart(path: Path | str, networks: pd.DataFrame, n: int) -> None:
    """Validation accuracy against the size of the file, the Pareto frontier as steps; controls are hollow.

    networks: plots/tradeoff.csv; n: photos.
    """
    figure, axes = plt.subplots(figsize=(9.5, 6), dpi=110, layout="constrained")
    frontier = networks[networks["frontier"]].sort_values("size_kib")
    edge = [*frontier["size_kib"], networks["size_kib"].max()]
    height = [*frontier["val_accuracy"], frontier["val_accuracy"].iloc[-1]]
    axes.step(edge, height, where="post", color=COLOURS[1], linewidth=1, label="Pareto frontier")
    for row in networks.itertuples():
        colour = COLOURS[1] if row.frontier else BEATEN
        face = "white" if row.control else colour
        one = networks.loc[[row.Index]]
        _interval(axes, one, one["size_kib"], fmt="o", color=colour, markerfacecolor=face, alpha=0.75)
    for label, face in (("network", BEATEN), ("control, made to compare with", "white")):
        axes.plot([], [], "o", color=BEATEN, markerfacecolor=face, label=label)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlim(networks["size_kib"].min() / 1.25, networks["size_kib"].max() * 3.5)
    _finish(figure, axes, "KiB (log)", f"Accuracy against the size of the file (95 % intervals, n = {n:,})")
    _name(axes, networks, list(zip(edge, height, strict=True)))
    _save(figure, path)


def seeds_chart(path: Path | str, claims: pd.DataFrame) -> None:
    """A line a claim, by verdict: a dot for each seed, a diamond at the mean with its t interval.

    claims: claims.csv of a study; the test photos where there are labelled ones, else the validation photos.
    """
    split, of = ("test", "test_") if tested(claims) else ("validation", "")
    claims = ordered(claims)
    figure, axes = plt.subplots(figsize=(9, 0.36 * len(claims) + 1.6), dpi=110, layout="constrained")
    axes.axvline(0, color="#555555", linewidth=1)
    for y, (_, row) in enumerate(claims.iterrows()):
        colour = VERDICTS[row[f"{of}verdict"]]
        each = [100 * float(value) for value in row[f"{of}each"].split()]
        axes.plot(each, [y] * len(each), "o", color=colour, alpha=0.4, markersize=4, zorder=2)
        low, mean, high = (100 * row[of + end] for end in ("low", "difference", "high"))
        axes.plot([low, high], [y, y], "-", color=colour, linewidth=2)
        axes.plot(mean, y, "D", color=colour, markersize=6)
    axes.set_yticks(range(len(claims)), claims["claim"])
    axes.invert_yaxis()
    for verdict, colour in VERDICTS.items():
        axes.plot([], [], "D-", color=colour, label=verdict if verdict != "does not" else "does not hold")
    axes.set_xlabel(f"points of {split} accuracy in the claim's favour, {claims['n'].iloc[0]} seeds")
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    _save(figure, path)


def sample_picture(path: Path | str, photos: dict[str, Image.Image]) -> None:
    """A drawn photo of each class with its name, six a row, and a line that says that they are drawn.

    photos: by the name of their class. 256 colours keep the file small.
    """
    columns = min(6, len(photos))
    rows = -(-len(photos) // columns)
    figure, places = plt.subplots(
        rows, columns, figsize=(1.3 * columns, 1.5 * rows + 0.3), dpi=100, layout="constrained", squeeze=False
    )
    for place in places.flat:
        place.axis("off")
    for place, (name, photo) in zip(places.flat, photos.items(), strict=False):
        place.imshow(np.asarray(ImageOps.fit(photo, (110, 110))))
        place.set_title(name, fontsize=9)
    figure.supxlabel("These photos are drawn by a program: one of each class.", fontsize=9)
    _save(figure, path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(path, optimize=True)


def _name(axes: Axes, networks: pd.DataFrame, frontier: list[tuple[float, float]]) -> None:
    """Each network's name to the right of the points of about its size, moved up or down until it is free.

    frontier: its corners, (KiB, accuracy): names keep off its lines too. The layout must be final.
    """
    axes.figure.draw_without_rendering()
    renderer, place = axes.figure.canvas.get_renderer(), axes.transData.transform
    taken = []  # (left, bottom, right, top) in pixels
    for (left, y), (right, _) in pairwise(map(place, frontier)):
        taken.append((left, y - 2, right, y + 2))
    rows = networks.sort_values(["size_kib", "val_accuracy"])
    column = (rows["size_kib"].pct_change() > 0.25).cumsum()
    for _, near in rows.groupby(column):
        near = near.sort_values("val_accuracy")
        names = [_annotation(axes, row) for row in near.itertuples()]
        sizes = [name.get_window_extent(renderer) for name in names]
        left, height = place((near["size_kib"].max(), 0))[0] + 14, 1.1 * sizes[0].height
        # As near to their points as they can be in the order of these, so that no leader crosses another.
        apart = height * np.arange(len(names))
        own = np.array([place((1, accuracy))[1] for accuracy in near["val_accuracy"]])
        free, placed = np.inf, zip(names, sizes, isotonic_regression(own - apart).x + apart, strict=True)
        for name, size, y in reversed(list(placed)):
            y = min(y, free)
            while _taken(left, y, size.width + GAP, height, taken) and y > axes.bbox.y0:
                y -= 1
            taken.append((left, y - height / 2, left + size.width, y + height / 2))
            free = y - height
            name.set_position(axes.transData.inverted().transform((left, y)))


def _annotation(axes: Axes, row) -> Annotation:
    """A network's name with a thin line to its point."""
    line = {"arrowstyle": "-", "color": "#b5b5b5", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3}
    style = {"va": "center", "fontsize": 7, "color": COLOURS[1] if row.frontier else "#333333"}
    return axes.annotate(words(row.series), (row.size_kib, row.val_accuracy), arrowprops=line, **style)


def _taken(left: float, y: float, width: float, height: float, boxes: list[tuple]) -> bool:
    """Whether a text at (left, y) would lie on one of the boxes (left, bottom, right, top)."""
    return any(
        left < right and x < left + width and y - height / 2 < top and bottom < y + height / 2
        for x, bottom, right, top in boxes
    )


def _interval(axes: Axes, rows: pd.DataFrame, x: pd.Series, **style) -> None:
    """Points with their 95 % intervals."""
    y = rows["val_accuracy"]
    axes.errorbar(x, y, yerr=[y - rows["val_low"], rows["val_high"] - y], elinewidth=1, capsize=2, **style)


def _finish(figure: plt.Figure, axes: Axes, xlabel: str, title: str) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))  # whole percents
    axes.yaxis.set_major_formatter(PERCENT)
    axes.set(xlabel=xlabel, ylabel="validation accuracy", title=title)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)


def _save(figure: plt.Figure, path: Path | str) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    plt.close(figure)
    write(path, picture.getvalue())
