"""Which answers a compression changed, and which photos no network gets right."""

import numpy as np

from stages.common.evidence.predictions import Predictions


def agreement(first: Predictions, second: Predictions) -> float:
    """Share of the photos on which two networks say the same class, right or wrong."""
    return float((first.said == second.said).mean())


def flips(before: Predictions, after: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """The photos that a step lost, then those it won: (K,) int64 indices each."""
    return np.flatnonzero(before.right & ~after.right), np.flatnonzero(~before.right & after.right)


def always_wrong(answers: dict[str, Predictions]) -> np.ndarray:
    """The photos that no network gets right: (K,) int64 indices."""
    return np.flatnonzero(~np.any([a.right for a in answers.values()], axis=0))
