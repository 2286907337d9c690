"""A photo from start to end: choose a scene, set the table, draw, and hand it to the camera."""

import numpy as np
from PIL import Image

from stages.drawing import (  # noqa: F401  each adds its scenes to SCENES
    breads_desserts,
    dairy_eggs,
    fried_meat,
    objects,
    pasta_rice,
    seafood,
    soup_greens,
)
from stages.drawing.camera import develop
from stages.drawing.pen import SUPERSAMPLING, Pen
from stages.drawing.registry import FOODS, OBJECTS, SCENES, Scene
from stages.drawing.settings import indoors, outdoors, surface
from stages.drawing.trimmings import NIBBLES, TABLEWARE

GROUNDS = {"top": surface, "fill": surface, "side": indoors, "out": outdoors}


def photo(kind: str, rng: np.random.Generator, difficulty: float = 0.5) -> Image.Image:
    """Draw one photo of `kind`, one of FOODS or OBJECTS: RGB, short side 96 to 128 px, at most 4:3 or 3:4.

    `difficulty` in 0..1 scales the spread of colours, sizes, positions and light, the clutter, the occlusion
    and the flaws of the camera.
    """
    if kind not in SCENES:
        raise ValueError(f"unknown kind {kind!r}: not one of {', '.join(SCENES)}")
    size = choose_size(rng)
    scene = SCENES[kind][int(rng.integers(len(SCENES[kind])))]
    pen = lay_ground(size, scene.view, rng, float(difficulty))
    if scene.view == "fill":
        fill(pen, kind, scene)
    else:
        serve(pen, kind, scene)
    return develop(pen)


def choose_size(rng: np.random.Generator) -> tuple[int, int]:
    """The size (w, h) of the finished photo in pixels, landscape or portrait."""
    short = int(rng.integers(96, 129))
    long = round(short * float(rng.uniform(1, 4 / 3)))
    return (short, min(long, short * 4 // 3))[:: 1 if rng.random() < 0.5 else -1]


def lay_ground(size: tuple[int, int], view: str, rng: np.random.Generator, d: float) -> Pen:
    """New layers for a photo of this size, with the ground painted; the pen is where the dish will be.

    Seen from above, the dish may be foreshortened in y, as by a camera that looks at it from the front.
    """
    short, full = min(size), (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    unit = short * SUPERSAMPLING * (0.36 + float(rng.uniform(-0.1, 0.08)) * d)
    middle = np.array(full) / 2 + rng.normal(0, 0.02 + 0.1 * d, 2) * short
    tilt = 1.0 if view in ("side", "out") else float(rng.uniform(1 - 0.35 * d, 1))
    layers = Image.new("RGBA", full), Image.new("L", full, int(rng.integers(0, 50)))
    pen = Pen(*layers, rng, d, np.array([[unit, 0], [0, unit * tilt]]), middle, unit)
    ground = GROUNDS[view](pen, size)
    colour, relief = ground.convert("RGB"), ground.getchannel("A")  # resizing RGBA would weigh by alpha
    colour = colour.resize(full, Image.Resampling.NEAREST)
    colour.putalpha(relief.resize(full, Image.Resampling.NEAREST))
    pen.image.paste(colour)
    return pen


def fill(pen: Pen, kind: str, scene: Scene) -> None:
    """Draw a scene over the whole frame: from its middle, the longer side being about 2 units."""
    d, size = pen.difficulty, pen.image.size
    shift = (np.array(size) / 2 - pen.origin) / pen.unit
    scene.draw(pen.at(*shift, max(size) / 2 / pen.unit, pen.u(-0.3, 0.3) * d))
    clutter(pen, kind, 0.9, int(pen.chance(0.4 * d)))


def serve(pen: Pen, kind: str, scene: Scene) -> None:
    """Draw a scene on its ground, things behind and perhaps one thing over it; upright ones stand alone."""
    d, upright = pen.difficulty, scene.view in ("side", "out")
    if not upright:
        clutter(pen, kind, 1.45, pen.n(0, 1 + round(2 * d)))
    turn = pen.rng.normal(0, 0.08) if upright else pen.rng.uniform(-np.pi, np.pi)
    dish = pen.at(angle=float(turn) * min(1.0, 0.3 + d))
    scene.draw(dish if upright else pen.pick(scene.on)(dish))
    if not upright:
        clutter(pen, kind, pen.u(0.8, 1.2), int(pen.chance(0.6 * d)))


def clutter(pen: Pen, kind: str, radius: float, count: int) -> None:
    """`count` things round the dish, `radius` from its middle: cutlery, cups, other things of the same world.

    No food is drawn beside an object, so that what is learnt from the objects has never seen a food.
    """
    food = kind in FOODS
    scenes = [scene for name in (FOODS if food else OBJECTS) if name != kind for scene in SCENES[name]]
    start = pen.u(0, 2 * np.pi)
    for k in range(count):
        t = start + (k + pen.u(-0.2, 0.2)) * 2 * np.pi / max(count, 2)
        q = pen.at(radius * np.cos(t), radius * np.sin(t), pen.u(0.3, 0.55), pen.u(0, 2 * np.pi))
        draw, on, view = pen.pick(scenes)
        if pen.chance(0.2) and view == "top":
            draw(pen.pick(on)(q))
        else:
            pen.pick(TABLEWARE + NIBBLES if food else TABLEWARE)(q)
