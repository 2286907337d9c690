"""study: what several seeds say of each claim, as a folder that stays: studies/<name>/.

Not a stage of the graph: `make study PARAMS=params.yaml SEEDS=0,1,2` runs it. Each seed is a DVC experiment;
those that ran before are not run again.
"""

import argparse
import json
import re
from pathlib import Path

from stages.common import errors, machine
from stages.common.errors import UserError
from stages.common.evidence import experiments
from stages.common.evidence.studies import (
    SETTINGS,
    SOURCES,
    Run,
    experiment_name,
    flat,
    read_run,
    require_alike,
    write_study,
)
from stages.common.params import PATH, load
from stages.common.progress import say
from stages.common.report import charts


def arguments() -> argparse.Namespace:
    """The command line, checked: params (a path), seeds (sorted), name, jobs."""
    parser = errors.Parser(description=__doc__)
    parser.add_argument("--params", type=Path, default=PATH, help="a file like params.yaml")
    parser.add_argument("--seeds", required=True, help="as in 0,1,2")
    parser.add_argument("--name", help='of the folder; by default what follows "params." in the file\'s name')
    parser.add_argument("--jobs", default="1", help="experiments at a time")
    given = parser.parse_args()
    if not re.fullmatch(r"\d+(,\d+)+", given.seeds) or len(set(given.seeds.split(","))) < 2:
        raise UserError(f"SEEDS={given.seeds}: expected two whole numbers or more, with commas, as in 0,1,2")
    if not re.fullmatch(r"[1-9]\d*", given.jobs):
        raise UserError(f"JOBS={given.jobs}: expected a whole number >= 1")
    given.seeds = sorted(set(map(int, given.seeds.split(","))))
    given.name = given.name or (
        "sample" if given.params == PATH else given.params.stem.removeprefix("params.")
    )
    if not re.fullmatch(r"[\w-]+", given.name):
        raise UserError(f"NAME={given.name}: expected letters, digits, _ and -, since it names a folder")
    return given


def changes(parameters: dict[str, object]) -> list[str]:
    """What makes this folder's params.yaml `parameters`, as DVC's -S takes it; the file stays as it is."""
    here = flat(load().model_dump())
    return [
        f"{key}={json.dumps(value, ensure_ascii=False)}"
        for key, value in parameters.items()
        if here[key] != value
    ]


def results(names: dict[int, str]) -> dict[str, Run]:
    """The runs of the experiments that have finished, by name; names: by seed."""
    runs = {}
    for name in names.values():
        commit = experiments.finished(name)
        if commit:
            run = read_run(experiments.reader(commit))
            runs[name] = run._replace(facts=run.facts | experiments.code(commit))
    return runs


def run_seeds(names: dict[int, str], parameters: dict[str, object], jobs: int) -> dict[str, Run]:
    """The runs of all seeds, by name; those that are missing are run first."""
    runs = results(names)
    if len(runs) == len(names):
        return runs
    for name, run in runs.items():
        machine.require_same(name, {key: run.facts[key] for key in SETTINGS})
    changed = changes(parameters)
    experiments.run({name: [*changed, f"seed={seed}"] for seed, name in names.items()}, jobs)
    return results(names)


def main() -> None:
    given = arguments()
    parameters = flat(load(given.params).model_dump())
    del parameters["seed"]
    experiments.require_repository()
    facts = parameters | experiments.code("HEAD")
    photos = {f"{key} in git": experiments.tracked(key, parameters[key]) for key in SOURCES}
    names = {seed: experiment_name(seed, facts | photos) for seed in given.seeds}
    runs = run_seeds(names, parameters, given.jobs)
    require_alike(runs, facts)
    commit = experiments.finished(names[given.seeds[0]])
    latency = experiments.reader(commit)("plots/latency.csv")
    base = experiments.command("git", "rev-parse", f"{commit}^")
    folder = Path("studies") / given.name
    table = write_study(folder, base, list(runs.values()), given.params.read_bytes(), latency, machine.name())
    charts.seeds_chart(folder / "seeds.png", table)
    for text in sorted({text for run in runs.values() for text in run.claims.index} - set(table["claim"])):
        say(f'study: left out: "{text}": not every seed judges it')
    counts = table["verdict"].value_counts()
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    say(f"{folder}: {len(runs)} seeds, {len(table)} claims: {said}")


if __name__ == "__main__":
    errors.run(main, arguments=True)
