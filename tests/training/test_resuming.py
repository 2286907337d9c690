"""Progress that outlives a killed run is found by the same run alone."""

import sys
from types import SimpleNamespace

import pytest
import torch

from stages.common.training.resuming import Resumable, Slot

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


def test_a_flipped_bit_counts_as_nothing(tmp_path):
    path = tmp_path / "slot.safetensors"
    Slot(path).save({"x": torch.zeros(100)}, {"epoch": 1})
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.write_bytes(data)
    assert Slot(path).load() is None


def test_progress_that_cannot_be_written_is_a_warning_and_no_more(tmp_path, capsys):
    (tmp_path / "no folder").write_text("")
    slot = Slot(tmp_path / "no folder" / "slot.safetensors")
    for _ in range(2):
        slot.save({"x": torch.ones(1)}, {})
    warnings = capsys.readouterr().out.splitlines()
    assert len(warnings) == 1
    assert "no progress is kept" in warnings[0]
    assert not slot.due()
