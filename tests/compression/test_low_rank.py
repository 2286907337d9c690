"""Low rank: exact at full ranks, and as large as the budget says."""

import itertools
from dataclasses import replace

import pytest
import torch

from stages.common.compression.low_rank import choose_ranks, factorize
from stages.common.errors import UserError
from stages.common.networks.cards import Card, new_model
from stages.common.networks.convnet import CHANNELS
from stages.common.networks.costs import macs, parameters
from stages.common.networks.factors import factorable, modes
from stages.common.networks.model_files import load_model, save_model

CARD = Card("cnn", list("abcdefghijk"), 32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1))
PHOTOS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
FULL = {
    f"blocks.{n}.conv": [min(i, 9 * o), min(o, 9 * i)]
    for n, (i, o) in enumerate(itertools.pairwise(CHANNELS), 1)
} | {"classifier": [11]}
KINDS = ["student", "torchvision/mobilenet_v2", "timm/lcnet_035", "timm/deit_tiny_patch16_224"]


@pytest.fixture(scope="module")
def model():
    return new_model(CARD, seed=3).eval()


@torch.inference_mode()
def test_at_full_ranks_nothing_changes(model):
    whole = factorize(model, FULL).eval()
    torch.testing.assert_close(whole(PHOTOS), model(PHOTOS), atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_without_ranks_nothing_changes(model):
    assert torch.equal(factorize(model, {}).eval()(PHOTOS), model(PHOTOS))


@pytest.mark.parametrize("budget", [256_779, 40_000, 1_000_000, 2_168_203])
def test_the_budget_is_met_within_a_hundredth_and_never_passed(model, budget):
    ranks = choose_ranks(model, budget)
    assert 0.99 * budget < parameters(factorize(model, ranks)) <= budget


def test_a_layer_is_never_larger_than_it_was(model):
    for budget in (256_779, 2_000_000):
        small = factorize(model, choose_ranks(model, budget))
        for new, old in zip(small.blocks, model.blocks, strict=True):
            assert parameters(new) <= parameters(old)
        assert parameters(small.classifier) <= parameters(model.classifier)


def test_more_parameters_keep_more(model):
    """The squared error of every kernel falls as the budget grows."""

    def error(budget: int) -> float:
        small, total = factorize(model, choose_ranks(model, budget)), 0.0
        for new, old in zip(small.blocks, model.blocks, strict=True):
            if isinstance(new.conv, torch.nn.Sequential):
                first, core, last = (layer.weight for layer in new.conv)
                kernel = torch.einsum("ri,srhw,os->oihw", first[:, :, 0, 0], core, last[:, :, 0, 0])
                total += ((kernel - old.conv.weight).square().sum() / old.conv.weight.square().sum()).item()
        return total

    errors = [error(budget) for budget in (100_000, 256_779, 600_000, 1_200_000)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 1.5


@torch.inference_mode()
def test_a_network_of_low_rank_is_found_again(model):
    """A kernel that is a sum of few products is kept exactly by as few ranks."""
    small = new_model(replace(CARD, ranks={"blocks.4.conv": [6, 5]}), seed=4).eval()
    conv, state = small.blocks[4].conv, small.state_dict()
    first, core, last = (layer.weight for layer in conv)
    kernel = torch.einsum("ri,srhw,os->oihw", first[:, :, 0, 0], core, last[:, :, 0, 0])
    whole = new_model(CARD, seed=0).eval()
    kept = {k: v for k, v in state.items() if not k.startswith("blocks.4.conv")}
    whole.load_state_dict(kept | {"blocks.4.conv.weight": kernel, "blocks.4.conv.bias": conv[2].bias})
    again = factorize(whole, small.card.ranks).eval()
    torch.testing.assert_close(again(PHOTOS), whole(PHOTOS), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("budget", [5_000, 2_168_204])
def test_a_budget_that_cannot_be_met_is_one_line(model, budget):
    with pytest.raises(
        UserError, match=f"factorize.budget = {budget}: cnn of low rank can have .* the nearest is"
    ):
        choose_ranks(model, budget)


@torch.inference_mode()
def test_a_factorized_network_loads_again(model, tmp_path):
    small = factorize(model, choose_ranks(model, 100_000)).eval()
    save_model(small, tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert torch.equal(again(PHOTOS), small(PHOTOS))
    assert again.card.ranks == small.card.ranks


def test_the_network_and_its_ranks_repeat(model):
    a, b = (factorize(model, choose_ranks(model, 256_779)).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_macs_of_a_factorized_layer_by_hand(model):
    """One block of [r, s] at 2 x 2 pixels (32 pixels, four poolings): 1x1, 3x3, 1x1."""
    ranks = {"blocks.4.conv": [6, 5]}
    small = factorize(model, ranks)
    saved = (128 * 256 * 9 - (128 * 6 + 6 * 5 * 9 + 5 * 256)) * 4
    assert macs(model, 32) - macs(small, 32) == saved


@pytest.mark.parametrize("architecture", KINDS)
def test_networks_of_every_kind_meet_a_budget_and_load_again(architecture, tmp_path):
    model = new_model(replace(CARD, architecture=architecture), seed=3).eval()
    budget = int(0.7 * parameters(model))
    small = factorize(model, choose_ranks(model, budget)).eval()
    assert 0.99 * budget < parameters(small) <= budget
    save_model(small, tmp_path / "m")
    again = load_model(tmp_path / "m")
    with torch.inference_mode():
        assert torch.equal(again(PHOTOS), small(PHOTOS))
        whole = factorize(model, {})(PHOTOS)
        assert torch.equal(whole, model(PHOTOS))


@torch.inference_mode()
@pytest.mark.parametrize("architecture", KINDS)
def test_at_full_ranks_nothing_changes_in_networks_of_every_kind(architecture):
    model = new_model(replace(CARD, architecture=architecture), seed=3).double().eval()
    ranks = {}
    for name, layer in factorable(model).items():
        outs, ins = layer.weight.shape[:2]
        ranks[name] = [ins, outs] if modes(layer) == 2 else [min(outs, ins)]
    whole = factorize(model, ranks).double().eval()
    torch.testing.assert_close(whole(PHOTOS.double()), model(PHOTOS.double()), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    "ranks",
    [{"blocks.0.conv": [3, 4]}, {"blocks.4.conv": [6]}, {"blocks.4.conv": [6, 999]}, {"nothing": [1]}],
)
def test_ranks_that_a_layer_cannot_have_are_refused(model, ranks):
    with pytest.raises(ValueError, match="cannot have the ranks"):
        new_model(replace(CARD, ranks=ranks), 0)


def test_a_layer_whose_weight_others_read_stays_whole():
    model = new_model(replace(CARD, architecture="torchvision/swin_t", image_size=32), 0).eval()
    ranks = choose_ranks(model, int(0.9 * parameters(model)))
    assert not any("qkv" in name for name in ranks)
    with torch.inference_mode():
        assert factorize(model, ranks).eval()(PHOTOS).shape == (2, 11)
