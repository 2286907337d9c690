"""Student and CNN with few channels, so that tests are quick."""

from collections.abc import Sequence

import torch

from stages.common.networks import registry


def narrow(architecture: str, channels: int | Sequence[int], classes: int) -> dict[str, list[int]]:
    """`Card.shapes` of a student or CNN whose eight blocks have so many output channels."""
    outs = [channels] * 8 if isinstance(channels, int) else list(channels)
    with torch.device("meta"):
        whole = registry.build(architecture, classes, 32)
    found = {}
    for name, tensor in whole.state_dict().items():
        shape = list(tensor.shape)
        if not shape:
            continue
        i = int(name.split(".")[1]) if name.startswith("blocks") else 8
        before, own = ([3, *outs][i], outs[i]) if i < 8 else (outs[7], classes)
        passes = ".depthwise." in name or (".norm." in name and architecture == "student" and i > 0)
        shape[0] = before if passes else own
        if len(shape) > 1 and not passes:
            shape[1] = before
        found[name] = shape
    return {name: shape for name, shape in found.items() if shape != list(whole.state_dict()[name].shape)}
