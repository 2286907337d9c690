"""Model files: weights and everything needed to use them, in one safetensors file."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from stages.common import files, machine
from stages.common.errors import UserError
from stages.common.networks import registry, shapes
from stages.common.networks.cards import Card
from stages.common.networks.codes import FLOAT, dequantize, pack, quantize, unpack, weights


def save_model(model: nn.Module, path: Path | str) -> None:
    """Write `model` with its `card` as safetensors; the same network gives the same bytes.

    A card with fewer than 32 bits makes it a quantized file: codes as bytes, and `<name>.scale`.
    """
    tensors, bits = {}, model.card.bits
    rounded = weights(model) if bits < FLOAT else {}
    for name, tensor in model.state_dict().items():
        if name in rounded:
            codes, tensors[f"{name}.scale"] = quantize(tensor, bits)
            tensor = pack(codes, bits)
        tensors[name] = tensor
    write_tensors(path, tensors, "card", asdict(model.card) | {"made_with": machine.settings()})


def write_tensors(path: Path | str, tensors: Mapping[str, torch.Tensor], key: str, facts: dict) -> None:
    """Tensors and facts about them as one safetensors file, with a digest that tells damage."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    facts = facts | {"digest": _digest(tensors, facts)}
    # One metadata key: safetensors writes several in an order that changes from run to run.
    files.write(path, save(tensors, metadata={key: json.dumps(facts)}))


def read_tensors(path: Path | str, key: str) -> tuple[dict[str, torch.Tensor], dict]:
    """What `write_tensors` wrote; files of before have no digest.

    Raises `UserError` where it is damaged, `SafetensorError`, `OSError`, `KeyError`, `TypeError` or `ValueError`
    where it is something else.
    """
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = dict(json.loads(file.metadata()[key]))
    digest = facts.pop("digest", None)
    if digest is not None and digest != _digest(tensors, facts):
        raise UserError(
            f"{path}: damaged: its content is not what its digest says; delete it and run `dvc checkout`"
        )
    return tensors, facts


def _digest(tensors: Mapping[str, torch.Tensor], facts: dict) -> str:
    digest = blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def load_model(path: Path | str, device: str = "cpu") -> nn.Module:
    """The network in a file (or in `model.safetensors` of a folder), in eval mode, with its `card`.

    Raises `UserError` where the file is missing, is no safetensors file or was not written by `save_model`,
    and where its network cannot be built.
    """
    path = Path(path)
    path = path / "model.safetensors" if path.is_dir() else path
    try:
        tensors, facts = read_tensors(path, "card")
        card = _card(facts, tensors)
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
        raise UserError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    except (SafetensorError, TypeError, KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: not a model file of this project ({reason}); delete it and run `dvc checkout`"
        ) from None
    model.card = card
    return model.eval().to(device)


def _card(facts: dict, tensors: dict[str, torch.Tensor]) -> Card:
    """The card in a file. Raises `ValueError` where it is none.

    Until revision 575f4cc it had the channels of each block, and ranks in the blocks' order: a file's tensors
    say as much.
    """
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
