"""Model files: what is saved is what is loaded, and nothing else passes for one."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from stages.common.errors import UserError
from stages.common.machine import settings
from stages.common.networks.cards import Card, new_model
from stages.common.networks.convnet import CHANNELS
from stages.common.networks.model_files import load_model, save_model
from stages.common.networks.pretrained import read_weights, transfer
from stages.common.networks.registry import scaled, standard_channels

CARD = Card(
    "student", scaled("student", CHANNELS, 0.3), ["egg", "rice", "soup"], 32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1)
)
PHOTOS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def resnet():
    return new_model(
        Card("resnet18", standard_channels("resnet18"), list("abcdefg"), 32, CARD.mean, CARD.std), seed=1
    ).eval()


@pytest.mark.parametrize("architecture", ["student", "cnn"])
def test_round_trip(tmp_path, architecture):
    model = new_model(replace(CARD, architecture=architecture), seed=3).eval()
    save_model(model, tmp_path / "folder" / "model.safetensors")
    for path in (tmp_path / "folder" / "model.safetensors", tmp_path / "folder"):
        loaded = load_model(path)
        assert not loaded.training
        assert torch.equal(loaded(PHOTOS), model(PHOTOS))
        assert (loaded.card.architecture, loaded.card.channels) == (architecture, CARD.channels)
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
    assert card == {
        "architecture": "student",
        "channels": CARD.channels,
        "classes": CARD.classes,
        "image_size": 32,
        "mean": list(CARD.mean),
        "std": list(CARD.std),
        "ranks": [],
        "bits": 32,
        "epochs": 0,
        "made_with": settings(),
    }


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


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("wrapped", ["", "state_dict", "model"])
def test_torchvision_weights(tmp_path, resnet, half, wrapped):
    state = resnet.state_dict()
    state = {f"module.{k}" if wrapped else k: v.half() if half else v for k, v in state.items()}
    torch.save({wrapped: state} if wrapped else state, tmp_path / "w.pth")
    loaded = read_weights(tmp_path / "w.pth").eval()
    assert loaded.fc.out_features == 7
    assert all(t.dtype in (torch.float32, torch.int64) for t in loaded.state_dict().values())
    tolerance = 0.05 if half else 0
    torch.testing.assert_close(loaded(PHOTOS), resnet(PHOTOS), atol=tolerance, rtol=tolerance)


def test_weights_in_safetensors(tmp_path, resnet):
    save_model(resnet, tmp_path / "w.safetensors")
    assert torch.equal(read_weights(tmp_path / "w.safetensors").eval()(PHOTOS), resnet(PHOTOS))


class Danger:
    def __reduce__(self):
        return print, ("code in a weights file was run",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda s: {k: v for k, v in s.items() if k != "layer2.0.conv1.weight"}, "layer2.0.conv1.weight"),
        (lambda s: s | {"layer4.1.conv2.weight": torch.zeros(3)}, "layer4.1.conv2.weight"),
        (lambda s: {"epoch": 3}, "no dict of tensors"),
        (lambda s: torch.zeros(3), "no dict of tensors"),
        (lambda s: {"x": Danger()}, "cannot be read"),
    ],
)
def test_wrong_weights_are_one_line(tmp_path, resnet, capsys, content, reason):
    path = tmp_path / "w.pth"
    torch.save(content(resnet.state_dict()), path)
    with pytest.raises(UserError, match=r"w\.pth") as caught:
        read_weights(path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_text_is_no_weights_file(tmp_path, name):
    (tmp_path / name).write_text("hello")
    with pytest.raises(UserError, match="cannot be read"):
        read_weights(tmp_path / name)


def test_transfer_copies_all_but_the_classifier(resnet):
    target = new_model(
        Card("resnet18", standard_channels("resnet18"), list("abc"), 32, CARD.mean, CARD.std), seed=2
    )
    classifier = target.fc.weight.clone()
    transfer(resnet, target)
    assert torch.equal(target.fc.weight, classifier)
    for name, tensor in target.state_dict().items():
        assert name.startswith("fc.") or torch.equal(tensor, resnet.state_dict()[name])
