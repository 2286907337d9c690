"""The networks: depthwise-separable student, plain CNN, ResNet18. Channel widths are data.

A pruned network is the same class built from a shorter list of channels, so it loads and trains like any.
"""

from collections.abc import Sequence

import torch
from torch import nn

CHANNELS = (16, 32, 64, 128, 256, 256, 256, 256)  # output channels of the eight blocks
PRUNABLE = range(3, 7)  # the blocks whose output channels a width multiplier scales
POOLED = range(0, 4)  # the blocks that end in a MaxPool2d(2)


def scaled(channels: Sequence[int], width: float) -> list[int]:
    """Channels at a width multiplier: `int(c * width)` for the prunable blocks, at least one channel each.

    The truncation is the reference report's and gives its sizes (Howard et al. 2017 for the multiplier).
    """
    return [max(1, int(c * width)) if i in PRUNABLE else c for i, c in enumerate(channels)]


class ConvNet(nn.Module):
    """Eight 3x3 convolution blocks, global average pooling, one linear classifier.

    `separable`: from the second block on, a depthwise 3x3 convolution with batch norm and ReLU6, then a
    pointwise 1x1 convolution with nothing behind it (the student). Else plain 3x3 convolutions, each with
    batch norm and ReLU6. Takes (N, 3, H, W) with H, W >= 16, gives logits (N, classes).
    """

    def __init__(self, channels: Sequence[int], classes: int, separable: bool):
        super().__init__()
        self.channels, self.separable = list(channels), separable
        inputs = [3, *channels[:-1]]
        self.blocks = nn.ModuleList(
            self._block(i, *shape) for i, shape in enumerate(zip(inputs, channels, strict=True))
        )
        self.classifier = nn.Linear(channels[-1], classes)

    def _block(self, i: int, inputs: int, outputs: int) -> nn.Sequential:
        if self.separable and i > 0:
            layers = {
                "depthwise": nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs),
                "norm": nn.BatchNorm2d(inputs),
                "relu": nn.ReLU6(),
                "pointwise": nn.Conv2d(inputs, outputs, 1),
            }
        else:
            layers = {
                "conv": nn.Conv2d(inputs, outputs, 3, padding=1),
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


def build(architecture: str, channels: Sequence[int], classes: int) -> nn.Module:
    """A freshly initialized network: "student", "cnn" or "resnet18" (whose channels are an empty list).

    Weights come from torch's default generator: seed it first. Raises `ValueError` for another name.
    """
    if architecture == "student":
        return ConvNet(channels, classes, separable=True)
    if architecture == "cnn":
        return ConvNet(channels, classes, separable=False)
    if architecture == "resnet18":
        from torchvision.models import resnet18  # here, since most stages never need its 2 s of import

        return resnet18(num_classes=classes)
    raise ValueError(f"unknown architecture {architecture!r}: expected student, cnn or resnet18")
