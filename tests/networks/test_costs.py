"""Costs against hand arithmetic."""

import torch
from torch import nn

from stages.common.networks.costs import macs, parameters, size_kib


def test_macs_of_each_kind_of_layer():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),  # 8 x 10 x 10 outputs of 3 x 9
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),  # depthwise: 8 x 10 x 10 outputs of 9
        nn.Conv2d(8, 16, 1, stride=2),  # 16 x 5 x 5 outputs of 8
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 4),  # 4 outputs of 16
    )
    expected = 800 * 27 + 800 * 9 + 400 * 8 + 4 * 16
    assert macs(network, 10) == expected


def test_macs_leaves_the_network_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    macs(network, 8)
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not network[0]._forward_hooks


def test_parameters_counts_what_trains():
    layer = nn.Linear(3, 2)
    assert parameters(layer) == 8
    layer.bias.requires_grad_(False)
    assert parameters(layer) == 6


def test_size_is_the_files(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"x" * 1536)
    assert size_kib(path) == 1.5
