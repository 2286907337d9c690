"""Which networks there are: a name to a network. Channel widths and ranks are data.

A pruned or factorized network is the same class built from other numbers, so it loads and trains like any.
"""

from collections.abc import Sequence

from torch import nn

from stages.common.networks import convnet, resnet
from stages.common.networks.convolution import quick
from stages.common.networks.wiring import Wire

FAMILIES = {"student": convnet, "cnn": convnet, "resnet18": resnet}  # each has CHANNELS, PRUNABLE and wires


def standard_channels(architecture: str) -> list[int]:
    """The channels of the unpruned network."""
    return list(FAMILIES[architecture].CHANNELS)


def prunable(architecture: str) -> range:
    """The groups of channels that a width multiplier scales and pruning may cut."""
    return FAMILIES[architecture].PRUNABLE


def scaled(architecture: str, channels: Sequence[int], width: float) -> list[int]:
    """Channels at a width multiplier: `int(c * width)` for the prunable groups, at least one channel each.

    The truncation is the reference report's and gives its sizes (Howard et al. 2017 for the multiplier).
    """
    groups = prunable(architecture)
    return [max(1, int(c * width)) if i in groups else c for i, c in enumerate(channels)]


def build(
    architecture: str, channels: Sequence[int], classes: int, ranks: Sequence[Sequence[int]] = ()
) -> nn.Module:
    """A freshly initialized network: "student", "cnn" (which alone may have `ranks`) or "resnet18".

    Weights come from torch's default generator: seed it first. Raises `ValueError` for another name.
    """
    if ranks and architecture != "cnn":
        raise ValueError(f"a factorized {architecture} does not exist: only the plain CNN is")
    if architecture == "student":
        return quick(convnet.ConvNet(channels, classes, separable=True))
    if architecture == "cnn":
        return quick(convnet.ConvNet(channels, classes, separable=False, ranks=ranks))
    if architecture == "resnet18":
        return quick(resnet.resnet18(channels, classes))
    raise ValueError(f"unknown architecture {architecture!r}: expected student, cnn or resnet18")


def wires(model: nn.Module) -> list[Wire]:
    """The wiring of a network that `build` made. Raises `ValueError` for a factorized one."""
    return convnet.wires(model) if isinstance(model, convnet.ConvNet) else resnet.wires()
