"""What a network is: the facts that build it again and feed it."""

from dataclasses import dataclass, field

import torch
from torch import nn

from stages.common.data.views import Normalization
from stages.common.networks import registry
from stages.common.networks.codes import FLOAT


@dataclass(frozen=True)
class Card:
    """What a network is: enough to build it again and to feed it."""

    architecture: str
    channels: list[int]  # of each group: output channels of a block, in ResNet18 streams and inner channels
    classes: list[str]
    image_size: int  # pixels, height and width
    mean: tuple[float, float, float]  # of a channel, as fractions of full scale
    std: tuple[float, float, float]
    ranks: list[list[int]] = field(default_factory=list)  # of a factorized plain CNN, else empty
    bits: int = FLOAT  # a weight in the file; in memory a quantized network is an ordinary one
    # Epochs on these photos, those of the networks whose weights it started from among them. Pretraining on
    # other photos and a teacher's epochs do not count.
    epochs: int = 0
    made_with: dict[str, str | int] = field(default_factory=dict)  # `machine.settings` of whoever saved it

    @property
    def normalization(self) -> Normalization:
        return Normalization(tuple(self.mean), tuple(self.std))

    def build(self) -> nn.Module:
        """A network of this kind with fresh weights from torch's default generator."""
        return registry.build(self.architecture, self.channels, len(self.classes), self.ranks)


def new_model(card: Card, seed: int) -> nn.Module:
    """A freshly initialized network that carries its card; the same seed gives the same weights."""
    torch.manual_seed(seed)
    model = card.build()
    model.card = card
    return model
