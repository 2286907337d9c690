"""What a network is: the facts that build it again and feed it."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import nn

from stages.common.data.views import Normalization
from stages.common.errors import UserError
from stages.common.networks import factors, registry, shapes
from stages.common.networks.codes import BITS, FLOAT

Pixels = Annotated[int, Field(strict=True, ge=1, le=4096)]
Count = Annotated[int, Field(strict=True, ge=1)]
Share = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Card:
    """What a network is: enough to build it again and to feed it. Raises `ValueError` for another content."""

    architecture: str  # as `registry.build` takes it
    classes: Annotated[list[str], Field(min_length=1)]
    image_size: Pixels  # of the photos, height and width
    mean: tuple[Share, Share, Share]  # of a channel, as fractions of full scale
    std: tuple[Share, Share, Share]
    input_size: Pixels | None = None  # what the network sees of them, enlarged; None: as they are
    code: str = ""  # digest of the file that builds it, where that is the user's own
    shapes: Mapping[str, list[Count]] = field(default_factory=dict)  # of each tensor that was cut
    ranks: Mapping[str, list[Count]] = field(
        default_factory=dict
    )  # of each layer that low-rank ones stand for
    bits: Literal[FLOAT, *BITS] = (
        FLOAT  # a weight in the file; in memory a quantized network is an ordinary one
    )
    # Epochs on these photos, those of the networks whose weights it started from among them. Pretraining on
    # other photos and a teacher's epochs do not count.
    epochs: Annotated[int, Field(strict=True, ge=0)] = 0
    made_with: Mapping[str, str | int] = field(default_factory=dict)  # `machine.settings` of whoever saved it

    @property
    def normalization(self) -> Normalization:
        return Normalization(self.mean, self.std)

    @property
    def seen_size(self) -> int:
        """Pixels of the images that the network sees, height and width."""
        return self.input_size or self.image_size

    def build(self) -> nn.Module:
        """A network of this kind with fresh weights from torch's default generator.

        Raises `UserError` where there is no such network or its file has changed, `ValueError` for shapes and
        ranks that it cannot have.
        """
        if self.code != registry.digest(self.architecture):
            raise UserError(
                f"{self.architecture}: the file is not the one this network was made with; `dvc repro` makes it anew"
            )
        model = registry.build(self.architecture, len(self.classes), self.seen_size)
        return factors.place(shapes.reshape(model, self.shapes), self.ranks)


def new_model(card: Card, seed: int) -> nn.Module:
    """A freshly initialized network that carries its card; the same seed gives the same weights."""
    torch.manual_seed(seed)
    model = card.build()
    model.card = card
    return model
