"""Low-rank factorization of the plain CNN: Tucker-2 for its convolutions, SVD for its classifier.

A 3x3 convolution of I to O channels becomes 1x1 to r, 3x3 to s, 1x1 to O (Kim et al. 2016, "Compression of
deep convolutional neural networks for fast and low power mobile applications"). The first convolution, which
has three inputs, stays whole, and so does every layer that factors would not make smaller.
"""

from dataclasses import dataclass, replace

import torch

from stages.common.errors import UserError
from stages.common.networks.cards import new_model
from stages.common.networks.convnet import ConvNet
from stages.common.networks.costs import parameters

SWEEPS = 3  # of alternating least squares after the first guess


@dataclass
class _Layer:
    """A convolution (outs, ins, 3, 3) or a linear layer (outs, ins), and how much of it each rank keeps."""

    weight: torch.Tensor
    energies: list[torch.Tensor]  # of each mode: shares of the squared norm, largest first

    def cost(self, ranks: list[int]) -> int:
        """Weights at these ranks, the bias left out; [] is the whole layer."""
        outs, ins = self.weight.shape[:2]
        if not ranks:
            return self.weight.numel()
        if len(ranks) == 1:
            return ranks[0] * (ins + outs)
        r, s = ranks
        return ins * r + 9 * r * s + s * outs


def _layers(model: ConvNet) -> list[_Layer]:
    """All layers that may be factorized: the convolutions after the first, then the classifier."""
    weights = [block.conv.weight for block in model.blocks[1:]] + [model.classifier.weight]
    weights = [weight.detach().cpu().double() for weight in weights]
    modes = [((1, 0) if w.dim() == 4 else (0,)) for w in weights]
    return [_Layer(w, [_basis(w, mode)[1] for mode in m]) for w, m in zip(weights, modes, strict=True)]


def _basis(tensor: torch.Tensor, mode: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Orthonormal columns (n, n) of a mode, the most energetic first, and their shares of the energy (n,).

    Each column's largest entry is positive, so that a basis does not depend on the solver's choice of signs.
    """
    rows = tensor.movedim(mode, 0).flatten(1)
    energy, columns = torch.linalg.eigh(rows @ rows.T)
    energy, columns = energy.flip(0).clamp_min(0), columns.flip(1)
    signs = columns.gather(0, columns.abs().argmax(0, keepdim=True)).sign()
    return columns * signs, energy / energy.sum().clamp_min(1e-300)


def choose_ranks(model: ConvNet, budget: int) -> list[list[int]]:
    """Ranks of every layer, as in `Card.ranks`, for at most `budget` parameters and as near as it gets.

    From rank 1 everywhere, the next rank is always the one that adds the largest share of its layer's energy
    for its parameters. Raises `UserError` for a budget that no ranks meet.
    """
    layers = _layers(model)
    ranks = [[1] * len(layer.energies) for layer in layers]
    fixed = parameters(model) - sum(layer.cost([]) for layer in layers)
    spent = fixed + sum(layer.cost(r) for layer, r in zip(layers, ranks, strict=True))
    whole = parameters(model)
    if not spent <= budget <= whole:
        raise UserError(
            f"factorize.budget = {budget}: the plain CNN can have {spent:,} to {whole:,} parameters"
        )
    while True:
        steps = []
        for i, (layer, now) in enumerate(zip(layers, ranks, strict=True)):
            for mode in range(len(now)):
                wider = [r + (m == mode) for m, r in enumerate(now)]
                gain = (
                    layer.energies[mode][now[mode]].item() if now[mode] < len(layer.energies[mode]) else 0.0
                )
                if layer.cost(wider) >= layer.cost([]) or wider[mode] > len(layer.energies[mode]):
                    wider = []  # whole, it costs no more
                cost = layer.cost(wider) - layer.cost(now)
                if spent + cost <= budget:
                    steps.append((gain / max(cost, 1), -i, wider, cost))
        if not steps:
            return [[], *ranks]
        _, i, wider, cost = max(steps)
        ranks[-i], spent = wider, spent + cost


def factorize(model: ConvNet, ranks: list[list[int]]) -> ConvNet:
    """The plain CNN `model` at these ranks; at full ranks it computes the same. `model` is left as it is."""
    new = new_model(replace(model.card, ranks=ranks), seed=0)
    state = model.state_dict()
    with torch.no_grad():
        for i, r in enumerate(ranks):
            name = f"blocks.{i}.conv" if i < len(model.blocks) else "classifier"
            if not r:
                continue
            weight, bias = state.pop(f"{name}.weight").cpu().double(), state.pop(f"{name}.bias")
            parts = _tucker(weight, *r) if weight.dim() == 4 else _svd(weight, *r)
            state |= {f"{name}.{j}.weight": part.float().contiguous() for j, part in enumerate(parts)}
            state[f"{name}.{len(parts) - 1}.bias"] = bias
    new.load_state_dict(state)
    return new


def _tucker(weight: torch.Tensor, r: int, s: int) -> tuple[torch.Tensor, ...]:
    """Kernels (r, I, 1, 1), (s, r, 3, 3), (O, s, 1, 1) nearest to a kernel (O, I, 3, 3) in squared error.

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
    """Matrices (r, I) and (O, r) whose product is nearest to a matrix (O, I) in squared error."""
    outs = _basis(weight, 0)[0][:, :r]
    return outs.T @ weight, outs
