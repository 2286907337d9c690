"""How the channels of a network hang together: which layers must lose the same ones.

Found by tracing (torch-pruning's dependency graph; Fang et al. 2023, "DepGraph: towards any structural pruning"),
then tried: a group of channels counts as cuttable only if a network without half of it answers as the whole one
with these channels masked. What tracing does not understand is left whole, and said.
"""

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import nn

from stages.common.errors import UserError
from stages.common.networks import registry, shapes
from stages.common.networks.cards import Card, new_model

Kept = Mapping[str, torch.Tensor]  # of each group that is cut: the channels that stay, in order
EXACT = 1e-8  # relative, in double precision
TRIES = 3  # inputs, until one shows that the channels matter


class Member(NamedTuple):
    """A layer whose tensors run along a group's channels."""

    layer: str
    axis: int  # of the weight: 0 outputs, with which go biases and norms, 1 inputs
    positions: torch.Tensor  # along this axis, (P,) int64
    channels: torch.Tensor  # of the group that each position belongs to, (P,) int64


class Group(NamedTuple):
    """Channels that are cut together, wherever they occur; named by the first layer that makes them."""

    name: str
    size: int
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Wiring:
    """The groups of a network that may be cut, and why the other layers stay whole."""

    groups: tuple[Group, ...]
    whole: Mapping[str, str]  # a layer's name: the reason

    @property
    def sizes(self) -> dict[str, int]:
        """Channels of each group."""
        return {group.name: group.size for group in self.groups}


@torch.inference_mode(False)
@torch.enable_grad()  # by which tracing sees what runs into what
def wiring(model: nn.Module) -> Wiring:
    """The wiring of a network that has a card."""
    card, whole = model.card, {}
    probe = _probe(model)
    groups = _traced(probe, card.seen_size, whole)
    allowed = registry.cuttable(card.architecture)
    for group in groups:
        if allowed and not group.name.startswith(allowed):
            whole[group.name] = "the reference leaves it whole"
    groups = [group for group in groups if group.name not in whole]
    if not _exact(probe, groups):
        apart = [group for group in groups if _exact(probe, [group])]
        whole |= {g.name: "cutting it changes what is left" for g in groups if g not in apart}
        # What holds for each alone holds for all, unless two meet in one tensor: then the first ones stay.
        groups = apart if _exact(probe, apart) else _together(probe, apart, whole)
    order = {name: i for i, (name, _) in enumerate(model.named_modules())}
    return Wiring(tuple(sorted(groups, key=lambda group: order[group.name])), whole)


def report(architecture: str, image_size: int = 64) -> None:
    """Print which layers of a network may be cut, and why the others stay whole."""
    try:
        code = registry.digest(architecture)
        found = wiring(
            new_model(Card(architecture, ["a", "b"], image_size, *registry.IMAGENET, code=code), 0)
        )
    except UserError as error:
        print(f"error: {error}")
        return
    for group in found.groups:
        others = sorted({member.layer for member in group.members} - {group.name})
        print(f"{group.name}: {group.size} channels, with {', '.join(others)}")
    for layer, reason in found.whole.items():
        print(f"{layer}: whole: {reason}")


def _together(probe: nn.Module, groups: Sequence[Group], whole: dict[str, str]) -> list[Group]:
    chosen = []
    for group in groups:
        if _exact(probe, [*chosen, group]):
            chosen.append(group)
        else:
            whole[group.name] = "it cannot be cut beside another"
    return chosen


def _probe(model: nn.Module) -> nn.Module:
    """A copy in double precision whose vectors are random: no layer is silent, so no mistake is."""
    probe = copy.deepcopy(model).cpu().double().eval().requires_grad_(True)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in probe.parameters():
            if tensor.dim() == 1:
                tensor.copy_(torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + 0.5)
    return probe


def _traced(probe: nn.Module, size: int, whole: dict[str, str]) -> list[Group]:
    """Every group that tracing finds; the reasons why others are none are added to `whole`."""
    from torch_pruning import DependencyGraph  # here, since its import takes seconds

    names = {layer: name for name, layer in probe.named_modules()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            graph = DependencyGraph().build_dependency(
                probe, torch.zeros(1, 3, size, size, dtype=torch.float64), verbose=False
            )
        except Exception as error:  # it has no errors of its own
            reason = " ".join(str(error).split())
            whole["every layer"] = f"tracing fails ({type(error).__name__}: {reason})"
            return []
        groups, seen = [], set()
        for layer in list(graph.module2node):
            if not isinstance(layer, nn.Conv2d | nn.Linear) or layer in seen:
                continue
            try:
                items = _items(graph, layer)
                seen |= {module for module, axis, _, _ in items if axis == 0}
                groups.append(_group(items, names))
            except _Whole as reason:
                whole[names[layer]] = str(reason)
            except Exception as error:
                whole[names[layer]] = f"tracing fails ({type(error).__name__})"
    return groups


class _Whole(Exception):
    """Why a group stays whole."""


def _items(graph, layer: nn.Module) -> list[tuple[nn.Module, int, list[int], list[int]]]:
    """What a layer's outputs run along: layer, axis, positions there, and whose they are."""
    function = graph.get_pruner_of_module(layer).prune_out_channels
    group = graph.get_pruning_group(layer, function, list(range(layer.weight.shape[0])))
    found = []
    for item in group:
        module, positions, channels = item.dep.target.module, item.idxs, item.root_idxs
        if not isinstance(module, nn.Parameter) and not module.state_dict():
            continue  # an operation without tensors
        axis = 0 if graph.is_out_channel_pruning_fn(item.dep.handler) else 1
        found.append((module, axis, list(positions), list(channels)))
    return found


def _group(items: list[tuple[nn.Module, int, list[int], list[int]]], names: Mapping[nn.Module, str]) -> Group:
    members, makers = [], []
    for module, axis, positions, channels in items:
        if isinstance(module, nn.Parameter):
            raise _Whole("a parameter outside of any layer runs along it")
        if not isinstance(module, shapes.CUTTABLE):
            raise _Whole(f"{names[module]} is a {type(module).__name__}")
        groups = getattr(module, "groups", 1)
        if groups > 1 and not groups == module.in_channels == module.out_channels:
            raise _Whole(f"{names[module]} is a convolution of {groups} groups")
        members.append(Member(names[module], axis, torch.tensor(positions), torch.tensor(channels)))
        if axis == 0 and groups == 1 and isinstance(module, nn.Conv2d | nn.Linear):
            makers.append(names[module])
    if not any(member.axis == 1 for member in members):
        raise _Whole("its outputs are the answer")
    order = {name: i for i, name in enumerate(names.values())}
    size = 1 + max(int(member.channels.max()) for member in members)
    for member in members:
        if len(member.channels.bincount(minlength=size).unique()) > 1:
            raise _Whole(f"{member.layer} has only some of its channels")
    return Group(min(makers, key=order.__getitem__), size, tuple(members))


def _exact(probe: nn.Module, groups: Sequence[Group]) -> bool:
    """Whether the probe without every other channel of these groups answers as with them masked."""
    kept = {group.name: torch.arange(0, group.size, 2) for group in groups}
    size, generator = probe.card.seen_size, torch.Generator().manual_seed(1)
    for _ in range(TRIES):
        x = torch.randn(2, 3, size, size, dtype=torch.float64, generator=generator)
        try:
            with torch.no_grad():
                whole = probe(x)
                expected = masked(probe, groups, kept)(x)
                found = prune(probe, groups, kept)(x)
        except Exception:  # whatever a network does that lacks what it counts on
            return False
        if found.shape != expected.shape or (found - expected).abs().max() > EXACT * expected.abs().max():
            return False
        if not groups or (expected - whole).abs().max() > 1e3 * EXACT * whole.abs().max():
            return True
    return False  # the mask changed nothing, so nothing was seen


def _gone(groups: Sequence[Group], kept: Kept) -> dict[tuple[str, int], torch.Tensor]:
    """Of each layer and axis: the positions that go, when only the `kept` channels stay."""
    gone: dict[tuple[str, int], torch.Tensor] = {}
    for group in groups:
        if group.name not in kept:
            continue
        stays = torch.zeros(group.size, dtype=torch.bool)
        stays[kept[group.name].cpu()] = True
        for member in group.members:
            positions = member.positions[~stays[member.channels]]
            key = (member.layer, member.axis)
            gone[key] = torch.cat([gone.get(key, positions[:0]), positions])
    return gone


def masked(model: nn.Module, groups: Sequence[Group], kept: Kept) -> nn.Module:
    """A copy of `model` whose layers do not look at the channels that `prune` would remove."""
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for (layer, axis), positions in _gone(groups, kept).items():
            if axis == 1:
                copied.get_submodule(layer).weight[:, positions] = 0
    return copied


def prune(model: nn.Module, groups: Sequence[Group], kept: Kept) -> nn.Module:
    """A copy of `model` of the kept channels: the same layers, smaller tensors. Groups not named stay whole."""
    state = dict(model.state_dict())
    for (layer, axis), positions in _gone(groups, kept).items():
        for name in model.get_submodule(layer).state_dict():
            key = f"{layer}.{name}"
            tensor = state[key]
            if tensor.dim() > axis:  # a batch norm's counter has no axis, a bias no inputs
                stays = torch.ones(tensor.shape[axis], dtype=torch.bool)
                stays[positions] = False
                state[key] = tensor.index_select(axis, stays.nonzero()[:, 0].to(tensor.device))
    cut = shapes.differing(state, model)
    pruned = shapes.reshape(copy.deepcopy(model), cut)
    shapes.fill(pruned, state)
    pruned.card = replace(model.card, shapes={**model.card.shapes, **cut})
    return pruned
