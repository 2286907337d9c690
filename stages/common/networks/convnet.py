"""Eight blocks of 3x3 convolutions: the plain CNN and the depthwise-separable student."""

import torch
from torch import nn

CHANNELS = (16, 32, 64, 128, 256, 256, 256, 256)  # output channels of the eight blocks
POOLED = range(0, 4)  # the blocks that end in a MaxPool2d(2)
# The blocks that a width multiplier scales and pruning may cut, as in the report that is reproduced.
CUTTABLE = tuple(f"blocks.{i}." for i in range(3, 7))


class ConvNet(nn.Module):
    """Eight 3x3 convolution blocks, global average pooling, one linear classifier.

    `separable`: from the second block on, a depthwise 3x3 convolution with batch norm and ReLU6, then a
    pointwise 1x1 convolution with nothing behind it (the student). Else plain 3x3 convolutions, each with
    batch norm and ReLU6. Takes (N, 3, H, W) with H, W >= 16, gives logits (N, classes).
    """

    def __init__(self, classes: int, separable: bool):
        super().__init__()
        shapes = zip((3, *CHANNELS), CHANNELS, strict=False)
        self.blocks = nn.ModuleList(_block(i, *shape, separable) for i, shape in enumerate(shapes))
        self.classifier = nn.Linear(CHANNELS[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.classifier(x.mean((2, 3)))


def _block(i: int, inputs: int, outputs: int, separable: bool) -> nn.Sequential:
    block = nn.Sequential()
    if separable and i > 0:
        block.add_module("depthwise", nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs))
        block.add_module("norm", nn.BatchNorm2d(inputs))
        block.add_module("relu", nn.ReLU6())
        block.add_module("pointwise", nn.Conv2d(inputs, outputs, 1))
    else:
        block.add_module("conv", nn.Conv2d(inputs, outputs, 3, padding=1))
        block.add_module("norm", nn.BatchNorm2d(outputs))
        block.add_module("relu", nn.ReLU6())
    if i in POOLED:
        block.add_module("pool", nn.MaxPool2d(2))
    return block
