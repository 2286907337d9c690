"""Networks have the sizes of the report they reproduce."""

import pytest
import torch

from stages.common.compression.pruning import widths
from stages.common.networks import resnet
from stages.common.networks.convnet import CHANNELS
from stages.common.networks.costs import macs, parameters
from stages.common.networks.registry import build, scaled, standard_channels

AT_95 = [256_779, 236_066, 217_850, 200_354, 185_091, 171_606, 158_621]
AT_90 = [256_779, 216_518, 183_578, 156_084, 132_858, 114_810]


@pytest.mark.parametrize(
    ("architecture", "width", "classes", "expected"),
    [
        ("student", 1, 11, 256_779),
        ("student", 0.5, 11, 91_211),
        ("student", 0.3, 11, 47_349),
        ("student", 1, 10, 256_779 - 257),
        ("cnn", 1, 11, 2_168_203),
        ("cnn", 0.23, 11, 254_038),
    ],
)
def test_parameters(architecture, width, classes, expected):
    assert parameters(build(architecture, scaled(architecture, CHANNELS, width), classes)) == expected


@pytest.mark.parametrize(("classes", "expected"), [(11, 11_182_155), (10, 11_182_155 - 513)])
def test_parameters_of_resnet18(classes, expected):
    assert parameters(build("resnet18", resnet.CHANNELS, classes)) == expected


@pytest.mark.parametrize(("rate", "expected"), [(0.95, AT_95), (0.9, AT_90)])
def test_sizes_of_the_pruning_steps(rate, expected):
    got = [
        parameters(build("student", scaled("student", CHANNELS, w), 11))
        for w in widths(rate, 0.3)[: len(expected)]
    ]
    assert got == expected


@pytest.mark.parametrize(
    ("architecture", "width", "millions"), [("student", 1, 118.4), ("cnn", 1, 783.3), ("cnn", 0.23, 250.0)]
)
def test_macs_at_256_pixels(architecture, width, millions):
    assert (
        round(macs(build(architecture, scaled(architecture, CHANNELS, width), 11), 256) / 1e6, 1) == millions
    )


@pytest.mark.parametrize("width", [1, 0.1])
@pytest.mark.parametrize("architecture", ["student", "cnn", "resnet18"])
def test_every_network_runs_forward_and_backward(architecture, width):
    model = build(architecture, scaled(architecture, standard_channels(architecture), width), 5)
    logits = model(torch.randn(2, 3, 40, 40))
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_no_block_vanishes():
    assert min(scaled("student", CHANNELS, 1e-6)) == 1


def test_unknown_name():
    with pytest.raises(ValueError, match="vgg"):
        build("vgg", CHANNELS, 11)


def test_a_narrow_resnet18_has_the_layers_of_torchvisions():
    whole, half = (build("resnet18", scaled("resnet18", resnet.CHANNELS, w), 11) for w in (1, 0.5))
    assert [n for n, _ in whole.named_modules()] == [n for n, _ in half.named_modules()]
    for (name, a), (_, b) in zip(whole.named_modules(), half.named_modules(), strict=True):
        for key in ("stride", "padding", "kernel_size"):
            assert getattr(a, key, None) == getattr(b, key, None), name
    # Half the channels on both sides make a quarter of the weights.
    assert half.layer3[0].conv2.weight.numel() * 4 == whole.layer3[0].conv2.weight.numel()


def test_only_the_plain_cnn_has_ranks():
    ranks = [[], *[[4, 5]] * 7, [3]]
    model = build("cnn", CHANNELS, 11, ranks)
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 11)
    assert model.blocks[4].conv[1].weight.shape == (5, 4, 3, 3)
    assert model.classifier[0].weight.shape == (3, 256)
    with pytest.raises(ValueError, match="factorized student"):
        build("student", CHANNELS, 11, ranks)
