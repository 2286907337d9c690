"""Studies: their statistics by hand, what they refuse, and the command in a real repository with a queue."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from dvc.utils.hydra import apply_overrides
from scipy import stats

from stages import study
from stages.common import machine
from stages.common.errors import UserError
from stages.common.evidence import experiments
from stages.common.evidence.catalogue import LARGE_STEPS, NETWORKS, SMALL_STEPS
from stages.common.evidence.experiments import require_repository, tracked
from stages.common.evidence.studies import (
    Run,
    claims_over,
    experiment_name,
    flat,
    networks_over,
    read_run,
    require_alike,
)
from stages.common.params import load
from tests.graph import ROOT

PYTHON = Path(sys.executable).parent  # with dvc beside it
FACTS = {"prune.rate": 0.95, "photos of data.source": "abc.dir", "threads": 2}


def runs(differences: list[float], test: bool = True) -> list[Run]:
    """A run for each difference, which is the first claim's; the second claim's is ten times as large."""
    made = []
    for seed, d in enumerate(differences):
        claims = pd.DataFrame(
            {"claim": ["It helps", "It helps much"], "epochs": 12, "difference": [d, 10 * d]}
        )
        if test:
            claims["test_difference"] = claims["difference"] - 0.01
        accuracy = {"val_accuracy": 0.5 + d, "test_accuracy": 0.4 + d if test else np.nan}
        rows = {"cnn": accuracy | {"params": 100, "size_kib": 0.5, "epochs": 12 + 3 * seed}}
        made.append(Run(seed, FACTS, pd.DataFrame(rows).T, claims.set_index("claim")))
    return made


def test_a_claim_over_seeds_by_hand():
    row = claims_over(runs([0.03, 0.01, 0.02])).iloc[0]
    half = stats.t.ppf(0.975, 2) * 0.01 / np.sqrt(3)
    assert (row["claim"], row["epochs"], row["n"], row["seeds"]) == ("It helps", 12, 3, "0 1 2")
    assert row["difference"] == pytest.approx(0.02)
    assert (row["low"], row["high"]) == pytest.approx((0.02 - half, 0.02 + half))
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(0.02 / (0.01 / np.sqrt(3)), 2))
    assert row["each"] == "0.030000 0.010000 0.020000"
    assert row["test_difference"] == pytest.approx(0.01)
    assert row["test_each"] == "0.020000 0.000000 0.010000"


def test_columns_of_a_study():
    ends = ["difference", "low", "high", "p_value", "verdict", "each"]
    head = ["claim", "epochs", "n", "seeds"]
    assert list(claims_over(runs([0.1, 0.2]))) == [*head, *ends, *(f"test_{end}" for end in ends)]
    assert list(claims_over(runs([0.1, 0.2], test=False))) == [*head, *ends]


def test_verdicts_of_a_study_hold_together():
    """Two claims, p 0.04 each: alone either would hold, and together neither does."""
    values = np.array([0.00, 0.03, 0.02, 0.06, 0.04])
    table = claims_over(runs(list(values)))
    assert table["p_value"].between(0.025, 0.05).all()
    assert (table["low"] > 0).all()
    assert (table["verdict"] == "not decided").all()
    sure = claims_over(runs([0.02, 0.021, 0.022]))
    assert (sure["verdict"] == "holds").all()
    assert (claims_over(runs([-0.02, -0.021, -0.022]))["verdict"] == "does not").all()
    # The test photos are a family of their own.
    assert (sure["test_verdict"] == ["holds", "holds"]).all()


def test_two_equal_seeds_say_nothing_of_their_spread():
    row = claims_over(runs([0.02, 0.02])).iloc[0]
    assert row["verdict"] == "not decided"
    assert pd.isna(row["low"])
    assert row["p_value"] == 1


def test_a_claim_that_a_seed_does_not_judge_is_left_out():
    first, second = runs([0.03, 0.01])
    second = second._replace(claims=second.claims.drop("It helps much"))
    assert list(claims_over([first, second])["claim"]) == ["It helps"]
    with pytest.raises(UserError, match="no claim is judged by every seed"):
        claims_over([first._replace(claims=first.claims.drop("It helps")), second])


def test_accuracies_over_seeds_by_hand():
    table = networks_over(runs([0.03, 0.01, 0.02]))
    row = table.set_index("series").loc["cnn"]
    assert row["n"] == 3
    assert row["val_accuracy"] == pytest.approx(0.52)
    assert row["test_deviation"] == pytest.approx(0.01)
    assert (row["params"], row["size_kib"], row["epochs"]) == (100, 0.5, 15)
    assert list(table) == [
        *("series", "n", "val_accuracy", "val_deviation", "test_accuracy", "test_deviation"),
        *("params", "size_kib", "epochs"),
    ]
    assert networks_over(runs([0.1, 0.2], test=False))["test_accuracy"].isna().all()


@pytest.mark.parametrize(
    ("fact", "value", "said"),
    [
        ("threads", 1, "seed 1: threads is 1, and 2 for the others"),
        ("photos of data.source", "def.dir", "seed 1: photos of data.source is def.dir, and abc.dir for"),
        ("prune.rate", 0.8, r"seed 1: prune\.rate is 0\.8, and 0\.95 for the others"),
    ],
)
def test_what_differs_is_named(fact, value, said):
    first, second = runs([0.03, 0.01])
    require_alike({"a": first, "b": second}, {"prune.rate": 0.95})
    with pytest.raises(UserError, match=said):
        require_alike({"a": first, "b": second._replace(facts=FACTS | {fact: value})}, {"prune.rate": 0.95})


def test_an_experiment_is_named_after_all_but_the_seed():
    name = experiment_name(3, FACTS)
    assert name.startswith("seed-3-")
    assert name == experiment_name(3, dict(reversed(FACTS.items())))
    assert name != experiment_name(3, FACTS | {"threads": 1})
    assert flat({"a": {"b": 1, "c": {"d": [2]}}, "e": 3}) == {"a.b": 1, "a.c.d": [2], "e": 3}


def written(seed: int, source: str = "data/photos", made: str = "data/sample") -> dict[str, bytes]:
    """The files of an experiment that a study reads."""
    metrics = {"val_accuracy": 0.5 + seed / 100, "params": 100, "size_kib": 0.5, "epochs": 12}
    test = {"n": 10, "cnn": 0.4, SMALL_STEPS: 0.3}
    files = {f"metrics/{name}.json": json.dumps(metrics) for name in NETWORKS}
    lock = {"sample": {"outs": [{"path": made}]}, "prepare": {"deps": [{"path": source, "md5": "abc.dir"}]}}
    parameters = {"seed": seed, "data": {"source": f"{source}/"}, "pretrain": {"source": made}}
    files |= {
        "metrics/test.json": json.dumps(test),
        "metrics/run.json": json.dumps({"device": "cpu", "precision": "fp32", "threads": 2, "torch": "2"}),
        "params.yaml": json.dumps(parameters),
        "dvc.lock": json.dumps({"stages": lock}),
        "plots/claims.csv": "claim,difference,epochs\nIt helps,0.02,12\n",
        "plots/equal_size.csv": "series,val_accuracy,params,size_kib,epochs\n"
        f"{SMALL_STEPS},0.6,90,0.4,26\n{LARGE_STEPS},0.5,90,0.4,26\n",
    }
    return {path: text.encode() for path, text in files.items()}


def test_a_run_is_read_whole():
    run = read_run(written(7).__getitem__)
    assert run.seed == 7
    assert run.facts == {
        "data.source": "data/photos/", "pretrain.source": "data/sample", "photos of data.source": "abc.dir",
        "device": "cpu", "precision": "fp32", "threads": 2, "torch": "2",
    }  # fmt: skip
    assert list(run.networks.index) == [*NETWORKS, SMALL_STEPS, LARGE_STEPS]
    assert list(run.networks.loc[SMALL_STEPS]) == [0.6, 90, 0.4, 26, 0.3]
    assert run.networks.loc["cnn", "val_accuracy"] == pytest.approx(0.57)
    assert pd.isna(run.networks.loc["final", "test_accuracy"])
    assert run.claims.loc["It helps", "difference"] == 0.02


@pytest.mark.parametrize("source", ["data/sample", "data/sample/training", "./data/sample/"])
def test_photos_that_a_stage_draws_may_differ(source):
    assert "photos of data.source" not in read_run(written(0, source).__getitem__).facts


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with code, as require_repository wants it; a function that runs git in it."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("GIT_") or name == "EMAIL"]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def git(*words: str) -> None:
        subprocess.run(["git", *words], check=True, capture_output=True)

    git("init", "-q")
    git("config", "user.name", "tester")
    git("config", "user.email", "tester@example.org")
    Path("stages").mkdir()
    Path("stages/train.py").write_text("train\n")
    Path("requirements.txt").write_text("\n")
    Path("dvc.yaml").write_text("stages: {sample: {outs: [data/sample]}}\n")
    git("add", ".")
    git("commit", "-q", "-m", "all")
    return git


def test_what_decides_results_must_be_committed(repository):
    require_repository()
    Path("README.md").write_text("more\n")
    require_repository()
    Path("stages/train.py").write_text("train harder\n")
    with pytest.raises(UserError, match=r"stages/train\.py: not as in the last commit"):
        require_repository()
    repository("checkout", "stages")
    Path("stages/new.py").write_text("new\n")
    with pytest.raises(UserError, match=r"stages/new\.py: not as in the last commit"):
        require_repository()


def test_git_must_know_who_commits(repository):
    repository("config", "--unset", "user.name")
    with pytest.raises(UserError, match=r"git config user\.name NAME"):
        require_repository()


def test_an_archive_without_git_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no git repository"):
        require_repository()


def test_photos_must_be_where_experiments_find_them(repository, tmp_path):
    def photos(source: str) -> str:
        return tracked("data.source", source)

    for drawn in ("data/sample", "data/sample/", "data/sample/training"):
        assert photos(drawn) == ""
    assert photos(str(tmp_path)) == ""
    with pytest.raises(UserError, match=r"data\.source = /nowhere: does not exist"):
        photos("/nowhere")
    with pytest.raises(UserError, match="give an absolute path"):
        photos("../photos")
    Path("data/mine").mkdir(parents=True)
    Path("data/mine/a.jpg").write_text("a\n")
    with pytest.raises(UserError, match=r"run `dvc add data/mine` and `git add data/mine\.dvc`"):
        photos("data/mine")
    # What `dvc add` does.
    Path("data/.gitignore").write_text("/mine\n")
    Path("data/mine.dvc").write_text("outs: [{md5: a.dir, path: mine}]\n")
    with pytest.raises(UserError, match=r"data/mine\.dvc is not in git; run `git add data/mine\.dvc`"):
        photos("data/mine")
    repository("add", "data/mine.dvc")
    first = photos("data/mine")
    assert photos("data/mine/soup") == first
    Path("data/mine.dvc").write_text("outs: [{md5: b.dir, path: mine}]\n")
    assert photos("data/mine") != first
    Path("own").mkdir()
    Path("own/a.jpg").write_text("a\n")
    repository("add", "own")
    assert photos("own")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", ""], "SEEDS=: expected two whole numbers or more"),
        (["--seeds", "0"], "SEEDS=0: expected two whole numbers or more"),
        (["--seeds", "1,1"], "SEEDS=1,1: expected two whole numbers or more"),
        (["--seeds", "1,b"], "SEEDS=1,b: expected two whole numbers or more"),
        (["--seeds", "0,1.5"], r"SEEDS=0,1\.5: expected two whole numbers or more"),
        (["--seeds", "0,1", "--jobs", "0"], "JOBS=0: expected a whole number >= 1"),
        (["--seeds", "0,1", "--name", "a/b"], "NAME=a/b: expected letters, digits"),
        (["--seeds", "0,1", "--params", "no.yaml"], r"no\.yaml: no such file"),
    ],
)
def test_wrong_words_are_one_line(words, said, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["study", *words])
    with pytest.raises(UserError, match=said):
        study.main()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([], "sample"),
        (["--params", "params.grocery.yaml"], "grocery"),
        (["--params", "own/mine.yaml"], "mine"),
        (["--params", "params.grocery.yaml", "--name", "bf16"], "bf16"),
    ],
)
def test_a_study_is_named_after_its_parameters(words, name, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["study", "--seeds", "2,0,1", *words])
    given = study.arguments()
    assert (given.name, given.seeds) == (name, [0, 1, 2])


class Queue:
    """DVC's queue without DVC: what each of its attempts makes of the experiments that it holds."""

    def __init__(self, monkeypatch, *attempts: dict[str, str], status: dict[str, str] | None = None):
        self.attempts, self.status, self.commands = list(attempts), dict(status or {}), []
        self.alive = bool(status)
        for name in ("command", "statuses", "working", "finished"):
            monkeypatch.setattr(experiments, name, getattr(self, name))
        for name in ("POLL", "LEAST_SECONDS"):
            monkeypatch.setattr(experiments, name, 0)

    def command(self, *words: str) -> str:
        self.commands.append(" ".join(words[1:]))
        if words[:3] == ("dvc", "exp", "run"):
            self.status[words[5]] = "Queued"
        if words[:3] == ("dvc", "queue", "start"):
            self.status |= self.attempts.pop(0)
            self.alive = True
        return ""

    def statuses(self) -> dict[str, str]:
        return dict(self.status)

    def working(self) -> bool:
        self.alive, was = False, self.alive
        return was

    def finished(self, name: str) -> str | None:
        return "commit" if self.status.get(name) == "Success" else None


WANTED = {"seed-0-a": ["seed=0"], "seed-1-a": ["seed=1", "student.epochs=3"]}


def test_what_is_missing_is_queued_with_its_parameters(monkeypatch, capsys):
    queue = Queue(monkeypatch, {"seed-1-a": "Success"}, status={"seed-0-a": "Success"})
    experiments.run(WANTED, 2)
    assert queue.commands == [
        "exp run --queue --name seed-1-a -S seed=1 -S student.epochs=3", "queue start --jobs 2"
    ]  # fmt: skip
    assert "seed-1-a: done" in capsys.readouterr().out
    experiments.run(WANTED, 2)
    assert len(queue.commands) == 2


def test_a_seed_that_fails_is_named(monkeypatch):
    Queue(monkeypatch, {"seed-0-a": "Success", "seed-1-a": "Failed"})
    with pytest.raises(UserError, match="seed-1-a failed; `dvc queue logs seed-1-a` says why"):
        experiments.run(WANTED, 1)


def test_what_failed_before_is_tried_again(monkeypatch):
    queue = Queue(monkeypatch, dict.fromkeys(WANTED, "Success"), status=dict.fromkeys(WANTED, "Failed"))
    experiments.run(WANTED, 1)
    assert [words.split()[1] for words in queue.commands] == ["remove", "run", "remove", "run", "start"]


def test_a_queue_that_stops_is_started_again(monkeypatch, capsys):
    first, second = {"seed-0-a": "Success", "seed-1-a": "Running"}, {"seed-1-a": "Success"}
    queue = Queue(monkeypatch, first, second)
    experiments.run(WANTED, 1)
    # What ran when it stopped is queued anew.
    assert queue.commands[-4:-1] == [
        "queue kill --force seed-1-a", "queue remove seed-1-a",
        "exp run --queue --name seed-1-a -S seed=1 -S student.epochs=3",
    ]  # fmt: skip
    assert "started again" in capsys.readouterr().out


def test_a_queue_that_always_stops_is_one_line(monkeypatch):
    queue = Queue(monkeypatch, {}, {}, {})
    with pytest.raises(UserError, match="DVC's queue stopped 3 times; the same command goes on"):
        experiments.run(WANTED, 1)
    assert sum("exp run" in words for words in queue.commands) == 2  # they stay queued


def test_a_running_experiment_is_left_alone(monkeypatch):
    queue = Queue(monkeypatch, dict.fromkeys(WANTED, "Success"), status=dict.fromkeys(WANTED, "Running"))
    experiments.run(WANTED, 1)
    assert queue.commands == ["queue start --jobs 1"]


def test_a_worker_is_known_by_its_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not experiments.working()
    file = tmp_path / ".dvc/tmp/exps/celery/dvc-exp-worker-1.pid"
    file.parent.mkdir(parents=True)
    words = [sys.executable, "-c", "print(flush=True); input()", "dvc"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        file.write_text(str(process.pid))
        assert experiments.working()
        process.kill()
        process.wait()
    assert not experiments.working()
    file.write_text(str(os.getppid()))  # another's process, which has the number now
    assert not experiments.working() or not Path("/proc").exists()
    file.write_text("")
    assert not experiments.working()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.source", "/photos/my own (2), all/x=1.zip"),
        ("data.source", 'Früh "stücke"'),
        ("data.source", "010"),
        ("augment.rotation", 0.00001),
        ("augment.flip", False),
        ("prune.reference_rates", [0.9, 0.8]),
        ("student.epochs", 3),
    ],
)
def test_dvc_takes_the_parameters_as_they_are(key, value, tmp_path, monkeypatch):
    """By DVC's own reader of -S."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    parameters = flat(load().model_dump()) | {key: value}
    changed = study.changes(parameters)
    assert len(changed) == 1
    apply_overrides("params.yaml", changed)
    assert flat(load().model_dump()) == parameters


TRAIN = """
import os, pathlib, yaml
params = yaml.safe_load(open("params.yaml"))
for path in ("model.txt", "data/sample", "data/upstream"):
    pathlib.Path(path).parent.mkdir(exist_ok=True)
    pathlib.Path(path).write_text(f"made by {params['seed']}")
with open(os.environ["LOG"], "a") as log:
    print(params["seed"], file=log)
"""
# Waits while there is a file, so that it can be killed at its work.
TOY = """
import json, os, pathlib, time, yaml
params = yaml.safe_load(open("params.yaml"))
seed = params["seed"]
while seed == 2 and os.path.exists(os.environ["HOLD"]):
    pathlib.Path(os.environ["HOLD"]).write_text("waiting")
    time.sleep(0.1)
for path, content in FILES[seed].items():
    pathlib.Path(path).parent.mkdir(exist_ok=True)
    pathlib.Path(path).write_text(content)
assert params["prune"]["reference_rates"] == [0.9, 0.8]
assert float(params["augment"]["rotation"]) == 0.00001
"""


def made(seed: int) -> dict[str, str]:
    """The files that the toy's second stage writes."""
    files = {path: content.decode() for path, content in written(seed).items() if "/" in path}
    rows = f"claim,difference,epochs,test_difference\nIt helps,{0.02 + seed / 100},12,{seed / 100}\n"
    latency = 'machine,versions\nA computer,"torch 2, onnxruntime 1"\n'
    return files | {"plots/claims.csv": rows, "plots/latency.csv": latency}


class Toy:
    """A repository of two stages that write every result at once, and another set of parameters."""

    def __init__(self, folder: Path):
        self.folder, self.log, self.hold = folder, folder.with_suffix(".log"), folder.with_suffix(".hold")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DVC_"))}
        self.environment |= {"PATH": f"{PYTHON}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        self.environment |= {"LOG": str(self.log), "HOLD": str(self.hold)}
        # As the made-up results say.
        self.environment |= {"COMPRESS_DEVICE": "cpu", "COMPRESS_PRECISION": "fp32", "COMPRESS_WORKERS": "2"}
        (folder / "stages").mkdir(parents=True)
        (folder / "stages/train.py").write_text(TRAIN)
        files = {seed: made(seed) for seed in (0, 2)}
        (folder / "stages/toy.py").write_text(TOY.replace("FILES", repr(files)))
        (folder / "requirements.txt").write_text("\n")
        parameters = load(ROOT / "params.yaml").model_dump()
        (folder / "params.yaml").write_text(yaml.safe_dump(parameters))
        parameters["prune"]["reference_rates"] = [0.9, 0.8]
        parameters["augment"]["rotation"] = 0.00001
        (folder / "params.other.yaml").write_text(yaml.safe_dump(parameters))
        metrics, plots = (
            "".join(f"      - {path}: {{cache: false}}\n" for path in files[0] if path.startswith(kind))
            for kind in ("metrics", "plots")
        )
        (folder / "dvc.yaml").write_text(
            "stages:\n  train:\n    cmd: python stages/train.py\n    deps: [stages/train.py]\n"
            "    params: [seed]\n    outs: [model.txt, data/sample, data/upstream]\n"
            "  toy:\n    cmd: python stages/toy.py\n    deps: [stages/toy.py, model.txt]\n"
            f"    params: [augment, prune, seed]\n    metrics:\n{metrics}    plots:\n{plots}"
        )
        for command in (
            "git init -q -b main",
            "git config user.name tester",
            "git config user.email tester@example.org",
            "dvc init -q",
            "git add --all",
            "git commit -q -m toy",
        ):
            self.run(*command.split())

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def trained(self) -> list[str]:
        """The seeds in the order in which they were trained."""
        return self.log.read_text().split()


STUDY = ("python", "-m", "stages.study", "--params", "params.other.yaml", "--seeds")


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Toy:
    """Where a study of the seeds 0 and 2 was killed in the second stage of seed 2."""
    toy = Toy(tmp_path_factory.mktemp("toy") / "repository")
    toy.hold.touch()
    process = subprocess.Popen(
        [*STUDY, "0,2"], cwd=toy.folder, env=toy.environment, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while toy.hold.read_text() != "waiting":
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    # DVC's worker and what it runs have left the group: their numbers are in files.
    for file in filter(experiments.alive, (toy.folder / ".dvc/tmp/exps").rglob("*.pid")):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGKILL)
    process.wait()
    toy.hold.unlink()
    return toy


@pytest.fixture
def toy(killed, monkeypatch) -> Toy:
    """The same, with this process in it."""
    monkeypatch.chdir(killed.folder)
    for variable in os.environ.keys() - killed.environment.keys():
        monkeypatch.delenv(variable)
    for variable, value in killed.environment.items():
        monkeypatch.setenv(variable, value)
    threads = torch.get_num_threads()
    yield killed
    torch.set_num_threads(threads)


def run_study(seeds: str) -> None:
    """What `STUDY` does, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["study", *STUDY[3:], seeds])
        study.main()


@pytest.mark.slow
def test_a_study_goes_on_where_it_was_killed_and_trains_nothing_twice(toy, capsys):
    said = "studies/other: 2 seeds, 1 claims: 1 not decided\n"
    run_study("0,2")
    assert toy.trained() == ["0", "2"]
    assert capsys.readouterr().out.endswith(said)
    run_study("0,2")
    assert capsys.readouterr().out == said
    # The parameters are those of the file, and this folder's are as they were.
    assert toy.run("git", "status", "--porcelain", "params.yaml") == ""


@pytest.mark.slow
def test_what_a_study_leaves(toy):
    folder = Path("studies/other")
    row = pd.read_csv(folder / "claims.csv").iloc[0]
    assert (row["seeds"], row["each"]) == ("0 2", "0.020000 0.040000")
    assert row["test_each"] == "0.000000 0.020000"
    networks = pd.read_csv(folder / "networks.csv").set_index("series")
    assert networks.loc["cnn", "val_accuracy"] == pytest.approx(0.51)
    assert networks.loc[SMALL_STEPS, "params"] == 90
    assert (folder / "params.yaml").read_bytes() == Path("params.other.yaml").read_bytes()
    assert (folder / "seeds.png").read_bytes().startswith(b"\x89PNG")
    assert "A computer" in (folder / "latency.csv").read_text()
    assert json.loads((folder / "study.json").read_text()) == {
        "name": "other",
        "revision": toy.run("git", "rev-parse", "HEAD").strip(),
        "seeds": [0, 2],
        "source": "data/sample",
        "machine": machine.name(),
        "times_of": "A computer",
        "device": "cpu",
        "precision": "fp32",
        "threads": 2,
        "versions": {"torch": "2", "onnxruntime": "1"},
    }


@pytest.mark.slow
def test_one_more_seed_needs_the_settings_of_the_others(toy, monkeypatch, capsys):
    monkeypatch.setenv("COMPRESS_WORKERS", "1")
    with pytest.raises(UserError, match=r"seed-0-\w+: made with threads 2, while here "):
        run_study("0,2,3")
    assert "queued" not in capsys.readouterr().out
