"""Surgery is exact: the pruned network computes what the masked one computes."""

from dataclasses import replace

import pytest
import torch

from stages.common.compression.pruning import global_channels, kept_channels, prune, scores
from stages.common.networks import resnet
from stages.common.networks.cards import Card, new_model
from stages.common.networks.convnet import CHANNELS
from stages.common.networks.costs import parameters
from stages.common.networks.model_files import load_model, save_model
from stages.common.networks.registry import prunable, scaled, standard_channels, wires

CARD = Card("student", list(CHANNELS), list("abcdefghijk"), 32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1))
PHOTOS = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 3, 7])
NETWORKS = ["student", "cnn", "resnet18"]
CRITERIA = ["bn_gamma", "l1", "taylor", "random"]


def trained(architecture: str):
    """A network whose norms are anything but fresh: gammas of both signs, shifts, statistics."""
    model = new_model(replace(CARD, architecture=architecture, channels=standard_channels(architecture)), 5)
    generator = torch.Generator().manual_seed(6)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                tensor.data = torch.randn(tensor.shape, generator=generator)
            module.running_var = torch.rand(module.running_var.shape, generator=generator) + 0.5
    return model.eval()


def at_width(model, width):
    return scaled(model.card.architecture, model.channels, width)


def masked(model, kept, photos):
    """What `model` computes when the channels that are not kept never leave a batch norm."""

    def silence(group: int):
        gone = torch.ones(model.channels[group], dtype=torch.bool)
        gone[kept[group]] = False

        def hook(module, inputs, output):
            return output.masked_fill(gone[None, :, None, None], 0)

        return hook

    hooks = []
    for wire in wires(model):
        layer = model.get_submodule(wire.layer)
        if isinstance(layer, torch.nn.BatchNorm2d) and wire.outs in prunable(model.card.architecture):
            hooks.append(layer.register_forward_hook(silence(wire.outs)))
    try:
        return model(photos)
    finally:
        for hook in hooks:
            hook.remove()


@pytest.mark.parametrize("architecture", NETWORKS)
@pytest.mark.parametrize("width", [0.95, 0.5, 0.23])
@torch.inference_mode()
def test_pruned_equals_masked(architecture, width):
    model = trained(architecture)
    kept = kept_channels(model, at_width(model, width), scores(model, "bn_gamma"))
    pruned = prune(model, kept).eval()
    expected = masked(model, kept, PHOTOS)
    torch.testing.assert_close(pruned(PHOTOS), expected, atol=1e-4, rtol=1e-4)
    assert (expected - model(PHOTOS)).abs().max() > 1e-2  # the mask does something
    assert pruned.channels == at_width(model, width)


@pytest.mark.parametrize("architecture", NETWORKS)
@torch.inference_mode()
def test_any_choice_of_channels_is_cut_exactly(architecture):
    model, generator = trained(architecture), torch.Generator().manual_seed(1)
    kept = [torch.arange(c) for c in model.channels]
    for group in prunable(architecture):
        channels = model.channels[group]
        kept[group] = torch.randperm(channels, generator=generator)[: channels // 3 + group].sort().values
    torch.testing.assert_close(
        prune(model, kept).eval()(PHOTOS), masked(model, kept, PHOTOS), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("architecture", NETWORKS)
def test_the_best_scores_stay(architecture, criterion):
    model = trained(architecture)
    found = scores(model, criterion, batches=[(PHOTOS, LABELS)], seed=3)
    assert list(found) == list(prunable(architecture))
    kept = kept_channels(model, at_width(model, 0.5), found)
    for group, (values, channels) in enumerate(zip(kept, model.channels, strict=True)):
        assert torch.equal(values, values.sort().values)
        if group not in found:
            assert torch.equal(values, torch.arange(channels))
            continue
        gone = torch.ones(channels, dtype=torch.bool)
        gone[values] = False
        assert found[group][values].min() >= found[group][gone].max()


def test_scores_are_what_their_names_say():
    student, cnn, resnet = map(trained, NETWORKS)
    # In the student the batch norm of the next block scales a channel; its own pointwise weights make it.
    assert torch.equal(scores(student, "bn_gamma")[4], student.blocks[5].norm.weight.abs())
    assert torch.allclose(scores(student, "l1")[4], student.blocks[4].pointwise.weight.abs().sum((1, 2, 3)))
    assert torch.equal(scores(cnn, "bn_gamma")[4], cnn.blocks[4].norm.weight.abs())
    assert torch.allclose(scores(cnn, "l1")[3], cnn.blocks[3].conv.weight.abs().sum((1, 2, 3)))
    inner, stream = scores(resnet, "bn_gamma")[4], scores(resnet, "bn_gamma")[1]
    assert torch.equal(inner, resnet.layer1[0].bn1.weight.abs())
    block, down = resnet.layer2, resnet.layer2[0].downsample[1]
    assert torch.allclose(stream, sum(n.weight.abs() for n in (block[0].bn2, block[1].bn2, down)))


def test_taylor_predicts_how_the_loss_changes():
    """To first order: scaling a channel's norm by 1 - e changes the loss by e times the root of its score."""
    model = trained("cnn").double()
    photos = PHOTOS.double()
    found = scores(model, "taylor", batches=[(photos, LABELS)])[5]
    norm, e = model.blocks[5].norm, 1e-5

    def loss():
        return torch.nn.functional.cross_entropy(model(photos), LABELS).item()

    whole = loss()
    for channel in (0, 17, 200):
        with torch.no_grad():
            norm.weight[channel] *= 1 - e
            norm.bias[channel] *= 1 - e
        change = (loss() - whole) / e
        with torch.no_grad():
            norm.weight[channel] /= 1 - e
            norm.bias[channel] /= 1 - e
        assert abs(change) == pytest.approx(found[channel].sqrt().item(), rel=1e-2, abs=1e-6)


def test_random_channels_follow_the_seed():
    model = trained("student")
    first, again, other = (scores(model, "random", seed=s)[4] for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("width", [0.9, 0.5, 0.3])
@pytest.mark.parametrize("architecture", NETWORKS)
def test_global_pruning_has_the_size_of_uniform_pruning(architecture, width):
    model = trained(architecture)
    found, like = scores(model, "l1"), at_width(model, width)
    channels = global_channels(model, found, like)
    sizes = [parameters(prune(model, kept_channels(model, c, found))) for c in (channels, like)]
    assert sizes[0] <= sizes[1]
    assert sizes[0] > 0.98 * sizes[1]  # one channel more would be too many
    assert channels != like
    assert all(c >= int(0.1 * old) for c, old in zip(channels, model.channels, strict=True))


def test_global_pruning_takes_from_the_layer_that_matters_least():
    """Scores of one layer are spread out, so it has many that are small for it; the others are even."""
    model = new_model(CARD, seed=0)
    found = {g: torch.ones(model.channels[g]) for g in prunable("student")}
    found[5] = torch.linspace(0, 2, 256)
    channels = global_channels(model, found, at_width(model, 0.95))
    assert [c for i, c in enumerate(channels) if i != 5] == [c for i, c in enumerate(CHANNELS) if i != 5]
    assert channels[5] < 256 * 0.9


def test_keeping_all_changes_nothing_and_the_old_network_stays():
    model = trained("student")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = scores(model, "bn_gamma")
    same = prune(model, kept_channels(model, CHANNELS, found)).eval()
    assert all(torch.equal(tensor, before[name]) for name, tensor in same.state_dict().items())
    prune(model, kept_channels(model, at_width(model, 0.3), found))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.card.channels == list(CHANNELS)


def test_a_pruned_network_shares_no_memory_with_the_old():
    model = trained("student")
    pruned = prune(model, kept_channels(model, CHANNELS, {}))
    old = {p.data_ptr() for p in model.parameters()}
    assert not old & {p.data_ptr() for p in pruned.parameters()}


@pytest.mark.parametrize("architecture", NETWORKS)
def test_a_pruned_network_is_saved_smaller_and_loads_again(architecture, tmp_path):
    model = trained(architecture)
    pruned = prune(model, kept_channels(model, at_width(model, 0.23), scores(model, "l1"))).eval()
    save_model(model, tmp_path / "whole")
    save_model(pruned, tmp_path / "pruned")
    assert (tmp_path / "pruned").stat().st_size < (tmp_path / "whole").stat().st_size / 5
    assert torch.equal(load_model(tmp_path / "pruned")(PHOTOS), pruned(PHOTOS))


def test_equal_scores_fall_to_the_first_channels():
    model = new_model(CARD, seed=0)  # every gamma is 1
    kept = kept_channels(model, at_width(model, 0.5), scores(model, "bn_gamma"))
    assert torch.equal(kept[4], torch.arange(128))


@pytest.mark.parametrize(("group", "channels"), [(0, 8), (7, 100), (3, 500), (3, 0)])
def test_what_cannot_be_cut_is_refused(group, channels):
    model = new_model(CARD, seed=0)
    wanted = list(CHANNELS)
    wanted[group] = channels
    with pytest.raises(ValueError, match=f"group {group}"):
        kept_channels(model, wanted, scores(model, "bn_gamma"))


def test_a_factorized_network_is_not_pruned():
    model = new_model(replace(CARD, architecture="cnn", ranks=[[], *[[4, 5]] * 7, []]), seed=0)
    with pytest.raises(ValueError, match="factorized"):
        scores(model, "l1")


def test_a_resnet18_of_standard_width_is_torchvisions():
    assert parameters(trained("resnet18")) == 11_182_155
    assert trained("resnet18").channels == list(resnet.CHANNELS)
