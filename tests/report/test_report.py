"""The report stage on made-up results: what it reads, writes and says."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import report
from stages.common.evidence.catalogue import NETWORKS
from stages.common.files import METRICS, write_csv, write_json
from stages.common.params import load
from stages.common.report import contents
from tests.graph import ROOT
from tests.report.made_up import MACHINE, MadeUp

STEPS = "series,rate,step,width,params,macs,epochs,val_accuracy,val_low,val_high,val_accuracy_before_finetune"
RUNS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system")
seen: list[
    tuple[str, str]
] = []  # (event, subject): every file that this process opens, every program it runs


def _watch(event: str, args: tuple) -> None:
    if event == "open" or event in RUNS:
        seen.append((event, os.fspath(args[0]) if isinstance(args[0], str | Path) else ""))


sys.addaudithook(_watch)


def declared() -> list[str]:
    """What dvc.yaml lets the report stage read and write, with the made-up parameters filled in."""
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    stage = yaml.safe_load(text)["stages"]["report"]
    params = load(ROOT / "tests/tiny.yaml")
    small, large = params.prune.reference_rates
    values = {"data.source": params.data.source, "prune.rate": params.prune.rate}
    values |= {"prune.reference_rates[0]": small, "prune.reference_rates[1]": large}
    names = [*stage["deps"], *stage["outs"], *(next(iter(plot)) for plot in stage["plots"]), "params.yaml"]
    return [re.sub(r"\$\{(.*?)\}", lambda match: str(values[match[1]]), name) for name in names]


def test_it_opens_only_what_dvc_yaml_declares_runs_nothing_and_repeats(there):
    files = [Path("plots") / name for name in ("report.html", "pruning.png", "tradeoff.png", "tradeoff.csv")]
    before = [file.read_bytes() for file in files]
    seen.clear()
    report.main()
    events = list(seen)
    paths = {Path(there.folder, name).resolve() for event, name in events if event == "open" and name}
    own = {path.relative_to(there.folder) for path in paths if path.is_relative_to(there.folder)}
    own = {path.with_name(re.sub(r"^\.(.*)\.part$", r"\1", path.name)) for path in own}  # until it is whole
    allowed = [Path(name) for name in declared()]
    assert Path("metrics/test.json") in own
    assert {path for path in own if not any(path.is_relative_to(name) for name in allowed)} == set()
    assert [name for event, name in events if event in RUNS] == []
    assert [file.read_bytes() for file in files] == before


def test_pruning_has_the_columns_of_the_contract_and_every_control(there):
    steps = pd.read_csv("plots/pruning.csv")
    assert list(steps) == STEPS.split(",")
    assert list(steps["series"].unique()) == ["rate 0.95", "rate 0.9", "one shot", "from scratch", "not cut"]
    assert list(steps[steps["series"] == "not cut"]["width"]) == [1.0]


def test_every_network_is_in_the_table_with_its_difference_to_the_teacher(there):
    table = pd.read_csv("plots/tradeoff.csv").set_index("series")
    assert list(table.index) == list(NETWORKS)
    teacher = table.loc["teacher_pretrained"]
    assert (table["photos"] == "test").all()
    found = table["test_accuracy"] - teacher["test_accuracy"]
    assert (table["teacher_difference"] - found).abs().max() < 1e-5
    others = table.drop("teacher_pretrained")
    assert others["teacher_low"].lt(others["teacher_difference"]).all()
    assert others["teacher_high"].gt(others["teacher_difference"]).all()
    assert np.isnan(teacher["teacher_low"])


def test_networks_of_equal_size_have_no_interval_against_themselves(there):
    table = pd.read_csv("plots/equal_size.csv")
    assert set(table["verdict"]) <= {"best", "not decided", "loses"}
    for _, rows in table.groupby("size"):
        best, second = rows["val_accuracy"].iloc[:2]
        assert rows["difference"].iloc[0] == pytest.approx(best - second, abs=2e-6)
        assert (rows["low"] < rows["high"]).all()


def test_what_compression_changes_is_listed_photo_by_photo(there):
    rows = pd.read_csv("data/flips.csv")
    assert list(rows) == contents.FLIPPED
    lost = rows[rows["change"] == "lost"]
    assert (lost["label"] == lost["said_before"]).all()
    assert (lost["label"] != lost["said_after"]).all()
    assert list(pd.read_csv("data/always_wrong.csv")) == contents.WRONG


def test_the_terminal_gets_a_few_lines(reported):
    assert len(reported.said) == 4
    assert [line.split(":")[0] for line in reported.said] == [
        "teacher pretrained", "student scratch", "final", "claims",
    ]  # fmt: skip
    assert reported.said[-1] == "claims: 3 holds, 2 not decided, 1 does not hold"


def test_times_and_studies_name_their_machine(reported):
    text = " ".join(fact for row in reported.content["facts"] for fact in row)
    assert f"times measured on {MACHINE}" in text
    assert "revision 0123456789ab" in text
    assert "seeds 0, 1, 2 " in reported.content["study"]["about"]
    assert any(MACHINE in label for _, label in reported.content["tiles"])


@pytest.fixture
def no_pictures(monkeypatch):
    """Matplotlib's pictures take half of the time of the stage."""
    for name in ("pruning_chart", "tradeoff_chart"):
        monkeypatch.setattr(report.charts, name, lambda *_: None)


def test_without_test_photos_and_studies_validation_photos_judge(tmp_path, monkeypatch, no_pictures):
    monkeypatch.chdir(tmp_path)
    MadeUp(tmp_path, ["Bread", "Soup"], photos=6, tested=False)
    kept = {}
    monkeypatch.setattr(report, "write_page", lambda path, **content: kept.update(content))
    report.main()
    assert kept["study"] is None
    assert kept["networks"][0][:2] == ["network", "validation (95 %)"]
    assert kept["run"]["table"][0] == ["claim", "validation photos (95 %)", "epochs"]
    assert kept["tiles"][-1][0] == "12 validation photos"


def test_a_study_is_shown_where_its_parameters_are_those_of_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    (tmp_path / "params.yaml").write_text((ROOT / "tests/tiny.yaml").read_text())
    write_json("metrics/run.json", {"device": "cpu", "precision": "fp32", "threads": 1})
    made = MadeUp.__new__(MadeUp)
    made.splits = ("validation",)
    own = load(Path("params.yaml")).model_dump()
    assert contents.matching_study(own) is None
    made.study([0, 1], "other", **{"bits: 8": "bits: 4"})
    assert contents.matching_study(own) is None
    made.study([0, 1], "few", **{"seed: 1\n": "seed: 7\n", "embed_photos: false": "embed_photos: true"})
    assert contents.matching_study(own) == Path("studies/few")
    made.study([0, 1, 2], "more")
    assert contents.matching_study(own) == Path("studies/more")
    about = Path("studies/more/study.json")
    about.write_text(about.read_text().replace("fp32", "bf16"))
    assert contents.matching_study(own) == Path("studies/few")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((2, 20, 5), ["2 files were rejected (listed", "20 copies within training were", "5 photos were"]),
        ((0, 1, 1), ["0 files were rejected;", "1 copy within training was", "1 photo was"]),
    ],
)
def test_files_are_told_as_they_were_treated(data, words):
    told = contents.left_out(dict(zip(("rejected", "duplicated", "dropped"), data, strict=True)))
    assert all(word in told for word in words)


def test_the_page_holds_no_photos_of_users(tmp_path, monkeypatch, no_pictures):
    """The same photos by another path are a user's: the page names them and does not hold them."""
    monkeypatch.chdir(tmp_path)
    MadeUp(tmp_path, ["Bread", "Soup"], photos=4)
    Path("data/sample").rename("data/mine")
    text = Path("params.yaml").read_text().replace("source: data/sample", "source: data/mine")
    for embed in ("false", "true"):
        Path("params.yaml").write_text(text.replace("embed_photos: false", f"embed_photos: {embed}"))
        report.main()
        page = Path("plots/report.html").read_text(encoding="utf-8")
        assert ("data:image/jpeg" in page) == (embed == "true")
        assert "validation/0_" in page


def test_what_could_not_be_made_is_a_dash_with_its_reason(tmp_path, monkeypatch):
    """A student that cannot be cut and a CNN without low-rank layers: the other results stand."""
    monkeypatch.chdir(tmp_path)
    made_up = MadeUp(tmp_path, ["Bread", "Soup"])
    reason = "mine cannot be pruned: every layer: tracing fails"
    for name in ("factorized", "pruned", "pruned_one_shot", "pruned_from_scratch", "cnn_pruned"):
        write_json(f"metrics/{name}.json", dict.fromkeys(METRICS) | {"reason": reason})
        curve = Path(f"models/{name}/training.csv")
        if curve.exists():
            write_csv(curve, pd.read_csv(curve).iloc[:0])
    for path in (*Path("models/pruned").glob("*/steps.csv"), Path("models/pruned.csv")):
        write_csv(path, pd.read_csv(path).iloc[:1])
    write_csv("plots/sensitivity.csv", pd.read_csv("plots/sensitivity.csv").iloc[:0])
    content = {}
    monkeypatch.setattr(report, "write_page", lambda path, **given: content.update(given))
    report.main()
    rows = {row[0]: row for row in content["networks"]}
    assert rows["factorized"][1:8] == ["—"] * 7
    assert reason in rows["pruned one shot"]
    assert "—" not in rows["student scratch"][1:8]
    assert not {"pruned", "factorized"} & set(pd.read_csv("plots/tradeoff.csv")["series"])
    assert all("pruned" not in row[0] for row in content["flips"][1:])
    assert made_up.catalogue.missing().keys() >= {"pruned_small_steps", "pruned_large_steps"}


def test_the_page_names_the_networks_that_were_used(there):
    (row,) = [row for row in there.content["facts"] if row[0] == "architectures"]
    assert row[1] == "teacher scratch: resnet18, teacher pretrained: resnet18, cnn: cnn, student: student"
