"""The prepared photos as a network meets them: views and labels on a device."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from stages.common import machine
from stages.common.data.arrays import open_split, read_manifest
from stages.common.data.views import Normalization, Views
from stages.common.errors import UserError
from stages.common.networks import registry
from stages.common.networks.cards import Card, new_model
from stages.common.params import Augment, load

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

    def seen_by(self, card: Card) -> "Examples":
        """The same photos under a network's own normalization and at the size that it sees."""
        return replace(self, views=self.views.like(card.normalization, card.seen_size))


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

    def new_model(self, architecture: str, image_size: int | None = None) -> nn.Module:
        """A fresh network for these photos that carries its card; the same seed gives the same weights.

        image_size: pixels that it sees of each photo, which is enlarged to it; None for the photos' own.
        Raises `UserError` where there is no such network, or where it cannot take such photos.
        """
        if image_size is not None and image_size < self.image_size:
            raise UserError(
                f"{architecture}: image_size = {image_size} is less than the photos' {self.image_size} pixels; "
                "photos are only enlarged, so lower data.image_size or raise this"
            )
        mean, std = self.normalization
        card = Card(
            architecture, self.classes, self.image_size, mean, std,
            input_size=None if image_size == self.image_size else image_size,
            code=registry.digest(architecture),
        )  # fmt: skip
        return registry.fits(new_model(card, self.seed), architecture, len(self.classes), card.seen_size)


def require_known_networks() -> None:
    """Raises `UserError` where any architecture in params.yaml is none, before the first one trains."""
    for key, network in load().networks().items():
        registry.require_known(key, network.architecture)


def open_data(augment: Augment, seed: int, directory: Path = PREPARED) -> Data:
    """The prepared data set in `directory`, on this machine's device."""
    manifest = read_manifest(directory)
    normalization = Normalization(tuple(manifest.mean), tuple(manifest.std))
    return Data(
        directory, manifest.classes, manifest.image_size, normalization, augment, seed, machine.device()
    )
