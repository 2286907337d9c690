"""torchvision's ResNet18, whose channels are data."""

from collections.abc import Sequence

from torch import nn

from stages.common.networks.wiring import Wire

# The residual streams of its four stages, then the inner channels of its eight blocks.
CHANNELS = (64, 128, 256, 512, 64, 64, 128, 128, 256, 256, 512, 512)
PRUNABLE = range(12)


def resnet18(channels: Sequence[int], classes: int) -> nn.Module:
    """torchvision's ResNet18, its layers replaced by narrower ones where `channels` says so."""
    from torchvision import models  # here, since most stages never need its 2 s of import

    model = models.resnet18(num_classes=classes)
    if list(channels) != list(CHANNELS):
        sizes = dict(enumerate(channels))
        for wire in wires():
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


def wires() -> list[Wire]:
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
