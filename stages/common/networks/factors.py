"""Low-rank layers: two or three small ones in the place of a large one."""

from collections.abc import Mapping, Sequence

from torch import nn

from stages.common.networks.convolution import quick


def factorable(model: nn.Module) -> dict[str, nn.Module]:
    """The layers that low-rank ones may stand for, by name: plain convolutions but the first, linear layers.

    Left out are those of groups, and what attention of torch's own reads the weights of.
    """
    inside = {layer for m in model.modules() if isinstance(m, nn.MultiheadAttention) for layer in m.modules()}
    found = {
        name: layer
        for name, layer in model.named_modules()
        if (isinstance(layer, nn.Conv2d) and type(layer).__name__ == "Conv2d" and layer.groups == 1)
        or type(layer) is nn.Linear
    }
    first = next((name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)), None)
    return {name: layer for name, layer in found.items() if name != first and layer not in inside}


def place(model: nn.Module, ranks: Mapping[str, Sequence[int]]) -> nn.Module:
    """`model` with fresh low-rank layers in the place of those named, in place.

    ranks: [r, s] makes a k x k convolution three, 1x1 to r, k x k to s, 1x1 back (Tucker-2); [r] makes a 1x1
    convolution or a linear layer two. Raises `ValueError` for another layer or number of ranks, and for ranks
    that its channels do not have.
    """
    layers = factorable(model)
    for name, of in ranks.items():
        layer = layers.get(name)
        if layer is None or len(of) != modes(layer):
            raise ValueError(f"{name} cannot have the ranks {list(of)}")
        outs, ins = layer.weight.shape[:2]
        if not all(0 < rank <= size for rank, size in zip(of, (ins, outs)[-len(of) :], strict=True)):
            raise ValueError(f"{name}, of {ins} to {outs} channels, cannot have the ranks {list(of)}")
        model.set_submodule(name, quick(_parts(layer, of)))
    return model


def modes(layer: nn.Module) -> int:
    """How many ranks a layer has: 2 where it has taps around its centre."""
    return 2 if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1) else 1


def _parts(layer: nn.Module, ranks: Sequence[int]) -> nn.Sequential:
    outs, ins = layer.weight.shape[:2]
    bias = layer.bias is not None
    if isinstance(layer, nn.Linear):
        return nn.Sequential(nn.Linear(ins, ranks[0], bias=False), nn.Linear(ranks[0], outs, bias=bias))
    if len(ranks) == 1:
        return nn.Sequential(
            nn.Conv2d(ins, ranks[0], 1, layer.stride, layer.padding, bias=False),
            nn.Conv2d(ranks[0], outs, 1, bias=bias),
        )
    r, s = ranks
    core = nn.Conv2d(
        r, s, layer.kernel_size, layer.stride, layer.padding, layer.dilation, bias=False,
        padding_mode=layer.padding_mode,
    )  # fmt: skip
    return nn.Sequential(nn.Conv2d(ins, r, 1, bias=False), core, nn.Conv2d(s, outs, 1, bias=bias))
