"""Whether a run that is killed again and again ends as one that never was: `python tests/kills.py`, on Linux.

No part of the test run: 40 kills take about a quarter of an hour. Options: --kills 40, --seed 0, --keep FOLDER
(for the clones and all output; without it they go, unless something failed).

Two copies of a clone at the settings of tiny.yaml, each with its own DVC cache: in one `make repro` runs
undisturbed, in the other it is killed by SIGKILL once in each run until all kills are done, and then runs to its
end. If it gets there before, a fresh copy takes its place.

Killed is, in turn, the whole process group; DVC alone, whose stage must then end by itself within ten seconds; the
stage alone. Half of the kills come at a random moment, the others when one of DVC's or the stages' files changes:
dvc.lock, .dvc/tmp/rwlock, the run-cache, the cache, unfinished outputs (.part), outputs.

It fails where
* a run ends with an error though nobody killed it, or says "Traceback";
* a process lives on for ten seconds, or a stage goes on without its DVC and does not say that it stops;
* a stage runs again that an earlier run had finished;
* a file of data, models, metrics or plots, or an entry of dvc.lock, is not the same byte for byte. What holds measured
  times is left out (`TIMED`). metrics/int8_start.json is measured once for both, before the runs, since the int8
  files follow it: this stage is never killed.

Prints a line a kill and a summary; exit code 1 if anything failed.
"""

import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from stages.mend import OUTPUTS

KINDS = ("group", "dvc", "stage")
TIMED = ("plots/latency.csv", "plots/report.html")  # measured times, and what shows them
COMMAND = ("make", "repro")
LONGEST = 25.0  # seconds after its start that a run is killed at random
PATIENCE = 60.0  # seconds to wait for a write that is aimed at, and for a process to end
GRACE = 10.0  # seconds that a process may outlive the kill
SOON = 1.5  # seconds after which a stage without its DVC must have said that it stops
# What a kill is aimed at, and after how many changes of it at most it comes.
WRITES = {"dvc.lock": 12, "dvc.lock empty": 3, "dvc.lock cut": 12, "rwlock": 60, "rwlock empty": 30}
WRITES |= {"run-cache": 8, "cache": 30, "part": 8, "output": 6}
BY_STAGES = ("part", "output")
MENDED = re.compile(r"deleted, |was cut off|was empty; taken")


def file_state(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns


def names(*folders: Path) -> set[tuple[str, int]]:
    """The files and folders in folders, with their sizes; what goes meanwhile is left out."""
    found = set()
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                found |= {(entry.path, entry.stat(follow_symlinks=False).st_size) for entry in entries}
        except (FileNotFoundError, NotADirectoryError):
            continue
    return found


def below(folder: Path, depth: int) -> list[Path]:
    """A folder's folders at a depth."""
    folders = [folder]
    for _ in range(depth):
        folders = [Path(path) for path, _ in names(*folders)]
    return folders


class Watch:
    """Counts the changes of what a kill is aimed at."""

    def __init__(self, folder: Path, write: str):
        self._folder, self._write = folder, write
        self._file = folder / ("dvc.lock" if write.startswith("dvc.lock") else ".dvc/tmp/rwlock")
        self._seen = self._look()
        self.count = 0
        self.last = ""

    def _look(self):
        if self._write == "run-cache":
            return names(*below(self._folder / ".dvc/cache/runs", 2))
        if self._write == "cache":
            return names(*below(self._folder / ".dvc/cache/files/md5", 1))
        if self._write in BY_STAGES:
            found = names(*(self._folder / name for name in OUTPUTS))
            parts = {(path, size) for path, size in found if path.endswith(".part")}
            if self._write == "part":
                return parts | names(*(Path(path) for path, _ in parts))
            return {(path, 0) for path, _ in found - parts}
        return file_state(self._file)

    def step(self) -> int:
        """Look again; how many changes there were so far."""
        now = self._look()
        if now != self._seen:
            if isinstance(now, set):
                new = now - self._seen
                if new:
                    path, size = min(new)
                    path = str(Path(path).relative_to(self._folder))
                    self._note(path if self._write == "output" else f"{path}, {size} bytes")
            elif now is not None and self._counts(now[0]):
                self._note(f"{now[0]} bytes")
            self._seen = now
        return self.count

    def _note(self, text: str) -> None:
        self.count, self.last = self.count + 1, text

    def _counts(self, size: int) -> bool:
        if self._write.endswith("empty"):
            return size == 0
        return not self._write.endswith("cut") or size > 0


class Run:
    """A run of the command in a process group of its own, and what it says."""

    def __init__(self, folder: Path, command: Iterable[str], log: Path):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DVC_", "MAKE"))}
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.start = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self.start

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stages(self) -> list[str]:
        """The stages that have started."""
        return re.findall(r"^Running stage '(.+)':", self.text(), re.MULTILINE)

    def running(self) -> str | None:
        """The stage that ran last, if DVC has not gone on from it."""
        found = re.findall(r"^(Running s|S)tage '(.+?)'", self.text(), re.MULTILINE)
        return found[-1][1] if found and found[-1][0] == "Running s" else None

    def victim(self, kind: str) -> int | None:
        """The number of the process to kill, None while there is none."""
        if kind == "group":
            return self.process.pid
        try:
            below = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return None
        stages = {process.pid for process in below if _is_stage(process)}
        for process in below:
            try:
                if kind == "dvc" and any(Path(word).name == "dvc" for word in process.cmdline()[:2]):
                    return process.pid
                # Its workers are its children.
                if kind == "stage" and process.pid in stages and process.ppid() not in stages:
                    return process.pid
            except psutil.Error:
                continue
        return None


def _is_stage(process: psutil.Process) -> bool:
    try:
        return "DVC_STAGE" in process.environ() and process.name().startswith("python")
    except psutil.Error:
        return False


def left(folder: Path) -> list[psutil.Process]:
    """The processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@dataclass
class Plan:
    """A kill: of what, and when: at a change of a file, or after so many seconds, of a stage if `after` > 0."""

    kind: str
    write: str = ""
    change: int = 0
    after: int = 0
    seconds: float = 0.0

    @classmethod
    def drawn(cls, number: int, chance: random.Random, longest: float) -> "Plan":
        kind = KINDS[number % len(KINDS)]
        if number % 2:
            write = chance.choice(BY_STAGES if kind == "stage" else list(WRITES))
            return cls(kind, write=write, change=chance.randint(1, WRITES[write]))
        if number % 4 == 0:
            return cls(kind, seconds=chance.uniform(1, longest))
        return cls(kind, after=chance.randint(1, 4), seconds=chance.uniform(0, longest / 5))

    @property
    def aim(self) -> str:
        return self.write or "a random moment"


@dataclass
class Report:
    """What is counted."""

    kills: Counter = field(default_factory=Counter)
    stages: Counter = field(default_factory=Counter)  # by which ran when it was killed
    mended: Counter = field(default_factory=Counter)
    known: set[str] = field(default_factory=set)  # all stages
    failures: list[str] = field(default_factory=list)
    compared: int = 0

    def fail(self, text: str) -> None:
        self.failures.append(text)
        print(f"FAILED: {text}", flush=True)


def kill(run: Run, plan: Plan, folder: Path) -> str | None:
    """Kill as planned, and say when; None where the run ended before."""
    watch = Watch(folder, plan.write) if plan.write else None
    victim, looked, began = run.victim(plan.kind), 0.0, None if plan.after else run.start
    while run.process.poll() is None:
        now = time.monotonic()
        if now - looked > 0.1:  # costs milliseconds
            looked = now
            if victim is None or not psutil.pid_exists(victim) or plan.kind == "stage":
                victim = run.victim(plan.kind)
            if began is None and len(run.stages()) >= plan.after:
                began = now
        if watch:
            due = watch.step() >= plan.change or now - run.start > PATIENCE
        else:
            due = began is not None and now - began >= plan.seconds
        if due and victim is not None:
            try:
                (os.killpg if plan.kind == "group" else os.kill)(victim, signal.SIGKILL)
            except ProcessLookupError:
                victim = None  # it ended just now: the next one then
                continue
            seen = f", change {watch.count}: {watch.last or 'none'}" if watch else ""
            return f"after {run.seconds():.1f} s{seen}"
        time.sleep(0.0002)
    return None


def unfinished(folder: Path) -> str:
    """What was being written, as far as it shows."""
    parts = [path for name in OUTPUTS for path in (folder / name).glob(".?*.part")]
    for path in (folder / "dvc.lock", folder / ".dvc/tmp/rwlock"):
        if path.exists() and path.read_bytes()[-1:] not in (b"\n", b"}"):
            parts.append(path)
    return ", ".join(str(path.relative_to(folder)) for path in parts) or "nothing to be seen"


def ended(run: Run, folder: Path, report: Report) -> float:
    """Wait for all processes of a killed run to end; seconds that it took."""
    start = time.monotonic()
    try:
        run.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        report.fail(f"{run.log.name}: the command did not end in {PATIENCE:.0f} s")
        os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()
    dead = time.monotonic()
    while (processes := left(folder)) and time.monotonic() - dead < GRACE:
        time.sleep(0.1)
    for process in processes:
        try:
            report.fail(f"{run.log.name}: lives on after {GRACE:.0f} s: {' '.join(process.cmdline()[:4])}")
            process.kill()
        except psutil.NoSuchProcess:
            continue
    return time.monotonic() - start


def read(run: Run, report: Report) -> None:
    """What a run said, for the summary."""
    lines = run.text().splitlines()
    report.mended.update(_general(line) for line in lines if MENDED.search(line))
    if any(line.startswith("Traceback") for line in lines):
        report.fail(f"{run.log.name}: says Traceback\n{run.text()[-3000:]}")


def _general(line: str) -> str:
    """A line of `mend` without the names and numbers that differ."""
    path, _, text = line.partition(": ")
    return f"{'/'.join(path.split('/')[:3])}: {re.sub(r'[0-9]+', 'N', text)}"


def digests(folder: Path, but: Iterable[str] = ()) -> dict[str, str]:
    """The outputs' sums, by their paths."""
    tops = {name.split("/")[0] for name in OUTPUTS}
    files = [path for top in sorted(tops) for path in sorted((folder / top).rglob("*")) if path.is_file()]
    sums = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return {path: value for path, value in sums.items() if path not in set(but)}


def entries(folder: Path, but: Iterable[str]) -> dict[str, object]:
    """dvc.lock's entries; without the sums of some files."""
    stages = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    for stage in stages.values():
        for item in [*stage.get("deps", []), *stage.get("outs", [])]:
            if item["path"] in but:
                item["md5"] = item["size"] = "measured"
    return {f"dvc.lock: {name}": stage for name, stage in stages.items()} | {"dvc.lock: order": list(stages)}


def compare(one: Path, other: Path, but: Iterable[str], report: Report) -> None:
    """Whether two folders' results are the same."""
    first, second = (digests(folder, but) | entries(folder, but) for folder in (one, other))
    report.compared += len(first)
    for path in sorted(first.keys() | second.keys()):
        if first.get(path) != second.get(path):
            how = "is missing" if path not in second else "is new" if path not in first else "differs"
            report.fail(f"{path}: {how} in the run that was killed")


def pipeline(folder: Path) -> None:
    """A clone of the working tree, set up, with int8's start measured."""
    from tests.test_pipeline import Clone

    clone = Clone(folder)
    inside = folder / ".venv"
    inside.mkdir()
    for path in Path(sys.prefix).iterdir():
        if path.name not in ("installed", "tests"):
            (inside / path.name).symlink_to(path)
    (inside / "installed").touch()  # newer than requirements.txt, so that make installs nothing
    clone("make", "setup")
    clone(str(inside / "bin/dvc"), "repro", "--single-item", "int8_start")
    clone.commit("int8's start")


def main(
    prepare: Callable[[Path], None] = pipeline,
    command: Iterable[str] = COMMAND,
    timed: Iterable[str] = TIMED,
    longest: float = LONGEST,
) -> None:
    """prepare makes the project in a folder that is there; the others as above, to try this program itself."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the clones and all output")
    given = parser.parse_args()
    folder = (given.keep or Path(tempfile.mkdtemp(prefix="kills-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PATH"] = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
    report = Report()
    try:
        run_all(folder, given.kills, random.Random(given.seed), prepare, command, timed, longest, report)
    finally:
        for process in left(folder):  # where this program was stopped
            process.kill()
    say_all(report, timed)
    if report.failures:
        sys.exit(f"{len(report.failures)} failures; the clones and all output are in {folder}")
    if not given.keep:
        shutil.rmtree(folder)


def run_all(folder, kills, chance, prepare, command, timed, longest, report) -> None:
    """All of it, in a folder."""
    fresh, calm, killed = (folder / name for name in ("fresh", "calm", "killed"))
    for path in (fresh, calm, killed):
        shutil.rmtree(path, ignore_errors=True)
    fresh.mkdir()
    prepare(fresh)
    shutil.copytree(fresh, calm, symlinks=True)
    run = Run(calm, command, folder / "calm.txt")
    if run.process.wait():
        report.fail(f"the undisturbed run: exit code {run.process.returncode}\n{run.text()[-3000:]}")
        return
    print(f"undisturbed: {len(run.stages())} stages in {run.seconds():.0f} s", flush=True)
    report.known = set(run.stages())
    number = failed = runs = 0
    for _ in range(kills + 1):  # rounds
        shutil.rmtree(killed, ignore_errors=True)
        shutil.copytree(fresh, killed, symlinks=True)
        started, hit = Counter(), Counter()
        while True:
            runs += 1
            run = Run(killed, command, folder / f"run{runs}.txt")
            plan = Plan.drawn(number, chance, longest)
            said = kill(run, plan, killed) if number < kills else None
            if said is None:
                code = run.process.wait()
                started.update(run.stages())
                read(run, report)
                if code == 0:
                    break
                report.fail(f"exit code {code} though nobody killed it\n{run.text()[-3000:]}")
                failed += 1
                if failed == 3 or number == kills:
                    return
                continue
            number, failed = number + 1, 0
            writing = unfinished(killed)
            seconds = ended(run, killed, report)
            if plan.kind == "dvc" and seconds > SOON and "dvc was stopped" not in run.text():
                report.fail(f"{run.log.name}: a stage went on for {seconds:.1f} s without its DVC")
            stage = run.running()
            started.update(run.stages())
            hit[stage] += 1
            report.stages[stage or "none"] += 1
            report.kills[plan.kind, plan.aim] += 1
            read(run, report)
            print(
                f"{time.strftime('%H:%M:%S')} kill {number} ({run.log.name}) of {plan.kind} at {plan.aim} ({said}), "
                f"running {stage or 'none'}, unfinished: {writing}; all had ended {seconds:.1f} s later",
                flush=True,
            )
        for stage, count in started.items():
            if count > 1 + hit[stage]:
                report.fail(f"{stage}: ran {count} times though only {hit[stage]} kills hit it")
        compare(calm, killed, timed, report)
        print(f"at its end after {number} kills", flush=True)
        if number == kills:
            return
    report.fail(f"only {number} kills: the runs end before they come")


def say_all(report: Report, timed: Iterable[str]) -> None:
    for kind in KINDS:
        aims = {aim: count for (other, aim), count in sorted(report.kills.items()) if other == kind}
        said = ", ".join(f"{count} at {aim}" for aim, count in aims.items())
        print(f"kills of {kind}: {sum(aims.values())} ({said})")
    print(f"running when it was killed: {', '.join(f'{k} {v}' for k, v in sorted(report.stages.items()))}")
    missed = sorted(report.known - report.stages.keys())
    print(f"never running then: {', '.join(missed) or 'none'}")
    print("mended: " + ("".join(f"\n  {v} x {k}" for k, v in report.mended.most_common()) or "nothing"))
    print(f"compared: {report.compared} files and entries of dvc.lock, without {', '.join(timed) or 'none'}")
    print(f"failures: {len(report.failures)}")
    for text in report.failures:
        print(f"  {text.splitlines()[0]}")


if __name__ == "__main__":
    main()
