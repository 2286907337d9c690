"""The whole graph, as a user runs it: in a clone, through DVC, at tiny settings."""

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.evidence.catalogue import LARGE_STEPS, METRICS, NETWORKS, SMALL_STEPS, Catalogue
from stages.common.evidence.predictions import Predictions, read_predictions
from stages.common.networks.costs import parameters
from stages.common.networks.model_files import load_model
from stages.common.training.accuracy import wilson
from tests.graph import ROOT

LAST = 197_508  # parameters at tiny.yaml's min_width
SIZES = {
    "teacher_scratch": 11_182_155,
    "teacher_pretrained": 11_182_155,
    "cnn": 2_168_203,
    "cnn_pruned": 254_038,
    "student_scratch": 256_779,
    "student_distilled_scratch": 256_779,
    "student_distilled_pretrained": 256_779,
    "student_finetuned": 256_779,
    "pruned": LAST,
    "pruned_one_shot": LAST,
    "pruned_from_scratch": LAST,
    "quantized": 256_779,
    "cnn_quantized": 2_168_203,
    "onnx_fp32": 256_779,
    "onnx_int8": 256_779,
}
pytestmark = pytest.mark.slow  # a whole run at tiny settings

CUT = ("cnn_pruned", "pruned", "pruned_one_shot", "factorized")
EPOCHS = {  # own and of what it started from, at tiny.yaml's settings
    **dict.fromkeys(("teacher_scratch", "teacher_pretrained", "cnn"), 1),
    **dict.fromkeys(("pruned", "pruned_one_shot", "pruned_from_scratch", "student_finetuned"), 4),
}  # all others 2


class Clone:
    """A clone of the working tree with its own DVC cache."""

    def __init__(self, folder: Path):
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in listed.stdout.splitlines():
            result = name.startswith(("metrics/", "plots/")) and not name.startswith("plots/.git")
            if (ROOT / name).is_file() and name != "dvc.lock" and not result:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        shutil.copy(ROOT / "tests/tiny.yaml", folder / "params.yaml")
        self("git", "init", "-q", "-b", "main")
        self("git", "config", "user.name", "tester")
        self("git", "config", "user.email", "tester@example.org")
        self.commit("tiny")

    def __call__(self, *command: str, ok: bool = True) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DVC_"))}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        text = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, text
        return text

    def commit(self, message: str) -> None:
        self("git", "add", "--all")
        self("git", "commit", "-q", "-m", message)

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text())

    def csv(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / name)


def ran(text: str) -> list[str]:
    """The stages that DVC ran, by its own words."""
    return [line.split("'")[1] for line in text.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Clone:
    clone = Clone(tmp_path_factory.mktemp("clone"))
    clone.first = clone("dvc", "repro")
    clone.commit("results")
    return clone


def test_every_stage_ran_and_git_and_dvc_are_satisfied(clone):
    assert len(ran(clone.first)) == 30  # the rate 0.9 comes twice and makes one stage
    assert clone("git", "status", "--porcelain") == ""
    assert ran(clone("dvc", "repro")) == []


@pytest.mark.parametrize("name", NETWORKS)
def test_metrics_are_of_the_model_they_name(clone, name):
    metrics = clone.json(f"metrics/{name}.json")
    assert metrics.keys() == set(METRICS) | ({"val_accuracy_before_finetune"} if name in CUT else set())
    path = clone.folder / NETWORKS[name].path
    assert metrics["size_kib"] == round(path.stat().st_size / 1024, 2)
    photos = np.load(clone.folder / "data/prepared/validation.npy")
    labels = np.load(clone.folder / "data/prepared/validation_labels.npy")
    if path.suffix == ".onnx":
        predicted = OnnxModel(path).predict(photos).argmax(1)
    else:
        model = load_model(path)
        assert metrics["params"] == parameters(model)
        x = (photos / 255 - model.card.mean) / model.card.std
        with torch.inference_mode():
            predicted = model(torch.from_numpy(x).float().permute(0, 3, 1, 2)).argmax(1).numpy()
    if name != "final":
        assert metrics["epochs"] == EPOCHS.get(name, 2)
    if name == "factorized":
        assert 0.99 * 256_779 < metrics["params"] <= 256_779
    elif name != "final":  # the smallest that loses little, whichever that is
        assert metrics["params"] == SIZES[name]
    right = int((predicted == labels).sum())
    low, high = wilson(right, len(labels))
    assert [metrics[k] for k in ("val_accuracy", "val_low", "val_high")] == pytest.approx(
        [right / len(labels), low, high], abs=1e-5
    )


def test_test_accuracy_is_of_the_test_photos(clone):
    test = clone.json("metrics/test.json")
    assert test["n"] == 33
    assert test.keys() == {"n", *NETWORKS, SMALL_STEPS, LARGE_STEPS}
    for name in NETWORKS:
        said = answers(clone, name, "test")
        assert len(said.labels) == 33
        assert test[name] == pytest.approx(said.right.mean(), abs=1e-6)


def answers(clone, name: str, split: str = "validation") -> Predictions:
    with contextlib.chdir(clone.folder):
        return read_predictions(name, split)


def test_predictions_are_of_every_network_and_agree_with_its_metrics(clone):
    for name in NETWORKS:
        said = answers(clone, name)
        assert said.right.mean() == pytest.approx(
            clone.json(f"metrics/{name}.json")["val_accuracy"], abs=1e-6
        )
        assert said.probabilities.sum(1) == pytest.approx(np.ones(33), abs=1e-5)
    for rate, name in ((0.95, SMALL_STEPS), (0.9, LARGE_STEPS)):
        last = clone.csv(f"models/pruned/{rate}/steps.csv").iloc[-1]
        assert answers(clone, name).right.mean() == pytest.approx(last["val_accuracy"], abs=1e-6)


def test_claims_follow_from_the_predictions(clone):
    table = clone.csv("plots/claims.csv")
    assert list(table)[:6] == ["claim", "better", "worse", "difference", "low", "high"]
    assert len(table) == 13
    verdicts = np.where(table["low"] > 0, "holds", np.where(table["high"] < 0, "does not", "not decided"))
    assert list(table["verdict"]) == list(verdicts)
    row = table.set_index("claim").loc["Pretraining helps the teacher"]
    better, worse = answers(clone, "teacher_pretrained").right, answers(clone, "teacher_scratch").right
    assert row["difference"] == pytest.approx(better.mean() - worse.mean(), abs=1e-6)
    assert (row["n"], row["test_n"]) == (33, 33)


def test_every_rate_and_control_ends_at_one_size_with_as_many_epochs(clone):
    steps = clone.csv("plots/pruning.csv")
    small, large = (steps[steps["series"] == f"rate {rate}"] for rate in ("0.95", "0.9"))
    assert list(small["params"])[:4] == [256_779, 236_066, 217_850, 200_354]
    assert list(large["params"])[:2] == [256_779, 216_518]
    assert list(small["width"])[-1] == list(large["width"])[-1] == 0.85
    assert list(small["epochs"]) == [2, 2, 3, 3, 4]
    assert list(large["epochs"]) == [2, 3, 4]
    ends = [rows.iloc[-1] for rows in (small, large)] + [
        steps[steps["series"] == control].iloc[0] for control in ("one shot", "from scratch")
    ]
    assert {(end["params"], end["epochs"]) for end in ends} == {(LAST, 4)}


def test_plots_hold_what_dvc_draws(clone):
    steps = clone.csv("plots/pruning.csv")
    columns = "series,rate,step,width,params,macs,epochs,val_accuracy,val_low,val_high"
    assert list(steps) == [*columns.split(","), "val_accuracy_before_finetune"]
    assert list(steps["series"].unique()) == ["rate 0.95", "rate 0.9", "one shot", "from scratch", "not cut"]
    assert clone.csv("plots/training.csv")["series"].nunique() == 11
    tradeoff = clone.csv("plots/tradeoff.csv")
    assert set(tradeoff["series"]) == set(NETWORKS)
    assert tradeoff["frontier"].any()
    assert not tradeoff["frontier"].all()
    assert set(clone.csv("plots/quantization.csv")["bits"]) == {32, 16, 8, 6, 4, 3}
    assert set(clone.csv("plots/sensitivity.csv")["series"]) == {f"blocks.{i}.pointwise" for i in range(3, 7)}
    assert len(clone.csv("plots/equal_size.csv")) == 9
    assert clone.csv("plots/latency.csv")["machine"].nunique() == 1
    flips = clone.csv("data/flips.csv")
    student = Catalogue("pretrained", (0.95, 0.9)).student
    lost = flips[(flips["before"] == student) & (flips["after"] == "pruned") & (flips["change"] == "lost")]
    assert len(lost) == (answers(clone, student).right & ~answers(clone, "pruned").right).sum()
    assert len(clone.csv("plots/confusion.csv")) == 33


def test_the_final_network_has_no_better_one_of_its_size_or_under(clone):
    tried = clone.csv("models/final/candidates.csv")
    (final,) = tried[tried["chosen"]].to_dict("records")
    assert clone.json("metrics/final.json")["val_accuracy"] == pytest.approx(final["val_accuracy"], abs=1e-6)
    rivals = tried[tried["size_kib"] <= final["size_kib"]]
    assert (rivals["val_accuracy"] <= final["val_accuracy"]).all()
    assert {"pruned_one_shot", "pruned_from_scratch"} <= set(tried["candidate"])


def test_what_networks_were_made_with_is_recorded(clone):
    run = clone.json("metrics/run.json")
    assert (run["device"], run["precision"]) == ("cpu", "fp32")
    assert run["threads"] >= 1


def test_networks_of_other_settings_are_not_put_together(clone, monkeypatch):
    """One thread more than the others were trained with: one line that says which, and nothing trains."""
    threads = clone.json("metrics/run.json")["threads"] + 1
    monkeypatch.setenv("COMPRESS_WORKERS", str(threads))
    text = clone("dvc", "exp", "run", "-S", "prune.rate=0.87", ok=False)
    assert "set COMPRESS_WORKERS to the former" in text
    assert "Traceback" not in text
    clone("git", "restore", ".")
    clone("dvc", "checkout")


def test_dvc_plots_show_a_page_that_needs_no_internet(clone):
    clone("python", "-m", "stages.plots_page")
    clone("dvc", "plots", "show")
    page = (clone.folder / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert 'src="http' not in page
    assert "vegaEmbed" in page
    for title in ("Pruning step by step", "Training", "Accuracy against size", "rate 0.95"):
        assert title in page


def test_another_rate_reruns_only_what_shows_it(clone):
    clone("git", "switch", "-q", "-c", "other")
    text = clone("dvc", "exp", "run", "-S", "prune.rate=0.8")
    assert ran(text) == ["prune@0.8", "export_pruned", "evaluate", "report"]
    assert list(clone.csv("plots/pruning.csv")["series"].unique())[:3] == [
        "rate 0.95",
        "rate 0.9",
        "rate 0.8",
    ]
    clone.commit("rate 0.8")
    # At these settings every rate ends at one size, and 33 photos may tell no difference.
    assert "metrics/pruned.json" in clone("dvc", "metrics", "diff", "--all", "main", "other")
    assert "prune.rate" in clone("dvc", "params", "diff", "main", "other")
    clone("git", "switch", "-q", "main")
    clone("dvc", "checkout")
    assert ran(clone("dvc", "repro")) == []


def test_other_bits_rerun_only_what_shows_them(clone):
    text = clone("dvc", "exp", "run", "-S", "quantize.bits=4")
    assert ran(text) == ["export_quantized", "evaluate", "claims", "report"]
    whole, small = (
        clone.json("metrics/student_distilled_pretrained.json"),
        clone.json("metrics/quantized.json"),
    )
    assert small["size_kib"] < whole["size_kib"] / 5
    clone("git", "restore", ".")
    clone("dvc", "checkout")


def test_another_importance_reruns_only_what_it_decides(clone):
    params = clone.folder / "params.yaml"
    params.write_text(params.read_text().replace("importance: bn_gamma", "importance: l1"))
    stages = {name.split("@")[0] for name in ran(clone("dvc", "repro", "--dry"))}
    clone("git", "restore", ".")
    # A dry run does not follow what the outputs of these will change.
    assert stages == {"prune", "prune_control", "prune_once", "sensitivity", "report"}
    assert ran(clone("dvc", "repro")) == []


def test_the_final_network_classifies_photos(clone):
    photos = sorted((clone.folder / "data/sample/evaluation").iterdir())[:2]
    said = json.loads(clone("python", "-m", "stages.predict", "--json", *map(str, photos)))
    assert len(said) == 2


@pytest.mark.parametrize("rate", ["2", "fast"])
def test_a_wrong_rate_is_one_line_and_nothing_is_lost(clone, rate):
    text = clone("dvc", "exp", "run", "-S", f"prune.rate={rate}", ok=False)
    assert f"error: prune.rate = {rate}: expected a number between 0 and 1" in text
    assert "Traceback" not in text
    clone("git", "restore", ".")
    assert ran(clone("dvc", "repro")) == []


def test_a_wrong_source_is_one_line_and_nothing_is_lost(clone):
    text = clone("dvc", "exp", "run", "-S", "data.source=data/nowhere", ok=False)
    assert "data/nowhere" in text
    assert "Traceback" not in text
    clone("git", "restore", ".")
    clone("dvc", "checkout")
    assert ran(clone("dvc", "repro")) == []
