"""What a network costs: parameters, multiply-accumulates, bytes."""

from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(model: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def macs(model: nn.Module, image_size: int) -> int:
    """Multiply-accumulates of convolutions, linear layers and attention for one (1, 3, S, S) image.

    Half of what torch's counter gives, which counts a multiplication and an addition apart and takes a
    depthwise layer for what it does. Biases, norms and activations are left out, as is usual.
    """
    training, device = model.training, next(model.parameters()).device
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model.eval()(torch.zeros(1, 3, image_size, image_size, device=device))
    finally:
        model.train(training)
    return counter.get_total_flops() // 2


def size_kib(path: Path | str) -> float:
    """Size of a file in KiB, to two decimals."""
    return round(Path(path).stat().st_size / 1024, 2)
