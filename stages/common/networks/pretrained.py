"""Weights that others trained: reading their files, and starting from them."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from stages.common.errors import UserError
from stages.common.networks import registry, shapes
from stages.common.networks.cards import Card, new_model

# Where the state dict lies in what trainers save; averaged weights are the ones meant for use.
WRAPPERS = (
    "state_dict_ema",
    "model_ema",
    "ema",
    "ema_state_dict",
    "model_state_dict",
    "state_dict",
    "model",
    "net",
)
SHOWN = 3  # tensors that an error names
# Classifiers that serve training alone, which torchvision's files hold and its networks leave out here.
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")


def read_weights(path: Path, architecture: str, image_size: int) -> nn.Module:
    """A network of `architecture` with the weights in a file: a state dict, pickled (.pth) or safetensors.

    Understood are wrappers (state_dict, model, averaged weights), what DataParallel, `torch.compile`,
    Lightning and others put before every name, half precision, and any number of outputs or no classifier at
    all. Every tensor of the file is used. A pickle is read with `weights_only=True`, so no code in it runs.
    The card has ImageNet's normalization, or what the library says of its own weights.

    Raises `UserError` where the file is something else, naming what is missing, left over, or of other shape.
    """
    state = _renamed(_state_dict(path, architecture), path, architecture, image_size)
    classifier = registry.classifier_tensors(architecture, image_size)
    given = [state[name] for name in classifier if name in state and state[name].dim()]
    outputs = given[0].shape[0] if given else 1
    if not outputs:
        raise _wrong(path, architecture, f"{classifier[0]} has no outputs")
    card = Card(
        architecture,
        [f"class_{i}" for i in range(outputs)],
        image_size,
        *registry.normalization(architecture),
        code=registry.digest(architecture),
    )
    model = new_model(card, seed=0)
    expected = model.state_dict()
    _require_all(state, expected, classifier, path, architecture)
    shapes.fill(model, {name: state.get(name, tensor).to(tensor.dtype) for name, tensor in expected.items()})
    return model


def _state_dict(path: Path, architecture: str) -> dict[str, torch.Tensor]:
    """The dict of tensors in a file, out of its wrapper."""
    try:
        state = (
            load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
        )
    except Exception:  # a file of other content makes unpickling fail in any way
        raise _wrong(path, architecture, "it cannot be read as a file of weights") from None
    while isinstance(state, Mapping):
        inner = next((state[key] for key in WRAPPERS if _holds_tensors(state.get(key))), None)
        if inner is None:
            break
        state = inner
    if not isinstance(state, Mapping) or not state:
        raise _wrong(path, architecture, "it holds no dict of tensors")
    others = [str(name) for name, tensor in state.items() if not isinstance(tensor, torch.Tensor)]
    if others:
        raise _wrong(path, architecture, f"{_named(others)} of it hold no tensors")
    odd = [str(name) for name, t in state.items() if not isinstance(name, str) or t.layout != torch.strided]
    if odd:
        raise _wrong(path, architecture, f"{_named(odd)} of it are no named dense tensors")
    return dict(state)


def _holds_tensors(value: object) -> bool:
    """Whether it is a state dict, or wraps one."""
    if not isinstance(value, Mapping):
        return False
    return any(isinstance(v, torch.Tensor) or _holds_tensors(v) for v in value.values())


def _renamed(
    state: dict[str, torch.Tensor], path: Path, architecture: str, image_size: int
) -> dict[str, torch.Tensor]:
    """The tensors under the network's own names: without what was put before all of them."""
    expected = set(registry.state_shapes(architecture, 2, image_size))
    if architecture.startswith("torchvision/densenet"):  # an older spelling, still in the published files
        state = {
            re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.", r"\1\2.", n): t for n, t in state.items()
        }
    state = {
        name: tensor for name, tensor in state.items() if name != "n_averaged"
    }  # AveragedModel's counter
    while not expected & set(state):
        starts = {name.partition(".")[0] for name in state}
        if len(starts) != 1 or not all("." in name for name in state):
            raise _wrong(path, architecture, f"none of its names is the network's, but {_named(list(state))}")
        state = {name.partition(".")[2]: tensor for name, tensor in state.items()}
    if architecture.removeprefix("torchvision/") in registry.WITHOUT_AUXILIARY:
        state = {name: tensor for name, tensor in state.items() if not name.startswith(AUXILIARY)}
    return state


def _require_all(
    state: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Tensor],
    classifier: list[str],
    path: Path,
    architecture: str,
) -> None:
    """Every tensor of the file has its place, and every place but the classifier's is filled."""
    over = [name for name in state if name not in expected]
    if over:
        raise _wrong(path, architecture, f"it also holds {_named(over)}, which the network has not")
    counters = [name for name in expected if name.endswith("num_batches_tracked")]  # older files lack them
    missing = [name for name in expected if name not in {*state, *classifier, *counters}]
    if missing:
        raise _wrong(path, architecture, f"{_named(missing)} of the network are missing")
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)}, not {tuple(expected[name].shape)}"
            raise _wrong(path, architecture, f"{name} is {shapes}")
        if expected[name].is_floating_point() and not tensor.is_floating_point():
            raise _wrong(
                path, architecture, f"{name} holds {str(tensor.dtype).removeprefix('torch.')} numbers"
            )
        if not tensor.float().isfinite().all():
            raise _wrong(path, architecture, f"{name} holds numbers that are not finite")
    half = [name for name in classifier if name in state]
    if half and len(half) < len(classifier):
        raise _wrong(path, architecture, f"it holds {_named(half)} but not the rest of the classifier")


def _named(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(str, names[:SHOWN])) + more


def _wrong(path: Path, architecture: str, reason: str) -> UserError:
    return UserError(
        f"pretrain.source {path}: not weights of {architecture} (teacher.pretrained.architecture): {reason}"
    )


def started_from(source: nn.Module, target: nn.Module) -> nn.Module:
    """`target` with all weights of `source`, a network of its architecture, but the classifier's, in place.

    The normalization of the photos comes along. Raises `UserError` for another architecture, or where a
    tensor depends on the size of the images and they differ.
    """
    of, to = source.card, target.card
    if of.architecture != to.architecture:
        raise UserError(
            f"the pretrained weights are of {of.architecture}, and teacher.pretrained.architecture is "
            f"{to.architecture}; run `dvc repro`"
        )
    classifier = registry.classifier_tensors(of.architecture, of.seen_size)
    state = {name: t for name, t in source.state_dict().items() if name not in classifier}
    other = shapes.differing(state, target)
    if other:
        raise UserError(
            f"{of.architecture}: {_named(list(other))} depends on the size of the images, and they had "
            f"{of.seen_size} pixels where it was pretrained and have {to.seen_size} here; set "
            "teacher.pretrained.image_size to the former"
        )
    shapes.fill(target, target.state_dict() | state)
    target.card = replace(to, mean=of.mean, std=of.std)
    return target
