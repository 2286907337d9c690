"""What is measured of an exported network: as of every other, but of the ONNX file."""

from pathlib import Path

import numpy as np
from torch import nn

from stages.common import cost
from stages.common.dataset import Split, open_split
from stages.common.examples import PREPARED
from stages.common.onnx_runtime import OnnxModel
from stages.common.statistics import wilson


def measured(path: Path, model: nn.Module, validation: Split) -> dict[str, float]:
    """The metrics every network has; parameters and MACs are those of the network that was exported."""
    n = len(validation.labels)
    right = int((OnnxModel(path).predict(validation.images).argmax(1) == validation.labels).sum())
    low, high = wilson(right, n)
    return {
        "val_accuracy": right / n,
        "val_low": low,
        "val_high": high,
        "params": cost.parameters(model),
        "macs": cost.macs(model, model.card.image_size),
        "size_kib": cost.size_kib(path),
    }


def calibration_photos(count: int, seed: int) -> np.ndarray:
    """`count` training photos, or all there are, chosen by `seed`: (N, S, S, 3) uint8."""
    photos = open_split(PREPARED, "training").images
    chosen = np.random.default_rng(seed).permutation(len(photos))[:count]
    return np.asarray(photos[np.sort(chosen)])
