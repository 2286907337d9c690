"""Several seeds of one experiment: each one's results, and what all of them say together."""

import io
import json
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.common.evidence.catalogue import MODELS
from stages.common.evidence.claims import COLUMNS
from stages.common.evidence.identity import Reader, identity, result, seed_of
from stages.common.evidence.intervals import mean_difference, seeds_to_decide


class Run(NamedTuple):
    """The results of one seed."""

    identity: str  # of code, parameters and photos
    seed: int
    validation: dict[str, float]  # accuracy of each network, a fraction
    test: dict[str, float]  # the same on the test photos; empty where they are unlabelled
    claims: dict[str, float]  # each claim's difference


def read_run(read: Reader) -> Run:
    """The results behind `read`, a working tree or a commit. Raises `UserError` where they are not whole."""
    validation = {name: json.loads(result(read, f"metrics/{name}.json"))["val_accuracy"] for name in MODELS}
    test = json.loads(result(read, "metrics/test.json"))
    claims = pd.read_csv(io.BytesIO(result(read, "plots/claims.csv"))).set_index("claim")["difference"]
    return Run(
        identity(read),
        seed_of(read),
        validation,
        {name: test[name] for name in MODELS if name in test},
        claims.to_dict(),
    )


def stored(own: str) -> pd.DataFrame:
    """plots/seeds.csv, provided that it is of the identity `own`; empty where it is of another one."""
    rows = pd.read_csv("plots/seeds.csv", dtype={"identity": str, "seeds": str, "each": str})
    return rows[rows["identity"] == own]


def claims_over(runs: list[Run]) -> pd.DataFrame:
    """Each claim over two seeds and more: the columns of plots/claims.csv, where n counts seeds, and

    deviation (standard, over seeds), decides_at (seeds that would decide), seeds and each: the seeds and the
    differences they gave; identity: of what they have in common.
    """
    rows = []
    # A claim about equal size may stand in one seed and not in another.
    for claim in [claim for claim in runs[0].claims if all(claim in run.claims for run in runs)]:
        values = np.array([run.claims[claim] for run in runs])
        measured = mean_difference(values)
        rows.append(
            {"claim": claim, **measured._asdict(), "n": len(values), "verdict": measured.verdict}
            | {"deviation": np.std(values, ddof=1), "decides_at": seeds_to_decide(values)}
            | {"seeds": " ".join(str(run.seed) for run in runs)}
            | {"each": " ".join(f"{value:.6f}" for value in values), "identity": runs[0].identity}
        )
    table = pd.DataFrame(rows).astype({"decides_at": "Int64"}).replace([np.inf, -np.inf], np.nan)
    assert list(table)[: len(COLUMNS)] == COLUMNS
    return table


def networks_over(runs: list[Run]) -> pd.DataFrame:
    """Each network over n seeds: series, n, mean val_accuracy, val_deviation, and the same of test."""
    rows = []
    for name in MODELS:
        row = {"series": name, "n": len(runs)}
        for split, accuracies in (("val", [r.validation for r in runs]), ("test", [r.test for r in runs])):
            values = [of[name] for of in accuracies if name in of]
            row[f"{split}_accuracy"] = np.mean(values) if values else None
            row[f"{split}_deviation"] = np.std(values, ddof=1) if values else None
        rows.append(row)
    return pd.DataFrame(rows)
