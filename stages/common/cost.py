"""What a network costs: parameters, multiply-accumulates, bytes."""

from pathlib import Path

import torch
from torch import nn


def parameters(model: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def macs(model: nn.Module, image_size: int) -> int:
    """Multiply-accumulates of convolutions and linear layers for one (1, 3, S, S) image.

    Each output value of a convolution takes kernel area x input channels / groups of them, so a
    depthwise layer is counted as what it does. Biases, norms and activations are left out, as is usual.
    """
    total = 0

    def count(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    training, device = model.training, next(model.parameters()).device
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, 3, image_size, image_size, device=device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return total


def size_kib(path: Path | str) -> float:
    """Size of a file in KiB, to two decimals."""
    return round(Path(path).stat().st_size / 1024, 2)
