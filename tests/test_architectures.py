"""Networks have the sizes of the report they reproduce."""

import pytest
import torch

from stages.common.architectures import CHANNELS, build, scaled
from stages.common.cost import macs, parameters
from stages.common.pruning import widths

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
    assert parameters(build(architecture, scaled(CHANNELS, width), classes)) == expected


@pytest.mark.parametrize(("classes", "expected"), [(11, 11_182_155), (10, 11_182_155 - 513)])
def test_parameters_of_resnet18(classes, expected):
    assert parameters(build("resnet18", [], classes)) == expected


@pytest.mark.parametrize(("rate", "expected"), [(0.95, AT_95), (0.9, AT_90)])
def test_sizes_of_the_pruning_steps(rate, expected):
    got = [parameters(build("student", scaled(CHANNELS, w), 11)) for w in widths(rate, 0.3)[: len(expected)]]
    assert got == expected


def test_widths_end_at_or_under_the_smallest():
    for rate in (0.95, 0.9, 0.8, 0.5, 0.01):
        *before, last = widths(rate, 0.5)
        assert last <= 0.5 < min(before)
    assert widths(0.5, 0.25) == [1, 0.5, 0.25]


@pytest.mark.parametrize(
    ("architecture", "width", "millions"), [("student", 1, 118.4), ("cnn", 1, 783.3), ("cnn", 0.23, 250.0)]
)
def test_macs_at_256_pixels(architecture, width, millions):
    assert round(macs(build(architecture, scaled(CHANNELS, width), 11), 256) / 1e6, 1) == millions


@pytest.mark.parametrize("architecture", ["student", "cnn", "resnet18"])
def test_every_network_runs_forward_and_backward(architecture):
    model = build(architecture, [] if architecture == "resnet18" else scaled(CHANNELS, 0.1), 5)
    logits = model(torch.randn(2, 3, 40, 40))
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_no_block_vanishes():
    assert min(scaled(CHANNELS, 1e-6)) == 1


def test_unknown_name():
    with pytest.raises(ValueError, match="vgg"):
        build("vgg", CHANNELS, 11)
