"""Weights that others trained: reading their files, and starting from them."""

from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from stages.common.errors import UserError
from stages.common.networks.cards import Card, new_model
from stages.common.networks.registry import standard_channels

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # torchvision's mean and std


def read_weights(path: Path) -> nn.Module:
    """A ResNet18 from a torchvision-style weights file: a state dict, pickled (.pth) or safetensors.

    Any number of outputs, half or single precision; a dict under "state_dict" or "model" and a "module."
    prefix are understood. The pickle is read with `weights_only=True`, so no code in it ever runs.
    Raises `UserError` where the file is something else.
    """
    try:
        state = (
            load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
        )
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, SafetensorError, UnpicklingError):
        raise _wrong(path, "it cannot be read as a file of weights") from None
    if isinstance(state, dict):
        state = state.get("state_dict", state.get("model", state))
    if not isinstance(state, dict) or not all(isinstance(t, torch.Tensor) for t in state.values()):
        raise _wrong(path, "it holds no dict of tensors")
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    outputs = state["fc.weight"].shape[0] if "fc.weight" in state and state["fc.weight"].dim() == 2 else 1000
    card = Card(
        "resnet18",
        standard_channels("resnet18"),
        [f"class_{i}" for i in range(outputs)],
        224,
        *IMAGENET,
    )
    model = new_model(card, seed=0)
    expected = model.state_dict()
    for name, tensor in expected.items():
        if name not in state and not name.endswith("num_batches_tracked"):  # older files lack the counters
            raise _wrong(path, f"{name} is missing")
        if name in state and state[name].shape != tensor.shape:
            raise _wrong(path, f"{name} is {tuple(state[name].shape)}, not {tuple(tensor.shape)}")
    model.load_state_dict(
        {name: state.get(name, tensor).to(tensor.dtype) for name, tensor in expected.items()}
    )
    return model


def _wrong(path: Path, reason: str) -> UserError:
    return UserError(
        f"pretrain.source {path}: not ResNet18 weights: {reason}; give torchvision's resnet18 file or photos"
    )


def transfer(source: nn.Module, target: nn.Module) -> None:
    """Copy all weights of a ResNet18 into another in place, except the classifier `fc`."""
    state = {name: t for name, t in source.state_dict().items() if not name.startswith("fc.")}
    target.load_state_dict(target.state_dict() | state)
