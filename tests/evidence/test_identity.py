"""Results are of one experiment when nothing but the seed differs."""

import hashlib
import json

import pytest
import yaml

from stages.common.errors import UserError
from stages.common.evidence.identity import identity, require_current, result, seed_of

EXPORT = {"cmd": "python -m stages.export_pruned --rate ${prune.rate}"}


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def tree(seed: int = 0) -> dict:
    """A repository of four stages that ran, as structures."""
    code = {"stages/sample.py": "draw", "stages/prune.py": "cut", "stages/report.py": "show"}

    def deps(*paths: str, **made: str) -> list[dict]:
        given = [{"path": path, "md5": md5(code.get(path, path))} for path in paths]
        return given + [{"path": path.replace("__", "/"), "md5": value} for path, value in made.items()]

    def prune(rate: str) -> dict:
        values = {"seed": seed, "prune.fit": {"epochs": 1}}
        return {
            "cmd": f"python -m stages.prune --rate {rate}",
            "deps": deps("stages/prune.py", data__sample__a=f"drawn {seed}"),
            "params": {"params.yaml": values},
            "outs": [{"path": f"models/pruned/{rate}", "md5": f"pruned {seed}"}],
        }

    sample = {
        "cmd": "python -m stages.sample",
        "deps": deps("stages/sample.py", "/photos"),
        "params": {"params.yaml": {"seed": seed}},
        "outs": [{"path": "data/sample", "md5": f"drawn {seed}"}],
    }
    metrics = json.dumps({"val_accuracy": 0.5 + seed / 100})
    report = {"cmd": "python -m stages.report", "deps": deps("stages/report.py"), "outs": []}
    evaluate = {
        "cmd": "python -m stages.evaluate",
        "deps": [],
        "outs": [{"path": "metrics/test.json", "md5": md5(metrics)}],
    }
    export = {"cmd": "python -m stages.export_pruned --rate 0.9", "deps": [], "outs": []}
    stages = {
        "export_pruned": export,
        "sample": sample,
        "prune@0.95": prune("0.95"),
        "prune@0.9": prune("0.9"),
    }
    return {
        "dvc.yaml": {
            "stages": {"sample": {}, "prune": {}, "evaluate": {}, "report": {}, "export_pruned": EXPORT}
        },
        "dvc.lock": {"stages": stages | {"evaluate": evaluate, "report": report}},
        "params.yaml": {"seed": seed, "prune": {"rate": 0.9, "fit": {"epochs": 1}}},
        "metrics/test.json": metrics,
        **code,
    }


def reader(files: dict):
    def read(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(path)
        content = files[path]
        return (content if isinstance(content, str) else yaml.safe_dump(content)).encode()

    return read


def stage(files: dict, name: str) -> dict:
    return files["dvc.lock"]["stages"][name]


def test_seeds_and_what_they_made_do_not_count():
    assert identity(reader(tree(0))) == identity(reader(tree(7)))
    assert seed_of(reader(tree(7))) == 7


def changed_code(files):
    stage(files, "sample")["deps"][0]["md5"] = "other"


def changed_photos(files):
    stage(files, "sample")["deps"][1]["md5"] = "other"


def changed_parameter(files):
    stage(files, "prune@0.95")["params"]["params.yaml"]["prune.fit"] = {"epochs": 2}


def changed_command(files):
    stage(files, "evaluate")["cmd"] += " --more"


def another_rate(files):
    files["params.yaml"]["prune"]["rate"] = 0.8
    files["dvc.lock"]["stages"]["prune@0.8"] = stage(files, "prune@0.9") | {"cmd": "at 0.8"}


@pytest.mark.parametrize(
    "change", [changed_code, changed_photos, changed_parameter, changed_command, another_rate]
)
def test_whatever_else_differs_is_another_experiment(change):
    files = tree()
    change(files)
    assert identity(reader(files)) != identity(reader(tree()))


def test_what_only_shows_results_does_not_count():
    files = tree()
    stage(files, "report")["deps"][0]["md5"] = "other"
    assert identity(reader(files)) == identity(reader(tree()))
    del files["dvc.lock"]["stages"]["report"]
    assert identity(reader(files)) == identity(reader(tree()))


def test_what_dvc_keeps_of_earlier_rates_does_not_count():
    files = tree()
    files["dvc.lock"]["stages"]["prune@0.7"] = stage(files, "prune@0.9") | {"cmd": "long ago"}
    assert identity(reader(files)) == identity(reader(tree()))


def test_stages_of_different_seeds_are_no_run():
    files = tree()
    stage(files, "sample")["params"]["params.yaml"]["seed"] = 3
    with pytest.raises(UserError, match="different seeds"):
        seed_of(reader(files))


def test_a_stage_that_never_ran_is_named():
    files = tree()
    del files["dvc.lock"]["stages"]["evaluate"]
    with pytest.raises(UserError, match="evaluate has not run; run `dvc repro` first"):
        identity(reader(files))
    with pytest.raises(UserError, match=r"dvc\.lock: does not exist"):
        identity(reader({key: value for key, value in tree().items() if key != "dvc.lock"}))


def test_a_result_is_what_its_stage_wrote():
    files = tree()
    assert json.loads(result(reader(files), "metrics/test.json")) == {"val_accuracy": 0.5}
    files["metrics/test.json"] = '{"val_accuracy": 0.99}'
    with pytest.raises(UserError, match=r"metrics/test\.json: is not what its stage wrote"):
        result(reader(files), "metrics/test.json")
    with pytest.raises(UserError, match=r"plots/claims\.csv: does not exist"):
        result(reader(files), "plots/claims.csv")


def test_a_rate_that_was_not_run_is_named():
    files = tree()
    files["params.yaml"]["prune"]["rate"] = 0.8
    with pytest.raises(UserError, match=r"prune@0\.8 has not run"):
        require_current(reader(files))
    # DVC keeps what ran before, so the entry may be there while another rate was the last to run.
    files["dvc.lock"]["stages"]["prune@0.8"] = stage(files, "prune@0.9")
    with pytest.raises(UserError, match=r"prune\.rate is not what export_pruned ran with"):
        require_current(reader(files))


def test_small_numbers_are_numbers_however_they_are_written():
    files = tree()
    stage(files, "sample")["params"]["params.yaml"]["rate"] = 1e-5
    read = reader(files)

    def written(path: str) -> bytes:
        if path == "params.yaml":
            return read(path) + b"\nrate: 0.00001\n"
        return read(path).replace(b"rate: 1.0e-05", b"rate: 1e-05")

    require_current(written)


def test_edited_code_and_parameters_are_named():
    require_current(reader(tree()))
    files = tree()
    files["stages/prune.py"] = "cut deeper"
    with pytest.raises(UserError, match=r"stages/prune\.py: is not what prune@0\.95? ran with"):
        require_current(reader(files))
    del files["stages/prune.py"]
    with pytest.raises(UserError, match=r"stages/prune\.py: is not what"):
        require_current(reader(files))
    files = tree()
    files["params.yaml"]["prune"]["fit"]["epochs"] = 5
    with pytest.raises(UserError, match=r"params\.yaml: prune\.fit is not what prune@0\.95? ran with"):
        require_current(reader(files))
    files = tree()
    files["stages/report.py"] = "show more"
    require_current(reader(files))
