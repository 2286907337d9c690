"""Model files: weights and everything needed to use them, in one safetensors file."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from stages.common import architectures
from stages.common.errors import UserError
from stages.common.quantization import FLOAT, dequantize, pack, quantize, unpack
from stages.common.views import Normalization

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # torchvision's mean and std


@dataclass(frozen=True)
class Card:
    """What a network is: enough to build it again and to feed it."""

    architecture: str
    channels: list[int]  # of each group: output channels of a block, in ResNet18 streams and inner channels
    classes: list[str]
    image_size: int  # pixels, height and width
    mean: tuple[float, float, float]  # of a channel, as fractions of full scale
    std: tuple[float, float, float]
    ranks: list[list[int]] = field(default_factory=list)  # of a factorized plain CNN, else empty
    bits: int = FLOAT  # a weight in the file; in memory a quantized network is an ordinary one

    @property
    def normalization(self) -> Normalization:
        return Normalization(tuple(self.mean), tuple(self.std))

    def build(self) -> nn.Module:
        """A network of this kind with fresh weights from torch's default generator."""
        return architectures.build(self.architecture, self.channels, len(self.classes), self.ranks)


def new_model(card: Card, seed: int) -> nn.Module:
    """A freshly initialized network that carries its card; the same seed gives the same weights."""
    torch.manual_seed(seed)
    model = card.build()
    model.card = card
    return model


def save_model(model: nn.Module, path: Path | str) -> None:
    """Write `model` with its `card` as safetensors; the same network gives the same bytes.

    A card with fewer than 32 bits makes it a quantized file: codes as bytes, and `<name>.scale`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors, bits = {}, model.card.bits
    for name, tensor in model.state_dict().items():
        tensor = tensor.detach().cpu().contiguous()
        if bits < FLOAT and tensor.dim() > 1:
            codes, tensors[f"{name}.scale"] = quantize(tensor, bits)
            tensor = pack(codes, bits)
        tensors[name] = tensor
    # One metadata key: safetensors writes several in an order that changes from run to run.
    save_file(tensors, path, metadata={"card": json.dumps(asdict(model.card))})


def load_model(path: Path | str, device: str = "cpu") -> nn.Module:
    """The network in a file (or in `model.safetensors` of a folder), in eval mode, with its `card`.

    Raises `UserError` where the file is missing, is no safetensors file or was not written by `save_model`.
    """
    path = Path(path)
    path = path / "model.safetensors" if path.is_dir() else path
    try:
        with safe_open(path, framework="pt") as file:
            card = Card(**json.loads(file.metadata()["card"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model = card.build()
        if card.bits < FLOAT:
            for name, expected in model.state_dict().items():
                if expected.dim() > 1:
                    codes = unpack(tensors[name], card.bits, expected.shape)
                    tensors[name] = dequantize(codes, tensors.pop(f"{name}.scale"))
        model.load_state_dict(tensors)
    except OSError:
        raise UserError(f"{path}: no such model file; `dvc repro` makes it, `dvc pull` fetches it") from None
    except (SafetensorError, TypeError, KeyError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not a model file of this project ({reason})") from None
    model.card = card
    return model.eval().to(device)


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
        list(architectures.RESNET_CHANNELS),
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
