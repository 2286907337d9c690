"""Networks of other shapes: the same layers with fewer channels."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

CUTTABLE = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.BatchNorm1d)  # the layers whose channels may be fewer


def differing(tensors: Mapping[str, torch.Tensor], model: nn.Module) -> dict[str, list[int]]:
    """Shapes of those of a state's tensors that have other ones in `model`; what `model` lacks is left out."""
    own = model.state_dict()
    return {n: list(t.shape) for n, t in tensors.items() if n in own and own[n].shape != t.shape}


def fill(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy a whole state into `model`, whose layers may ask which version of themselves wrote it: this one.

    Raises `RuntimeError` for other names or shapes.
    """
    state = model.state_dict()
    if state.keys() != tensors.keys():
        odd = sorted(state.keys() ^ tensors.keys())
        raise RuntimeError(f"{odd[0]} is {'missing' if odd[0] in state else 'not of this network'}")
    for name, tensor in tensors.items():
        state[name] = tensor
    model.load_state_dict(state)


def reshape(model: nn.Module, shapes: Mapping[str, Sequence[int]]) -> nn.Module:
    """`model` with each named tensor cut to a shape, in place: the leading entries along every axis.

    A weight that keeps fewer inputs grows by the root of what its fan-in loses, so that freshly initialized
    layers stay initialized as smaller ones would be. Raises `ValueError` for what cannot be: another name or
    number of axes, a size that is no part of the tensor's own, sizes of a layer that disagree.
    """
    state, layers = model.state_dict(), {}
    for name, shape in shapes.items():
        if name not in state:
            raise ValueError(f"it has no {name}")
        old = tuple(state[name].shape)
        if len(shape) != len(old) or not all(0 < new <= size for new, size in zip(shape, old, strict=True)):
            raise ValueError(f"{name} is {old} and cannot be cut to {tuple(shape)}")
        layers.setdefault(name.rpartition(".")[0], {})[name.rpartition(".")[2]] = tuple(shape)
    for path, tensors in layers.items():
        _cut(model.get_submodule(path), path, tensors)
    return model


def _cut(layer: nn.Module, path: str, tensors: Mapping[str, tuple[int, ...]]) -> None:
    if not isinstance(layer, CUTTABLE):
        raise ValueError(f"{path} is a {type(layer).__name__}, which cannot be cut")
    depthwise = isinstance(layer, nn.Conv2d) and 1 < layer.groups == layer.in_channels == layer.out_channels
    if isinstance(layer, nn.Conv2d) and layer.groups > 1 and not depthwise:
        raise ValueError(f"{path} is a convolution of {layer.groups} groups, which cannot be cut")
    for name, shape in tensors.items():
        old = getattr(layer, name)
        new = old.detach()[tuple(map(slice, shape))].clone()
        if new.dim() > 1:
            new *= (old[0].numel() / new[0].numel()) ** 0.5
        if isinstance(old, nn.Parameter):
            setattr(layer, name, nn.Parameter(new, old.requires_grad))
        else:
            setattr(layer, name, new)
    weight = getattr(layer, "weight", None)
    size = layer.running_mean.shape[0] if weight is None else weight.shape[0]
    if isinstance(layer, nn.Conv2d):
        layer.out_channels = size
        layer.in_channels = size if depthwise else weight.shape[1]
        layer.groups = size if depthwise else 1
    elif isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = weight.shape
    else:
        layer.num_features = size
    others = {n: t.shape[0] for n, t in layer.state_dict(keep_vars=True).items() if t.dim() == 1}
    if any(n != size for n in others.values()):
        raise ValueError(f"{path} would have {size} outputs, and {others} of others")
