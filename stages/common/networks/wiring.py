"""How the channels of a network hang together: what surgery needs to know of it."""

from typing import NamedTuple


class Wire(NamedTuple):
    """Which groups of channels a layer's tensors run along: what surgery needs to know of a network."""

    layer: str  # name of a convolution, batch norm or linear layer
    ins: int | None  # group along the second axis of its weight; None where that axis stays whole
    outs: int | None  # group along the first axis of all its tensors; None for the classes
