"""Light on a relief: shading, cast shadows and highlights."""

import numpy as np
from PIL import Image

from stages.drawing.pen import Pen
from stages.drawing.textures import broadly


def relight(height: np.ndarray, gloss: np.ndarray, pen: Pen) -> tuple[np.ndarray, np.ndarray]:
    """The light on a relief: (h, w) float32 factors for the colour and (h, w) white to add, 0..255.

    `height` (h, w) is in pixels, `gloss` (h, w) in 0..1. One lamp or window from a random side.
    """
    angle, slope = pen.u(0, 2 * np.pi), pen.u(0.7, 1.5)  # slope: the tangent of the lamp's elevation
    lx, ly = float(np.cos(angle)), float(np.sin(angle))  # plain floats keep the arrays float32
    gy, gx = np.gradient(0.3 * height + 0.7 * broadly(height, 4))  # mostly the form, less the roughness
    upright = 1 / np.sqrt(1 + gx * gx + gy * gy)
    facing = (1 - (gx * lx + gy * ly) / slope) * upright  # 1 on level ground
    lit = 1 - cast(height, lx, ly, slope)
    crevice = np.clip((broadly(height, 8) - height) * 0.05, 0, 0.45)  # lower than what is around: less sky
    ambient = pen.u(0.4, 0.65)
    factor = (ambient + (1 - ambient) * np.clip(facing, 0, 1.9) * (0.1 + 0.9 * lit)) * (1 - crevice)
    top = slope + float(np.hypot(1, slope))  # lx, ly, top: halfway between the lamp and a viewer overhead
    mirror = (top - gx * lx - gy * ly) * upright / float(np.hypot(1, top))
    spark = np.maximum(1 - (1 - mirror) * pen.u(12, 30), 0)
    shine = spark * spark * gloss * lit
    return factor, shine * pen.u(90, 190)


def cast(height: np.ndarray, lx: float, ly: float, slope: float) -> np.ndarray:
    """Cast shadows in 0..1, (h, w), found at half size: does anything towards the lamp hide it?

    `height` (h, w) is in pixels, (lx, ly) the direction of the lamp, `slope` the tangent of its elevation.
    """
    h, w = height.shape
    low = np.asarray(Image.fromarray(height).reduce(2))[: h // 2, : w // 2]
    hidden, reach = np.zeros_like(low), 8
    wide = np.pad(low, reach, mode="edge")
    for step in (1, 2, 3.2, 5, 7.5):  # pixels of the halved image
        y, x = reach + round(step * ly), reach + round(step * lx)
        ray = wide[y : y + h // 2, x : x + w // 2] - np.float32(step * slope * 1.6)
        np.maximum(hidden, ray, out=hidden)
    dark = np.clip((hidden - low) * np.float32(0.4), 0, 1)  # soft at the edge, as the lamp has a size
    return np.asarray(Image.fromarray(dark).resize((w, h), Image.Resampling.BILINEAR))
