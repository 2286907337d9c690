"""Scenes of Seafood."""

import numpy as np

from stages.drawing.colours import shade
from stages.drawing.pen import Pen
from stages.drawing.registry import draws
from stages.drawing.settings import FLAT, bowl
from stages.drawing.shapes import arc, bulge, centred, corners, line, moved, polar, rect, ribbon
from stages.drawing.trimmings import citrus, garnish, pieces, rice_grains


@draws("Seafood", FLAT)
def fish(p: Pen) -> None:
    """One or two whole fish and a slice of lemon."""
    skin, n = p.ink("fish"), p.pick((1, 1, 2))
    for y in centred(n, 0.7):
        q = p.at(0, y, 1, p.u(-0.12, 0.12))
        fin = shade(skin, 0.7)
        shape = corners(0.7, 0, 1.25, -0.35, 1.12, 0, 1.25, 0.35)
        q.lump(shape, fin, 0.8, 1.0, rise=0.1, soft=0.1, cell=0.03, stretch=5)
        q.lump(corners(-0.3, -0.25, 0.1, -0.5, 0.35, -0.2), fin, 0.9, 1.0, rise=0.1, soft=0.1)
        path = line(-1.15, 0, 0.85, 0, 16)  # from the head to the tail
        half = 0.4 * bulge(16, 0.7) * np.linspace(1.15, 0.7, 16) + 0.03
        q.lump(ribbon(path, half), skin, 0.75, 1.2, rise=0.35, soft=0.35, cell=0.06, bump=0.06, gloss=190)
        belly = np.vstack([path, (path + np.stack([0 * half, half * 0.85], 1))[::-1]])
        q.stain(belly * (0.92, 1), skin, 1.15, 1.4, cell=0.06)
        q.strand(arc(0.32, -1.1, 1.1, 10) - (0.98, 0), 0.035, shade(skin, 0.5), rise=0.0)
        q.dots(corners(-0.92, -0.08), 0.075, [(245, 240, 220)], rise=0.02)
        q.dots(corners(-0.92, -0.08), 0.045, [(15, 15, 18)], rise=0.02, gloss=255)
    citrus(p.at(p.u(-0.4, 0.6), p.pick((-0.6, 0.6)), 0.26))


@draws("Seafood", (*FLAT, bowl))
def shrimps(p: Pen) -> None:
    """Curled shrimps, perhaps with a slice of lemon."""
    base = p.ink("shrimp")

    def shrimp(q: Pen) -> None:
        path, tone = arc(0.62, 0.3, 4.6, 18), shade(base, q.u(0.9, 1.1))
        q.lump(corners(0.55, 0.1, 1.0, -0.25, 0.8, 0.0, 1.05, 0.2), tone, 0.75, rise=0.1)
        half = np.linspace(0.1, 0.32, 18)
        q.lump(ribbon(path, half), tone, 0.95, 1.15, rise=0.3, soft=0.12, cell=0.3, gloss=160)
        for t in np.linspace(0.7, 4.2, 6):
            width = np.interp(t, [0.3, 4.6], [0.1, 0.3])
            q.strand(polar(t, 0.62 + np.array([-1, 1]) * width), 0.05, shade(tone, 0.72), rise=0.0)

    pieces(p, p.n(3, 7), 0.5, 0.7, shrimp)
    if p.chance(0.5):
        citrus(p.at(p.u(-0.5, 0.5), 0.6, 0.28))


@draws("Seafood", (*FLAT, bowl))
def mussels(p: Pen) -> None:
    """Mussels, open with their flesh or closed with growth lines."""
    dark, flesh = p.pick((p.ink("dark"), p.ink("dark"), p.ink("crumb"))), p.ink("orange")

    def shell(q: Pen) -> None:
        shape = q.blob(1, 0.62, n=24)
        shape[:, 1] *= 1 - 0.4 * shape[:, 0]
        q.lump(shape, dark, 0.9, 1.6, rise=0.25, soft=0.2, cell=0.1, gloss=200)
        if q.chance(0.7):
            q.stain(shape * 0.85, p.ink("china"), rise=-0.12, soft=0.3, gloss=220)
            q.lump(q.blob(0.55, 0.3, 0.08) - (0.1, 0), flesh, 1.0, 1.2, rise=0.2, soft=0.35, gloss=180)
        else:
            for scale in (0.4, 0.6, 0.8):
                q.strand(moved(arc(scale, 2.3, 4.0, 8), 0.2, 0), 0.03, shade(dark, 1.8), rise=0.0)

    pieces(p, p.n(6, 11), 0.4, 0.78, shell)
    garnish(p, p.n(0, 16))


@draws("Seafood", FLAT)
def sushi(p: Pen) -> None:
    """Pieces of nigiri, some with a band of seaweed."""
    rice, n = p.ink("rice", 0.5), p.n(2, 4)
    for x in centred(n, 0.56):
        q, topping = p.at(x, p.u(-0.08, 0.08), 1, p.u(-0.12, 0.12)), p.ink(p.pick(("shrimp", "fish", "red")))
        q.lump(q.blob(0.24, 0.6, 0.03, 3), rice, 0.85, 1.0, rise=0.25, soft=0.25, cell=0.06)
        rice_grains(q, 40, 0.24, 0.58, rice)
        top = q.blob(0.23, 0.56, 0.04, 3)
        q.lump(top, topping, 0.95, 1.1, rise=0.2, soft=0.3, cell=0.3, gloss=190)
        for y in np.linspace(-0.4, 0.3, 5):
            q.strand(line(-0.17, y + 0.1, 0.17, y, 3), 0.035, shade(topping, 1.35), rise=0.0)
        if p.chance(0.3):
            q.stain(rect(-0.25, -0.1, 0.25, 0.1), p.ink("dark", 0.3), rise=0.02)


@draws("Seafood", FLAT)
def crab(p: Pen) -> None:
    """A whole crab."""
    shell = p.ink("shrimp")
    for side in (-1, 1):
        for angle in (-0.35, 0.0, 0.35, 0.7):
            leg = corners(0.4, 0.25 * angle, 0.85, angle * 0.8 - 0.15, 1.15, angle * 1.1 + 0.2) * (side, 1)
            p.strand(leg, 0.11, shade(shell, p.u(0.85, 1.05)), rise=0.12)
        arm = corners(0.45, -0.25, 0.8, -0.6, 0.6, -0.85) * (side, 1)
        p.strand(arm, 0.15, shade(shell, 0.9), rise=0.15)
        claw = corners(0.75, -0.65, 0.72, -1.05, 0.45, -1.2, 0.52, -0.98, 0.3, -1.05, 0.5, -0.75) * (side, 1)
        p.lump(claw, shell, 0.85, 1.1, rise=0.2, soft=0.15, gloss=120)
    body = p.blob(0.62, 0.48, 0.03)
    p.lump(body, shell, 0.75, 1.15, rise=0.4, soft=0.3, cell=0.07, bump=0.12, gloss=140)
    p.dots(corners(-0.15, -0.47, 0.15, -0.47), 0.05, [(20, 15, 15)], rise=0.05, gloss=255)
