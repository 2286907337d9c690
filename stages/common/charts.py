"""Pictures, drawn with matplotlib."""

from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

COLOURS = ("#1b6ca8", "#d1495b", "#2e8b57", "#8d6a9f", "#c77d0a")


def pruning_chart(path: Path | str, steps: pd.DataFrame) -> None:
    """Parameters against validation accuracy: a line a rate, its 95 % interval shaded, crosses the cut.

    steps: plots/pruning.csv. The same table gives the same bytes.
    """
    figure, axes = plt.subplots(figsize=(8, 5), dpi=120, layout="constrained")
    for colour, (series, rows) in zip(COLOURS, steps.groupby("series", sort=False), strict=False):
        rows = rows.sort_values("params")
        axes.fill_between(
            rows["params"], rows["val_low"], rows["val_high"], color=colour, alpha=0.13, linewidth=0
        )
        axes.plot(rows["params"], rows["val_accuracy"], "o-", color=colour, markersize=4, label=series)
        cut = rows[rows["step"] > 0]
        axes.plot(
            cut["params"],
            cut["val_accuracy_before_finetune"],
            "x",
            color=colour,
            alpha=0.6,
            markersize=5,
            label=f"{series}, before fine-tuning",
        )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:.0f} k"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.set(xlabel="parameters", ylabel="validation accuracy", title="Iterative pruning of the student")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
