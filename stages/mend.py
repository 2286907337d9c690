"""mend: puts right what a DVC that was killed while it wrote left behind, so that the next one starts.

Not a stage of the graph: `make` runs it before DVC. `make clean` runs it with --clean.

DVC writes most files under another name and renames them. These it writes in place, or under a name that it
then takes for an entry, so that a kill leaves them empty or cut off:

.dvc/tmp/rwlock      who reads and writes what: every later run fails; also where a process that is gone is named
                     and another has its number by now
dvc.lock             what has run: every later run fails, or a stage runs again although its result is there
.dvc/cache/runs      the run-cache, what ever ran: the stage runs again, or fails each time
params.yaml          while `dvc exp run -S` sets a parameter: every later run fails
.dvc/tmp/exps        the queue of `make study`: it fails each time

Nothing is touched while another DVC is at work, and nothing is said where nothing was broken.
"""

import argparse
import base64
import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stages.common import errors
from stages.common.errors import UserError

DVC, LOCK, PARAMS = Path(".dvc"), Path("dvc.lock"), Path("params.yaml")
TMP, RUNS = DVC / "tmp", DVC / "cache/runs"
EXPERIMENTS = TMP / "exps"
SCRATCH = Path(".scratch")
OUTPUTS = ("data", "data/soft_labels", "metrics", "models", "models/pruned", "models/quantized", "plots")
HEADER = "schema: '2.0'\nstages:\n"
# A file's or a folder's last line in dvc.lock and in the run-cache is its size or its number of files.
CUT = re.compile(r"(?<!\n)\Z|- path: .*\n( +hash: md5\n)?( +md5: (\w+\n|\w+\.dir\n( +size: \d+\n)?))?\Z")


def mend() -> None:
    """All of it, unless another DVC is at work."""
    if not DVC.is_dir():
        return
    TMP.mkdir(exist_ok=True)
    with _locks() as ours:
        if not ours or _working(TMP / "lock", TMP / "rwlock", EXPERIMENTS / "rwlock"):
            return
        mend_rwlock(TMP / "rwlock")
        mend_lock()
        mend_params()
        for path in parts():
            if bring_back(path):
                continue
            _remove(path)
            say(f"{path}: deleted, an output that was not finished")
        if not _working(*EXPERIMENTS.glob("celery/*.pid")):  # those work outside of DVC's locks
            mend_rwlock(EXPERIMENTS / "rwlock")
            mend_runs()
            mend_queue()


def mend_rwlock(path: Path) -> None:
    """Delete a list of readers and writers that is broken, or names only what is gone; DVC makes it anew."""
    try:
        if path.exists() and _holders(path):
            path.unlink()
            say(f"{path}: deleted, it named processes that are gone")
    except _BROKEN:
        path.unlink()
        say(f"{path}: deleted, it was cut off")


def mend_lock() -> None:
    """What a broken dvc.lock holds whole stays; what it lost comes from the last commit, or from the run-cache.

    Where that knows a stage, the commit's entry goes without its outputs, which DVC then looks up there: they may
    have been made on another machine and not be in the cache, and DVC would run again what has run here.
    """
    if not LOCK.exists() or _sound(data := LOCK.read_bytes()):
        return
    text = data.decode("utf-8", "replace")
    if "<<<<<<< " in text or (not CUT.search(text) and _valid(text)):
        return  # a merge is the user's; so is what only the first look does not understand
    kept = _entries(text)
    committed = _entries(_committed(LOCK).decode("utf-8", "replace"))
    added = {
        name: entry.partition("    outs:\n")[0] if _known(entry) else entry
        for name, entry in committed.items()
        if name not in kept
    }
    entries = {name: (kept | added)[name] for name in [*committed, *kept]}  # in this order, as DVC keeps it
    if not entries:
        LOCK.unlink()
        say(f"{LOCK}: deleted, it was cut off; DVC's run-cache still has what ran here")
        return
    _replace(LOCK, (HEADER + "".join(entries.values())).encode())
    say(f"{LOCK}: was cut off; {len(kept)} stages kept, {len(added)} taken from the last commit")


def mend_runs() -> None:
    """Delete broken entries of the run-cache, and folders without any, on which DVC fails.

    DVC takes the newest file of a folder for the entry, what it was about to rename too.
    """
    for folder in sorted(RUNS.glob("*/*")):
        for path in folder.iterdir():
            text = path.read_text(encoding="utf-8", errors="replace")
            if not re.fullmatch("[0-9a-f]{64}", path.name) or CUT.search(text) or "\nouts:\n" not in text:
                path.unlink()
                say(f"{path}: deleted, it was cut off")
        if not any(folder.iterdir()):
            folder.rmdir()


def mend_params() -> None:
    """Take an empty params.yaml from the last commit; one with anything in it may be at work by its user."""
    if PARAMS.exists() and not PARAMS.stat().st_size and (data := _committed(PARAMS)):
        _replace(PARAMS, data)
        say(f"{PARAMS}: was empty; taken from the last commit")


def mend_queue() -> None:
    """Delete broken files of DVC's queue; an experiment whose record is broken leaves the queue."""
    files = ("celery/broker/*/*", "celery/result/celery-task-meta-*", "run/*/*.json", "run/*/*.run")
    for path in sorted(path for pattern in files for path in EXPERIMENTS.glob(pattern)):
        if not path.exists() or _is_json(path):
            continue
        path.unlink()
        say(f"{path}: deleted, it was cut off")
        if path.suffix == ".run":  # without it DVC still fails on the messages that name it
            for message in EXPERIMENTS.glob("celery/broker/*/*.msg"):
                if path.stem.encode() in _body(message):
                    message.unlink()


def parts() -> list[Path]:
    """Outputs that stages, and copies that DVC, had not finished when they were killed."""
    beside = (path for folder in OUTPUTS for path in Path(folder).glob(".*"))
    return sorted(path for path in beside if re.fullmatch(r"\..+\.part|\.[\w-]{22}\.tmp", path.name))


def bring_back(path: Path) -> bool:
    """Put an output back that a stage had moved out of the way when it was killed, if nothing came in its place."""
    match = re.fullmatch(r"\.(.+)\.old\.part", path.name)
    if not match or path.with_name(match[1]).exists():
        return False
    os.replace(path, path.with_name(match[1]))
    say(f"{path.with_name(match[1])}: put back, a stage was killed as it replaced it")
    return True


def clean() -> None:
    """Delete the progress of stages that were killed, and what else no run will come back for."""
    with _locks() as ours:
        workers = EXPERIMENTS.glob("celery/*.pid")
        if not ours or _working(TMP / "lock", TMP / "rwlock", EXPERIMENTS / "rwlock", *workers):
            raise UserError(".scratch: a DVC is at work here; let it end, or stop it, before `make clean`")
        copies = DVC.glob("cache/files/md5/*/.*.tmp")  # cut off on their way into the cache
        left = (path for path in parts() if not bring_back(path))
        paths = [path for path in (SCRATCH, *left, *copies) if path.exists()]
        freed = sum(map(_size, paths))
        for path in paths:
            _remove(path)
        names = ", ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
        say(f"clean: {freed / 1e6:,.1f} MB freed: {names}" if paths else "clean: nothing was left behind")


def say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def _locks() -> Iterator[bool]:
    """DVC's own locks, held but not waited for: whether they were free. As zc.lockfile, which DVC uses, takes them."""
    with ExitStack() as stack:
        try:
            for folder, name in ((TMP, "lock"), (TMP, "rwlock.lock"), (EXPERIMENTS, "rwlock.lock")):
                if folder.is_dir():
                    file = stack.enter_context((folder / name).open("a"))
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


_BROKEN = (ValueError, TypeError, KeyError, AttributeError)


def _working(*files: Path) -> bool:
    """Whether a process runs whose number is in one of the files: DVC's lock is free while a stage runs."""
    for file in files:
        try:
            numbers = _holders(file) if file.name == "rwlock" else {int(file.read_text())}
        except (FileNotFoundError, *_BROKEN):
            continue
        if any(_alive(number, file) for number in numbers):
            return True
    return False


def _holders(rwlock: Path) -> set[int]:
    """The processes that a list of readers and writers names. Raises one of `_BROKEN` where DVC cannot read it."""
    content = json.loads(rwlock.read_text(encoding="utf-8"))
    if content.keys() - {"read", "write"}:
        raise ValueError
    writers = list(content.get("write", {}).values())
    readers = [reader for readers in content.get("read", {}).values() for reader in readers]
    return {int(info["pid"]) for info in writers + readers}


def _alive(number: int, file: Path) -> bool:
    """Whether the process that wrote its number into a file runs; numbers are used again, by later processes."""
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    import psutil  # DVC's

    try:
        process = psutil.Process(number)
        started = process.create_time()
        return process.status() != psutil.STATUS_ZOMBIE and started < file.stat().st_mtime + 2
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _sound(data: bytes) -> bool:
    """Whether a dvc.lock is whole, at a quick look; DVC's own, of a second or more, is for those that seem not."""
    import yaml

    try:
        text = data.decode()
        lock = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return (
            not CUT.search(text)
            and lock["schema"] == "2.0"
            and all(
                stage["cmd"]
                and all(values.keys() for values in stage.get("params", {}).values())
                and all(item["path"] for key in ("deps", "outs") for item in stage.get(key, []))
                for stage in lock["stages"].values()
            )
        )
    except (yaml.YAMLError, *_BROKEN):
        return False


def _valid(text: str) -> bool:
    """Whether DVC takes a text for a dvc.lock."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
    from voluptuous import Invalid

    try:
        return bool(COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, LOCK)))
    except (YAMLFileCorruptedError, Invalid, *_BROKEN):
        return False


def _entries(text: str) -> dict[str, str]:
    """A dvc.lock's whole entries, byte for byte, by their stage's line."""
    _, *entries = re.split(r"(?m)^(?=  \S)", text)
    if CUT.search(text):
        entries = entries[:-1]
    return {entry.partition("\n")[0]: entry for entry in entries if _valid(HEADER + entry)}


def _committed(path: Path) -> bytes:
    """A file as in git's last commit; nothing where it is not there."""
    return subprocess.run(["git", "show", f"HEAD:./{path}"], capture_output=True, check=False).stdout


def _replace(path: Path, data: bytes) -> None:
    part = TMP / path.name
    part.write_bytes(data)
    os.replace(part, path)


def _known(entry: str) -> bool:
    """Whether the run-cache knows results of what an entry of dvc.lock says was run."""
    from dvc.stage.cache import _get_cache_hash
    from dvc.utils.serialize import parse_yaml

    (stage,) = parse_yaml(HEADER + entry, LOCK)["stages"].values()
    key = _get_cache_hash(stage, key=True)
    return (RUNS / key[:2] / key).is_dir()


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def _body(message: Path) -> bytes:
    """What a message in the queue says; nothing where it is broken."""
    try:
        return base64.b64decode(json.loads(message.read_bytes())["body"])
    except _BROKEN:
        return b""


def _remove(path: Path) -> None:
    """As in `files`, which takes pandas along: `make clean` works without the environment, and at once."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _size(path: Path) -> int:
    """Bytes that a file or all in a folder takes."""
    return sum(file.lstat().st_size for file in (path, *path.rglob("*")) if not file.is_dir())


def main() -> None:
    parser = errors.Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--clean", action="store_true", help="delete what killed runs left behind; no results"
    )
    if parser.parse_args().clean:
        clean()
    else:
        mend()


if __name__ == "__main__":
    errors.run(main, arguments=True)
