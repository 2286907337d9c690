"""claims: what this run says of each claim, on the validation photos and again on the test photos."""

import functools

import pandas as pd

from stages.common import errors
from stages.common.evidence.catalogue import Catalogue
from stages.common.evidence.claims import TESTED, Claim, claims, judged, unequal
from stages.common.evidence.predictions import Predictions, read_predictions
from stages.common.files import write_csv
from stages.common.params import read
from stages.common.progress import say


def judge(chosen: list[Claim], catalogue: Catalogue, split: str) -> pd.DataFrame:
    """`judged` on the labelled photos of a split; empty where there are none."""

    @functools.cache
    def answers(name: str) -> Predictions:
        return read_predictions(name, split).labelled()

    return judged(chosen if len(answers(catalogue.student).labels) else [], answers, catalogue.metrics)


def main() -> None:
    params = read("prune.teacher", "prune.reference_rates", "quantize.bits")
    catalogue = Catalogue(params.prune.teacher, params.prune.reference_rates)
    chosen = []
    for claim in claims(catalogue, params.quantize.bits):
        reason = unequal(claim, catalogue.metrics)
        if reason:
            say(f'claims: left out: "{claim.text}": {reason}')
        else:
            chosen.append(claim)
    table, test = (judge(chosen, catalogue, split) for split in ("validation", "test"))
    if len(test):
        table = table.join(test[TESTED].add_prefix("test_"))
    write_csv("plots/claims.csv", table)
    counts = table["verdict"].value_counts()
    say("claims of this run: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


if __name__ == "__main__":
    errors.run(main)
