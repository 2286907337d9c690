"""Eight blocks of 3x3 convolutions: the plain CNN and the depthwise-separable student."""

from collections.abc import Sequence

import torch
from torch import nn

from stages.common.networks.wiring import Wire

CHANNELS = (16, 32, 64, 128, 256, 256, 256, 256)  # output channels of the eight blocks
PRUNABLE = range(3, 7)  # the blocks that a width multiplier scales and pruning may cut
POOLED = range(0, 4)  # the blocks that end in a MaxPool2d(2)


class ConvNet(nn.Module):
    """Eight 3x3 convolution blocks, global average pooling, one linear classifier.

    `separable`: from the second block on, a depthwise 3x3 convolution with batch norm and ReLU6, then a
    pointwise 1x1 convolution with nothing behind it (the student). Else plain 3x3 convolutions, each with
    batch norm and ReLU6. Takes (N, 3, H, W) with H, W >= 16, gives logits (N, classes).

    `ranks`: of a factorized plain network, one list for each block and one for the classifier. A block's
    [r, s] makes its convolution three, 1x1 to r, 3x3 to s, 1x1 back (Tucker-2); the classifier's [r] makes
    it two; an empty list leaves a layer whole.
    """

    def __init__(
        self, channels: Sequence[int], classes: int, separable: bool, ranks: Sequence[Sequence[int]] = ()
    ):
        super().__init__()
        self.channels, self.separable = list(channels), separable
        inputs = [3, *channels[:-1]]
        *of_blocks, of_classifier = ranks or [()] * (len(channels) + 1)
        self.blocks = nn.ModuleList(
            self._block(i, *shape) for i, shape in enumerate(zip(inputs, channels, of_blocks, strict=True))
        )
        self.classifier = _linear(channels[-1], classes, of_classifier)

    def _block(self, i: int, inputs: int, outputs: int, ranks: Sequence[int]) -> nn.Sequential:
        if self.separable and i > 0:
            layers = {
                "depthwise": nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs),
                "norm": nn.BatchNorm2d(inputs),
                "relu": nn.ReLU6(),
                "pointwise": nn.Conv2d(inputs, outputs, 1),
            }
        else:
            layers = {
                "conv": _convolution(inputs, outputs, ranks),
                "norm": nn.BatchNorm2d(outputs),
                "relu": nn.ReLU6(),
            }
        block = nn.Sequential()
        for name, layer in layers.items():
            block.add_module(name, layer)
        if i in POOLED:
            block.add_module("pool", nn.MaxPool2d(2))
        return block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.classifier(x.mean((2, 3)))


def _convolution(inputs: int, outputs: int, ranks: Sequence[int]) -> nn.Module:
    if not ranks:
        return nn.Conv2d(inputs, outputs, 3, padding=1)
    r, s = ranks
    return nn.Sequential(
        nn.Conv2d(inputs, r, 1, bias=False),
        nn.Conv2d(r, s, 3, padding=1, bias=False),
        nn.Conv2d(s, outputs, 1),
    )


def _linear(inputs: int, outputs: int, ranks: Sequence[int]) -> nn.Module:
    if not ranks:
        return nn.Linear(inputs, outputs)
    (r,) = ranks
    return nn.Sequential(nn.Linear(inputs, r, bias=False), nn.Linear(r, outputs))


def wires(model: ConvNet) -> list[Wire]:
    """The wiring of a `ConvNet`. Raises `ValueError` for a factorized one."""
    if any(not isinstance(getattr(b, "conv", b[0]), nn.Conv2d) for b in model.blocks):
        raise ValueError("a factorized network cannot be pruned: prune first, then factorize")
    found = []
    for i, block in enumerate(model.blocks):
        before = i - 1 if i else None
        if hasattr(block, "depthwise"):
            found += [Wire(f"blocks.{i}.depthwise", None, before), Wire(f"blocks.{i}.norm", None, before)]
            found += [Wire(f"blocks.{i}.pointwise", before, i)]
        else:
            found += [Wire(f"blocks.{i}.conv", before, i), Wire(f"blocks.{i}.norm", None, i)]
    return [*found, Wire("classifier", len(model.blocks) - 1, None)]
