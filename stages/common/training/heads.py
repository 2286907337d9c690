"""Training a linear classifier on a network's features, which are computed once and stay as they are."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from stages.common import machine, progress
from stages.common.errors import UserError
from stages.common.networks.registry import classifier_tensors
from stages.common.params import Fit
from stages.common.training.examples import Examples
from stages.common.training.loop import EVAL_BATCH, Loss, fit
from stages.common.training.resuming import Slot


class Features:
    """What a network makes of photos, in the place of `views.Views`: every view of a photo is its features."""

    def __init__(self, values: torch.Tensor):
        self._values = values  # (N, F)

    def __len__(self) -> int:
        return len(self._values)

    def like(self, normalization, size: int) -> "Features":
        return self

    def plain(self, indices: np.ndarray) -> torch.Tensor:
        """(B, F) float32."""
        return self._values[torch.from_numpy(indices).to(self._values.device)]

    def batch(self, epoch: int, indices: np.ndarray) -> torch.Tensor:
        """As `plain`, whatever the epoch."""
        return self.plain(indices)


def linear_classifier(model: nn.Module) -> nn.Linear:
    """The layer that turns features into logits. Raises `UserError` where that is no one linear layer."""
    card = model.card
    layers = {n.rpartition(".")[0] for n in classifier_tensors(card.architecture, card.seen_size)}
    layer = model.get_submodule(layers.pop()) if len(layers) == 1 else None
    if not isinstance(layer, nn.Linear):
        raise UserError(
            f"teacher.pretrained.tune = 'head': {card.architecture} has no single linear classifier; use all"
        )
    return layer


def features(model: nn.Module, examples: Examples, label: str) -> torch.Tensor:
    """What the linear classifier of a network is given of each photo as it is: (N, F) float32.

    Raises `UserError` where more happens behind it.
    """
    layer, found, given = linear_classifier(model), [], {}
    hook = layer.register_forward_pre_hook(lambda _, inputs: given.update(x=inputs[0]))
    seen = examples.seen_by(model.card)
    model.eval().to(examples.device)
    try:
        with torch.inference_mode(), progress.bar(label, len(seen)) as bar:
            for start in range(0, len(seen), EVAL_BATCH):
                indices = np.arange(start, min(start + EVAL_BATCH, len(seen)))
                with machine.autocast(examples.device):
                    logits = model(seen.views.plain(indices))
                    same = given["x"].dim() == 2 and torch.equal(layer(given["x"]), logits)
                if not same:
                    raise UserError(
                        f"teacher.pretrained.tune = 'head': {model.card.architecture} does more behind its "
                        "linear classifier; use all"
                    )
                found.append(given["x"].float().clone())
                bar.advance(len(indices))
    finally:
        hook.remove()
    return torch.cat(found)


def fit_head(
    model: nn.Module,
    training: Examples,
    validation: Examples,
    loss: Loss,
    schedule: Fit,
    slot: Slot,
    *,
    seed: int,
    label: str,
    cycle: int | None = None,
) -> list[dict]:
    """As `loop.fit`, of the classifier alone: the photos are seen as they are, once."""
    layer = linear_classifier(model)

    def seen(examples: Examples) -> Examples:
        return replace(examples, views=Features(features(model, examples, f"{label} features")))

    layer.card = model.card
    history = fit(layer, seen(training), seen(validation), loss, schedule, slot, seed=seed, label=label)
    model.card = layer.card
    del layer.card
    return history
