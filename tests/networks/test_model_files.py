"""Model files: what is saved is what is loaded, and nothing else passes for one."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from stages.common import machine
from stages.common.compression.quantization import quantized
from stages.common.errors import UserError
from stages.common.networks import registry
from stages.common.networks.cards import Card, new_model
from stages.common.networks.model_files import load_model, save_model
from tests.graph import ROOT
from tests.narrow import narrow

CUT = narrow("student", [16, 32, 64, 38, 76, 76, 76, 256], 3)
CARD = Card("student", ["egg", "rice", "soup"], 32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1), shapes=CUT)
PHOTOS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("architecture", ["student", "cnn"])
def test_round_trip(tmp_path, architecture):
    shapes = {"student": CUT, "cnn": {}}[architecture]
    model = new_model(replace(CARD, architecture=architecture, shapes=shapes), seed=3).eval()
    save_model(model, tmp_path / "folder" / "model.safetensors")
    for path in (tmp_path / "folder" / "model.safetensors", tmp_path / "folder"):
        loaded = load_model(path)
        assert not loaded.training
        assert torch.equal(loaded(PHOTOS), model(PHOTOS))
        assert (loaded.card.architecture, loaded.card.shapes) == (architecture, shapes)
        assert loaded.card.classes == CARD.classes
        assert loaded.card.normalization == CARD.normalization


def test_a_loaded_network_keeps_its_statistics(tmp_path):
    model = new_model(CARD, seed=0).train()
    model(PHOTOS)
    save_model(model, tmp_path / "m.safetensors")
    assert torch.equal(load_model(tmp_path / "m.safetensors")(PHOTOS), model.eval()(PHOTOS))


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in "ab":
        save_model(new_model(CARD, seed=0), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    save_model(new_model(CARD, seed=1), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def test_a_file_carries_everything(tmp_path):
    save_model(new_model(CARD, seed=0), tmp_path / "m")
    with safe_open(tmp_path / "m", framework="pt") as file:
        card = json.loads(file.metadata()["card"])
    assert len(card.pop("digest")) == 32
    assert card == {
        "architecture": "student",
        "classes": CARD.classes,
        "image_size": 32,
        "mean": list(CARD.mean),
        "std": list(CARD.std),
        "input_size": None,
        "code": "",
        "shapes": CUT,
        "ranks": {},
        "bits": 32,
        "epochs": 0,
        "made_with": machine.settings(),
    }


@pytest.mark.parametrize("share", [i / 40 for i in range(40)])
def test_a_flipped_bit_anywhere_is_one_line(tmp_path, share):
    path = tmp_path / "m.safetensors"
    save_model(new_model(CARD, seed=0), path)
    data = bytearray(path.read_bytes())
    # Half of the places in the header, which is a small part of the file.
    header = 8 + int.from_bytes(data[:8], "little")
    at = int(2 * share * header) if share < 0.5 else header + int((2 * share - 1) * (len(data) - header))
    data[at] ^= 1 << (at % 7)
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(key=st.sampled_from([*asdict(CARD), "unknown"]), value=VALUES)
def test_a_card_of_any_content_is_one_line_or_a_network(tmp_path_factory, key, value):
    path = tmp_path_factory.getbasetemp() / "card.safetensors"
    model = new_model(CARD, seed=0)
    save_file(model.state_dict(), path, {"card": json.dumps(asdict(CARD) | {key: value})})
    try:
        assert load_model(path).card.classes
    except UserError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)


@pytest.mark.parametrize("content", ["nothing", "empty", "text", "no card", "other tensors"])
def test_what_is_no_model_file_is_one_line(tmp_path, content):
    path = tmp_path / "m.safetensors"
    if content == "empty":
        path.touch()
    if content == "text":
        path.write_text("not a model")
    if content == "no card":
        save_file({"x": torch.zeros(1)}, path)
    if content == "other tensors":
        save_file({"x": torch.zeros(1)}, path, {"card": json.dumps(asdict(CARD))})
    with pytest.raises(UserError, match=r"m\.safetensors") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


BAD = {
    "huge channels": {"shapes": {"blocks.0.conv.weight": [10**12, 3, 3, 3]}},
    "no channels": {"shapes": {"blocks.0.conv.weight": [0, 3, 3, 3]}},
    "channels that disagree": {"shapes": {"blocks.0.conv.weight": [4, 3, 3, 3]}},
    "another layer": {"shapes": {"blocks.9.conv.weight": [4, 3, 3, 3]}},
    "text as size": {"image_size": "large"},
    "a huge size": {"image_size": 10**9},
    "a broken size": {"input_size": -4},
    "no classes": {"classes": []},
    "classes that are none": {"classes": 3},
    "numbers that are none": {"mean": ["a", "b", "c"]},
    "not a number": {"std": [float("nan")] * 3},
    "half a bit": {"bits": 0.5},
    "ranks of nothing": {"ranks": {"blocks.1.norm": [3]}},
    "a key of others": {"weights": "elsewhere"},
    "another network": {"architecture": "vgg"},
    "a path outside": {"architecture": "../../etc/passwd.py:build"},
    "an absolute path": {"architecture": "/tmp/mine.py:build"},
    "a missing file": {"architecture": "missing.py:build"},
}


@pytest.mark.parametrize("content", BAD)
def test_a_card_of_unknown_or_dangerous_content_is_one_line(content, tmp_path):
    model = new_model(replace(CARD, shapes={}), seed=0)
    card = asdict(model.card) | BAD[content]
    save_file(model.state_dict(), tmp_path / "m.safetensors", {"card": json.dumps(card)})
    with pytest.raises(UserError, match=r"m\.safetensors: ") as caught:
        load_model(tmp_path / "m.safetensors")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("card", ["[]", "3", "{}", "null", "not JSON"])
def test_what_is_no_card_is_one_line(card, tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "m.safetensors", {"card": card})
    with pytest.raises(UserError, match="not a model file of this project"):
        load_model(tmp_path / "m.safetensors")


def old_card(architecture: str, channels: list[int], **others) -> dict:
    """A card as revision 575f4cc wrote it."""
    facts = {"architecture": architecture, "channels": channels, "classes": CARD.classes, "image_size": 32}
    return facts | {"mean": CARD.mean, "std": CARD.std, "ranks": [], "bits": 32, "epochs": 9} | others


def test_files_written_before_still_load(tmp_path):
    for architecture, outs in (
        ("student", [16, 32, 64, 38, 76, 76, 76, 256]),
        ("cnn", [16, 32, 64, 29, 58, 58, 58, 256]),
    ):
        card = replace(CARD, architecture=architecture, shapes=narrow(architecture, outs, 3))
        model = new_model(card, seed=4).eval()
        facts = old_card(architecture, outs, made_with={})
        save_file(model.state_dict(), tmp_path / "m", {"card": json.dumps(facts)})
        again = load_model(tmp_path / "m")
        assert torch.equal(again(PHOTOS), model(PHOTOS))
        assert again.card.epochs == 9


def test_a_factorized_file_written_before_still_loads(tmp_path):
    ranks = {**{f"blocks.{i}.conv": [4, 5] for i in range(1, 8)}, "classifier": [2]}
    model = new_model(replace(CARD, architecture="cnn", shapes={}, ranks=ranks), seed=4).eval()
    facts = old_card("cnn", [16, 32, 64, 128, 256, 256, 256, 256], ranks=[[], *[[4, 5]] * 7, [2]])
    save_file(model.state_dict(), tmp_path / "m", {"card": json.dumps(facts)})
    assert torch.equal(load_model(tmp_path / "m")(PHOTOS), model(PHOTOS))


def test_a_quantized_file_written_before_still_loads(tmp_path):
    model = quantized(new_model(replace(CARD, shapes={}), seed=4).eval(), 4)
    save_model(model, tmp_path / "new")
    with safe_open(tmp_path / "new", framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    facts = old_card("student", [16, 32, 64, 128, 256, 256, 256, 256], bits=4)
    save_file(tensors, tmp_path / "m", {"card": json.dumps(facts)})
    assert torch.equal(load_model(tmp_path / "m")(PHOTOS), model(PHOTOS))


def test_an_own_network_loads_while_its_file_is_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = (ROOT / "architectures/small.py").read_text()
    (tmp_path / "mine.py").write_text(source)
    name = "mine.py:small"
    model = new_model(replace(CARD, architecture=name, shapes={}, code=registry.digest(name)), 0).eval()
    save_model(model, "m.safetensors")
    assert torch.equal(load_model("m.safetensors")(PHOTOS), model(PHOTOS))
    (tmp_path / "mine.py").write_text(source + "# another")
    with pytest.raises(UserError, match=r"m\.safetensors: mine\.py:small: the file is not the one"):
        load_model("m.safetensors")


def test_layers_that_ask_for_their_version_get_it(tmp_path):
    """torchvision's MNASNet does."""
    model = new_model(replace(CARD, architecture="torchvision/mnasnet0_5", shapes={}), 0).eval()
    save_model(model, tmp_path / "m")
    assert torch.equal(load_model(tmp_path / "m")(PHOTOS), model(PHOTOS))
