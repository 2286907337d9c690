"""report: every result as CSV for `dvc plots`, the charts, and all of it on one page."""

import functools
from pathlib import Path

from stages.common import errors
from stages.common.evidence.catalogue import Catalogue
from stages.common.evidence.predictions import Predictions, class_names, read_predictions
from stages.common.files import read_csv, read_json, write_csv
from stages.common.params import read
from stages.common.progress import say
from stages.common.report import charts, contents, plots, tables
from stages.common.report.page import write_page

PLOTS = Path("plots")


def main() -> None:
    params = read(
        "seed", "own_networks", "sample", "data", "augment", "pretrain", "teacher", "cnn", "student", "distill",
        "prune_once", "prune", "quantize", "factorize", "export", "report",
    )  # fmt: skip
    catalogue = Catalogue(params.prune.teacher, params.prune.reference_rates)
    classes = class_names()

    @functools.cache
    def answers(name: str, split: str) -> Predictions:
        return read_predictions(name, split).labelled()

    for name, rows in plots.made(catalogue, answers, classes):
        write_csv(PLOTS / f"{name}.csv", rows)
    flips = contents.flipped(answers, catalogue, classes)
    wrong = contents.always_wrong(answers, catalogue, classes)
    for path, rows in (("data/flips.csv", flips[1]), ("data/always_wrong.csv", wrong)):
        write_csv(path, rows, None)
    networks = read_csv(PLOTS / "tradeoff.csv")
    n = read_json("metrics/data.json")["validation"]
    charts.pruning_chart(PLOTS / "pruning.png", read_csv(PLOTS / "pruning.csv"), n)
    charts.tradeoff_chart(PLOTS / "tradeoff.png", networks, n)
    write_page(PLOTS / "report.html", **contents.page(params, catalogue, answers, flips, wrong))
    for line in tables.summary(networks, read_csv(PLOTS / "claims.csv")):
        say(line)


if __name__ == "__main__":
    errors.run(main)
