"""DVC experiments: what they need, the queue that runs them, and the commits that hold their results."""

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
LOOKS = 2  # more that find no worker, until there is none


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
    left = {name: parameters for name, parameters in wanted.items() if not finished(name)}
    if not left:
        return
    status, busy = queued()
    stalled = "Running" in status.values() and not busy and deserted()
    for name, parameters in left.items():
        if status.get(name) == "Queued" or (status.get(name) == "Running" and not stalled):
            continue
        if status.get(name) == "Running":
            command("dvc", "queue", "kill", "--force", name)
        if name in status:
            command("dvc", "queue", "remove", name)
        settings = [word for parameter in parameters for word in ("-S", parameter)]
        # Without --force, which would train again what an earlier try has finished.
        command("dvc", "exp", "run", "--queue", "--name", name, *settings)
        say(f"{name}: queued")
    command("dvc", "queue", "start", "--jobs", str(jobs))
    wait(set(left))


def wait(names: set[str]) -> None:
    """Wait until experiments of the queue have finished; a line for each."""
    look, pause = time.monotonic(), LEAST_SECONDS
    while True:
        time.sleep(POLL)
        for name in sorted(names):
            if finished(name):
                say(f"{name}: done, {time.strftime('%H:%M:%S')}")
                names.remove(name)
        if not names:
            return
        if time.monotonic() - look < pause:
            continue
        status, busy = queued()
        for name in names:
            if status.get(name) == "Failed":
                raise UserError(f"{name} failed; `dvc queue logs {name}` says why")
        if not busy and deserted() and not all(map(finished, names)):
            raise UserError("DVC's queue stopped; the same command goes on where it was")
        look, pause = time.monotonic(), min(1.5 * pause, MOST_SECONDS)


def queued() -> tuple[dict[str, str], bool]:
    """DVC's queue: the status of each experiment by name, and whether a worker answers."""
    lines = command("dvc", "queue", "status").splitlines()
    rows = [line.split() for line in lines[1:] if line and not line.startswith("Worker")]
    return {row[1]: row[-1] for row in rows if len(row) >= 4}, "Worker status: 0 active, 0 idle" not in lines


def deserted() -> bool:
    """Whether DVC's queue has no worker, after a look that found none: a busy one may miss a look or two."""
    for _ in range(LOOKS):
        time.sleep(1)
        if queued()[1]:
            return False
    return True
