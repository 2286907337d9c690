"""Surgery is exact: the pruned network computes what the masked one computes."""

import itertools
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import nn

from stages.common.compression import wiring as wiring_module
from stages.common.compression.pruning import (
    Parameters,
    cuttable,
    global_sizes,
    kept_channels,
    scaled,
    scores,
    widths,
)
from stages.common.compression.wiring import masked, prune, wiring
from stages.common.errors import NotPossible
from stages.common.networks import registry
from stages.common.networks.cards import Card, new_model
from stages.common.networks.costs import macs, parameters
from stages.common.networks.model_files import load_model, save_model

CARD = Card("student", list("abcdefghijk"), 32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1))
PHOTOS = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 3, 7])
NETWORKS = ["student", "cnn", "resnet18"]
KINDS = {  # networks of other kinds, and the size of photos that they take
    "timm/resnet26": 32,  # bottleneck
    "torchvision/mobilenet_v2": 32,  # inverted residual
    "torchvision/mobilenet_v3_small": 32,  # with squeeze-excite
    "timm/lcnet_035": 32,
    "timm/tf_efficientnet_lite0": 32,  # of padding that depends on the image
    "torchvision/densenet121": 32,  # dense
    "torchvision/squeezenet1_1": 32,  # without norms, the classifier a convolution
    "timm/convnext_atto": 32,  # large kernel, layer norm
    "torchvision/regnet_y_400mf": 32,  # grouped
    "timm/ghostnet_100": 32,
    "timm/repvgg_a0": 32,
    "timm/deit_tiny_patch16_224": 32,  # transformer
}
CRITERIA = ["bn_gamma", "l1", "taylor", "random"]
AT_95 = [256_779, 236_066, 217_850, 200_354, 185_091, 171_606, 158_621]
AT_90 = [256_779, 216_518, 183_578, 156_084, 132_858, 114_810]


def trained(architecture: str, size: int = 32):
    """A network whose norms are anything but fresh: gammas of both signs, shifts, statistics."""
    model = new_model(replace(CARD, architecture=architecture, image_size=size), 5)
    generator = torch.Generator().manual_seed(6)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                tensor.data = torch.randn(tensor.shape, generator=generator)
            module.running_var = torch.rand(module.running_var.shape, generator=generator) + 0.5
    return model.eval()


@cache
def groups_of(architecture: str, size: int = 32):
    return cuttable(trained(architecture, size))


def at_width(groups, width, round_to=1):
    return scaled({group.name: group.size for group in groups}, width, round_to)


def random_choice(groups, width=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = at_width(groups, width)
    return {
        g.name: torch.randperm(g.size, generator=generator)[: sizes[g.name]].sort().values for g in groups
    }


@pytest.mark.parametrize("architecture", NETWORKS)
@pytest.mark.parametrize("width", [0.95, 0.5, 0.23])
@torch.inference_mode()
def test_pruned_equals_masked(architecture, width):
    model, groups = trained(architecture), groups_of(architecture)
    kept = kept_channels(scores(model, groups, "bn_gamma"), at_width(groups, width))
    pruned = prune(model, groups, kept).eval()
    expected = masked(model, groups, kept)(PHOTOS)
    torch.testing.assert_close(pruned(PHOTOS), expected, atol=1e-4, rtol=1e-4)
    assert (expected - model(PHOTOS)).abs().max() > 1e-2  # the mask does something


@pytest.mark.parametrize("architecture", KINDS)
def test_networks_of_every_kind_are_cut_exactly(architecture, tmp_path):
    """Any choice of channels; counts fall; the file loads again without the network that it was cut from."""
    size = KINDS[architecture]
    model = new_model(replace(CARD, architecture=architecture, image_size=size), 5).double().eval()
    photos, groups = PHOTOS.double(), cuttable(model)
    kept = random_choice(groups)
    pruned = prune(model, groups, kept).eval()
    with torch.inference_mode():
        whole, expected, found = model(photos), masked(model, groups, kept)(photos), pruned(photos)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert (expected - whole).abs().max() > 0
    assert parameters(pruned) == Parameters(model, groups)({name: len(of) for name, of in kept.items()})
    assert parameters(pruned) < 0.8 * parameters(model)
    assert macs(pruned.float(), size) < 0.9 * macs(model.float(), size)
    save_model(pruned, tmp_path / "m")
    again = load_model(tmp_path / "m")
    with torch.inference_mode():
        assert torch.equal(again(PHOTOS), pruned(PHOTOS))
    again.train()(PHOTOS).sum().backward()


@pytest.mark.parametrize("architecture", ["torchvision/shufflenet_v2_x0_5"])
def test_a_network_that_cannot_be_cut_is_one_line(architecture):
    model = new_model(replace(CARD, architecture=architecture), 0)
    with pytest.raises(
        NotPossible, match=f"{architecture} cannot be pruned: every layer: tracing fails"
    ) as caught:
        cuttable(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("architecture", "layer", "reason"),
    [
        ("resnet18", "fc", "its outputs are the answer"),
        ("student", "blocks.0.conv", "the reference leaves it whole"),
        ("torchvision/regnet_y_400mf", "trunk_output.block4.block4-0.f.a.0", "convolution of 55 groups"),
        ("timm/deit_tiny_patch16_224", "blocks.0.attn.qkv", "attn.proj has only some of its channels"),
    ],
)
def test_layers_that_stay_whole_are_listed_with_the_reason(architecture, layer, reason):
    assert reason in wiring(new_model(replace(CARD, architecture=architecture), 0)).whole[layer]


@pytest.mark.parametrize("rate", [0.95, 0.9])
def test_sizes_of_the_pruning_steps_are_the_reports(rate):
    groups, count = groups_of("student"), Parameters(trained("student"), groups_of("student"))
    expected = {0.95: AT_95, 0.9: AT_90}[rate]
    assert [count(at_width(groups, w)) for w in widths(rate, 0.3)[: len(expected)]] == expected


@pytest.mark.parametrize(
    ("architecture", "width", "expected"),
    [
        ("student", 0.5, 91_211),
        ("student", 0.3, 47_349),
        ("cnn", 0.23, 254_038),
        ("resnet18", 0.5, 2_801_707),
    ],
)
def test_sizes_at_a_width(architecture, width, expected):
    model, groups = trained(architecture), groups_of(architecture)
    sizes = at_width(groups, width)
    pruned = prune(model, groups, {name: torch.arange(n) for name, n in sizes.items()})
    assert parameters(pruned) == Parameters(model, groups)(sizes) == expected


def test_macs_of_the_cut_cnn_at_256_pixels():
    model, groups = trained("cnn"), groups_of("cnn")
    kept = {name: torch.arange(n) for name, n in at_width(groups, 0.23).items()}
    assert round(macs(prune(model, groups, kept), 256) / 1e6, 1) == 250.0


@pytest.mark.parametrize(
    ("channels", "width", "round_to", "expected"),
    [
        (256, 0.95, 1, 243),
        (256, 1e-6, 1, 1),
        (256, 0.95, 8, 240),
        (256, 0.96, 8, 248),
        (256, 0.01, 8, 8),
        (6, 0.5, 8, 6),
        (20, 1.0, 8, 20),
    ],
)
def test_widths_are_cut_off_or_rounded(channels, width, round_to, expected):
    assert scaled({"a": channels}, width, round_to) == {"a": expected}


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("architecture", [*NETWORKS, "timm/lcnet_035"])
def test_the_best_scores_stay(architecture, criterion):
    model, groups = trained(architecture), groups_of(architecture)
    found = scores(model, groups, criterion, batches=[(PHOTOS, LABELS)], seed=3)
    kept = kept_channels(found, at_width(groups, 0.5))
    assert list(kept) == list(found) == [group.name for group in groups]
    for group in groups:
        values = kept[group.name]
        assert torch.equal(values, values.sort().values)
        gone = torch.ones(group.size, dtype=torch.bool)
        gone[values] = False
        assert found[group.name][values].min() >= found[group.name][gone].max()


def test_scores_are_what_their_names_say():
    student, cnn, resnet = map(trained, NETWORKS)

    def of(model, importance):
        return scores(model, groups_of(model.card.architecture), importance)

    # In the student the batch norm of the next block scales a channel; its own pointwise weights make it.
    assert torch.equal(of(student, "bn_gamma")["blocks.4.pointwise"], student.blocks[5].norm.weight.abs())
    made = student.blocks[4].pointwise.weight.abs().sum((1, 2, 3))
    assert torch.allclose(of(student, "l1")["blocks.4.pointwise"], made)
    assert torch.equal(of(cnn, "bn_gamma")["blocks.4.conv"], cnn.blocks[4].norm.weight.abs())
    assert torch.allclose(of(cnn, "l1")["blocks.3.conv"], cnn.blocks[3].conv.weight.abs().sum((1, 2, 3)))
    found = of(resnet, "bn_gamma")
    assert torch.equal(found["layer1.0.conv1"], resnet.layer1[0].bn1.weight.abs())
    block, down = resnet.layer2, resnet.layer2[0].downsample[1]
    stream = sum(n.weight.abs() for n in (block[0].bn2, block[1].bn2, down))
    assert torch.allclose(found["layer2.0.conv2"], stream)


@pytest.mark.parametrize("architecture", ["cnn", "torchvision/squeezenet1_1"])
def test_taylor_predicts_how_the_loss_changes(architecture):
    """To first order: scaling what makes a channel by 1 - e changes the loss by e times the root of its score."""
    model = trained(architecture).double()
    group = groups_of(architecture)[2]
    photos, e = PHOTOS.double(), 1e-5
    found = scores(model, [group], "taylor", batches=[(photos, LABELS)])[group.name]
    norms = [m for m in group.members if isinstance(model.get_submodule(m.layer), nn.BatchNorm2d)]
    layer = model.get_submodule((norms or group.members)[0].layer)

    def loss():
        return nn.functional.cross_entropy(model(photos), LABELS).item()

    whole = loss()
    for channel in (0, 7, 15):
        with torch.no_grad():
            before = layer.weight[channel].clone(), layer.bias[channel].clone()
            layer.weight[channel] *= 1 - e
            layer.bias[channel] *= 1 - e
            change = (loss() - whole) / e
            layer.weight[channel], layer.bias[channel] = before
        assert abs(change) == pytest.approx(found[channel].sqrt().item(), rel=1e-2, abs=1e-6)


def test_random_channels_follow_the_seed():
    model, groups = trained("student"), groups_of("student")
    first, again, other = (scores(model, groups, "random", seed=s)["blocks.4.pointwise"] for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_without_a_batch_norm_the_weights_rank_the_channels():
    model, groups = trained("torchvision/squeezenet1_1"), groups_of("torchvision/squeezenet1_1")
    gamma, l1 = (scores(model, groups, importance) for importance in ("bn_gamma", "l1"))
    assert all(torch.equal(gamma[name], l1[name]) for name in l1)


@pytest.mark.parametrize("width", [0.9, 0.5, 0.3])
@pytest.mark.parametrize("architecture", [*NETWORKS, "timm/lcnet_035"])
def test_global_pruning_has_the_size_of_uniform_pruning(architecture, width):
    model, groups = trained(architecture), groups_of(architecture)
    found, like = scores(model, groups, "l1"), at_width(groups, width)
    sizes = global_sizes(groups, found, like, Parameters(model, groups))
    ours, theirs = (parameters(prune(model, groups, kept_channels(found, s))) for s in (sizes, like))
    assert 0.97 * theirs < ours <= theirs  # one channel more would be too many
    assert sizes != like
    assert all(sizes[group.name] >= int(0.1 * group.size) for group in groups)


@pytest.mark.parametrize("width", [0.9, 0.5])
def test_global_widths_are_rounded_too(width):
    model, groups = trained("timm/lcnet_035"), groups_of("timm/lcnet_035")
    found, like = scores(model, groups, "l1"), at_width(groups, width, 8)
    count = Parameters(model, groups)
    sizes = global_sizes(groups, found, like, count, 8)
    assert all(sizes[group.name] % 8 == 0 or sizes[group.name] == group.size for group in groups)
    assert 0.85 * count(like) < count(sizes) <= count(like)


def test_global_pruning_takes_from_the_layer_that_matters_least():
    """Scores of one layer are spread out, so it has many that are small for it; the others are even."""
    model, groups = trained("student"), groups_of("student")
    found = {group.name: torch.ones(group.size) for group in groups}
    found["blocks.5.pointwise"] = torch.linspace(0, 2, 256)
    sizes = global_sizes(groups, found, at_width(groups, 0.95), Parameters(model, groups))
    assert sizes.pop("blocks.5.pointwise") < 256 * 0.9
    assert sizes == {g.name: g.size for g in groups if g.name != "blocks.5.pointwise"}


def test_keeping_all_changes_nothing_and_the_old_network_stays():
    model, groups = trained("student"), groups_of("student")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = scores(model, groups, "bn_gamma")
    same = prune(model, groups, kept_channels(found, at_width(groups, 1))).eval()
    assert all(torch.equal(tensor, before[name]) for name, tensor in same.state_dict().items())
    assert same.card == model.card
    prune(model, groups, kept_channels(found, at_width(groups, 0.3)))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.card.shapes == {}


def test_a_pruned_network_shares_no_memory_with_the_old():
    model, groups = trained("student"), groups_of("student")
    pruned = prune(model, groups, random_choice(groups))
    old = {p.data_ptr() for p in model.parameters()}
    assert not old & {p.data_ptr() for p in pruned.parameters()}


@pytest.mark.parametrize("architecture", NETWORKS)
def test_a_pruned_network_is_saved_smaller_and_loads_again(architecture, tmp_path):
    model, groups = trained(architecture), groups_of(architecture)
    pruned = prune(model, groups, random_choice(groups, 0.23)).eval()
    save_model(model, tmp_path / "whole")
    save_model(pruned, tmp_path / "pruned")
    assert (tmp_path / "pruned").stat().st_size < (tmp_path / "whole").stat().st_size / 5
    assert torch.equal(load_model(tmp_path / "pruned")(PHOTOS), pruned(PHOTOS))


def test_a_cut_network_is_cut_again():
    model, groups = trained("student"), groups_of("student")
    once = prune(model, groups, random_choice(groups, 0.9)).eval()
    again = cuttable(once)
    assert {g.name: g.size for g in again} == at_width(groups, 0.9)
    kept = random_choice(again, 0.5, seed=1)
    with torch.inference_mode():
        expected = masked(once, again, kept)(PHOTOS)
        torch.testing.assert_close(prune(once, again, kept).eval()(PHOTOS), expected, atol=1e-4, rtol=1e-4)


def test_a_fresh_network_of_a_cut_shape_is_initialized_as_a_narrow_one():
    """Kaiming's uniform weights within one over the root of the fan-in, as torch gives them."""
    model, groups = trained("student"), groups_of("student")
    narrow = prune(model, groups, random_choice(groups, 0.5))
    fresh = new_model(narrow.card, seed=9)
    weight = fresh.blocks[5].pointwise.weight
    assert weight.shape == (128, 128, 1, 1)
    bound = 128**-0.5
    assert 0.98 * bound < weight.abs().max().item() <= bound * 1.0001
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


def test_equal_scores_fall_to_the_first_channels():
    model, groups = new_model(CARD, seed=0), groups_of("student")  # every gamma is 1
    kept = kept_channels(scores(model, groups, "bn_gamma"), at_width(groups, 0.5))
    assert torch.equal(kept["blocks.4.pointwise"], torch.arange(128))


@pytest.mark.parametrize("channels", [500, 0])
def test_what_cannot_be_cut_is_refused(channels):
    model, groups = new_model(CARD, seed=0), groups_of("student")
    with pytest.raises(ValueError, match=r"blocks\.3\.pointwise: cannot go from 128"):
        kept_channels(scores(model, groups, "bn_gamma"), {"blocks.3.pointwise": channels})


def test_every_channel_belongs_to_one_group():
    for architecture in NETWORKS:
        seen = set()
        for group, member in itertools.chain(*([(g, m) for m in g.members] for g in groups_of(architecture))):
            positions = {(member.layer, member.axis, int(p)) for p in member.positions}
            assert not positions & seen, group.name
            seen |= positions


def test_a_wrong_cut_is_seen_even_where_the_answer_is_silent(monkeypatch):
    """squeezenet ends in a ReLU: two answers of zeros are equal, whatever was cut."""
    model = trained("torchvision/squeezenet1_1")
    nn.init.constant_(model.classifier[1].bias, -1e6)
    monkeypatch.setattr(wiring_module, "_probe", lambda model: model.double())
    assert wiring(model).groups == ()


@pytest.mark.parametrize("frozen", [True, False])
def test_norms_without_weights_and_frozen_layers_are_cut(frozen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def build(n):\n"
        "    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, affine=False), nn.ReLU(),\n"
        "        nn.Conv2d(8, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, n))\n"
        f"    net[0].requires_grad_({not frozen})\n"
        "    return net\n"
    )
    name = "mine.py:build"
    groups = cuttable(new_model(replace(CARD, architecture=name, code=registry.digest(name)), 0))
    assert [(group.name, group.size) for group in groups] == [("0", 8), ("3", 6)]
