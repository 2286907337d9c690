"""Model files: weights and everything needed to use them, in one safetensors file."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from stages.common import machine
from stages.common.errors import UserError
from stages.common.networks import registry, shapes
from stages.common.networks.cards import Card
from stages.common.networks.codes import FLOAT, dequantize, pack, quantize, unpack, weights


def save_model(model: nn.Module, path: Path | str) -> None:
    """Write `model` with its `card` as safetensors; the same network gives the same bytes.

    A card with fewer than 32 bits makes it a quantized file: codes as bytes, and `<name>.scale`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors, bits = {}, model.card.bits
    rounded = weights(model) if bits < FLOAT else {}
    for name, tensor in model.state_dict().items():
        tensor = tensor.detach().cpu().contiguous()
        if name in rounded:
            codes, tensors[f"{name}.scale"] = quantize(tensor, bits)
            tensor = pack(codes, bits)
        tensors[name] = tensor
    card = asdict(model.card) | {"made_with": machine.settings()}
    # One metadata key: safetensors writes several in an order that changes from run to run.
    save_file(tensors, path, metadata={"card": json.dumps(card)})


def load_model(path: Path | str, device: str = "cpu") -> nn.Module:
    """The network in a file (or in `model.safetensors` of a folder), in eval mode, with its `card`.

    Raises `UserError` where the file is missing, is no safetensors file or was not written by `save_model`,
    and where its network cannot be built.
    """
    path = Path(path)
    path = path / "model.safetensors" if path.is_dir() else path
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            card = _card(json.loads(file.metadata()["card"]), tensors)
        model = card.build()
        if card.bits < FLOAT:
            state = model.state_dict()
            for name in weights(model):
                codes = unpack(tensors[name], card.bits, state[name].shape)
                tensors[name] = dequantize(codes, tensors.pop(f"{name}.scale"))
        shapes.fill(model, tensors)
    except OSError:
        raise UserError(f"{path}: no such model file; `dvc repro` makes it, `dvc pull` fetches it") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except (SafetensorError, TypeError, KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not a model file of this project ({reason})") from None
    model.card = card
    return model.eval().to(device)


def _card(facts: dict, tensors: dict[str, torch.Tensor]) -> Card:
    """The card in a file. Raises `ValueError` where it is none.

    Until revision 575f4cc it had the channels of each block, and ranks in the blocks' order: a file's tensors
    say as much.
    """
    if not isinstance(facts, dict):
        raise ValueError("its card holds no facts")
    if "channels" not in facts:
        return Card(**facts)
    old = {key: value for key, value in facts.items() if key not in ("channels", "ranks")}
    card = Card(**old)
    names = [*(f"blocks.{i}.conv" for i in range(8)), "classifier"]
    ranks = {name: of for name, of in zip(names, facts.get("ranks") or [[]] * 9, strict=True) if of}
    with torch.device("meta"):
        fresh = registry.build(card.architecture, len(card.classes), card.image_size)
    cut = {} if card.bits < FLOAT or ranks else shapes.differing(tensors, fresh)
    return Card(**old, shapes=cut, ranks=ranks)


def load_to_go_on(path: Path | str, device: str) -> nn.Module:
    """As `load_model`, of a network that others are made of. Raises `UserError` where it was trained with
    another number of threads, precision or device than is set here: such results are not compared.
    """
    model = load_model(path, device)
    machine.require_same(path, model.card.made_with)
    return model
