"""Weights that others trained: what trainers write is understood, and nothing else passes for it."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from stages.common.errors import UserError
from stages.common.networks import registry
from stages.common.networks.cards import Card, new_model
from stages.common.networks.pretrained import read_weights, started_from

CARD = Card("resnet18", list("abcdefg"), 32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1))
PHOTOS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def resnet():
    return new_model(CARD, seed=1).eval()


def prefixed(state: dict, prefix: str) -> dict:
    return {prefix + name: tensor for name, tensor in state.items()}


FORMS = {
    "plain": lambda s: s,
    "state_dict": lambda s: {"state_dict": s, "epoch": 3},
    "model": lambda s: {"model": s, "optimizer": {"lr": 0.1}},
    "averaged": lambda s: {"model": prefixed(s, "wrong."), "model_ema": s},
    "averaged by timm": lambda s: {"state_dict": {}, "state_dict_ema": s},
    "wrapped twice": lambda s: {"model": {"state_dict": s}},
    "DataParallel": lambda s: prefixed(s, "module."),
    "torch.compile": lambda s: prefixed(s, "_orig_mod."),
    "Lightning": lambda s: {"state_dict": prefixed(s, "model."), "pytorch-lightning_version": "2.5"},
    "both": lambda s: {"state_dict": prefixed(s, "model._orig_mod.module.")},
    "averaged beside its settings": lambda s: {"ema": {"decay": 0.99}, "model": s},
    "averaged not yet": lambda s: {"state_dict": s, "model_ema": {}},
    "AveragedModel": lambda s: prefixed(s, "module.") | {"n_averaged": torch.tensor(3)},
    "half": lambda s: {n: t.half() if t.is_floating_point() else t for n, t in s.items()},
    "bfloat16": lambda s: {n: t.bfloat16() if t.is_floating_point() else t for n, t in s.items()},
    "without counters": lambda s: {n: t for n, t in s.items() if not n.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize("form", FORMS)
def test_what_trainers_write_is_understood(form, tmp_path, resnet):
    torch.save(FORMS[form](resnet.state_dict()), tmp_path / "w.pth")
    loaded = read_weights(tmp_path / "w.pth", "resnet18", 32).eval()
    assert loaded.fc.out_features == 7
    assert all(t.dtype in (torch.float32, torch.int64) for t in loaded.state_dict().values())
    tolerance = 0.05 if form in ("half", "bfloat16") else 0
    torch.testing.assert_close(loaded(PHOTOS), resnet(PHOTOS), atol=tolerance, rtol=tolerance)
    assert loaded.card.normalization == registry.IMAGENET


@pytest.mark.parametrize(
    "architecture", ["torchvision/mobilenet_v3_small", "timm/lcnet_035", "torchvision/squeezenet1_1"]
)
@pytest.mark.parametrize("classes", [3, 1000])
def test_any_network_and_any_number_of_outputs(architecture, classes, tmp_path):
    card = replace(CARD, architecture=architecture, classes=[str(i) for i in range(classes)])
    model = new_model(card, seed=2).eval()
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    loaded = read_weights(tmp_path / "w.safetensors", architecture, 32).eval()
    assert len(loaded.card.classes) == classes
    assert torch.equal(loaded(PHOTOS), model(PHOTOS))


def test_a_file_without_a_classifier(tmp_path, resnet):
    state = {name: tensor for name, tensor in resnet.state_dict().items() if not name.startswith("fc.")}
    torch.save(state, tmp_path / "w.pth")
    loaded = read_weights(tmp_path / "w.pth", "resnet18", 32)
    assert torch.equal(loaded.layer4[1].conv2.weight, resnet.layer4[1].conv2.weight)


def test_densenets_older_names_are_understood(tmp_path):
    model = new_model(replace(CARD, architecture="torchvision/densenet121"), seed=0).eval()
    older = {
        n.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): t for n, t in model.state_dict().items()
    }
    torch.save(older, tmp_path / "w.pth")
    loaded = read_weights(tmp_path / "w.pth", "torchvision/densenet121", 32).eval()
    assert torch.equal(loaded(PHOTOS), model(PHOTOS))


class Danger:
    def __reduce__(self):
        return print, ("code in a weights file was run",)


def without(state: dict, name: str) -> dict:
    return {n: t for n, t in state.items() if n != name}


NAN, CONV = torch.full((512,), float("nan")), "layer4.1.conv2.weight"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda s: without(s, "layer2.0.conv1.weight"), "layer2.0.conv1.weight of the network are missing"),
        (lambda s: s | {CONV: torch.zeros(3)}, f"{CONV} is (3,), not (512, 512, 3, 3)"),
        (
            lambda s: s | {"layer5.weight": torch.zeros(3)},
            "also holds layer5.weight, which the network has not",
        ),
        (lambda s: s | {"layer4.1.bn2.weight": NAN}, "layer4.1.bn2.weight holds numbers that are not finite"),
        (lambda s: s | {CONV: s[CONV].to(torch.complex64)}, f"{CONV} holds complex64 numbers"),
        (lambda s: s | {CONV: s[CONV].to(torch.int8)}, f"{CONV} holds int8 numbers"),
        (
            lambda s: s | {"fc.weight": torch.zeros(0, 512), "fc.bias": torch.zeros(0)},
            "fc.weight has no outputs",
        ),
        (lambda s: without(s, "fc.bias"), "fc.weight but not the rest of the classifier"),
        (
            lambda s: {"backbone." + n: t for n, t in s.items()} | {"head.w": torch.zeros(1)},
            "none of its names",
        ),
        (lambda s: s | {"fc": "text"}, "fc of it hold no tensors"),
        (lambda s: {"epoch": 3}, "epoch of it hold no tensors"),
        (lambda s: torch.zeros(3), "no dict of tensors"),
        (lambda s: {}, "no dict of tensors"),
        (lambda s: {0: torch.zeros(3)}, "0 of it are no named dense tensors"),
        (lambda s: s | {CONV: torch.eye(3).to_sparse()}, f"{CONV} of it are no named dense tensors"),
        (lambda s: s | {"aux1.fc.weight": NAN}, "also holds aux1.fc.weight"),
        (lambda s: {"x": Danger()}, "cannot be read"),
    ],
)
def test_wrong_weights_are_one_line(tmp_path, resnet, capsys, content, reason):
    path = tmp_path / "w.pth"
    torch.save(content(dict(resnet.state_dict())), path)
    with pytest.raises(UserError, match=r"w\.pth: not weights of resnet18") as caught:
        read_weights(path, "resnet18", 32)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


def test_a_resnet34_is_no_resnet18(tmp_path):
    torch.save(registry.build("torchvision/resnet34", 1000, 32).state_dict(), tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"also holds layer1\.2\.conv1\.weight"):
        read_weights(tmp_path / "w.pth", "resnet18", 32)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_text_is_no_weights_file(tmp_path, name):
    for text in ("hello", "README", "state", "."):
        (tmp_path / name).write_text(text)
        with pytest.raises(UserError, match="cannot be read"):
            read_weights(tmp_path / name, "resnet18", 32)


def test_a_start_copies_all_but_the_classifier(resnet):
    target = new_model(replace(CARD, classes=list("abc"), mean=(0.1, 0.1, 0.1)), seed=2)
    classifier = target.fc.weight.clone()
    started_from(resnet, target)
    assert torch.equal(target.fc.weight, classifier)
    for name, tensor in target.state_dict().items():
        assert name.startswith("fc.") or torch.equal(tensor, resnet.state_dict()[name])
    assert target.card.normalization == CARD.normalization  # a pretrained network keeps its own
    assert target.card.classes == list("abc")


def test_a_start_from_another_network_is_one_line(resnet):
    with pytest.raises(UserError, match="weights are of resnet18, and teacher"):
        started_from(resnet, new_model(replace(CARD, architecture="student"), 0))


def test_weights_that_depend_on_the_size_say_so():
    card = replace(CARD, architecture="timm/deit_tiny_patch16_224")
    with pytest.raises(UserError, match="pos_embed depends on the size of the images, and they had 32"):
        started_from(new_model(card, 0), new_model(replace(card, input_size=64), 0))
