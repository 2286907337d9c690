"""claims: what this run says of each claim, on the validation photos and again on the test photos."""

import functools
import json
from pathlib import Path

import pandas as pd

from stages.common import errors
from stages.common.evidence.claims import LARGE, SMALL, claims, comparable, judged
from stages.common.evidence.predictions import Predictions, read_predictions
from stages.common.files import write_csv
from stages.common.params import read
from stages.common.progress import say


def curve(rate: str) -> tuple:
    """A reference rate's sizes in parameters, and the names of its networks' predictions."""
    steps = pd.read_csv(f"models/pruned/{rate}/steps.csv")
    return steps["params"].to_numpy(), [f"steps/{rate}/step_{step:02}" for step in steps["step"]]


def metrics(name: str) -> dict:
    return json.loads(Path(f"metrics/{name}.json").read_text(encoding="utf-8"))


def main() -> None:
    params = read("factorize.teacher", "quantize.teacher", "quantize.bits")
    curves = {rate: curve(rate) for rate in (SMALL, LARGE)}
    teachers = params.factorize.teacher, params.quantize.teacher
    pairs = claims(curves[SMALL][1][-1], *teachers, params.quantize.bits)
    pairs = [claim for claim in pairs if comparable(claim, metrics)]

    def on(split: str) -> pd.DataFrame | None:
        @functools.cache
        def answers(name: str) -> Predictions:
            return read_predictions(name, split).labelled()

        return judged(pairs, answers, curves) if len(answers("student").labels) else None

    table, test = on("validation"), on("test")
    if test is not None:
        table = table.join(test[["difference", "low", "high", "n", "verdict"]].add_prefix("test_"))
    write_csv("plots/claims.csv", table)
    counts = table["verdict"].value_counts()
    say("claims: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


if __name__ == "__main__":
    errors.run(main)
