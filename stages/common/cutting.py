"""A cut as the stages make it: to a width, by the criterion and the scope that params.yaml names."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from stages.common.architectures import scaled
from stages.common.examples import Examples
from stages.common.pruning import Scores, global_channels, kept_channels, prune, scores

PHOTOS = 1024  # training photos that Taylor's criterion looks at
BATCH = 128


def cut(
    model: nn.Module,
    unpruned: Sequence[int],
    width: float,
    importance: str,
    scope: str,
    training: Examples,
    *,
    seed: int,
) -> nn.Module:
    """`model` without its least important channels, at the size of the `unpruned` ones times `width`.

    importance: a criterion of `pruning.scores`. scope "uniform" takes the same share of every layer,
    "global" the worst channels of all layers, to the same number of parameters.
    """
    found = scored(model, importance, training, seed=seed)
    channels = scaled(model.card.architecture, unpruned, width)
    if scope == "global":
        channels = global_channels(model, found, channels)
    return prune(model, kept_channels(model, channels, found)).to(training.device)


def scored(model: nn.Module, importance: str, training: Examples, *, seed: int) -> Scores:
    """`pruning.scores` of a network, with training photos for the criterion that wants them."""
    return scores(model, importance, batches=_batches(training, seed), seed=seed)


def _batches(training: Examples, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Training photos as they are, with their labels: read only if the criterion wants them."""
    chosen = np.random.default_rng([seed, 1]).permutation(len(training))[:PHOTOS]
    for start in range(0, len(chosen), BATCH):
        indices = np.sort(chosen[start : start + BATCH])
        labels = training.labels[torch.from_numpy(indices).to(training.device)]
        yield training.views.plain(indices), labels
