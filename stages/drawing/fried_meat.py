"""Scenes of Fried food and Meat."""

import numpy as np

from stages.drawing.colours import shade
from stages.drawing.pen import Pen
from stages.drawing.registry import draws
from stages.drawing.settings import DISH, FLAT
from stages.drawing.shapes import bar, bulge, centred, closed, corners, line, moved, ribbon
from stages.drawing.trimmings import dip, garnish, pieces, sprig


# ------------------------------------------------------------------------------------------------- Fried food
@draws("Fried food", FLAT)
def fries(p: Pen) -> None:
    """A heap of chips, straight or crinkled, aligned or not, perhaps with a dip."""
    base, crinkle = p.ink("fried"), p.chance(0.25)
    spread, reach = p.u(0.3, 1.6), p.u(0.45, 0.7)
    for x, y in p.scatter(p.n(22, 34), reach):
        size, angle = p.u(0.35, 0.6), p.rng.normal(0, spread)
        chip = line(-size, 0, size, 0)
        chip[:, 1] += crinkle * 0.03 * (-1) ** np.arange(8)
        q, colour = p.at(x, y, 1, angle), shade(base, p.u(0.85, 1.25))
        q.strand(chip, 0.15, shade(colour, 0.85), rise=0.09)
        q.strand(chip - (0, 0.02), 0.08, shade(colour, 1.12), rise=0.03)
    if p.chance(0.4):
        dip(p.at(0.8, 0.5, 0.6))


@draws("Fried food", FLAT)
def nuggets(p: Pen) -> None:
    """Crumbed lumps, perhaps with a dip."""
    base, length = p.ink("fried"), p.u(0.7, 1.0)

    def nugget(q: Pen) -> None:
        body = q.blob(1, length * q.u(0.7, 0.95), 0.07)
        q.lump(body, base, 0.6, 1.3, rise=0.5, soft=0.3, cell=0.13, bump=0.35)
        q.grains(q.scatter(16, 0.75), 0.16, 0.09, [shade(base, 0.7), shade(base, 1.25)], rise=0.08)

    pieces(p, p.n(4, 9), 0.42, 0.75, nugget)
    if p.chance(0.4):
        dip(p.at(p.u(-0.8, 0.8), 0.6, 0.55))


@draws("Fried food", FLAT)
def onion_rings(p: Pen) -> None:
    """Battered rings on top of each other."""
    base = p.ink("fried")

    def ring(q: Pen) -> None:
        shape = ribbon(closed(q.blob(0.8, q.u(0.65, 0.8), 0.04, n=24)), 0.22)
        q.lump(shape, base, 0.65, 1.25, rise=0.3, soft=0.1, cell=0.1, bump=0.25)

    pieces(p, p.n(4, 8), 0.55, 0.7, ring)


@draws("Fried food", FLAT)
def drumsticks(p: Pen) -> None:
    """Chicken legs, the bone sticking out."""
    base, bone = p.ink("fried"), p.ink("fat")

    def leg(q: Pen) -> None:
        q.lump(bar(0.4, 0, 1.15, 0, 0.12), bone, rise=0.25, soft=0.4)
        q.dots(corners(1.15, -0.1, 1.15, 0.1), 0.12, [bone], rise=0.05)
        body = bar(-1.0, 0, 0.75, 0, 0.62 * bulge(14, 0.6) * np.linspace(1.2, 0.5, 14))
        q.lump(body, base, 0.55, 1.25, rise=0.5, soft=0.35, cell=0.14, bump=0.3, gloss=40)

    pieces(p, p.n(2, 4), 0.68, 0.6, leg)


# ------------------------------------------------------------------------------------------------------- Meat
@draws("Meat", FLAT)
def steak(p: Pen) -> None:
    """A steak with a rim of fat and the marks of a grill."""
    meat, fat, angle = p.ink("meat"), p.ink("fat"), p.u(-0.6, 0.6)
    shape = p.blob(1.05, p.u(0.65, 0.85), 0.09, n=34)
    p.lump(shape, fat, 0.85, 1.0, rise=0.22, soft=0.08, gloss=90)
    inner = moved(shape * 0.9, 0.02, 0.03)
    p.lump(inner, meat, 0.7, 1.2, rise=0.08, soft=0.1, cell=0.07, bump=0.1, stretch=2, gloss=90)
    for x in np.linspace(-0.65, 0.65, p.n(4, 6)):
        reach = 0.62 * np.sqrt(1 - x * x)
        mark = bar(x - angle * 0.4, -reach, x + angle * 0.4, reach, 0.045)
        p.stain(mark, meat, 0.35, rise=-0.03)
    sprig(p.at(p.u(-0.3, 0.3), p.u(-0.2, 0.2), 0.4, p.u(0, 6)))


@draws("Meat", FLAT)
def sausages(p: Pen) -> None:
    """Sausages side by side, straight or bent, scored or not."""
    meat, n, bend = p.ink("meat"), p.n(2, 5), p.u(-0.5, 0.5)
    for y in centred(n, 0.45):
        q = p.at(p.u(-0.1, 0.1), y, 1, p.u(-0.15, 0.15))
        path = line(-0.95, 0, 0.95, 0, 16)
        path[:, 1] += bend * (path[:, 0] ** 2 - 0.4)
        body = ribbon(path, 0.21 * bulge(16, 0.25))
        q.lump(body, meat, 0.8, 1.3, rise=0.4, soft=0.4, cell=0.15, gloss=200)
        for x in np.linspace(-0.6, 0.6, 4)[: p.pick((0, 4, 4))]:
            y0 = bend * (x * x - 0.4)
            q.stain(bar(x - 0.08, y0 - 0.13, x + 0.08, y0 + 0.13, 0.03), meat, 0.4, rise=-0.03)


@draws("Meat", FLAT)
def ribs(p: Pen) -> None:
    """A rack of ribs."""
    meat, bone, n = p.ink("meat"), p.ink("fat"), p.n(4, 6)
    for x in np.linspace(-0.8, 0.8, n):
        p.lump(bar(x, -0.85, x + 0.05, 0.85, 0.09), bone, rise=0.2, soft=0.4)
    for x in np.linspace(-0.8, 0.8, n):
        slab = bar(x, -0.65, x + 0.05, 0.62, 0.26 * bulge(10, 0.2))
        p.lump(slab, meat, 0.55, 1.25, rise=0.3, soft=0.35, cell=0.12, bump=0.1, gloss=200)


@draws("Meat", DISH)
def meatballs(p: Pen) -> None:
    """Meatballs with sauce on them, perhaps in more of it."""
    meat, sauce = p.ink("meat"), p.ink("sauce")
    if p.chance(0.6):
        p.lump(p.blob(1, 0.95, 0.06), sauce, 0.85, 1.0, rise=0.06, soft=0.1, cell=0.1, bump=0.05, gloss=150)

    def ball(q: Pen) -> None:
        q.lump(q.blob(1, 0.95, 0.03), meat, 0.7, 1.3, rise=0.75, soft=0.42, cell=0.2, bump=0.15, gloss=110)
        q.stain(q.blob(0.5, 0.4, 0.15) + q.scatter(1, 0.3), sauce, 0.9, rise=0.03, gloss=180)

    pieces(p, p.n(4, 9), 0.34, 0.7, ball)
    garnish(p, p.n(0, 20))


@draws("Meat", FLAT)
def roast(p: Pen) -> None:
    """Pink slices of a roast, overlapping."""
    rim, pink, n = p.ink("meat"), shade(p.ink("meat"), 1.45), p.n(3, 6)
    for x in np.linspace(-0.6, 0.6, n):
        shape = moved(p.blob(0.5, 0.68, 0.05), x, p.u(-0.08, 0.08))
        p.lump(shape, rim, 0.8, 1.0, rise=0.15, soft=0.1, gloss=90)
        part = moved(shape * 0.9, x * 0.1, 0)
        p.stain(part, pink, 0.85, 1.0, rise=0.02, soft=0.1, cell=0.06, bump=0.05, stretch=3)
