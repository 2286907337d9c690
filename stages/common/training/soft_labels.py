"""A teacher's stored answers, and the loss that learns from them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from stages.common.data.arrays import ArrayWriter, digest, read_manifest
from stages.common.errors import UserError
from stages.common.files import read_json, whole
from stages.common.training import losses
from stages.common.training.loop import Batch, Loss

FOLDER = Path("data/soft_labels")


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
    """The manifest of the soft labels of teacher "scratch" or "pretrained": it stands for all of them."""
    return FOLDER / teacher / "manifest.json"


def write_soft_labels(
    teacher: str, shape: tuple[int, int, int], answers: Iterable[np.ndarray], prepared: Path
) -> None:
    """Store a teacher's logits (views, N, C), which come in parts (n, C) float32: view after view.

    prepared: the data set whose training photos these are of. Raises `UserError` where the disk is full.
    """
    views, photos, classes = shape
    with whole(path_of(teacher).parent, 4 * views * photos * classes) as folder:
        folder.mkdir()
        with ArrayWriter(folder / "logits.npy", (classes,), np.float32) as array:
            for part in answers:
                array.extend(part)
        facts = {
            "shape": shape,
            "digest": digest(folder / "logits.npy"),
            "photos": read_manifest(prepared).digests["training.npy"],
        }
        (folder / "manifest.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def open_soft_labels(teacher: str, prepared: Path) -> SoftLabels:
    """The stored answers of a teacher to the training photos of a data set.

    Raises `UserError` where there are none, where they are damaged, and where they are of other photos.
    """
    path = path_of(teacher)
    file = path.with_name("logits.npy")
    mend = f"run `dvc repro --force soft_labels@{teacher}`"
    try:
        facts = read_json(path, ("digest", "photos", "shape"))
        if digest(file) != facts["digest"]:
            raise UserError(f"{file}: damaged: not what {path} vouches for; {mend}")
        if facts["photos"] != read_manifest(prepared).digests["training.npy"]:
            raise UserError(f"{file}: of other photos than those in {prepared}; {mend}")
        return SoftLabels(np.load(file, mmap_mode="r").reshape(facts["shape"]))
    except FileNotFoundError:
        raise UserError(f"{file}: no soft labels there; run `dvc repro soft_labels`") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not as `soft_labels` wrote it; {mend}") from None
