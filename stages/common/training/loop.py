"""One training loop for every stage that trains, and one way to measure."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from stages.common import machine, progress
from stages.common.errors import UserError
from stages.common.networks.shapes import fill
from stages.common.params import Fit
from stages.common.training import losses
from stages.common.training.examples import Examples
from stages.common.training.resuming import Slot

EVAL_BATCH = 256  # images; no result depends on it
CURVE_POINTS = 5  # validations in one fit, at most: enough for a curve, little of the time
WARM_UP = 0.25  # share of the steps in which the learning rate rises


class Batch(NamedTuple):
    """What a loss may look at besides the logits."""

    labels: torch.Tensor  # (B,) int64
    epoch: int  # which view of the photos this is
    indices: np.ndarray  # (B,) which photos


Loss = Callable[[torch.Tensor, Batch], torch.Tensor]


def on_labels(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The loss of plain training: cross entropy of logits (B, C) against the labels."""
    return losses.cross_entropy(logits, batch.labels)


def one_cycle(step: int, steps: int) -> float:
    """Share of the peak learning rate: a linear rise, then half a cosine down to 0 (Smith 2018)."""
    rise = WARM_UP * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


def batches(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """`order` in parts of nearly equal size, at most `batch_size` each: no photo is dropped.

    A last batch of a few photos would weigh each of them more than the others and upset batch norm.
    """
    return np.array_split(order, math.ceil(len(order) / batch_size))


def fit(
    model: nn.Module,
    training: Examples,
    validation: Examples | None,
    loss: Loss,
    schedule: Fit,
    slot: Slot,
    *,
    seed: int,
    label: str,
    cycle: int | None = None,
    first_epoch: int = 0,
) -> list[dict]:
    """Train `model` in place with a fresh AdamW under one cycle; the last epoch is the result.

    loss(logits (B, C), batch) gives a scalar. Views are numbered from `first_epoch`, modulo `cycle` where
    their number is bounded. The epochs are added to the model's card. A run that was killed goes on from
    `slot` and ends where it would have ended. Returns the curve, a dict a point: epoch, train_loss,
    val_accuracy; without `validation` there is none. Raises `UserError` if it diverges.
    """
    device, training = training.device, training.seen_by(model.card)
    model.to(device, memory_format=torch.channels_last)
    optimizer = _optimizer(model, schedule)
    start, history = _resume(slot, model, optimizer)
    per_epoch = math.ceil(len(training) / schedule.batch_size)
    total = schedule.epochs * per_epoch
    every = math.ceil(schedule.epochs / CURVE_POINTS)
    with progress.bar(label, (schedule.epochs - start) * len(training)) as bar:
        for epoch in range(start, schedule.epochs):
            model.train()
            view = (first_epoch + epoch) % cycle if cycle else first_epoch + epoch
            order = np.random.default_rng([seed, first_epoch + epoch]).permutation(len(training))
            summed = torch.zeros((), device=device)
            for i, indices in enumerate(batches(order, schedule.batch_size)):
                images = training.views.batch(view, indices)
                batch = Batch(training.labels[torch.from_numpy(indices).to(device)], view, indices)
                with machine.autocast(device):
                    logits = model(images)
                value = loss(logits.float(), batch)
                optimizer.zero_grad(set_to_none=True)
                value.backward()
                for group in optimizer.param_groups:
                    group["lr"] = schedule.learning_rate * one_cycle(epoch * per_epoch + i, total)
                optimizer.step()
                summed += value.detach() * len(indices)
                bar.advance(len(indices))
            mean = (summed / len(training)).item()
            if not math.isfinite(mean):
                raise UserError(f"{label}: the loss is {mean} in epoch {epoch + 1}; lower its learning_rate")
            if validation and ((epoch + 1) % every == 0 or epoch + 1 == schedule.epochs):
                accuracy = correct(predict(model, validation), validation) / len(validation)
                history.append({"epoch": epoch + 1, "train_loss": mean, "val_accuracy": accuracy})
                bar.note(f"epoch {epoch + 1}, loss {mean:.3f}, validation accuracy {accuracy:.3f}")
            if slot.due():
                _save(slot, model, optimizer, epoch + 1, history)
    if start < schedule.epochs:
        _save(slot, model, optimizer, schedule.epochs, history)
    model.card = replace(model.card, epochs=model.card.epochs + schedule.epochs)
    model.eval()
    return history


def predict(model: nn.Module, examples: Examples) -> torch.Tensor:
    """Logits of every photo as it is, but for what the network expects: (N, C) float32 on the CPU."""
    examples = examples.seen_by(model.card)
    model.eval()
    chunks = np.array_split(np.arange(len(examples)), max(1, math.ceil(len(examples) / EVAL_BATCH)))
    with torch.inference_mode(), machine.autocast(examples.device):
        return torch.cat([model(examples.views.plain(chunk)).float().cpu() for chunk in chunks])


def correct(logits: torch.Tensor, examples: Examples) -> int:
    """How many photos have their own class as the largest of their logits (N, C)."""
    return int((logits.argmax(1) == examples.labels.cpu()).sum())


def _optimizer(model: nn.Module, schedule: Fit) -> torch.optim.Optimizer:
    """AdamW; biases and norms, which are vectors, do not decay."""
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": schedule.weight_decay},
        {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=schedule.learning_rate, fused=True)


def _save(slot: Slot, model: nn.Module, optimizer: torch.optim.Optimizer, epoch: int, history: list) -> None:
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{name}": tensor for name, tensor in state.items()}
    slot.save(tensors, {"epoch": epoch, "history": history})


def _resume(slot: Slot, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, list[dict]]:
    """Load what an earlier run saved; returns the epoch to go on with and the curve so far."""
    saved = slot.load()
    if saved is None:
        return 0, []
    tensors, info = saved
    fill(model, {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    state: dict[int, dict[str, torch.Tensor]] = {}
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, i, name = key.split(".")
            # A moment lies in memory as its weight does: the fused step walks both side by side.
            like = weights[int(i)] if tensor.dim() else tensor
            state.setdefault(int(i), {})[name] = torch.empty_like(like).copy_(tensor)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    print(f"going on from epoch {info['epoch']} of an earlier run", flush=True)
    return info["epoch"], info["history"]
