"""dvc.yaml says what the code does, and dvc.lock belongs to the committed code."""

import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import readme
from stages.common.evidence.identity import identity
from stages.common.params import Params
from tests.graph import ROOT, imports, modules, parameters

WRITTEN = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
GRAPH = {name: stage.get("do", stage) for name, stage in WRITTEN.items()}
STAGES = sorted(GRAPH)


def stage_file(name: str) -> Path:
    return ROOT / f"stages/{name}.py"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_modules_it_imports(name):
    listed = {dep for dep in GRAPH[name]["deps"] if dep.startswith("stages/")}
    assert listed == modules(stage_file(name))


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_parameters_it_reads(name):
    assert set(GRAPH[name].get("params", [])) == parameters(stage_file(name))


@pytest.mark.parametrize("name", STAGES)
def test_the_command_is_the_module(name):
    assert GRAPH[name]["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]


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
        # These two are in the command line, from dvc.yaml.
        given = {"prune.rate", "quantize.bits"}
        assert section in read or {f"{section}.{key}" for key in keys} - inside <= given, section


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_the_models_and_arrays_it_reads(name):
    """Every path below models/ or data/ in a stage's source is among its dependencies or its outputs."""
    stage = yaml.safe_dump(WRITTEN[name])
    for path in re.findall(r"""["']((?:models|data)/[\w./]+)["']""", stage_file(name).read_text("utf-8")):
        known = path in stage or any(dep in path for dep in re.findall(r"(?:models|data)/[\w./]+", stage))
        assert known, path


def test_the_library_never_imports_a_stage():
    for path in (ROOT / "stages/common").rglob("*.py"):
        assert all("common" in found.parts for found in imports(path)), path


def test_only_evaluate_reads_the_test_photos():
    """Nothing else asks for the split; prepare writes it."""
    for path in (ROOT / "stages").rglob("*.py"):
        asks = re.search(r"""(split|open_split)\([^)]*["']test["']""", path.read_text(encoding="utf-8"))
        assert not asks or path.name == "evaluate.py", path
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


def test_the_committed_seeds_are_of_the_committed_code():
    rows = pd.read_csv(ROOT / "plots/seeds.csv", dtype={"identity": str})
    read = lambda path: (ROOT / path).read_bytes()  # noqa: E731
    assert set(rows["identity"]) == {identity(read)}, "run `make seeds`"


def test_the_readme_shows_the_committed_results():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.filled(text) == text, "run `make readme`"
