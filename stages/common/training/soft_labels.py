"""A teacher's stored answers, and the loss that learns from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from stages.common.errors import UserError
from stages.common.training import losses
from stages.common.training.loop import Batch, Loss


@dataclass(frozen=True)
class SoftLabels:
    """logits: (views, N, C) float32, memory-mapped: the teacher's answer to each view of each photo."""

    logits: np.ndarray

    @property
    def views(self) -> int:
        return len(self.logits)

    def loss(self, temperature: float, alpha: float) -> Loss:
        """Distillation from the teacher's answer to the very view in the batch."""

        def distillation(student: torch.Tensor, batch: Batch) -> torch.Tensor:
            teacher = torch.from_numpy(self.logits[batch.epoch, batch.indices]).to(student.device)
            return losses.distillation(student, teacher, batch.labels, temperature, alpha)

        return distillation


def path_of(teacher: str) -> Path:
    """Where the soft labels of teacher "scratch" or "pretrained" are."""
    return Path(f"data/soft_labels/{teacher}.npy")


def open_soft_labels(teacher: str) -> SoftLabels:
    """The stored answers of a teacher. Raises `UserError` where there are none."""
    path = path_of(teacher)
    try:
        return SoftLabels(np.load(path, mmap_mode="r"))
    except (OSError, ValueError):
        raise UserError(f"{path}: no soft labels there; run `dvc repro soft_labels`") from None
