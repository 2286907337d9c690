"""dvc.yaml says what the code does, imports run one way, and dvc.lock belongs to the committed code."""

import ast
import json
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import readme
from stages.common.evidence.catalogue import EVERYTHING, LARGE_STEPS, NETWORKS, SMALL_STEPS, Catalogue
from stages.common.evidence.claims import claims
from stages.common.params import Params, load
from tests.graph import ROOT, imports, modules, parameters

TEXT = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
WRITTEN = yaml.safe_load(TEXT)["stages"]
GRAPH = {name: stage.get("do", stage) for name, stage in WRITTEN.items()}
STAGES = sorted(GRAPH)
PARAMS = load(ROOT / "params.yaml")
# What a stage leaves only where it fails, and what it removes at its end.
PASSING = {"data/rejected.csv", "data/pretrain_rejected.csv", "data/.pretrain.part"}
# From the foundations up: a package imports those before it, but for evidence, which training has no use for.
ORDER = ("data", "networks", "training", "compression", "evidence", "report")


def stage_file(name: str) -> Path:
    return ROOT / f"stages/{name}.py"


def within(path: str, listed: str) -> bool:
    """Whether a file is the listed one or below the listed folder."""
    return path == listed or path.startswith(f"{listed}/")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_the_code_it_imports_and_on_no_other(name):
    listed = [dep for dep in GRAPH[name]["deps"] if dep.startswith("stages/")]
    imported = modules(stage_file(name))
    assert [path for path in imported if not any(within(path, dep) for dep in listed)] == []
    assert [dep for dep in listed if not any(within(path, dep) for path in imported)] == []


@pytest.mark.parametrize("name", STAGES)
def test_what_trains_depends_on_the_versions_of_what_trains_it(name):
    trains = any(
        f"training/{m}.py" in path for path in modules(stage_file(name)) for m in ("loop", "soft_labels")
    )
    makes = any("models/" in out or "soft_labels" in out for out in GRAPH[name].get("outs", []))
    measures = name == "int8_start"  # what all int8 files follow
    assert ("requirements.txt" in GRAPH[name]["deps"]) == ((trains and makes) or measures)


def test_imports_run_one_way():
    for place, package in enumerate(ORDER):
        for path in (ROOT / "stages/common" / package).glob("*.py"):
            for found in imports(path):
                above = [other for other in ORDER[place + 1 :] if f"common/{other}/" in found.as_posix()]
                assert not above, f"{path.name} imports {found}"
    for path in (ROOT / "stages/common").glob("*.py"):  # what all stand on
        assert all(found.parent == path.parent for found in imports(path)), path


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_parameters_it_reads(name):
    assert set(GRAPH[name].get("params", [])) == parameters(stage_file(name))


@pytest.mark.parametrize("name", STAGES)
def test_the_command_is_the_module(name):
    assert GRAPH[name]["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]


def written_out(name: str) -> set[str]:
    """What a stage may interpolate that dvc.yaml itself spells out: `key`, and `item.` of its matrix."""
    stage = WRITTEN[name]
    lists = {f"item.{axis}": values for axis, values in stage.get("matrix", {}).items()}
    lists["key"] = list(stage.get("foreach", {}))
    return {place for place, values in lists.items() if "$" not in str(values)}


def interpolated(text: str) -> set[str]:
    return set(re.findall(r"\$\{(.*?)\}", text))


@pytest.mark.parametrize("name", STAGES)
def test_no_parameter_is_put_into_a_command(name):
    """A shell reads a command, and a text in params.yaml may be `0.9; rm -r x`."""
    assert interpolated(GRAPH[name]["cmd"]) <= written_out(name)


@pytest.mark.parametrize("name", STAGES)
def test_no_parameter_is_put_into_a_path_that_dvc_deletes_unless_it_is_a_plain_name(name):
    stage = GRAPH[name]
    written = str([stage.get(kind) for kind in ("outs", "metrics", "plots")])
    for place in interpolated(written) - written_out(name):
        assert stage["wdir"] == f"${{{place}}}/.."
        assert stage["vars"][0] == "params.yaml"


@pytest.mark.parametrize("name", STAGES)
def test_no_list_names_a_thing_twice(name):
    for key in ("deps", "params", "outs"):
        items = GRAPH[name].get(key, [])
        assert len(items) == len(set(items))


def test_every_parameter_is_read_by_some_stage():
    read = set().union(*(parameters(stage_file(name)) for name in STAGES))
    for section, field in Params.model_fields.items():
        keys = getattr(field.annotation, "model_fields", {})
        inside = {key for key in read if key.startswith(f"{section}.")}
        assert section in read or {f"{section}.{key}" for key in keys} == inside, section


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_the_models_and_arrays_it_reads(name):
    """Every path below models/ or data/ in a stage's source is among its dependencies or its outputs."""
    stage = yaml.safe_dump(WRITTEN[name])
    named = re.findall(r"""["']((?:models|data)/[\w./]+)["']""", stage_file(name).read_text("utf-8"))
    for path in set(named) - PASSING:
        known = path in stage or any(dep in path for dep in re.findall(r"(?:models|data)/[\w./]+", stage))
        assert known, path


def test_the_library_never_imports_a_stage():
    for folder in ("common", "drawing"):
        for path in (ROOT / "stages" / folder).rglob("*.py"):
            assert all(folder in found.parts or found.name == "errors.py" for found in imports(path)), path


def filled(text: str, teacher: str) -> str:
    """A path of dvc.yaml with the values of params.yaml in it, but for the teacher."""
    values = {"prune.teacher": teacher, "prune.rate": PARAMS.prune.rate}
    values |= {f"prune.reference_rates[{i}]": rate for i, rate in enumerate(PARAMS.prune.reference_rates)}
    return re.sub(r"\$\{([\w.\[\]]+)\}", lambda match: str(values.get(match[1], match[0])), text)


def deps(name: str, teacher: str = "pretrained") -> list[str]:
    return [filled(dep, teacher) for dep in GRAPH[name]["deps"]]


def items(name: str) -> list[str]:
    """What `${item...}` or `${key}` stands for in each of a stage's copies; one empty text without copies."""
    stage = WRITTEN[name]
    return [str(value) for values in stage.get("matrix", {}).values() for value in values] or list(
        stage.get("foreach", [""])
    )


def test_every_network_of_the_catalogue_is_measured_once_and_read_by_what_compares():
    measured = [
        re.sub(r"\$\{(item\.\w+|key)\}", item, next(iter(path)))
        for name, stage in GRAPH.items()
        for item in items(name)
        for path in stage.get("metrics", [])
    ]
    assert set(measured) == {
        f"metrics/{name}.json" for name in (*NETWORKS, "data", "int8_start", "run", "test")
    }
    assert len(measured) == len(set(measured))
    for name, network in NETWORKS.items():
        assert f"metrics/{name}.json" in deps("report")
        assert any(within(network.path.as_posix(), dep) for dep in deps("evaluate")), name


@pytest.mark.parametrize("teacher", ["scratch", "pretrained"])
def test_what_the_catalogue_names_is_what_stages_depend_on(monkeypatch, teacher):
    rates = PARAMS.prune.reference_rates
    catalogue = Catalogue(teacher, rates)
    monkeypatch.setattr(Catalogue, "steps", lambda *_: {"step": [0, 1, 2]})
    monkeypatch.setattr(Catalogue, "final_form", "int8")
    for path in catalogue.candidates.values():
        assert any(within(path.as_posix(), dep) for dep in deps("export_final", teacher)), path
    for path in catalogue.timed.values():
        assert any(within(path.as_posix(), dep) for dep in deps("latency", teacher)), path
    names = {name for group in catalogue.equal_size.values() for name in group}
    assert names <= set(EVERYTHING)
    compared = {name for pair in catalogue.compressions for name in pair}
    assert compared | set(catalogue.watched) <= set(NETWORKS)
    for claim in claims(catalogue, 8):
        for name in (claim.better, claim.worse):
            rate = dict(zip((SMALL_STEPS, LARGE_STEPS), rates, strict=True)).get(name)
            of = f"metrics/{name}.json" if rate is None else f"models/pruned/{rate}/steps.csv"
            assert {of, f"data/predictions/{name}.csv"} <= set(deps("claims", teacher)), claim.text


def test_every_small_network_that_is_trained_is_a_candidate(monkeypatch):
    monkeypatch.setattr(Catalogue, "steps", lambda *_: {"step": []})
    trained = {name for name, network in NETWORKS.items() if network.path.name == "model.safetensors"}
    large = {"teacher_scratch", "teacher_pretrained", "cnn"}
    assert set(Catalogue("pretrained", (0.95, 0.9)).candidates) == trained - large


def test_no_reference_rate_is_written_by_hand():
    for path in [ROOT / "dvc.yaml", *(ROOT / "stages").rglob("*.py")]:
        assert not re.search(r"pruned/0\.|0\.95[\"']", path.read_text(encoding="utf-8")), path


def test_only_evaluate_reads_the_test_photos():
    """Every other stage and module names the split that it opens, and none names this one."""
    for path in (ROOT / "stages").rglob("*.py"):
        if path.name in ("evaluate.py", "arrays.py", "examples.py"):
            continue  # the stage, and the functions themselves
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
            if called.endswith("open_split") or called == "data.split":
                assert ast.literal_eval(call.args[-1]) in ("training", "validation"), path
    assert [name for name in STAGES if "metrics/test.json" in str(GRAPH[name].get("metrics"))] == ["evaluate"]


def test_git_tracks_what_people_compare_and_dvc_the_rest():
    for name in STAGES:
        for kind in ("metrics", "plots"):
            assert all(next(iter(item.values()))["cache"] is False for item in GRAPH[name].get(kind, []))
        # A plain output that git tracks would keep the stage out of DVC's run cache.
        assert all(isinstance(out, str) for out in GRAPH[name]["outs"]) if "outs" in GRAPH[name] else True


def test_the_committed_results_are_of_the_committed_code():
    """In a clone without data, DVC finds nothing to run again: dvc.lock has this code, these parameters."""
    done = subprocess.run(
        ["dvc", "repro", "--dry", "--allow-missing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Running stage" not in done.stdout


def test_the_readme_shows_the_committed_results():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.filled(text) == text, "run `make readme`"


def test_no_smaller_committed_network_is_better_than_the_final_one_by_more_than_chance():
    metrics = {name: json.loads((ROOT / f"metrics/{name}.json").read_text()) for name in NETWORKS}
    final = metrics["final"]
    for name, of in metrics.items():
        if of["size_kib"] <= final["size_kib"]:
            assert of["val_low"] <= final["val_high"], name


@pytest.mark.skipif(not (ROOT / "studies/sample").exists(), reason="no study of the sample has been made")
def test_the_samples_teachers_are_above_the_student_alone():
    """On test photos, in the mean over the seeds of the committed study: what the sample is made to show."""
    networks = pd.read_csv(ROOT / "studies/sample/networks.csv").set_index("series")["test_accuracy"]
    assert networks["teacher_scratch"] > networks["student_scratch"]
    assert networks["teacher_pretrained"] > networks["student_scratch"]
