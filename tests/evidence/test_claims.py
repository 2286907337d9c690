"""Claims: each is about the networks it names, trained for as many epochs, and follows from its interval."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages import claims as stage
from stages.common.evidence.catalogue import EVERYTHING, LARGE_STEPS, NETWORKS, SMALL_STEPS, Catalogue
from stages.common.evidence.claims import COLUMNS, LOSS, claims, judged, unequal
from stages.common.evidence.predictions import FOLDER, Predictions, write_predictions
from stages.common.files import write_csv, write_json
from stages.common.params import load, parsed
from tests.graph import ROOT

CATALOGUE = Catalogue("pretrained", [0.95, 0.9])
CLAIMS = claims(CATALOGUE, 8)
STUDIES = sorted((ROOT / "studies").glob("*/claims.csv"))
EQUAL = {"val_accuracy": 0.7, "epochs": 12, "params": 256_779, "size_kib": 1018.0}
N = 400


def network(right: np.ndarray) -> Predictions:
    """A network of two classes that gets the given photos right; every label is 0."""
    p = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
    return Predictions(np.arange(len(right)).astype(str), np.zeros(len(right), dtype=int), p)


def judge(networks: dict[str, np.ndarray]) -> pd.DataFrame:
    """The claims where each network gets the given photos right, the others the first half."""
    half = np.arange(N) < N // 2
    return judged(CLAIMS, lambda name: network(networks.get(name, half)), lambda name: EQUAL)


def test_every_claim_is_about_networks_there_are():
    assert len(CLAIMS) == 13
    assert {name for claim in CLAIMS for name in (claim.better, claim.worse)} <= set(EVERYTHING)


def test_what_learns_from_a_teacher_meets_the_student_of_the_same():
    better = {claim.worse: claim.better for claim in claims(Catalogue("scratch", [0.95, 0.9]), 8)}
    assert better["factorized"] == better["cnn_quantized"] == "student_distilled_scratch"
    assert better["cnn_pruned"] == "student_scratch"


def test_pruning_is_compared_with_its_controls():
    pairs = {(claim.better, claim.worse): claim for claim in CLAIMS}
    for control in (LARGE_STEPS, "pruned_one_shot", "pruned_from_scratch"):
        assert pairs[SMALL_STEPS, control].equal == "params"
    assert pairs[SMALL_STEPS, "student_finetuned"].allowance == LOSS
    assert {claim.text for claim in CLAIMS if claim.allowance} == {
        claim.text for claim in CLAIMS if claim.text.endswith("less than a point")
    }


def test_the_bits_are_those_of_the_file():
    assert "Weights of 4 bits cost less than a point" in [claim.text for claim in claims(CATALOGUE, 4)]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.text)
def test_other_epochs_are_not_compared(claim):
    more = {claim.better: EQUAL | {"epochs": 30}}
    assert unequal(claim, lambda name: EQUAL) == ""
    assert unequal(claim, lambda name: more.get(name, EQUAL)) == "30 epochs against 12"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.text)
@pytest.mark.parametrize(("times", "said"), [(1.09, True), (0.92, True), (1.2, False), (0.8, False)])
def test_a_claim_about_equal_size_needs_equal_sizes(claim, times, said):
    if not claim.equal:
        assert "equal" not in claim.text
        return
    other = {claim.worse: EQUAL | {claim.equal: EQUAL[claim.equal] * times}}
    reason = unequal(claim, lambda name: other.get(name, EQUAL))
    assert (reason == "") == said
    if times == 1.2:
        unit = {"params": "256,779 parameters against 308,135", "size_kib": "1,018 KiB against 1,222"}
        assert reason == unit[claim.equal]


def test_equals_decide_nothing_but_what_allows_a_loss():
    table = judge({})
    assert list(table) == COLUMNS
    allowed = table["claim"].str.contains("cost")
    assert (table[allowed]["verdict"] == "holds").all()
    assert (table[~allowed]["verdict"] == "not decided").all()
    assert list(table[allowed]["difference"]) == [0.01] * 3
    assert table[allowed]["p_value"].isna().all()
    assert (table["epochs"] == 12).all()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.text)
def test_a_better_network_makes_its_claims_hold_and_a_worse_one_not(claim):
    worse, better = np.arange(N) < N // 2, np.arange(N) < 3 * N // 4
    up = judge({claim.better: better, claim.worse: worse}).set_index("claim").loc[claim.text]
    down = judge({claim.better: worse, claim.worse: better}).set_index("claim").loc[claim.text]
    assert up["verdict"] == "holds"
    assert up["difference"] == pytest.approx(0.25 + claim.allowance)
    assert up["n"] == N
    assert down["verdict"] == "does not"
    assert down["difference"] == pytest.approx(-0.25 + claim.allowance)


def test_without_a_difference_claims_hold_as_seldom_as_they_should():
    """400 photos, networks of equal accuracy that err on their own: at most 2.5 % hold, and 2.5 % do not."""
    random, held, failed, runs = np.random.default_rng(1), 0, 0, 60
    for _ in range(runs):
        table = judge({name: random.random(N) < 0.7 for name in EVERYTHING})
        table = table[~table["claim"].str.contains("cost")]
        held += (table["verdict"] == "holds").mean() / runs
        failed += (table["verdict"] == "does not").mean() / runs
    assert held < 0.05
    assert failed < 0.05


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A folder with the answers and metrics of one run; a function that changes a network's metrics."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    params, random = load(), np.random.default_rng(0)
    catalogue = Catalogue(params.prune.teacher, params.prune.reference_rates)
    for name in EVERYTHING:
        splits = {
            "validation": network(random.random(50) < 0.7),
            "test": network(random.random(30) < 0.7)._replace(labels=np.repeat([0, -1], [20, 10])),
        }
        write_predictions(FOLDER, name, ["a", "b"], splits)
    for name in NETWORKS:
        write_json(f"metrics/{name}.json", EQUAL)
    for rate in catalogue.rates:
        # The first step is the student, which has fewer epochs.
        rows = pd.DataFrame([EQUAL | {"step": 0, "epochs": 3}, EQUAL | {"step": 1}])
        rows = rows.assign(val_accuracy=0.7, val_low=0.6, val_high=0.8, val_balanced_accuracy=0.7, macs=1)
        write_csv(f"models/pruned/{rate}/steps.csv", rows)
    return lambda name, **values: write_json(f"metrics/{name}.json", EQUAL | values)


def test_the_stage_judges_on_both_splits_and_names_what_it_leaves_out(run, capsys):
    run("student_finetuned", epochs=30)
    run("cnn_quantized", size_kib=2000.0)
    stage.main()
    table = pd.read_csv("plots/claims.csv")
    tested = ["test_difference", "test_low", "test_high", "test_n", "test_verdict"]
    assert list(table) == COLUMNS + tested
    assert len(table) == 11
    assert set(table["n"]) == {50}
    assert set(table["test_n"]) == {20}
    said = capsys.readouterr().out
    assert 'left out: "Pruning costs less than a point": 12 epochs against 30' in said
    assert 'left out: "Design beats quantization at equal bytes": 1,018 KiB against 2,000' in said
    assert "claims of this run: " in said


def test_unlabelled_test_photos_judge_nothing(run):
    for path in Path("data/predictions").glob("*.csv"):
        rows = pd.read_csv(path, dtype=str)
        rows.loc[rows["split"] == "test", "label"] = ""
        rows.to_csv(path, index=False)
    stage.main()
    assert list(pd.read_csv("plots/claims.csv")) == COLUMNS


def test_the_committed_run_judges_every_claim_at_equal_epochs(monkeypatch):
    monkeypatch.chdir(ROOT)
    params = load()
    catalogue = Catalogue(params.prune.teacher, params.prune.reference_rates)
    table = pd.read_csv("plots/claims.csv").set_index("claim")
    steps = pd.read_csv("plots/equal_size.csv").set_index("series")  # models/ is not in git

    def metrics(name: str):
        return catalogue.metrics(name) if name in NETWORKS else steps.loc[name]

    chosen = claims(catalogue, params.quantize.bits)
    assert list(table.index) == [claim.text for claim in chosen]
    for claim in chosen:
        assert unequal(claim, metrics) == ""
        for name in (claim.better, claim.worse):
            assert metrics(name)["epochs"] == table.loc[claim.text, "epochs"], claim.text


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.parent.name)
def test_a_study_compares_equal_epochs(path):
    table = pd.read_csv(path).set_index("claim")
    assert len(table)
    assert table["epochs"].gt(0).all()
    networks = pd.read_csv(path.parent / "networks.csv").set_index("series")
    if "better" in table:
        for row in table.itertuples():
            assert networks.loc[row.better, "epochs"] == networks.loc[row.worse, "epochs"] == row.epochs
        return
    parameters = parsed((path.parent / "params.yaml").read_bytes())  # until 575f4cc it did not say of whom
    revision = pd.read_json(path.parent / "study.json", typ="series")["revision"]
    said_by = [f"stages/common/evidence/{name}.py" for name in ("claims", "catalogue")]
    same = subprocess.run(
        ["git", "diff", "--quiet", revision, "--", *said_by], cwd=ROOT, capture_output=True, check=False
    )
    if same.returncode:
        return  # a study is of its revision: what is claimed today may be about other networks
    catalogue = Catalogue(parameters["prune"]["teacher"], parameters["prune"]["reference_rates"])
    chosen = {claim.text: claim for claim in claims(catalogue, parameters["quantize"]["bits"])}
    for text, epochs in table["epochs"].items():
        for name in (chosen[text].better, chosen[text].worse):
            assert networks.loc[name, "epochs"] == epochs, text
