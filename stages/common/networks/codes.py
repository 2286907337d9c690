"""Weights as whole numbers of a few bits, one scale an output channel: how a quantized file keeps them.

Symmetric: a weight is code * scale, its code within +-(2^(bits - 1) - 1), so zero stays zero.
"""

import math

import numpy as np
import torch
from torch import nn

FLOAT = 32  # bits of a network that is not quantized
BITS = (16, 8, 6, 4, 3)  # of those that are


def weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """What a quantized file holds as codes: the weights of convolutions and linear layers, by their names."""
    return {
        f"{name}.weight": layer.weight
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    }


def largest(bits: int) -> int:
    """The largest code: 127 at 8 bits."""
    return 2 ** (bits - 1) - 1


def quantize(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes (of the weight's shape, int32) and scales (C,) of a weight (C, ...) with C output channels.

    A row's largest weight has the largest code, so |weight - code * scale| <= scale / 2. Scales of the least
    squared error, under which large weights saturate, cost accuracy at 3 bits and gained none at 4: NOTES.md.
    """
    rows = weight.detach().flatten(1)
    scale = rows.abs().amax(1) / largest(bits)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))  # a row of zeros needs no scale
    codes = (rows / scale[:, None]).round().clamp(-largest(bits), largest(bits))
    return codes.to(torch.int32).view_as(weight), scale


def dequantize(codes: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """The float32 weight of codes (C, ...) and scales (C,). Raises `ValueError` for other scales."""
    if scales.shape != codes.shape[:1]:
        raise ValueError(f"scales are {tuple(scales.shape)}, not {tuple(codes.shape[:1])}")
    return (codes.flatten(1) * scales[:, None]).view(codes.shape)


def pack(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """N codes as a string of bits without gaps, the last byte filled up: (ceil(N * bits / 8),) uint8."""
    shifted = codes.flatten().cpu().numpy() + largest(bits)
    places = np.arange(bits - 1, -1, -1)
    return torch.from_numpy(np.packbits((shifted[:, None] >> places & 1).astype(np.uint8)))


def unpack(packed: torch.Tensor, bits: int, shape: torch.Size) -> torch.Tensor:
    """The codes that `pack` packed: int32 of `shape`. Raises `ValueError` for another number of bytes."""
    expected = math.ceil(shape.numel() * bits / 8)
    if packed.shape != (expected,):  # numpy would fill up with zeros
        raise ValueError(f"codes are {tuple(packed.shape)} bytes, not {(expected,)}")
    ones = np.unpackbits(packed.numpy(), count=shape.numel() * bits).reshape(-1, bits)
    return torch.from_numpy(ones @ (1 << np.arange(bits - 1, -1, -1)) - largest(bits)).int().view(shape)
