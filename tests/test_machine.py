"""Settings of the machine: what a network was made with is recorded, and others are refused."""

import pytest

from stages.common import machine
from stages.common.errors import UserError
from stages.common.networks.cards import Card, new_model
from stages.common.networks.model_files import load_model, load_to_go_on, save_model
from tests.narrow import narrow

CARD = Card("student", ["a", "b"], 32, (0.5, 0.5, 0.5), (0.3, 0.3, 0.3), shapes=narrow("student", 4, 2))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("COMPRESS_WORKERS", "1")
    monkeypatch.setenv("COMPRESS_DEVICE", "cpu")
    monkeypatch.setenv("COMPRESS_PRECISION", "fp32")


def test_a_network_records_what_it_was_made_with(tmp_path):
    save_model(new_model(CARD, 0), tmp_path / "model.safetensors")
    made = load_model(tmp_path).card.made_with
    assert {key: made[key] for key in ("device", "precision", "threads")} == {
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
    }


@pytest.mark.parametrize(("variable", "value"), [("WORKERS", "2"), ("PRECISION", "bf16")])
def test_other_settings_are_refused_in_one_line(tmp_path, monkeypatch, variable, value):
    save_model(new_model(CARD, 0), tmp_path / "model.safetensors")
    load_to_go_on(tmp_path, "cpu")
    monkeypatch.setenv(f"COMPRESS_{variable}", value)
    load_model(tmp_path)  # looking at it is no training
    with pytest.raises(UserError, match=f"set COMPRESS_{variable} to the former") as caught:
        load_to_go_on(tmp_path, "cpu")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_records_nothing_is_taken():
    machine.require_same("old", {})


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ""])
def test_wrong_threads_are_one_line(monkeypatch, text):
    monkeypatch.setenv("COMPRESS_WORKERS", text)
    with pytest.raises(UserError, match="COMPRESS_WORKERS"):
        machine.workers()


def test_the_machine_has_a_name():
    assert f"{machine.cores()} cores" in machine.name()
