"""DVC experiments: what they need, the queue that runs them, and the commits that hold their results."""

import os
import posixpath
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stages.common.errors import UserError
from stages.common.params import parsed
from stages.common.progress import say

Reader = Callable[[str], bytes]  # a file's content by its path; `UserError` where it does not exist
CODE = ("stages", "dvc.yaml", "requirements.txt")  # what decides results beside parameters and photos
POLL = 1.0  # seconds between looks at git
LEAST_SECONDS, MOST_SECONDS = 5.0, 20.0  # between looks at DVC's queue: one costs a second of a core
START_SECONDS = 30.0  # that a worker may take to start
ATTEMPTS = 3  # to have a queue go on that stops


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


def succeeds(*words: str) -> bool:
    """Whether a command ends well; what it says is dropped."""
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def require_repository() -> None:
    """Raises `UserError` where experiments cannot be made: no git, no identity, code not committed."""
    if not Path(".git").exists():
        raise UserError(
            "this folder is no git repository, and experiments are git commits: clone the project instead of "
            "downloading an archive, or run `git init` and commit all of it"
        )
    # Without the option git guesses an identity from the machine's name, and DVC does not.
    if not succeeds("git", "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"):
        raise UserError(
            "git does not know who you are, and experiments are git commits: run `git config user.name NAME` "
            "and `git config user.email ADDRESS`"
        )
    changed = command("git", "status", "--porcelain", "--", *CODE).splitlines()
    if changed or not succeeds("git", "rev-parse", *(f"HEAD:{path}" for path in CODE)):
        path = changed[0].split()[-1] if changed else CODE[0]
        raise UserError(
            f"{path}: not as in the last commit, and a study names the commit whose code it ran: commit "
            f"{', '.join(CODE[:-1])} and {CODE[-1]} first"
        )


def tracked(key: str, source: str) -> str:
    """Which photos a source holds, as far as git knows: a text that differs where they do.

    key: the parameter, such as "data.source", for messages; source: its value. Empty where a stage makes
    them, and outside the repository. Raises `UserError` where an experiment, which runs in a folder of its
    own, would not find them.
    """
    path = posixpath.normpath(source)
    if posixpath.isabs(path):
        if not Path(path).exists():
            raise UserError(f"{key} = {source}: does not exist")
        return ""
    if path.split("/")[0] == "..":
        raise UserError(
            f"{key} = {source}: experiments run in another folder; give an absolute path, or `dvc add` the "
            "photos inside the repository"
        )
    if made(path, parsed(Path("dvc.yaml").read_bytes())["stages"]):
        return ""
    files = command("git", "ls-files", "--stage", path)
    if files:
        return files
    for file in (Path(f"{place}.dvc") for place in (path, *Path(path).parents)):
        if file.is_file():
            if not command("git", "ls-files", str(file)):
                raise UserError(f"{key} = {source}: {file} is not in git; run `git add {file}`")
            return file.read_text(encoding="utf-8")
    raise UserError(
        f"{key} = {source}: neither git nor DVC tracks it, so experiments would not find it; run `dvc add "
        f"{path}` and `git add {path}.dvc`"
    )


def made(path: str, stages: dict[str, dict]) -> bool:
    """Whether a stage makes a path or a folder around it; stages: those of dvc.yaml or dvc.lock."""
    outs = [out for stage in stages.values() for out in stage.get("do", stage).get("outs", [])]
    paths = {out if isinstance(out, str) else out.get("path", next(iter(out))) for out in outs}
    return not paths.isdisjoint([posixpath.normpath(path), *map(str, Path(path).parents)])


def code(commit: str) -> dict[str, str]:
    """The git object of each path of `CODE` at a commit."""
    objects = command("git", "rev-parse", *(f"{commit}:{path}" for path in CODE)).split()
    return dict(zip(CODE, objects, strict=True))


def reader(commit: str) -> Reader:
    """A `Reader` of a commit."""

    def read(path: str) -> bytes:
        done = subprocess.run(["git", "show", f"{commit}:{path}"], capture_output=True, check=False)
        if done.returncode:
            raise UserError(
                f"{path}: is not in the experiment {commit[:7]}; `dvc exp remove` it and run it anew"
            )
        return done.stdout

    return read


def finished(name: str) -> str | None:
    """The commit of an experiment that ran to its end; None where there is none."""
    # DVC keeps it as refs/exps/<two digits>/<the other digits of the commit it is based on>/<name>.
    commits = command("git", "for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{name}").split()
    return commits[0] if commits else None


def run(wanted: dict[str, list[str]], jobs: int) -> None:
    """Run experiments by DVC's queue, `jobs` at a time, and wait for them.

    Finished ones are not run again, and what an earlier call left in the queue goes on.

    wanted: for each experiment's name the parameters that it sets, as "student.epochs=3". Raises `UserError`
    where one fails.
    """
    for attempt in range(ATTEMPTS):
        left = {name: parameters for name, parameters in wanted.items() if not finished(name)}
        if not left:
            return
        if attempt:
            say("DVC's queue stopped: it is started again")
        enqueue(left)
        start(jobs)
        wait(set(left))
    if not all(map(finished, wanted)):
        raise UserError(f"DVC's queue stopped {ATTEMPTS} times; the same command goes on where it was")


def enqueue(wanted: dict[str, list[str]]) -> None:
    """Put experiments into DVC's queue that are not waiting or running there; wanted as in `run`."""
    status, dead = statuses(), not working()
    for name, parameters in wanted.items():
        if status.get(name) == "Queued" or (status.get(name) == "Running" and not dead):
            continue
        if status.get(name) == "Running":
            command("dvc", "queue", "kill", "--force", name)
        if name in status:
            command("dvc", "queue", "remove", name)
        settings = [word for parameter in parameters for word in ("-S", parameter)]
        # Without --force, which would train again what an earlier try has finished.
        command("dvc", "exp", "run", "--queue", "--name", name, *settings)
        say(f"{name}: queued")


def start(jobs: int) -> None:
    """Start the queue's workers, as far as they do not run."""
    command("dvc", "queue", "start", "--jobs", str(jobs))
    give_up = time.monotonic() + START_SECONDS
    while not working() and time.monotonic() < give_up:
        time.sleep(POLL)


def wait(names: set[str]) -> None:
    """Wait until experiments have finished, a line for each, or until no worker is left.

    Raises `UserError` where one failed.
    """
    look, pause = time.monotonic() + LEAST_SECONDS, LEAST_SECONDS
    while names:
        time.sleep(POLL)
        stopped = not working()  # before the last look at what has finished
        for name in sorted(filter(finished, names)):
            say(f"{name}: done, {time.strftime('%H:%M:%S')}")
            names.remove(name)
        if names and (stopped or time.monotonic() > look):
            status = statuses()
            for name in sorted(names):
                if status.get(name) == "Failed":
                    raise UserError(f"{name} failed; `dvc queue logs {name}` says why")
            pause = min(1.5 * pause, MOST_SECONDS)
            look = time.monotonic() + pause
        if stopped:
            return


def statuses() -> dict[str, str]:
    """DVC's queue: the status of each experiment by name."""
    rows = [line.split() for line in command("dvc", "queue", "status").splitlines()[1:]]
    return {row[1]: row[-1] for row in rows if len(row) >= 4 and row[0] != "Worker"}


def working() -> bool:
    """Whether a worker of DVC's queue runs.

    By the numbers that DVC keeps of its processes: `dvc queue status` asks the workers themselves, and on a
    busy machine they do not answer in time.
    """
    return any(map(alive, Path(".dvc/tmp/exps/celery").glob("*.pid")))


def alive(file: Path) -> bool:
    """Whether the process whose number a file holds runs, and is DVC's: numbers are used again."""
    try:
        number = int(file.read_text())
        os.kill(number, 0)
    except (OSError, ValueError):
        return False
    words = Path(f"/proc/{number}/cmdline")  # empty where it has ended; there is none but on Linux
    return not Path("/proc").exists() or (words.exists() and b"dvc" in words.read_bytes())
