"""The prepared photos as a network meets them: views and labels on a device."""

from dataclasses import dataclass
from pathlib import Path

import torch

from stages.common import machine
from stages.common.data.arrays import open_split, read_manifest
from stages.common.data.views import Normalization, Views
from stages.common.networks.cards import Card
from stages.common.networks.registry import standard_channels
from stages.common.params import Augment

PREPARED = Path("data/prepared")
MANIFEST = PREPARED / "manifest.json"  # holds a digest of the arrays, so it stands for all of them


@dataclass(frozen=True)
class Examples:
    """A split: N photos and their class numbers."""

    views: Views
    labels: torch.Tensor  # (N,) int64, -1 where unlabelled
    device: str

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Data:
    """A prepared data set on a device; `seed` and `augment` decide its views."""

    directory: Path
    classes: list[str]
    image_size: int
    normalization: Normalization
    augment: Augment
    seed: int
    device: str

    def split(self, name: str) -> Examples:
        """ "training", "validation" or "test"."""
        images, labels = open_split(self.directory, name)
        views = Views(images, self.normalization, self.augment, self.seed, self.device)
        return Examples(views, torch.from_numpy(labels).to(self.device), self.device)

    def card(self, architecture: str) -> Card:
        """The card of an unpruned network for these photos."""
        mean, std = self.normalization
        return Card(architecture, standard_channels(architecture), self.classes, self.image_size, mean, std)


def open_data(augment: Augment, seed: int, directory: Path = PREPARED) -> Data:
    """The prepared data set in `directory`, on this machine's device."""
    manifest = read_manifest(directory)
    normalization = Normalization(tuple(manifest.mean), tuple(manifest.std))
    return Data(
        directory, manifest.classes, manifest.image_size, normalization, augment, seed, machine.device()
    )
