"""Surgery is exact: the pruned network computes what the masked one computes."""

import pytest
import torch

from stages.common.architectures import CHANNELS, PRUNABLE, scaled
from stages.common.checkpoint import Card, load_model, new_model, save_model
from stages.common.cost import parameters
from stages.common.pruning import importance, kept_channels, norm_of, prune

CARD = Card("student", list(CHANNELS), list("abcdefghijk"), 32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1))
PHOTOS = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def trained(architecture: str):
    """A network whose norms are anything but fresh: gammas of both signs, shifts, statistics."""
    model = new_model(Card(architecture, *list(vars(CARD).values())[1:]), seed=5)
    generator = torch.Generator().manual_seed(6)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                tensor.data = torch.randn(tensor.shape, generator=generator)
            module.running_var = torch.rand(module.running_var.shape, generator=generator) + 0.5
    return model.eval()


def masked(model, kept, photos):
    """What `model` computes when the channels that are not kept never reach the next layer."""

    def silence(block: int):
        gone = torch.ones(model.channels[block], dtype=torch.bool)
        gone[kept[block]] = False

        def hook(module, inputs, output):
            return output.masked_fill(gone[None, :, None, None], 0)

        return hook

    hooks = []
    for block in PRUNABLE:
        # In the student a channel lives on through the next block's depthwise convolution and norm.
        where = model.blocks[block + 1].relu if model.separable else model.blocks[block]
        hooks.append(where.register_forward_hook(silence(block)))
    try:
        return model(photos)
    finally:
        for hook in hooks:
            hook.remove()


@pytest.mark.parametrize("architecture", ["student", "cnn"])
@pytest.mark.parametrize("width", [0.95, 0.5, 0.23])
@torch.inference_mode()
def test_pruned_equals_masked(architecture, width):
    model = trained(architecture)
    kept = kept_channels(model, scaled(CHANNELS, width))
    pruned = prune(model, kept).eval()
    expected = masked(model, kept, PHOTOS)
    torch.testing.assert_close(pruned(PHOTOS), expected, atol=1e-4, rtol=1e-4)
    assert (expected - model(PHOTOS)).abs().max() > 1e-2  # the mask does something
    assert pruned.channels == scaled(CHANNELS, width)


@pytest.mark.parametrize("architecture", ["student", "cnn"])
@torch.inference_mode()
def test_any_choice_of_channels_is_cut_exactly(architecture):
    model, generator = trained(architecture), torch.Generator().manual_seed(1)
    kept = [torch.arange(c) for c in CHANNELS]
    for block in PRUNABLE:
        kept[block] = torch.randperm(CHANNELS[block], generator=generator)[: 40 + block].sort().values
    torch.testing.assert_close(
        prune(model, kept).eval()(PHOTOS), masked(model, kept, PHOTOS), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("architecture", ["student", "cnn"])
def test_the_largest_gammas_stay(architecture):
    model = trained(architecture)
    kept = kept_channels(model, scaled(CHANNELS, 0.5))
    for block in PRUNABLE:
        gamma = norm_of(model, block).weight.abs()
        gone = torch.ones(len(gamma), dtype=torch.bool)
        gone[kept[block]] = False
        assert gamma[kept[block]].min() >= gamma[gone].max()
        assert torch.equal(kept[block], kept[block].sort().values)
        assert torch.equal(importance(model, block), gamma)
    for block in set(range(8)) - set(PRUNABLE):
        assert torch.equal(kept[block], torch.arange(CHANNELS[block]))


def test_keeping_all_changes_nothing_and_the_old_network_stays():
    model = trained("student")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    same = prune(model, kept_channels(model, list(CHANNELS))).eval()
    assert all(torch.equal(tensor, before[name]) for name, tensor in same.state_dict().items())
    prune(model, kept_channels(model, scaled(CHANNELS, 0.3)))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.card.channels == list(CHANNELS)


def test_a_pruned_network_shares_no_memory_with_the_old():
    model = trained("student")
    pruned = prune(model, kept_channels(model, list(CHANNELS)))
    old = {p.data_ptr() for p in model.parameters()}
    assert not old & {p.data_ptr() for p in pruned.parameters()}


def test_a_pruned_network_is_saved_smaller_and_loads_again(tmp_path):
    model = trained("cnn")
    pruned = prune(model, kept_channels(model, scaled(CHANNELS, 0.23))).eval()
    save_model(model, tmp_path / "whole")
    save_model(pruned, tmp_path / "pruned")
    assert parameters(pruned) == 254_038
    assert (tmp_path / "pruned").stat().st_size < (tmp_path / "whole").stat().st_size / 8
    assert torch.equal(load_model(tmp_path / "pruned")(PHOTOS), pruned(PHOTOS))


def test_equal_gammas_fall_to_the_first_channels():
    model = new_model(CARD, seed=0)  # every gamma is 1
    assert torch.equal(kept_channels(model, scaled(CHANNELS, 0.5))[4], torch.arange(128))


def test_what_cannot_be_cut_is_refused():
    model = new_model(CARD, seed=0)
    for block, channels in ((0, 8), (7, 100), (3, 500)):
        wanted = list(CHANNELS)
        wanted[block] = channels
        with pytest.raises(ValueError, match=f"block {block}"):
            kept_channels(model, wanted)
