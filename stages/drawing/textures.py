"""Smooth noise and what is made of it, at the resolution of the image: sizes (w, h) in pixels."""

import functools

import numpy as np
from PIL import Image

from stages.drawing.colours import whole

TILE = 400  # pixels; no canvas is larger


@functools.cache
def plaster(cell: int, stretch: int) -> Image.Image:
    """Two octaves of smooth noise with features of `cell` by `stretch * cell` pixels, "L", TILE square.

    A constant, like a photograph of rough plaster; which part of it is seen is up to the photo's generator.
    """
    rng = np.random.default_rng(cell)
    octaves = []
    for size in (cell, max(cell // 3, 1)):
        shape = (TILE // size + 2, TILE // (size * stretch) + 2)
        grid = Image.fromarray(rng.integers(0, 256, shape, np.uint8))
        octaves.append(grid.resize((TILE, TILE), Image.Resampling.BICUBIC))
    return Image.blend(*octaves, 0.35)


def noise(rng: np.random.Generator, size: tuple[int, int], cell: float, stretch: float = 1.0) -> Image.Image:
    """An "L" image of smooth noise; its features are `cell` pixels, drawn out `stretch` times in x."""
    # to a power of two and a whole number, so that few tiles are ever made
    tile = plaster(2 ** round(np.log2(max(cell, 1.0))), max(1, round(stretch)))
    x, y = int(rng.integers(0, TILE - size[0] + 1)), int(rng.integers(0, TILE - size[1] + 1))
    return tile.crop((x, y, x + size[0], y + size[1]))


def colourise(grey: Image.Image, dark, light) -> Image.Image:
    """The "L" image `grey` in RGBA, 0 becoming `dark` and 255 `light`; the heights are still to come."""
    tinted = Image.new("RGBA", grey.size, whole(dark, 0))
    tinted.paste(whole(light, 0), None, grey)
    return tinted


def broadly(a: np.ndarray, factor: int) -> np.ndarray:
    """A (h, w) float32 array blurred over about `factor` pixels, by way of a smaller one."""
    h, w = a.shape
    small = Image.fromarray(a).reduce(factor)
    part = (0, 0, w / factor, h / factor)  # the last row and column of `small` may stand for a partial cell
    return np.asarray(small.resize((w, h), Image.Resampling.BILINEAR, part))
