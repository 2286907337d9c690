"""Progress that outlives a killed run is found by the same run alone."""

import os
import sys
from types import SimpleNamespace

import pytest
import torch

from stages.common.training.resuming import Parent, Resumable, Slot

PARAMS = SimpleNamespace(seed=0, rate=0.9)


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["stage"])
    (tmp_path / "input").write_text("one")
    return tmp_path


def test_what_was_saved_is_loaded(tmp_path):
    slot = Slot(tmp_path / "slot.safetensors")
    assert slot.load() is None
    for value in (1.0, 2.0):
        slot.save({"x": torch.tensor([value])}, {"epoch": value})
    tensors, info = slot.load()
    assert tensors["x"].item() == info["epoch"] == 2
    assert [path.name for path in tmp_path.glob("slot*")] == ["slot.safetensors"]


def test_a_broken_file_counts_as_nothing(tmp_path):
    (tmp_path / "slot.safetensors").write_bytes(b"half a fi")
    assert Slot(tmp_path / "slot.safetensors").load() is None


def save(params=PARAMS, stage="prune", root=None):
    """A stage that is killed after its first save."""
    with pytest.raises(KeyboardInterrupt), Resumable(stage, params, [root / "input"]) as resumable:
        resumable.slot("step 1").save({"x": torch.ones(1)}, {})
        raise KeyboardInterrupt


def found(params=PARAMS, stage="prune", root=None) -> bool:
    return Resumable(stage, params, [root / "input"]).slot("step 1").load() is not None


def test_the_same_run_finds_its_progress_after_a_kill(root):
    save(root=root)
    assert found(root=root)


def test_any_other_run_does_not(root, monkeypatch):
    save(root=root)
    assert not found(SimpleNamespace(seed=1, rate=0.9), root=root)
    assert not found(stage="distill", root=root)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["stage", "--rate", "0.8"])
        assert not found(root=root)
    (root / "input").write_text("two")
    assert not found(root=root)


def test_it_is_removed_when_the_stage_is_done(root):
    save(root=root)
    with Resumable("prune", PARAMS, [root / "input"]):
        pass
    assert not any((root / ".scratch").iterdir())


def test_it_lies_in_the_main_checkout_whatever_the_directory(root, monkeypatch):
    save(root=root)
    (root / "elsewhere").mkdir()
    monkeypatch.chdir(root / "elsewhere")
    assert found(root=root)


def test_a_stage_of_dvc_stops_when_dvc_is_gone(monkeypatch):
    monkeypatch.setenv("DVC_STAGE", "train_cnn")
    parent = Parent()
    parent.check()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    with pytest.raises(SystemExit, match="dvc repro"):
        parent.check()


def test_a_stage_run_by_hand_does_not(monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    parent = Parent()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    parent.check()
