"""Weight-only quantization: rounding a network's weights, and training with rounded weights.

The weights of convolutions and linear layers are quantized; biases and norms, a few per cent of a network,
stay float.
"""

import copy
from dataclasses import replace

import torch
from torch import nn
from torch.nn.utils import parametrize

from stages.common.networks.codes import dequantize, quantize, weights


def quantized(model: nn.Module, bits: int) -> nn.Module:
    """A copy of `model` with rounded weights, whose card makes `save_model` write it at `bits` bits."""
    copied = copy.deepcopy(model)
    copied.card = replace(model.card, bits=bits)
    with torch.no_grad():
        for weight in weights(copied).values():
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
    for name in weights(model):
        layer = model.get_submodule(name.removesuffix(".weight"))
        parametrize.register_parametrization(layer, "weight", _Rounded(bits))


def stop_rounding(model: nn.Module, bits: int) -> None:
    """End `start_rounding`: the weights are the rounded ones, and the card says so."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    model.card = replace(model.card, bits=bits)
