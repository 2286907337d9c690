"""The networks: depthwise-separable student, plain CNN, ResNet18. Channel widths and ranks are data.

A pruned or factorized network is the same class built from other numbers, so it loads and trains like any.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

CHANNELS = (16, 32, 64, 128, 256, 256, 256, 256)  # output channels of the eight blocks
POOLED = range(0, 4)  # the blocks that end in a MaxPool2d(2)
# ResNet18: the residual streams of its four stages, then the inner channels of its eight blocks.
RESNET_CHANNELS = (64, 128, 256, 512, 64, 64, 128, 128, 256, 256, 512, 512)
# Groups of channels that a width multiplier scales and pruning may cut.
PRUNABLE = {"student": range(3, 7), "cnn": range(3, 7), "resnet18": range(12)}


def standard_channels(architecture: str) -> list[int]:
    """The channels of the unpruned network."""
    return list(RESNET_CHANNELS if architecture == "resnet18" else CHANNELS)


def scaled(architecture: str, channels: Sequence[int], width: float) -> list[int]:
    """Channels at a width multiplier: `int(c * width)` for the prunable groups, at least one channel each.

    The truncation is the reference report's and gives its sizes (Howard et al. 2017 for the multiplier).
    """
    prunable = PRUNABLE[architecture]
    return [max(1, int(c * width)) if i in prunable else c for i, c in enumerate(channels)]


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


def build(
    architecture: str, channels: Sequence[int], classes: int, ranks: Sequence[Sequence[int]] = ()
) -> nn.Module:
    """A freshly initialized network: "student", "cnn" (which alone may have `ranks`) or "resnet18".

    Weights come from torch's default generator: seed it first. Raises `ValueError` for another name.
    """
    if ranks and architecture != "cnn":
        raise ValueError(f"a factorized {architecture} does not exist: only the plain CNN is")
    if architecture == "student":
        return ConvNet(channels, classes, separable=True)
    if architecture == "cnn":
        return ConvNet(channels, classes, separable=False, ranks=ranks)
    if architecture == "resnet18":
        return _resnet18(channels, classes)
    raise ValueError(f"unknown architecture {architecture!r}: expected student, cnn or resnet18")


def _resnet18(channels: Sequence[int], classes: int) -> nn.Module:
    """torchvision's ResNet18, its layers replaced by narrower ones where `channels` says so."""
    from torchvision.models import resnet18  # here, since most stages never need its 2 s of import

    model = resnet18(num_classes=classes)
    if list(channels) != list(RESNET_CHANNELS):
        sizes = dict(enumerate(channels))
        for wire in _resnet_wires():
            layer = model.get_submodule(wire.layer)
            outs = sizes.get(wire.outs, classes)
            model.set_submodule(wire.layer, _resized(layer, sizes.get(wire.ins, 3), outs))
    model.channels = list(channels)
    return model


def _resized(layer: nn.Module, inputs: int, outputs: int) -> nn.Module:
    """A fresh layer like `layer` for other numbers of channels, initialized as torchvision does."""
    if isinstance(layer, nn.BatchNorm2d):
        return nn.BatchNorm2d(outputs)
    if isinstance(layer, nn.Linear):
        return nn.Linear(inputs, outputs)
    new = nn.Conv2d(inputs, outputs, layer.kernel_size, layer.stride, layer.padding, bias=False)
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    return new


class Wire(NamedTuple):
    """Which groups of channels a layer's tensors run along: what surgery needs to know of a network."""

    layer: str  # name of a convolution, batch norm or linear layer
    ins: int | None  # group along the second axis of its weight; None where that axis stays whole
    outs: int | None  # group along the first axis of all its tensors; None for the classes


def wires(model: nn.Module) -> list[Wire]:
    """The wiring of a network that `build` made. Raises `ValueError` for a factorized one."""
    if not isinstance(model, ConvNet):
        return _resnet_wires()
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


def _resnet_wires() -> list[Wire]:
    """A stream's channels are those of everything that is added into it."""
    found = [Wire("conv1", None, 0), Wire("bn1", None, 0)]
    for i in range(8):
        stream, name, inner = i // 2, f"layer{i // 2 + 1}.{i % 2}", 4 + i
        before = stream - 1 if i % 2 == 0 and stream else stream
        found += [Wire(f"{name}.conv1", before, inner), Wire(f"{name}.bn1", None, inner)]
        found += [Wire(f"{name}.conv2", inner, stream), Wire(f"{name}.bn2", None, stream)]
        if before != stream:
            found += [Wire(f"{name}.downsample.0", before, stream)]
            found += [Wire(f"{name}.downsample.1", None, stream)]
    return [*found, Wire("fc", 3, None)]
