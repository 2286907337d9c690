"""Small things that go with a food or stand beside it; they are drawn within a radius of about 1."""

from collections.abc import Callable

import numpy as np

from stages.drawing.colours import shade
from stages.drawing.pen import Pen
from stages.drawing.shapes import arc, around, bar, bulge, corners, line


def sprig(p: Pen) -> None:
    """A few leaves on a stalk."""
    green = p.ink("green")
    p.strand(line(-0.9, 0, 0.9, p.u(-0.3, 0.3)), 0.05, shade(green, 0.8))
    for x in np.linspace(-0.7, 0.8, p.n(4, 7)):
        leaf = bar(0, 0, p.u(0.4, 0.6), 0, 0.17 * bulge(8))
        q = p.at(x, 0, 1, p.pick((1, -1)) * p.u(0.5, 1.2))
        q.lump(leaf, green, p.u(0.8, 1.2), rise=0.08, soft=0.4)


def garnish(p: Pen, n: int, reach: float = 0.8, materials=("green",)) -> None:
    """Chopped herbs, sprinkles, crumbs: n small bars."""
    p.grains(p.scatter(n, reach), 0.11, 0.05, [p.ink(p.pick(materials)) for _ in range(4)], rise=0.03)


def pieces(p: Pen, n: int, size: float, reach: float, draw: Callable[[Pen], None]) -> None:
    """n copies of a thing, spread over the dish by best-of-five so that they cover it and overlap little."""
    placed = np.full((1, 2), 9.0)  # out of the way
    for _ in range(n):
        spots = p.scatter(5, reach)
        best = spots[np.argmax(np.linalg.norm(spots[:, None] - placed, axis=2).min(1))]
        placed = np.concatenate([placed, best[None]])
        draw(p.at(*best, size * p.u(0.85, 1.15), p.u(0, 2 * np.pi)))


def rice_grains(p: Pen, n: int, rx: float, ry: float, colour) -> None:
    """n grains of rice over an ellipse of radii rx and ry, in tones of `colour`."""
    tones = [shade(colour, f) for f in (0.84, 0.94, 1.0, 1.05)]
    p.grains(p.scatter(n, rx, ry), 0.17, 0.055, tones, rise=0.05)


# ------------------------------------------------------------------------------------------------ on the dish
def citrus(p: Pen) -> None:
    """A round slice with segments."""
    peel = p.ink(p.pick(("orange", "orange", "yolk", "green")))
    p.lump(p.blob(1), peel, rise=0.16, soft=0.06, gloss=90)
    p.stain(p.blob(0.88), p.ink("cream"))
    count = p.n(8, 10)
    wedge = np.concatenate([[(0.1, 0)], arc(0.8, -0.8 * np.pi / count, 0.8 * np.pi / count, 5)])
    for t in around(count):
        p.at(angle=t).flat(wedge, shade(peel, p.u(0.9, 1.2)), rise=-0.05, gloss=150)


def tomato(p: Pen) -> None:
    """A whole tomato with its green star."""
    colour = p.ink(p.pick(("red", "red", "fruit")))
    p.lump(p.blob(0.95, 0.9, 0.03), colour, 0.85, 1.0, rise=0.8, soft=0.4, cell=0.6, gloss=220)
    for t in np.arange(5) * 1.257 + p.u(0, 1):
        p.at(0.15, -0.1, 1, t).flat(bar(0, 0, 0.42, 0, 0.07 * bulge(8)), p.ink("green"), rise=0.03)


def boiled_half(p: Pen) -> None:
    """Half a boiled egg."""
    p.lump(p.blob(1, 0.8), p.ink("egg"), rise=0.3, soft=0.15, gloss=90)
    p.stain(p.blob(0.5), p.ink("yolk"), rise=0.05)


def meat_slice(p: Pen) -> None:
    """A slice of roast, as on ramen."""
    meat = p.ink("meat")
    p.lump(p.blob(1.1, 0.8, 0.06), meat, 0.8, 1.4, rise=0.2, soft=0.15, cell=0.2, bump=0.1, gloss=90)


def mushroom(p: Pen) -> None:
    """A mushroom cut through its stalk."""
    cap = p.ink(p.pick(("crumb", "wood")))
    p.lump(bar(0, 0.1, 0, 0.9, 0.25), cap, 1.1, rise=0.2)
    shape = np.vstack([arc(0.8, np.pi, 2 * np.pi, 14), corners(0.6, 0.3, -0.6, 0.3)])
    p.lump(shape, cap, 0.8, 1.0, rise=0.25, soft=0.2)


def dip(p: Pen) -> None:
    """A little bowl of sauce."""
    china, sauce = p.ink("china"), p.ink("sauce")
    p.lump(p.blob(0.7), china, rise=0.3, soft=0.08, gloss=140)
    p.stain(p.blob(0.56), sauce, 0.9, 1.0, rise=-0.12, soft=0.2, gloss=160)


# -------------------------------------------------------------------------------------------------- beside it
def cutlery(p: Pen) -> None:
    """A fork, knife or spoon, or chopsticks."""
    metal, kind = p.ink(p.pick(("metal", "metal", "wood"))), p.pick(("fork", "knife", "spoon", "sticks"))
    if kind == "sticks":
        for y in (-0.1, 0.12):
            p.strand(line(-1.3, y, 1.3, y * p.u(-1, 2)), 0.08, metal, rise=0.1)
        return
    p.lump(bar(-1.2, 0, 0.5, 0, np.linspace(0.09, 0.05, 8)), metal, rise=0.1, gloss=220)
    if kind == "fork":
        p.lump(bar(0.4, 0, 0.8, 0, np.linspace(0.06, 0.2, 8)), metal, rise=0.1, gloss=220)
        for y in (-0.16, -0.05, 0.06, 0.17):
            p.strand(line(0.75, y, 1.2, y), 0.05, metal, rise=0.02)
    else:
        half = 0.25 * bulge(10) if kind == "spoon" else np.linspace(0.1, 0.14, 10)
        p.lump(bar(0.4, 0, 1.2, 0, half), metal, 0.9, rise=0.06, gloss=255)


def tumbler(p: Pen) -> None:
    """A glass from above."""
    glass, drink = p.ink("china"), p.ink(p.pick(("soup", "cream", "any")))
    p.lump(p.blob(0.8), glass, rise=0.8, soft=0.06, gloss=255)
    p.stain(p.blob(0.68), drink, 0.8, 1.0, rise=-0.4, soft=0.06, gloss=200)


def napkin(p: Pen) -> None:
    """A folded cloth with a hem."""
    cloth = p.ink("cloth")
    p.lump(p.blob(1.1, 0.9, 0.03, 7), cloth, 0.9, 1.0, rise=0.08, soft=0.05, cell=0.4, bump=0.2)
    p.strand(line(-0.9, 0.6, 0.9, 0.6), 0.06, p.ink("cloth"), rise=0.01)


def crumb(p: Pen) -> None:
    """A scatter of crumbs."""
    colour = p.ink(p.pick(("crust", "fried", "green")))
    p.dots(p.scatter(p.n(5, 25), 1.2), p.u(0.02, 0.08), [colour, shade(colour, 0.7)], rise=0.04)


TABLEWARE = (cutlery, cutlery, tumbler, napkin, dip, sprig, crumb)
NIBBLES = (citrus, tomato)
