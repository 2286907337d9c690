"""Several seeds: their statistics by hand, and the command in a real repository with a queue."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stages.common.evidence.catalogue import MODELS
from stages.common.evidence.studies import Run, claims_over, networks_over
from tests.graph import ROOT

PYTHON = Path(sys.executable).parent  # with dvc beside it

TRAIN = """
import os, pathlib, yaml
seed = yaml.safe_load(open("params.yaml"))["seed"]
pathlib.Path("model.txt").write_text(f"trained {seed}")
with open(os.environ["LOG"], "a") as log:
    print(seed, file=log)
"""
TOY = """
import json, pathlib, time, yaml
seed = yaml.safe_load(open("params.yaml"))["seed"]
time.sleep(float(yaml.safe_load(open("params.yaml"))["seconds"]))
pathlib.Path("metrics").mkdir(exist_ok=True)
pathlib.Path("plots").mkdir(exist_ok=True)
for name in NAMES:
    pathlib.Path(f"metrics/{name}.json").write_text(json.dumps({"val_accuracy": 0.5 + seed / 100}))
pathlib.Path("metrics/test.json").write_text(json.dumps({"n": 10, "student": 0.4 + seed / 100}))
pathlib.Path("plots/claims.csv").write_text(f"claim,difference\\nIt helps,{0.02 + seed / 100}\\n")
"""


def runs(differences: list[float]) -> list[Run]:
    return [
        Run("abc", seed, dict.fromkeys(MODELS, 0.5 + d), {"student": 0.4 + d}, {"It helps": d})
        for seed, d in enumerate(differences)
    ]


def test_a_claim_over_seeds_by_hand():
    row = claims_over(runs([0.03, 0.01, 0.02])).iloc[0]
    half = stats.t.ppf(0.975, 2) * 0.01 / np.sqrt(3)
    assert row["difference"] == pytest.approx(0.02)
    assert (row["low"], row["high"]) == pytest.approx((0.02 - half, 0.02 + half))
    assert row["deviation"] == pytest.approx(0.01)
    assert (row["n"], row["verdict"], row["decides_at"]) == (3, "not decided", 4)
    assert (row["seeds"], row["each"], row["identity"]) == ("0 1 2", "0.030000 0.010000 0.020000", "abc")


def test_a_claim_that_a_seed_does_not_judge_is_left_out():
    first, second = runs([0.03, 0.01])
    first.claims["Only here"] = 0.5
    assert list(claims_over([first, second])["claim"]) == ["It helps"]


def test_accuracies_over_seeds_by_hand():
    table = networks_over(runs([0.03, 0.01, 0.02])).set_index("series")
    assert table.loc["student", "val_accuracy"] == pytest.approx(0.52)
    assert table.loc["student", "test_deviation"] == pytest.approx(0.01)
    assert pd.isna(table.loc["cnn", "test_accuracy"])


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A repository whose one stage writes every result at once; returns how to run a command in it."""
    folder = tmp_path_factory.mktemp("toy")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DVC_"))}
    environment |= {"PATH": f"{PYTHON}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    environment["LOG"] = str(folder.with_suffix(".log"))

    def run(*command: str, ok: bool = True) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        text = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, text
        return text

    run.folder, run.environment = folder, environment
    (folder / "stages").mkdir()
    (folder / "stages/train.py").write_text(TRAIN)
    (folder / "stages/toy.py").write_text(TOY.replace("NAMES", str(list(MODELS))))
    (folder / "params.yaml").write_text("seed: 0\nseconds: 0\nprune:\n  rate: 0.9\n")
    metrics = "".join(f"      - metrics/{name}.json: {{cache: false}}\n" for name in [*MODELS, "test"])
    (folder / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: python stages/train.py\n    deps: [stages/train.py]\n"
        "    params: [seed]\n    outs: [model.txt]\n"
        "  toy:\n    cmd: python stages/toy.py\n    deps: [stages/toy.py, model.txt]\n"
        f"    params: [seed, seconds]\n    metrics:\n{metrics}"
        "    plots:\n      - plots/claims.csv: {cache: false}\n"
    )
    for command in (
        "git init -q -b main",
        "git config user.name tester",
        "git config user.email tester@example.org",
        "dvc init -q",
        "dvc config core.analytics false",
        "dvc repro",
        "git add --all",
        "git commit -q -m toy",
    ):
        run(*command.split())
    return run


def seeds(toy, *words: str, ok: bool = True) -> str:
    return toy("python", "-m", "stages.seeds", *words, ok=ok)


def table(toy) -> pd.Series:
    return pd.read_csv(toy.folder / "plots/seeds.csv", dtype={"seeds": str}).iloc[0]


def test_one_run_is_no_table(toy):
    text = seeds(toy, ok=False)
    assert "error: only seed 0 has run; `make seeds SEEDS=0,1,2` runs others" in text
    assert "Traceback" not in text


def test_missing_seeds_are_run_once_and_read_back(toy):
    text = seeds(toy, "--run", "0,2")
    assert "seed 2: queued" in text
    assert "seed 0: queued" not in text
    row = table(toy)
    assert (row["seeds"], row["each"]) == ("0 2", "0.020000 0.040000")
    assert (toy.folder / "plots/seeds.png").read_bytes().startswith(b"\x89PNG")
    assert "queued" not in seeds(toy, "--run", "0,2")
    (toy.folder / "plots/seeds.csv").unlink()
    seeds(toy)
    assert table(toy)["each"] == "0.020000 0.040000"


def test_experiments_of_other_parameters_or_code_are_left_out(toy):
    params = toy.folder / "params.yaml"
    params.write_text(params.read_text().replace("seconds: 0", "seconds: 0.01"))
    assert "params.yaml: seconds is not what toy ran with; run `dvc repro` first" in seeds(toy, ok=False)
    toy("dvc", "repro")
    assert "only seed 0 has run" in seeds(toy, ok=False)
    toy("git", "restore", ".")
    toy("dvc", "checkout")
    code = toy.folder / "stages/toy.py"
    code.write_text(code.read_text() + "# more\n")
    assert "stages/toy.py: is not what toy ran with" in seeds(toy, ok=False)
    toy("git", "restore", ".")
    seeds(toy)
    assert table(toy)["seeds"] == "0 2"


def test_what_was_killed_goes_on(toy):
    """Killed in the second stage of seed 5: the same command ends with it, and trains nothing anew."""
    params = toy.folder / "params.yaml"
    params.write_text(params.read_text().replace("seconds: 0", "seconds: 6"))
    toy("dvc", "repro")
    process = subprocess.Popen(
        ["python", "-m", "stages.seeds", "--run", "5"],
        cwd=toy.folder, env=toy.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    log = Path(toy.environment["LOG"])
    deadline = time.monotonic() + 120
    while "5" not in log.read_text().split():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(2)  # the second stage sleeps for six
    os.killpg(process.pid, signal.SIGKILL)
    # DVC's worker and what it runs have left the group: their numbers are in files.
    for file in (toy.folder / ".dvc/tmp/exps").rglob("*.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGKILL)
    process.wait()
    assert "only seed 0 has run" in seeds(toy, ok=False)
    seeds(toy, "--run", "5")
    assert table(toy)["seeds"] == "0 5"
    assert log.read_text().split().count("5") == 1


@pytest.mark.parametrize("text", ["", "1,b", "1.5"])
def test_wrong_seeds_are_one_line(toy, text):
    said = seeds(toy, "--run", text, ok=False)
    assert "expected whole numbers with commas" in said
    assert "Traceback" not in said
