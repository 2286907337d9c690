"""Scenes of Dairy product and Egg."""

import numpy as np

from stages.drawing.colours import shade
from stages.drawing.pen import Pen
from stages.drawing.registry import draws
from stages.drawing.settings import DEEP, FLAT, bare, basket, bowl, paper, plate
from stages.drawing.shapes import arc, bar, bulge, corners, line, moved, polar, rect, ribbon
from stages.drawing.trimmings import garnish, pieces


# ---------------------------------------------------------------------------------------------- Dairy product
@draws("Dairy product", FLAT)
def wedge(p: Pen) -> None:
    """One or two wedges of cheese with holes."""
    cheese = p.ink("cheese")
    for angle in p.pick(([0.0], [0.0], [0.0, 2.4])):
        q = p.at(p.u(-0.1, 0.1), p.u(-0.1, 0.1), 1, angle)
        top = corners(-1, -0.1, 0.8, -0.65, 0.95, 0.15)
        side = corners(-1, -0.1, 0.95, 0.15, 0.95, 0.65, -1, 0.3)
        q.lump(side, cheese, 0.85, 0.93, rise=0.3, soft=0.04, cell=0.3, gloss=40)
        q.lump(top, cheese, 0.98, 1.06, rise=0.06, soft=0.04, cell=0.3)
        for x, y in q.rng.uniform((-0.6, 0.08), (0.85, 0.5), (q.n(4, 8), 2)):
            q.stain(moved(q.blob(q.u(0.05, 0.13), n=14), x, y), cheese, 0.65, rise=-0.1)
        for x in q.rng.uniform(-0.1, 0.75, q.n(1, 4)):
            q.stain(moved(q.blob(0.1, 0.06, n=14), x, -0.17), cheese, 0.72, rise=-0.08)


@draws("Dairy product", view="side")
def milk(p: Pen) -> None:
    """A glass of milk."""
    cream, glass, top, base = p.ink("cream"), p.ink("china"), p.u(0.5, 0.6), p.u(0.35, 0.5)
    level = p.u(-0.7, -0.3)
    body = corners(-top, -1, top, -1, base, 1, -base, 1)
    p.lump(body, glass, 0.9, 1.0, rise=0.3, soft=0.3, cell=0.8, gloss=200)
    half = np.interp(level, [-1, 1], [top, base]) * 0.92
    shape = corners(-half, level, half, level, base * 0.9, 0.93, -base * 0.9, 0.93)
    p.lump(shape, cream, 0.97, 1.0, rise=0.1, soft=0.3, cell=1)
    p.stain(moved(p.blob(half, 0.1), 0, level), cream, 0.93)
    p.stain(bar(-base * 0.75, -0.2, -base * 0.65, 0.7, 0.04), (255, 255, 255))
    p.strand(arc(top, 0, 2 * np.pi, 24, 0.16) - (0, 1), 0.03, shade(glass, 1.1), rise=0.02)


@draws("Dairy product", DEEP)
def yogurt(p: Pen) -> None:
    """A bowl of yogurt with a swirl, perhaps with berries."""
    cream = p.ink("cream")
    p.lump(p.blob(1.03), cream, 0.95, 1.0, rise=0.12, soft=0.3, cell=0.5, bump=0.15, gloss=110)
    t = np.linspace(0, p.u(7, 12), 30)
    p.stain(ribbon(polar(t, 0.06 * t + 0.05), 0.07 * bulge(30)), cream, 1.04, rise=0.08)
    if p.chance(0.6):
        berry = p.ink(p.pick(("berry", "fruit")))
        q = p.at(p.u(-0.3, 0.3), p.u(-0.3, 0.3))
        q.dots(q.scatter(p.n(3, 12), 0.5), p.u(0.09, 0.15), [berry, shade(berry, 1.2)], 0.12, gloss=150)


@draws("Dairy product", FLAT)
def butter(p: Pen) -> None:
    """A block of butter with slices cut off it."""
    colour, cut = p.ink("cheese"), p.u(0.1, 0.5)
    for x0, x1 in ((-0.95, cut), *((cut + 0.12 + 0.22 * i, cut + 0.26 + 0.22 * i) for i in range(p.n(0, 3)))):
        q = p.at(angle=p.u(-0.05, 0.05))
        front = rect(x0, 0.1, x1, 0.5)
        q.lump(front, colour, 0.85, rise=0.3, soft=0.04, cell=0.5, gloss=90)
        lid = corners(x0, 0.1, x0 + 0.15, -0.45, x1 + 0.15, -0.45, x1, 0.1)
        q.lump(lid, colour, 1.02, 1.1, rise=0.35, soft=0.04, cell=0.5)


@draws("Dairy product", FLAT)
def camembert(p: Pen) -> None:
    """A round cheese with a piece cut out."""
    rind, paste, gap = p.ink("cream"), p.ink("cheese"), p.u(0.5, 0.9)
    wheel = np.array([[0, 0], *arc(1, gap, 2 * np.pi, 26)])
    p.lump(wheel, paste, 0.9, 1.0, rise=0.35, soft=0.03)
    p.stain(wheel * 0.97 - (0.02, 0.05), rind, 0.9, 1.0, rise=0.02, soft=0.03, cell=0.06, bump=0.05)
    piece = moved(np.array([[0, 0], *arc(0.95, 0.1, gap - 0.1, 6)]), p.u(0.05, 0.3), p.u(0.0, 0.2))
    p.lump(piece, paste, 0.9, 1.0, rise=0.3, soft=0.05, gloss=80)


# -------------------------------------------------------------------------------------------------------- Egg
@draws("Egg", FLAT)
def fried_egg(p: Pen) -> None:
    """One to three fried eggs, perhaps with pepper and herbs."""

    def egg(q: Pen) -> None:
        white, yolk = q.ink("egg"), q.ink("yolk")
        shape = q.blob(1, 0.9, 0.09, n=36)
        q.lump(shape * 1.03, q.ink("fried"), rise=0.04, soft=0.05)
        q.lump(shape, white, 0.94, 1.0, rise=0.12, soft=0.1, cell=0.25, bump=0.08, gloss=140)
        part = q.blob(q.u(0.34, 0.45), wobble=0.02) + q.scatter(1, 0.2)
        q.lump(part, yolk, 0.92, 1.0, rise=0.28, soft=0.35, cell=0.4, gloss=230)

    pieces(p, *p.pick(((1, 0.95, 0.1), (2, 0.75, 0.55), (3, 0.62, 0.65))), egg)
    if p.chance(0.5):
        p.dots(p.scatter(25, 0.8), 0.018, [p.ink("dark"), p.ink("green")], rise=0.01)


@draws("Egg", (*FLAT, bowl))
def boiled_egg(p: Pen) -> None:
    """Boiled eggs cut in half."""
    white, yolk = p.ink("egg"), p.ink("yolk")

    def half(q: Pen) -> None:
        shape = q.blob(1, 0.76)
        shape[:, 1] *= 1 - 0.14 * shape[:, 0]  # pointed at one end
        q.lump(shape, white, 0.97, 1.0, rise=0.4, soft=0.12, cell=0.5, gloss=90)
        q.stain(q.blob(0.48, 0.45, 0.03) - (0.12, 0), yolk, 0.88, 1.0, rise=0.06, soft=0.2, cell=0.08)

    pieces(p, p.n(2, 6), 0.48, 0.72, half)
    garnish(p, p.n(0, 20), 0.9, ("green", "red", "dark"))


@draws("Egg", FLAT)
def omelette(p: Pen) -> None:
    """A folded omelette with brown spots."""
    egg, brown = p.ink("cheese"), p.ink("fried")
    fold = np.vstack([arc(1.05, 0, np.pi, 20, p.u(0.65, 0.85)), line(-1, -0.12, 1, -0.12, 6)]) - (0, 0.25)
    p.lump(moved(fold, 0.02, 0.07), egg, 0.85, 1.0, rise=0.15, soft=0.15, cell=0.1)
    p.lump(fold, egg, 1.0, 1.08, rise=0.3, soft=0.3, cell=0.2, bump=0.1, gloss=90)
    for x, y in moved(p.scatter(p.n(4, 9), 0.7, 0.3), 0, 0.1):
        p.stain(moved(p.blob(p.u(0.08, 0.25), p.u(0.05, 0.12), 0.1), x, y), brown, 0.9, 1.2)
    garnish(p.at(0, -0.35), p.n(5, 25), 0.7, ("green", "red", "meat"))


@draws("Egg", (basket, bowl, plate, paper, bare))
def whole_eggs(p: Pen) -> None:
    """Eggs in their shells."""
    shell = p.ink("shell")

    def egg(q: Pen) -> None:
        shape = q.blob(1, 0.76)
        shape[:, 1] *= 1 - 0.16 * shape[:, 0]  # pointed at one end
        colour = shade(shell, q.u(0.88, 1.08))
        q.lump(shape, colour, 0.95, 1.0, rise=0.75, soft=0.42, cell=0.05, gloss=60)

    pieces(p, p.n(3, 7), 0.5, 0.7, egg)
