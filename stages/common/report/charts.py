"""Pictures, drawn with matplotlib. The same table gives the same bytes."""

from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

COLOURS = ("#1b6ca8", "#d1495b", "#2e8b57", "#8d6a9f", "#c77d0a")
PERCENT = FuncFormatter(lambda value, _: f"{value:.0%}")


def pruning_chart(path: Path | str, steps: pd.DataFrame) -> None:
    """Parameters against validation accuracy: a line a rate, its 95 % interval shaded, crosses the cut.

    A series of one point, a control, is a diamond with its interval. steps: plots/pruning.csv.
    """
    figure, axes = plt.subplots(figsize=(8, 5), dpi=120, layout="constrained")
    for colour, (series, rows) in zip(COLOURS, steps.groupby("series", sort=False), strict=False):
        rows = rows.sort_values("params")
        x, y, cut = rows["params"], rows["val_accuracy"], rows["val_accuracy_before_finetune"]
        if len(rows) == 1:
            _interval(axes, rows, x, color=colour, fmt="D", markersize=6, label=f"control: {series}")
        else:
            axes.fill_between(x, rows["val_low"], rows["val_high"], color=colour, alpha=0.13, linewidth=0)
            axes.plot(x, y, "o-", color=colour, markersize=4, label=series)
            cut = cut[rows["step"] > 0]
            label = f"{series}, before fine-tuning"
            axes.plot(x[cut.index], cut, "x", color=colour, alpha=0.6, markersize=5, label=label)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:.0f} k"))
    _finish(figure, axes, path, "parameters", "Iterative pruning of the student")


def tradeoff_chart(path: Path | str, networks: pd.DataFrame) -> None:
    """Size of the file against validation accuracy, with the Pareto frontier.

    networks: plots/tradeoff.csv.
    """
    figure, axes = plt.subplots(figsize=(9, 6), dpi=120, layout="constrained")
    frontier = networks[networks["frontier"]].sort_values("size_kib")
    axes.plot(frontier["size_kib"], frontier["val_accuracy"], "-", color=COLOURS[1], label="Pareto frontier")
    for beaten, rows in networks.groupby(~networks["frontier"]):
        colour = "#8a8a8a" if beaten else COLOURS[1]
        _interval(axes, rows, rows["size_kib"], fmt="o", markersize=5, color=colour, alpha=0.6)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.margins(x=0.18, y=0.1)
    _name(axes, networks)
    _finish(figure, axes, path, "KiB (log)", "Accuracy against the size of the file")


VERDICTS = {"holds": "#2e8b57", "does not": "#d1495b", "not decided": "#8a8a8a"}


def seeds_chart(path: Path | str, claims: pd.DataFrame) -> None:
    """A line a claim: a dot for each seed, a diamond at the mean, its 95 % interval, the verdict's colour.

    claims: plots/seeds.csv.
    """
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(claims) + 1.4), dpi=120, layout="constrained")
    axes.axvline(0, color="#555555", linewidth=1)
    for y, row in enumerate(claims.itertuples()):
        colour = VERDICTS[row.verdict]
        each = [100 * float(value) for value in row.each.split()]
        axes.plot(each, [y] * len(each), "o", color=colour, alpha=0.4, markersize=4, zorder=2)
        axes.plot([100 * row.low, 100 * row.high], [y, y], "-", color=colour, linewidth=2)
        axes.plot(100 * row.difference, y, "D", color=colour, markersize=6)
    axes.set_yticks(range(len(claims)), claims["claim"])
    axes.invert_yaxis()
    for verdict, colour in VERDICTS.items():
        axes.plot([], [], "D-", color=colour, label=verdict if verdict != "does not" else "does not hold")
    axes.set_xlabel("points of validation accuracy in the claim's favour")
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def _name(axes: Axes, networks: pd.DataFrame) -> None:
    """Each network's name to the right of its point; names at about one size move apart."""
    low, high = axes.get_ylim()
    gap, rows = (high - low) / 30, networks.sort_values("size_kib")
    column = (rows["size_kib"].pct_change() > 0.25).cumsum()
    for _, near in rows.groupby(column):
        near = near.sort_values("val_accuracy")
        heights = near["val_accuracy"].to_numpy().copy()
        for i in range(1, len(heights)):
            heights[i] = max(heights[i], heights[i - 1] + gap)
        heights -= (heights - near["val_accuracy"]).mean()
        for height, row in zip(heights, near.itertuples(), strict=True):
            axes.annotate(
                row.series.replace("_", " "),
                (row.size_kib, row.val_accuracy),
                (near["size_kib"].max() * 1.12, height),
                va="center",
                fontsize=7,
                arrowprops={"arrowstyle": "-", "color": "#b5b5b5", "linewidth": 0.6, "shrinkA": 0},
            )


def _interval(axes: Axes, rows: pd.DataFrame, x: pd.Series, **style) -> None:
    """Points with their 95 % intervals."""
    y = rows["val_accuracy"]
    axes.errorbar(x, y, yerr=[y - rows["val_low"], rows["val_high"] - y], elinewidth=1, capsize=2, **style)


def _finish(figure: plt.Figure, axes: Axes, path: Path | str, xlabel: str, title: str) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))  # whole percents
    axes.yaxis.set_major_formatter(PERCENT)
    axes.set(xlabel=xlabel, ylabel="validation accuracy (95 % interval)", title=title)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
