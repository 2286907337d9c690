"""seeds: what several seeds say of each claim. Not a stage of the graph: `make seeds SEEDS=0,1,2` runs it.

Without arguments nothing is trained: the workspace and every finished experiment of the same code, parameters
and photos are read. With --run, seeds that are missing are queued as DVC experiments and run first.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from stages.common import errors
from stages.common.errors import UserError
from stages.common.evidence.identity import Reader, identity, require_current, workspace
from stages.common.evidence.studies import Run, claims_over, networks_over, read_run
from stages.common.files import write_csv
from stages.common.progress import say
from stages.common.report import charts, tables

MOST_SECONDS = 20.0  # between looks at DVC's queue: a look costs a second of a core
LOOKS = 3  # in a row that find no worker, until there is none


def command(*words: str) -> str:
    """A command's output. Raises `UserError` with its last line where it fails."""
    # Files, since DVC's worker keeps what it inherits: a pipe would be open until the last experiment ends.
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        done = subprocess.run(words, stdout=said, stderr=complained, check=False)
        texts = []
        for file in (said, complained):
            file.seek(0)
            texts.append(file.read().strip())
    if done.returncode:
        last = (texts[1] or texts[0] or "no message").splitlines()[-1]
        raise UserError(f"{' '.join(words[:4])}: {last}")
    return texts[0]


def commit(sha: str) -> Reader:
    """A `Reader` of a commit."""

    def read(path: str) -> bytes:
        done = subprocess.run(["git", "show", f"{sha}:{path}"], capture_output=True, check=False)
        if done.returncode:
            raise FileNotFoundError(path)
        return done.stdout

    return read


def finished(wanted: str) -> dict[int, Run]:
    """The runs of an identity, by seed: the workspace's, then the experiments'.

    Raises `UserError` where the workspace's results are not those that its stages wrote.
    """
    own = read_run(workspace)
    runs = {own.seed: own}
    for sha in command("dvc", "exp", "list", "-A", "--sha-only").split():
        try:
            if identity(commit(sha)) == wanted:
                run = read_run(commit(sha))
                runs.setdefault(run.seed, run)
        except (UserError, KeyError, TypeError):
            continue  # an experiment of another graph, or one that is not whole
    return runs


def tasks() -> tuple[dict[str, str], bool]:
    """DVC's queue: the status of each experiment by name, and whether a worker answers."""
    lines = command("dvc", "queue", "status").splitlines()
    rows = [line.split() for line in lines[1:] if line and not line.startswith("Worker")]
    return {row[1]: row[-1] for row in rows if len(row) >= 4}, "Worker status: 0 active, 0 idle" not in lines


def deserted() -> bool:
    """Whether DVC's queue has no worker. A busy machine's worker may miss a look or two."""
    for _ in range(LOOKS):
        if tasks()[1]:
            return False
        time.sleep(2)
    return True


def run(seeds: list[int], wanted: str, jobs: int) -> None:
    """Queue what is missing and wait for it; what an earlier call left in the queue goes on."""
    there = finished(wanted)
    names = {seed: f"seed-{seed}-{wanted}" for seed in seeds if seed not in there}
    if not names:
        return
    status, _ = tasks()
    dead = "Running" in status.values() and deserted()
    for seed, name in names.items():
        if status.get(name) in ("Queued", "Running") and not (dead and status[name] == "Running"):
            continue
        if status.get(name) == "Running":
            command("dvc", "queue", "kill", "--force", name)
        if name in status:
            command("dvc", "queue", "remove", name)
        # Without --force, which would train again what an earlier try has finished.
        command("dvc", "exp", "run", "--queue", "-S", f"seed={seed}", "--name", name)
        say(f"seed {seed}: queued")
    command("dvc", "queue", "start", "--jobs", str(jobs))
    said, wait = {}, 2.0
    while True:
        time.sleep(wait)
        wait = min(1.5 * wait, MOST_SECONDS)
        status, busy = tasks()
        for seed, name in names.items():
            if said.get(name) != status.get(name, "gone"):
                said[name] = status.get(name, "gone")
                say(f"seed {seed}: {said[name].lower()}, {time.strftime('%H:%M:%S')}")
        failed = [seed for seed, name in names.items() if status.get(name) == "Failed"]
        if failed:
            raise UserError(f"seed {failed[0]} failed; `dvc queue logs {names[failed[0]]}` says why")
        if all(status.get(name) == "Success" for name in names.values()):
            break
        if not busy and deserted():
            raise UserError("DVC's queue stopped; the same command goes on where it was")
    lost = names.keys() - finished(wanted).keys()
    if lost:
        raise UserError(f"seed {min(lost)} ran with other code, parameters or photos; run `dvc repro` first")


def numbers(text: str) -> list[int]:
    """ "0,1,2" as a list."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UserError(
            f"SEEDS={text}: expected whole numbers with commas between them, as in 0,1,2"
        ) from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", metavar="SEEDS", help="queue and run those that are missing, as in 0,1,2")
    parser.add_argument("--jobs", type=int, default=1, help="experiments at a time")
    arguments = parser.parse_args()
    require_current(workspace)
    wanted = identity(workspace)
    if arguments.run is not None:
        run(numbers(arguments.run), wanted, arguments.jobs)
    runs = [run for _, run in sorted(finished(wanted).items())]
    if len(runs) < 2:
        raise UserError(f"only seed {runs[0].seed} has run; `make seeds SEEDS=0,1,2` runs others")
    table = claims_over(runs)
    write_csv("plots/seeds.csv", table)
    write_csv("plots/seeds_networks.csv", networks_over(runs))
    charts.seeds_chart(Path("plots/seeds.png"), table)
    tables.show(tables.seeds(table), f"Claims over the seeds {table['seeds'].iloc[0]}", tables.SEEDS_NOTE)


if __name__ == "__main__":
    errors.run(main)
