"""Low-rank factorization: Tucker-2 for convolutions, SVD for 1x1 convolutions and linear layers.

A k x k convolution of I to O channels becomes 1x1 to r, k x k to s, 1x1 to O (Kim et al. 2016, "Compression of
deep convolutional neural networks for fast and low power mobile applications"). The first convolution stays
whole, and so does every layer that factors would not make smaller.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn

from stages.common.errors import NotPossible
from stages.common.networks import factors, shapes
from stages.common.networks.costs import parameters

SWEEPS = 3  # of alternating least squares after the first guess

Ranks = Mapping[str, list[int]]  # of each layer that is factorized, as in `Card.ranks`


@dataclass
class _Layer:
    """A weight (outs, ins, taps), and how much of it each rank keeps."""

    outs: int
    ins: int
    taps: int
    energies: list[list[float]]  # of each mode: shares of the squared norm, largest first

    def cost(self, ranks: list[int]) -> int:
        """Weights at these ranks, the bias left out; [] is the whole layer."""
        if not ranks:
            return self.outs * self.ins * self.taps
        if len(ranks) == 1:
            return ranks[0] * (self.ins + self.outs)
        r, s = ranks
        return self.ins * r + self.taps * r * s + s * self.outs


@torch.inference_mode()
def _called(model: nn.Module) -> set[nn.Module]:
    """The layers that are called as such: of others a network reads the weights, so none may stand for them."""
    size, called = model.card.seen_size, set()
    hooks = [m.register_forward_hook(lambda layer, *_: called.add(layer)) for m in model.modules()]
    model.eval()(torch.zeros(1, 3, size, size, device=next(model.parameters()).device))
    for hook in hooks:
        hook.remove()
    return called


def _layers(model: nn.Module) -> dict[str, _Layer]:
    """All layers that may be factorized, in their order."""
    found, called = {}, _called(model)
    for name, layer in factors.factorable(model).items():
        if layer not in called:
            continue
        weight = layer.weight.detach().cpu().double()
        modes = (1, 0) if factors.modes(layer) == 2 else (0,)
        outs, ins = weight.shape[:2]
        energies = [_basis(weight, mode)[1].tolist() for mode in modes]
        found[name] = _Layer(outs, ins, weight[0, 0].numel(), energies)
    return found


def _basis(tensor: torch.Tensor, mode: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Orthonormal columns (n, n) of a mode, the most energetic first, and their shares of the energy (n,).

    Each column's largest entry is positive, so that a basis does not depend on the solver's choice of signs.
    """
    rows = tensor.movedim(mode, 0).flatten(1)
    energy, columns = torch.linalg.eigh(rows @ rows.T)
    energy, columns = energy.flip(0).clamp_min(0), columns.flip(1)
    signs = columns.gather(0, columns.abs().argmax(0, keepdim=True)).sign()
    return columns * signs, energy / energy.sum().clamp_min(1e-300)


def choose_ranks(model: nn.Module, budget: int) -> dict[str, list[int]]:
    """Ranks of the layers, as in `Card.ranks`, for at most `budget` parameters and as near as it gets.

    From rank 1 everywhere, the next rank is always the one that adds the largest share of its layer's energy
    for its parameters. Raises `NotPossible` for a budget that no ranks meet, naming the nearest that some do.
    """
    layers = _layers(model)
    ranks = {name: [1] * len(layer.energies) for name, layer in layers.items()}
    for name, layer in layers.items():
        if layer.cost(ranks[name]) >= layer.cost([]):
            ranks[name] = []
    whole = parameters(model)
    spent = whole - sum(layer.cost([]) - layer.cost(ranks[name]) for name, layer in layers.items())
    if not spent <= budget <= whole:
        near = spent if budget < spent else whole
        raise NotPossible(
            f"factorize.budget = {budget}: {model.card.architecture} of low rank can have {spent:,} to {whole:,} "
            f"parameters; the nearest is {near:,}"
        )
    while True:
        steps = []
        for i, (name, layer) in enumerate(layers.items()):
            now = ranks[name]
            for mode in range(len(now)):
                wider = [r + (m == mode) for m, r in enumerate(now)]
                energy = layer.energies[mode]
                gain = energy[now[mode]] if now[mode] < len(energy) else 0.0
                if wider[mode] > min(len(energy), layer.outs, layer.ins) and len(now) == 1:
                    wider = []
                elif layer.cost(wider) >= layer.cost([]) or wider[mode] > len(energy):
                    wider = []  # whole, it costs no more
                cost = layer.cost(wider) - layer.cost(now)
                if spent + cost <= budget:
                    steps.append((gain / max(cost, 1), -i, name, wider, cost))
        if not steps:
            return {name: of for name, of in ranks.items() if of}
        _, _, name, wider, cost = max(steps)
        ranks[name], spent = wider, spent + cost


def factorize(model: nn.Module, ranks: Ranks) -> nn.Module:
    """A copy of `model` at these ranks; at full ranks it computes the same."""
    new = factors.place(copy.deepcopy(model), ranks)
    state = model.state_dict()
    with torch.no_grad():
        for name, r in ranks.items():
            weight, bias = state.pop(f"{name}.weight").double(), state.pop(f"{name}.bias", None)
            parts = _tucker(weight, *r) if len(r) == 2 else _svd(weight, *r)
            state |= {f"{name}.{j}.weight": part.float().contiguous() for j, part in enumerate(parts)}
            if bias is not None:
                state[f"{name}.{len(parts) - 1}.bias"] = bias
    shapes.fill(new, state)
    new.card = replace(model.card, ranks=dict(ranks))
    return new


def _tucker(weight: torch.Tensor, r: int, s: int) -> tuple[torch.Tensor, ...]:
    """Kernels (r, I, 1, 1), (s, r, k, k), (O, s, 1, 1) nearest to a kernel (O, I, k, k) in squared error.

    The truncated higher-order SVD, then sweeps that improve one mode with the other fixed (De Lathauwer,
    De Moor and Vandewalle 2000).
    """
    outs, ins = _basis(weight, 0)[0][:, :s], _basis(weight, 1)[0][:, :r]
    for _ in range(SWEEPS):
        outs = _basis(torch.einsum("oihw,ir->orhw", weight, ins), 0)[0][:, :s]
        ins = _basis(torch.einsum("oihw,os->sihw", weight, outs), 1)[0][:, :r]
    core = torch.einsum("oihw,os,ir->srhw", weight, outs, ins)
    return ins.T[:, :, None, None], core, outs[:, :, None, None]


def _svd(weight: torch.Tensor, r: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights to r channels and back whose product is nearest to a weight (O, I) or (O, I, 1, 1)."""
    rows = weight.flatten(1)
    outs = _basis(rows, 0)[0][:, :r]
    inner, outer = outs.T @ rows, outs
    if weight.dim() == 4:
        inner, outer = inner[:, :, None, None], outer[:, :, None, None]
    return inner, outer
