"""Structured pruning: score the channels, keep the best, cut the rest out.

The cut is exact: before any fine-tuning the pruned network computes what the unpruned one computes
with the removed channels masked. A fine-tune must build a fresh optimizer: one made before the cut
holds the old weights and trains nothing, which is how the original report came to 14.93 %.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from stages.common import progress
from stages.common.compression.wiring import Group, prune, wiring
from stages.common.errors import NotPossible
from stages.common.training import losses
from stages.common.training.examples import Examples

PHOTOS = 1024  # training photos that Taylor's criterion looks at
BATCH = 128
LEAST = 0.1  # share of a group's channels that global pruning leaves at least, so that no layer is strangled
NORMS = (nn.BatchNorm2d, nn.BatchNorm1d)

Sizes = Mapping[str, int]  # channels of each group, by its name
Scores = dict[str, torch.Tensor]  # of each group: (C,) float32 on the CPU, larger is better


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


def scaled(sizes: Sizes, width: float, round_to: int = 1) -> dict[str, int]:
    """Channels of each group at a width multiplier: `int(c * width)`, at least one, at most c.

    The truncation is the reference report's and gives its sizes (Howard et al. 2017 for the multiplier).
    With `round_to` over 1 the nearest multiple of it instead, and a group that has no more stays whole.
    """
    return {name: _rounded(c, c * width, round_to) for name, c in sizes.items()}


def _rounded(whole: int, channels: float, round_to: int) -> int:
    if round_to == 1:
        return max(1, int(channels))
    return min(whole, max(round_to, int(channels / round_to + 0.5) * round_to))


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    importance: str,
    *,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]] = (),
    seed: int = 0,
) -> Scores:
    """How much each channel of each group matters, by one of these criteria:

    bn_gamma  |gamma| of the batch norm that scales it (Liu et al. 2017, "Network slimming"); of a layer without
              one as l1, since it is the layer's own channels that are compared
    l1        sum of |weights| that make it (Li et al. 2017, "Pruning filters for efficient ConvNets")
    taylor    squared first-order change of the loss when it is removed, over `batches` of
              (images (B, 3, H, W), labels (B,)) (Molchanov et al. 2019, "Importance estimation"): at its
              batch norm, or where it has none at the weights that make it
    random    by `seed`, the control

    Where several layers share a group (a residual stream) their scores add up.
    """
    if importance == "random":
        generator = torch.Generator().manual_seed(seed)
        return {group.name: torch.rand(group.size, generator=generator) for group in groups}
    changes = _taylor(model, groups, batches) if importance == "taylor" else {}
    found = {}
    for group in groups:
        found[group.name] = torch.zeros(group.size)
        norms, makers = _norms(model, group), _makers(model, group)
        for member in makers if importance == "l1" else norms or makers:
            layer = model.get_submodule(member.layer)
            if importance == "taylor":
                values = changes[layer]
            elif importance == "l1" or not norms:
                values = layer.weight.detach().abs().flatten(1).sum(1)
            else:
                values = layer.weight.detach().abs()
            found[group.name].index_add_(0, member.channels, values.float().cpu()[member.positions])
    return found


def _norms(model: nn.Module, group: Group) -> list:
    """The members that are batch norms with a gamma."""
    of = [(m, model.get_submodule(m.layer)) for m in group.members]
    return [m for m, layer in of if isinstance(layer, NORMS) and layer.weight is not None]


def _makers(model: nn.Module, group: Group) -> list:
    """The members whose outputs the channels are, but for depthwise layers, which only pass them on."""
    of = [(m, model.get_submodule(m.layer)) for m in group.members if m.axis == 0]
    return [
        m for m, layer in of if isinstance(layer, nn.Conv2d | nn.Linear) and getattr(layer, "groups", 1) == 1
    ]


def _taylor(
    model: nn.Module, groups: Sequence[Group], batches: Iterable[tuple[torch.Tensor, torch.Tensor]]
) -> dict[nn.Module, torch.Tensor]:
    """Of each layer that `scores` asks: the sum over a channel's weights of (weight * dL/dweight), squared and
    summed over the batches, (C,)."""
    layers = {
        model.get_submodule(member.layer)
        for group in groups
        for member in _norms(model, group) or _makers(model, group)
    }
    tensors = {layer: [t for t in (layer.weight, layer.bias) if t is not None] for layer in layers}
    changes = {
        layer: torch.zeros_like(layer.weight.flatten(1)[:, 0] if layer.weight.dim() > 1 else layer.weight)
        for layer in layers
    }
    model.eval()
    for images, labels in batches:
        loss = losses.cross_entropy(model(images).float(), labels)
        gradients = iter(torch.autograd.grad(loss, [t for of in tensors.values() for t in of]))
        for layer, of in tensors.items():
            change = sum((t * next(gradients)).detach().reshape(len(t), -1).sum(1) for t in of)
            changes[layer] += change.square()
    return changes


def global_sizes(
    groups: Sequence[Group], found: Scores, like: Sizes, parameters: "Parameters", round_to: int = 1
) -> dict[str, int]:
    """Channels of each group when the worst of all groups go first, until they cost no more than `like`.

    A channel counts relative to its group's mean, so that a group with large scores is not favoured. A group
    keeps a tenth of its channels. parameters: of a network with such sizes.
    """
    whole, budget, ranked = {group.name: group.size for group in groups}, parameters(like), []
    for name, values in found.items():
        relative = values / values.mean().clamp_min(1e-12)
        removable = relative.argsort(stable=True)[: len(values) - max(1, int(LEAST * len(values)))]
        ranked += [(relative[i].item(), name) for i in removable]
    ranked.sort()

    def after(removed: int) -> dict[str, int]:
        sizes = dict(whole)
        for _, name in ranked[:removed]:
            sizes[name] -= 1
        return {name: _rounded(whole[name], c, round_to) for name, c in sizes.items()}

    low, high = 0, len(ranked)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if parameters(after(middle)) <= budget else (middle + 1, high)
    return after(low)


class Parameters:
    """How many parameters a network has when its groups have other sizes; nothing is cut to find out."""

    def __init__(self, model: nn.Module, groups: Sequence[Group]):
        self._groups, self._tensors = groups, {}
        for layer, module in model.named_modules():
            for name, tensor in module.named_parameters(recurse=False):
                if tensor.requires_grad:
                    self._tensors[layer, name] = list(tensor.shape)

    def __call__(self, sizes: Sizes) -> int:
        gone: dict[tuple[str, int], int] = {}
        for group in self._groups:
            for member in group.members:
                each = len(member.positions) // group.size
                key = (member.layer, member.axis)
                gone[key] = gone.get(key, 0) + each * (group.size - sizes[group.name])
        return sum(
            int(np.prod([n - gone.get((layer, axis), 0) for axis, n in enumerate(shape)]))
            for (layer, _), shape in self._tensors.items()
        )


def kept_channels(found: Scores, sizes: Sizes) -> dict[str, torch.Tensor]:
    """Indices to keep of each group, in order: as many as `sizes` says, the best by their scores.

    Ties are broken by index, so the choice never depends on the machine's sort. Raises `ValueError` where
    a group cannot have so many channels.
    """
    kept = {}
    for name, new in sizes.items():
        if not 0 < new <= len(found[name]):
            raise ValueError(f"{name}: cannot go from {len(found[name])} to {new} channels")
        kept[name] = found[name].argsort(descending=True, stable=True)[:new].sort().values
    return kept


def cut(
    model: nn.Module,
    unpruned: Sizes,
    width: float,
    training: Examples,
    *,
    importance: str,
    scope: str = "uniform",
    round_to: int = 1,
    seed: int,
) -> nn.Module:
    """`model` without its least important channels, at the size of the `unpruned` ones times `width`.

    importance: a criterion of `scores`. scope "uniform" takes the same share of every layer, "global" the
    worst channels of all layers, to the same number of parameters. Raises `NotPossible` where nothing of it
    can be cut.
    """
    groups = [group for group in cuttable(model) if group.name in unpruned]
    found = scored(model, groups, importance, training, seed=seed)
    sizes = scaled({group.name: unpruned[group.name] for group in groups}, width, round_to)
    if scope == "global":  # what a group has less than its share, others may have more
        sizes = global_sizes(groups, found, sizes, Parameters(model, groups), round_to)
    else:
        sizes = {group.name: min(group.size, sizes[group.name]) for group in groups}
    return prune(model, groups, kept_channels(found, sizes)).to(training.device)


def cuttable(model: nn.Module, *, listed: bool = False) -> tuple[Group, ...]:
    """The groups of a network that may be cut. Raises `NotPossible` where there is none, naming a reason.

    listed: whether to print what is left whole, and why.
    """
    found = wiring(model)
    for layer, reason in found.whole.items() if listed else ():
        progress.say(f"{layer} stays whole: {reason}")
    if not found.groups:
        layer, reason = next(iter(found.whole.items()), ("it", "it has no channels"))
        raise NotPossible(f"{model.card.architecture} cannot be pruned: {layer}: {reason}")
    return found.groups


def scored(
    model: nn.Module, groups: Sequence[Group], importance: str, training: Examples, *, seed: int
) -> Scores:
    """`scores` of a network, with training photos for the criterion that wants them."""
    bare = [group.name for group in groups if not _norms(model, group)] if importance == "bn_gamma" else []
    if bare:
        progress.say(f"no batch norm scales {', '.join(bare)}: l1 ranks these channels")
    batches = _batches(training.seen_by(model.card), seed)
    return scores(model, groups, importance, batches=batches, seed=seed)


def _batches(training: Examples, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Training photos as they are, with their labels: read only if the criterion wants them."""
    chosen = np.random.default_rng([seed, 1]).permutation(len(training))[:PHOTOS]
    for start in range(0, len(chosen), BATCH):
        indices = np.sort(chosen[start : start + BATCH])
        labels = training.labels[torch.from_numpy(indices).to(training.device)]
        yield training.views.plain(indices), labels
