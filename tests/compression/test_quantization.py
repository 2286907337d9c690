"""Weights of a few bits: errors stay within half a step, files are small and give back what was measured."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from stages.common.compression.quantization import quantized, start_rounding, stop_rounding
from stages.common.data.views import Views
from stages.common.errors import UserError
from stages.common.networks.cards import Card, new_model
from stages.common.networks.codes import BITS, dequantize, largest, pack, quantize, unpack
from stages.common.networks.model_files import load_model, save_model
from stages.common.params import Fit
from stages.common.training.examples import Examples
from stages.common.training.loop import fit, on_labels
from stages.common.training.resuming import Slot
from tests.narrow import narrow

CARD = Card("student", list("abcdefghijk"), 32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1))
PHOTOS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def weight(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("bits", BITS)
def test_the_error_is_at_most_half_a_step(bits):
    w = weight(20, 5, 3, 3)
    codes, scale = quantize(w, bits)
    assert codes.abs().amax((1, 2, 3)).tolist() == [largest(bits)] * 20  # all of the range is used
    error = (w - dequantize(codes, scale)).abs().amax((1, 2, 3))
    assert (error <= scale / 2 * 1.0001).all()


@pytest.mark.parametrize("bits", BITS)
def test_rounding_what_is_rounded_changes_nothing(bits):
    w = weight(6, 40)
    once = dequantize(*quantize(w, bits))
    torch.testing.assert_close(dequantize(*quantize(once, bits)), once, rtol=1e-6, atol=0)


@pytest.mark.parametrize("bits", BITS)
def test_constants_come_back(bits):
    w = torch.tensor([[0.0, 0.0], [0.7, 0.7], [-3.0, -3.0], [1e-30, 0.0]])
    codes, scale = quantize(w, bits)
    assert codes.abs().max() <= largest(bits)
    assert (scale > 0).all()
    torch.testing.assert_close(dequantize(codes, scale), w, rtol=1e-5, atol=0)
    one = torch.tensor([[2.5]])
    torch.testing.assert_close(dequantize(*quantize(one, bits)), one)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("count", [1, 3, 7, 64])
def test_packing_loses_nothing_and_wastes_no_byte(bits, count):
    codes = torch.randint(
        -largest(bits), largest(bits) + 1, (count, 3), generator=torch.Generator().manual_seed(2)
    )
    packed = pack(codes, bits)
    assert len(packed) == -(-count * 3 * bits // 8)
    assert torch.equal(unpack(packed, bits, codes.shape), codes.int())


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("architecture", ["student", "cnn", "resnet18"])
@torch.inference_mode()
def test_a_file_gives_back_the_rounded_network(architecture, bits, tmp_path):
    model = new_model(replace(CARD, architecture=architecture), 0)
    rounded = quantized(model, bits).eval()
    save_model(model, tmp_path / "whole")
    save_model(rounded, tmp_path / "rounded")
    again = load_model(tmp_path / "rounded")
    torch.testing.assert_close(again(PHOTOS), rounded(PHOTOS), rtol=1e-4, atol=1e-4)
    assert again.card.bits == bits
    sizes = [(tmp_path / name).stat().st_size for name in ("whole", "rounded")]
    assert sizes[1] < sizes[0] * (bits / 32 + 0.12)
    assert not torch.equal(model.eval()(PHOTOS), rounded(PHOTOS))


def test_a_factorized_network_is_quantized_too(tmp_path):
    model = new_model(
        replace(CARD, architecture="cnn", ranks={"blocks.1.conv": [4, 5], "classifier": [3]}), 0
    )
    save_model(quantized(model, 8), tmp_path / "m")
    assert load_model(tmp_path / "m").card.ranks == model.card.ranks


def test_the_student_of_8_bits_meets_the_limit_of_the_exercise(tmp_path):
    save_model(quantized(new_model(CARD, 0), 8), tmp_path / "m")
    assert (tmp_path / "m").stat().st_size <= 300_000


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in "ab":
        save_model(quantized(new_model(CARD, 0), 4), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_quantizing_leaves_the_network_as_it_is():
    model = new_model(CARD, 0)
    before = model.classifier.weight.clone()
    quantized(model, 4)
    assert torch.equal(model.classifier.weight, before)
    assert model.card.bits == 32


def test_training_sees_rounded_weights_and_moves_the_ones_behind(tmp_path):
    model = new_model(CARD, 0).eval()
    expected = quantized(model, 4).eval()
    start_rounding(model, 4)
    torch.testing.assert_close(model(PHOTOS), expected(PHOTOS))
    model(PHOTOS).square().sum().backward()
    behind = model.blocks[2].pointwise.parametrizations.weight.original
    assert behind.grad.abs().sum() > 0
    with torch.no_grad():
        behind -= 0.1 * behind.grad
    said = model(PHOTOS)
    stop_rounding(model, 4)
    torch.testing.assert_close(model(PHOTOS), said)
    save_model(model, tmp_path / "m")
    torch.testing.assert_close(load_model(tmp_path / "m")(PHOTOS), said, rtol=1e-4, atol=1e-4)


NAME = "blocks.3.pointwise.weight"
CORRUPTIONS = {
    "codes cut short": lambda tensors: tensors | {NAME: tensors[NAME][:-1].clone()},
    "codes too many": lambda tensors: tensors | {NAME: tensors[NAME].repeat(2)},
    "one scale for all": lambda tensors: tensors | {f"{NAME}.scale": tensors[f"{NAME}.scale"][:1].clone()},
    "a scale missing": lambda tensors: {k: v for k, v in tensors.items() if k != f"{NAME}.scale"},
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corrupt_quantized_file_is_one_line(corruption, tmp_path):
    save_model(quantized(new_model(CARD, 0), 8), tmp_path / "m")
    with safe_open(tmp_path / "m", framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    card = json.loads(metadata["card"])
    del card["digest"]  # it would tell at once
    save_file(CORRUPTIONS[corruption](tensors), tmp_path / "m", {"card": json.dumps(card)})
    with pytest.raises(UserError, match="m: not a model file of this project") as caught:
        load_model(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_a_killed_fine_tune_with_rounded_weights_goes_on_as_if_nothing_had_been(tmp_path):
    card = replace(CARD, shapes=narrow("student", 8, 2), classes=["dark", "bright"])
    labels = np.arange(32) % 2
    noise = np.random.default_rng(0).integers(0, 120, (32, 32, 32, 3))
    photos = (noise + 130 * labels[:, None, None, None]).astype(np.uint8)
    augment = SimpleNamespace(crop=0.9, rotation=5, flip=True, colour=0.1)
    photos = Examples(Views(photos, card.normalization, augment, 0), torch.from_numpy(labels), "cpu")
    schedule = Fit(epochs=3, learning_rate=0.01, batch_size=8, weight_decay=0.05)

    class Killed(Exception):
        pass

    class Eager(Slot):
        def due(self) -> bool:
            return True

    def finish(slot: Slot, last: int = 3):
        def loss(logits, batch):
            if batch.epoch > last:
                raise Killed
            return on_labels(logits, batch)

        model = new_model(card, 0)
        start_rounding(model, 4)
        fit(model, photos, photos, loss, schedule, slot, seed=0, label="test")
        stop_rounding(model, 4)
        return model

    whole, slot = finish(Slot(None)), Eager(tmp_path / "fit.safetensors")
    with pytest.raises(Killed):
        finish(slot, last=0)
    assert slot.load()[1]["epoch"] == 1
    again = finish(slot)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
