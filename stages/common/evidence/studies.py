"""A study: several seeds of one experiment, each one's results, and what all of them say together."""

import hashlib
import io
import json
import posixpath
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.common.errors import UserError
from stages.common.evidence.catalogue import LARGE_STEPS, NETWORKS, SMALL_STEPS
from stages.common.evidence.experiments import Reader, made
from stages.common.evidence.intervals import CONFIDENCE, holm, mean_difference, t_test
from stages.common.files import write, write_csv, write_json
from stages.common.params import parsed

SETTINGS = ("device", "precision", "threads", "torch")  # the keys of metrics/run.json
COLUMNS = ("val_accuracy", "params", "size_kib", "epochs")  # of a network's metrics
SOURCES = ("data.source", "pretrain.source")  # the parameters that name photos


class Run(NamedTuple):
    """The results of one seed.

    facts: what must be the same for all seeds: parameters, photos, the machine's settings, and code.
    networks: by name val_accuracy, params, size_kib, epochs and test_accuracy, NaN where that is not known.
    claims: by text the other columns of plots/claims.csv.
    """

    seed: int
    facts: dict[str, object]
    networks: pd.DataFrame
    claims: pd.DataFrame


def flat(values: dict, prefix: str = "") -> dict[str, object]:
    """Parameters by their dotted keys."""
    pairs = {}
    for key, value in values.items():
        pairs |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return pairs


def experiment_name(seed: int, facts: dict[str, object]) -> str:
    """The name of the experiment that runs a seed of `facts`: code, parameters, photos."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return f"seed-{seed}-{digest[:10]}"


def read_run(read: Reader) -> Run:
    """The results of one experiment. Raises `UserError` where they are not whole."""
    parameters = flat(parsed(read("params.yaml")))
    seed = parameters.pop("seed")
    settings = json.loads(read("metrics/run.json"))
    claims = pd.read_csv(io.BytesIO(read("plots/claims.csv"))).set_index("claim")
    facts = parameters | _photos(read, parameters) | {key: settings[key] for key in SETTINGS}
    return Run(seed, facts, _networks(read), claims)


def _photos(read: Reader, parameters: dict[str, object]) -> dict[str, str]:
    """The md5 of each source that no stage makes, as dvc.lock says that it was read."""
    stages = parsed(read("dvc.lock"))["stages"]
    md5 = {dep["path"]: dep.get("md5") for stage in stages.values() for dep in stage.get("deps", [])}
    sources = {key: posixpath.normpath(parameters[key]) for key in SOURCES}
    return {f"photos of {key}": md5.get(path) for key, path in sources.items() if not made(path, stages)}


def _networks(read: Reader) -> pd.DataFrame:
    """`Run.networks`; those that have no metrics file stand in a table of the report."""
    rows = {name: json.loads(read(f"metrics/{name}.json")) for name in NETWORKS}
    tabled = pd.read_csv(io.BytesIO(read("plots/equal_size.csv"))).set_index("series")
    rows |= {name: tabled.loc[name] for name in (SMALL_STEPS, LARGE_STEPS)}
    table = pd.DataFrame({name: {key: row[key] for key in COLUMNS} for name, row in rows.items()}).T
    test = pd.Series(json.loads(read("metrics/test.json")), dtype=float)
    return table.astype(float).assign(test_accuracy=test)


def require_alike(runs: dict[str, Run], facts: dict[str, object]) -> None:
    """Raises `UserError` naming what differs, where runs are not of `facts` and of one kind.

    runs: by the name of the experiment.
    """
    known = dict(facts)
    for name, run in runs.items():
        for fact, value in run.facts.items():
            if known.setdefault(fact, value) != value:
                raise UserError(
                    f"seed {run.seed}: {fact} is {value}, and {known[fact]} for the others; such results are "
                    f"not put together: `dvc exp remove {name}`, `rm -r .dvc/cache/runs` and run this again"
                )


def claims_over(runs: list[Run]) -> pd.DataFrame:
    """What two seeds and more say of each claim that all of them judge: studies/<name>/claims.csv.

    Columns: claim, better, worse, epochs, n (seeds), seeds, then difference (the mean over the seeds), low, high
    (Student's t, 95 %), p_value (two-sided), verdict and each (the differences by seed) of the validation photos, and
    the same of the test photos as test_*, where they are labelled. Verdicts hold together: Holm's, over the
    claims, validation and test photos apart. Raises `UserError` where no claim is left.
    """
    texts = [text for text in runs[0].claims.index if all(text in run.claims.index for run in runs)]
    if not texts:
        raise UserError("no claim is judged by every seed; each run's log says why it left out which")
    head = {"claim": texts}
    facts = [key for key in ("better", "worse", "epochs") if key in runs[0].claims]
    head |= {key: runs[0].claims.loc[texts, key].to_numpy() for key in facts}
    table = pd.DataFrame(head | {"n": len(runs), "seeds": " ".join(str(run.seed) for run in runs)})
    for prefix in ("", "test_"):
        column = f"{prefix}difference"
        if all(column in run.claims for run in runs):
            values = np.array([run.claims.loc[texts, column] for run in runs]).T
            table = table.join(_over(values).add_prefix(prefix))
    return table.replace([np.inf, -np.inf], np.nan)


def _over(values: np.ndarray) -> pd.DataFrame:
    """Differences (claims, seeds) as the columns that `claims_over` gives for one split."""
    p_values, rows = [t_test(each) for each in values], []
    for each, p_value, adjusted in zip(values, p_values, holm(p_values), strict=True):
        measured = mean_difference(each)
        verdict = "not decided"
        if adjusted < 1 - CONFIDENCE:
            verdict = "holds" if measured.difference > 0 else "does not"
        texts = " ".join(f"{value:.6f}" for value in each)
        rows.append({**measured._asdict(), "p_value": p_value, "verdict": verdict, "each": texts})
    return pd.DataFrame(rows)


def networks_over(runs: list[Run]) -> pd.DataFrame:
    """Each network over the seeds: studies/<name>/networks.csv.

    Columns: series, n (seeds), val_accuracy (the mean), val_deviation (standard), test_accuracy,
    test_deviation, params, size_kib, epochs (means, where they differ).
    """
    every = pd.concat([run.networks for run in runs]).groupby(level=0, sort=False)
    mean, deviation = every.mean(), every.std()
    table = pd.DataFrame({"n": every.size()})
    for split in ("val", "test"):
        table[f"{split}_accuracy"] = mean[f"{split}_accuracy"]
        table[f"{split}_deviation"] = deviation[f"{split}_accuracy"]
    table = table.join(mean[["params", "size_kib", "epochs"]].astype({"params": int}))
    if (table["epochs"] % 1 == 0).all():
        table = table.astype({"epochs": int})
    return table.rename_axis("series").reset_index()


def write_study(
    folder: Path, revision: str, runs: list[Run], parameters: bytes, latency: bytes, machine: str
) -> pd.DataFrame:
    """Everything of a study but its picture; returns its claims.

    revision: the commit whose code ran. parameters: its params.yaml. latency: plots/latency.csv of its first
    seed, which says with which versions, and on which machine the times are of. machine: where seeds ran.
    """
    write(folder / "params.yaml", parameters)
    write(folder / "latency.csv", latency)
    timed = pd.read_csv(io.BytesIO(latency)).iloc[0]
    facts = runs[0].facts
    write_json(
        folder / "study.json",
        {
            "name": folder.name,
            "revision": revision,
            "seeds": [run.seed for run in runs],
            "source": facts["data.source"],
            "machine": machine,
            "times_of": timed["machine"],
            **{key: facts[key] for key in SETTINGS if key != "torch"},
            "versions": dict(text.rsplit(" ", 1) for text in timed["versions"].split(", ")),
        },
    )
    table = claims_over(runs)
    write_csv(folder / "claims.csv", table)
    write_csv(folder / "networks.csv", networks_over(runs))
    return table
