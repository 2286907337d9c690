"""Structured pruning: score the channels, keep the best, cut the rest out.

The cut is exact: before any fine-tuning the pruned network computes what the unpruned one computes
with the removed channels masked. A fine-tune must build a fresh optimizer: one made before the cut
holds the old weights and trains nothing (FACTS of the original report: 14.93 %).
"""

from dataclasses import replace

import torch
from torch import nn

from stages.common.architectures import PRUNABLE, ConvNet
from stages.common.checkpoint import new_model


def widths(rate: float, min_width: float) -> list[float]:
    """Cumulative widths 1, rate, rate**2, ...; the last is the first at or under `min_width`."""
    found = [1.0]
    while found[-1] > min_width:
        found.append(rate ** len(found))
    return found


def norm_of(model: ConvNet, block: int) -> nn.BatchNorm2d:
    """The batch norm that scales the outputs of `block`: its own, or in the student the next block's."""
    return model.blocks[block + 1 if model.separable else block].norm


def importance(model: ConvNet, block: int) -> torch.Tensor:
    """|gamma| of each output channel of a prunable block: (C,) float. Liu et al. 2017, "Network slimming"."""
    return norm_of(model, block).weight.detach().abs()


def kept_channels(model: ConvNet, channels: list[int]) -> list[torch.Tensor]:
    """Indices to keep of each block's output channels, in order, so that `channels` of them stay.

    Ties are broken by index, so the choice never depends on the machine's sort.
    """
    kept = []
    for block, (old, new) in enumerate(zip(model.channels, channels, strict=True)):
        if new > old or (new < old and block not in PRUNABLE):
            raise ValueError(f"block {block}: cannot go from {old} to {new} channels")
        order = torch.arange(old)
        if new < old:
            order = importance(model, block).cpu().argsort(descending=True, stable=True)[:new].sort().values
        kept.append(order)
    return kept


def prune(model: ConvNet, kept: list[torch.Tensor]) -> ConvNet:
    """A new network of the kept channels: the same class, smaller tensors. `model` is left as it is."""
    pruned = new_model(replace(model.card, channels=[len(k) for k in kept]), seed=0)
    inputs = [torch.arange(3), *kept[:-1]]
    with torch.no_grad():
        for old, new, ins, outs in zip(model.blocks, pruned.blocks, inputs, kept, strict=True):
            if hasattr(old, "depthwise"):
                _copy(old.depthwise, new.depthwise, ins)
                _copy(old.norm, new.norm, ins)
                _copy(old.pointwise, new.pointwise, outs, ins)
            else:
                _copy(old.conv, new.conv, outs, ins)
                _copy(old.norm, new.norm, outs)
        _copy(model.classifier, pruned.classifier, torch.arange(pruned.classifier.out_features), kept[-1])
    return pruned


def _copy(old: nn.Module, new: nn.Module, outs: torch.Tensor, ins: torch.Tensor | None = None) -> None:
    """Copy the chosen rows of every tensor of a layer, and of its weight the chosen columns too."""
    target = new.state_dict()
    for name, tensor in old.state_dict().items():
        if tensor.dim() == 0:  # a batch norm's counter
            target[name].copy_(tensor)
            continue
        chosen = tensor[outs.to(tensor.device)]
        if name == "weight" and ins is not None:
            chosen = chosen[:, ins.to(tensor.device)]
        target[name].copy_(chosen)
