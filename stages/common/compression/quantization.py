"""Weight-only quantization: rounding a network's weights, and training with rounded weights.

Tensors of two and more dimensions are quantized; biases and batch norms, a few per cent of a network, stay
float.
"""

import copy
from dataclasses import replace

import torch
from torch import nn
from torch.nn.utils import parametrize

from stages.common.networks.codes import dequantize, quantize

BITS = (16, 8, 6, 4, 3)


def quantized(model: nn.Module, bits: int) -> nn.Module:
    """A copy of `model` with rounded weights, whose card makes `save_model` write it at `bits` bits."""
    copied = copy.deepcopy(model)
    copied.card = replace(model.card, bits=bits)
    with torch.no_grad():
        for weight in copied.parameters():
            if weight.dim() > 1:
                weight.copy_(dequantize(*quantize(weight, bits)))
    return copied


class _Rounded(nn.Module):
    """A weight as it will be once it is quantized; its gradient passes as if it were not rounded.

    The straight-through estimator of Bengio et al. 2013, used so by Jacob et al. 2018, "Quantization and
    training of neural networks for efficient integer-arithmetic-only inference".
    """

    def __init__(self, bits: int):
        super().__init__()
        self._bits = bits

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + (dequantize(*quantize(weight, self._bits)) - weight).detach()


def start_rounding(model: nn.Module, bits: int) -> None:
    """From now on `model` computes with rounded weights and trains the ones behind them, in place."""
    for module in list(model.modules()):
        if isinstance(getattr(module, "weight", None), nn.Parameter) and module.weight.dim() > 1:
            parametrize.register_parametrization(module, "weight", _Rounded(bits))


def stop_rounding(model: nn.Module, bits: int) -> None:
    """End `start_rounding`: the weights are the rounded ones, and the card says so."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    model.card = replace(model.card, bits=bits)
