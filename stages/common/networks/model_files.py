"""Model files: weights and everything needed to use them, in one safetensors file."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from stages.common import machine
from stages.common.errors import UserError
from stages.common.networks.cards import Card
from stages.common.networks.codes import FLOAT, dequantize, pack, quantize, unpack


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
    card = asdict(model.card) | {"made_with": machine.settings()}
    # One metadata key: safetensors writes several in an order that changes from run to run.
    save_file(tensors, path, metadata={"card": json.dumps(card)})


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


def load_to_go_on(path: Path | str, device: str) -> nn.Module:
    """As `load_model`, of a network that others are made of. Raises `UserError` where it was trained with
    another number of threads, precision or device than is set here: such results are not compared.
    """
    model = load_model(path, device)
    machine.require_same(path, model.card.made_with)
    return model
