"""Structured pruning: score the channels, keep the best, cut the rest out.

The cut is exact: before any fine-tuning the pruned network computes what the unpruned one computes
with the removed channels masked. A fine-tune must build a fresh optimizer: one made before the cut
holds the old weights and trains nothing (FACTS of the original report: 14.93 %).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from stages.common.networks.cards import Card, new_model
from stages.common.networks.costs import parameters
from stages.common.networks.registry import prunable, scaled, wires
from stages.common.training import losses
from stages.common.training.examples import Examples

PHOTOS = 1024  # training photos that Taylor's criterion looks at
BATCH = 128
LEAST = 0.1  # share of a group's channels that global pruning leaves at least, so that no layer is strangled

Scores = dict[int, torch.Tensor]  # of each prunable group: (C,) float32 on the CPU, larger is better


def widths(rate: float, min_width: float) -> list[float]:
    """Cumulative widths 1, rate, rate**2, ... while they are over `min_width`, then `min_width` itself.

    So every rate ends at one size, and what differs between two of them is the size of their steps.
    """
    found = [1.0]
    while rate ** len(found) > min_width:
        found.append(rate ** len(found))
    return [*found, min_width]


def shared(epochs: int, steps: int) -> list[int]:
    """`epochs` of a whole schedule shared by its steps as evenly as whole numbers allow: (steps,) ints.

    With more steps than epochs some get none; the sum is always `epochs`.
    """
    ends = [epochs * step // steps for step in range(steps + 1)]
    return [end - start for start, end in pairwise(ends)]


def scores(
    model: nn.Module,
    importance: str,
    *,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]] = (),
    seed: int = 0,
) -> Scores:
    """How much each channel of each prunable group matters, by one of these criteria:

    bn_gamma  |gamma| of the batch norm that scales it (Liu et al. 2017, "Network slimming")
    l1        sum of |weights| that make it (Li et al. 2017, "Pruning filters for efficient ConvNets")
    taylor    squared first-order change of the loss when it is removed, over `batches` of
              (images (B, 3, H, W), labels (B,)) (Molchanov et al. 2019, "Importance estimation")
    random    by `seed`, the control

    Where several layers share a group (a residual stream) their scores add up.
    """
    if importance == "random":
        generator = torch.Generator().manual_seed(seed)
        return {g: torch.rand(model.channels[g], generator=generator) for g in _prunable(model)}
    of_norms = {"bn_gamma": lambda norm: norm.weight.detach().abs()}
    if importance == "taylor":
        changes = _taylor(model, batches)
        of_norms["taylor"] = changes.__getitem__
    found = {g: torch.zeros(model.channels[g]) for g in _prunable(model)}
    for wire in wires(model):
        layer = model.get_submodule(wire.layer)
        if wire.outs not in found:
            continue
        if importance == "l1" and isinstance(layer, nn.Conv2d) and layer.groups == 1:
            found[wire.outs] += layer.weight.detach().abs().sum((1, 2, 3)).cpu()
        if importance in of_norms and isinstance(layer, nn.BatchNorm2d):
            found[wire.outs] += of_norms[importance](layer).cpu()
    return found


def _taylor(
    model: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]
) -> dict[nn.Module, torch.Tensor]:
    """Of each batch norm: (gamma * dL/dgamma + beta * dL/dbeta)^2 summed over the batches, (C,)."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    changes = {norm: torch.zeros_like(norm.weight) for norm in norms}
    weights = [weight for norm in norms for weight in (norm.weight, norm.bias)]
    model.eval()
    for images, labels in batches:
        loss = losses.cross_entropy(model(images).float(), labels)
        gradients = torch.autograd.grad(loss, weights)
        for i, norm in enumerate(norms):
            change = norm.weight * gradients[2 * i] + norm.bias * gradients[2 * i + 1]
            changes[norm] += change.detach().square()
    return changes


def _prunable(model: nn.Module) -> range:
    return prunable(model.card.architecture)


def global_channels(model: nn.Module, found: Scores, like: Sequence[int]) -> list[int]:
    """Channels of each group when the worst of all groups go first, until it is no larger than `like`.

    A channel counts relative to its group's mean, so that a group with large scores is not favoured. The
    budget is the parameters of a network with the channels `like`; a group keeps a tenth of its channels.
    """
    card = model.card
    budget = _size(card, like)
    ranked = []
    for group, values in found.items():
        relative = values / values.mean().clamp_min(1e-12)
        removable = relative.argsort(stable=True)[: len(values) - max(1, int(LEAST * len(values)))]
        ranked += [(relative[i].item(), group) for i in removable]
    ranked.sort()

    def after(removed: int) -> list[int]:
        channels = list(model.channels)
        for _, group in ranked[:removed]:
            channels[group] -= 1
        return channels

    low, high = 0, len(ranked)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _size(card, after(middle)) <= budget else (middle + 1, high)
    return after(low)


def _size(card: Card, channels: Sequence[int]) -> int:
    """Parameters of a network with other channels; nothing is allocated."""
    with torch.device("meta"):
        return parameters(replace(card, channels=list(channels)).build())


def kept_channels(model: nn.Module, channels: Sequence[int], found: Scores) -> list[torch.Tensor]:
    """Indices to keep of each group, in order: the best `channels` of them by their scores.

    Ties are broken by index, so the choice never depends on the machine's sort. Raises `ValueError` where
    a group cannot have so many channels.
    """
    kept = []
    for group, (old, new) in enumerate(zip(model.channels, channels, strict=True)):
        if not 0 < new <= old or (new < old and group not in found):
            raise ValueError(f"group {group}: cannot go from {old} to {new} channels")
        order = torch.arange(old)
        if new < old:
            order = found[group].argsort(descending=True, stable=True)[:new].sort().values
        kept.append(order)
    return kept


def prune(model: nn.Module, kept: Sequence[torch.Tensor]) -> nn.Module:
    """A new network of the kept channels: the same class, smaller tensors. `model` is left as it is.

    kept: indices of each group, as `kept_channels` gives them.
    """
    pruned = new_model(replace(model.card, channels=[len(k) for k in kept]), seed=0)
    with torch.no_grad():
        for wire in wires(model):
            target = pruned.get_submodule(wire.layer).state_dict()
            for name, tensor in model.get_submodule(wire.layer).state_dict().items():
                if tensor.dim() and wire.outs is not None:  # a batch norm's counter has no axis
                    tensor = tensor[kept[wire.outs].to(tensor.device)]
                if tensor.dim() > 1 and wire.ins is not None:
                    tensor = tensor[:, kept[wire.ins].to(tensor.device)]
                target[name].copy_(tensor)
    return pruned


def cut(
    model: nn.Module,
    unpruned: Sequence[int],
    width: float,
    importance: str,
    scope: str,
    training: Examples,
    *,
    seed: int,
) -> nn.Module:
    """`model` without its least important channels, at the size of the `unpruned` ones times `width`.

    importance: a criterion of `pruning.scores`. scope "uniform" takes the same share of every layer,
    "global" the worst channels of all layers, to the same number of parameters.
    """
    found = scored(model, importance, training, seed=seed)
    channels = scaled(model.card.architecture, unpruned, width)
    if scope == "global":
        channels = global_channels(model, found, channels)
    return prune(model, kept_channels(model, channels, found)).to(training.device)


def scored(model: nn.Module, importance: str, training: Examples, *, seed: int) -> Scores:
    """`pruning.scores` of a network, with training photos for the criterion that wants them."""
    return scores(model, importance, batches=_batches(training, seed), seed=seed)


def _batches(training: Examples, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Training photos as they are, with their labels: read only if the criterion wants them."""
    chosen = np.random.default_rng([seed, 1]).permutation(len(training))[:PHOTOS]
    for start in range(0, len(chosen), BATCH):
        indices = np.sort(chosen[start : start + BATCH])
        labels = training.labels[torch.from_numpy(indices).to(training.device)]
        yield training.views.plain(indices), labels
