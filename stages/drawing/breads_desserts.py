"""Scenes of Bread and Dessert."""

import numpy as np

from stages.drawing.colours import shade
from stages.drawing.pen import Pen
from stages.drawing.registry import draws
from stages.drawing.settings import FLAT, bowl, plate
from stages.drawing.shapes import arc, bar, bulge, centred, closed, corners, line, rect, ribbon
from stages.drawing.trimmings import garnish, pieces


# ------------------------------------------------------------------------------------------------------ Bread
@draws("Bread", FLAT)
def loaf(p: Pen) -> None:
    """An oval loaf, scored across, with seeds."""
    crust, crumb, ry = p.ink("crust"), p.ink("crumb"), p.u(0.5, 0.8)
    p.lump(p.blob(1, ry, 0.05), crust, 0.7, 1.15, rise=0.6, soft=0.35, cell=0.12, bump=0.05)
    lean = p.u(-0.3, 0.3)
    for x in np.linspace(-0.6, 0.6, p.n(3, 5)):
        reach = ry * 0.75 * np.sqrt(1 - x * x)
        cut = bar(x - lean, -reach, x + lean, reach, 0.09 * bulge(8))
        p.stain(cut, crumb, 0.9, 1.0, rise=-0.08, cell=0.05)
    p.dots(p.scatter(40, 0.8, ry * 0.7), 0.02, [shade(crust, 1.3), p.ink("cream")], rise=0.0)


@draws("Bread", FLAT)
def slices(p: Pen) -> None:
    """Slices of a tin loaf, fanned out."""
    crust, crumb, n = p.ink("crust"), p.ink("crumb"), p.n(2, 5)
    t = p.blob(0.52, 0.6, 0.02, 4)
    t[t[:, 1] < -0.3, 0] *= p.u(1.0, 1.2)  # the wider top of a tin loaf
    for i in centred(n, 1.0):
        q = p.at(*(p.u(-0.08, 0.08) + i * np.array([0.42, 0.1])), 1.15, p.u(-0.25, 0.25))
        q.lump(t, crust, 0.8, 1.0, rise=0.18, soft=0.05, bump=0.03)
        q.stain(t * 0.87, crumb, 0.85, 1.0, cell=0.05, bump=0.06)
        q.dots(q.scatter(14, 0.38), q.rng.uniform(0.01, 0.035, 14), [shade(crumb, 0.75)], rise=-0.04)


@draws("Bread", FLAT)
def baguette(p: Pen) -> None:
    """Long loaves side by side."""
    crust, n = p.ink("crust"), p.n(1, 3)
    for y in centred(n, 0.55):
        q = p.at(p.u(-0.1, 0.1), y, 1, p.u(-0.15, 0.15))
        path = line(-1.25, 0, 1.25, 0, 16) + np.stack([np.zeros(16), 0.1 * np.linspace(-1, 1, 16) ** 2], 1)
        q.lump(ribbon(path, 0.27 * bulge(16, 0.4)), crust, 0.7, 1.1, rise=0.4, soft=0.4, cell=0.1, bump=0.04)
        for x in np.linspace(-0.9, 0.9, p.n(4, 6)):
            cut = bar(x - 0.2, 0.1, x + 0.2, -0.1, 0.06 * bulge(8))
            q.stain(cut, p.ink("crumb", 0.4), rise=-0.05, cell=0.05)


@draws("Bread", FLAT)
def rolls(p: Pen) -> None:
    """Round rolls, scored, with seeds or plain."""
    crust, seeds, scored = p.ink("crust"), p.chance(0.6), p.chance(0.5)

    def roll(q: Pen) -> None:
        q.lump(q.blob(1, 0.9, 0.03), crust, 0.75, 1.2, rise=0.7, soft=0.4, cell=0.25, gloss=50)
        for angle in (0.3, 1.87) if scored else ():
            cut = bar(-0.6, 0, 0.6, 0, 0.08 * bulge(8))
            q.at(angle=angle).stain(cut, crust, 1.45, rise=-0.06)
        if seeds:
            q.grains(q.scatter(22, 0.65), 0.16, 0.08, [q.ink("cream", 0.3)], rise=0.03)

    pieces(p, p.n(3, 6), 0.48, 0.72, roll)


# ---------------------------------------------------------------------------------------------------- Dessert
@draws("Dessert", view="side")
def cake(p: Pen) -> None:
    """A slice of layer cake seen from the side, perhaps with a berry on top."""
    sponge, filling, icing = p.ink("cake"), p.ink("icing"), p.ink("icing")
    n, tip = p.n(2, 4), p.u(0.3, 0.6)
    for i in range(n):  # from the bottom up: sponge, then filling
        top = 0.75 - (i + 1) * 1.2 / n
        shape = rect(-0.9, top, 0.9, top + 1.2 / n)
        p.lump(shape, sponge, 0.85, 1.0, rise=0.25, soft=0.02, cell=0.05, bump=0.05)
        p.stain(bar(-0.9, top, 0.9, top, 0.06), filling, rise=0.03)
    lid = corners(-0.9, -0.42, 0.9, -0.42, 0.9 - tip, -0.85, -0.9 + tip * 0.2, -0.8)
    p.lump(lid, icing, 0.92, 1.0, rise=0.3, soft=0.06, cell=0.2, gloss=110)
    p.stain(bar(-0.92, -0.42, 0.92, -0.42, 0.08 + 0.05 * p.rng.random(12)), icing, rise=0.1)
    if p.chance(0.6):
        p.at(p.u(-0.4, 0.5), -0.85, 0.2).lump(p.blob(1), p.ink("berry"), rise=0.6, soft=0.4, gloss=230)


@draws("Dessert", view="side")
def cupcake(p: Pen) -> None:
    """A cupcake in its pleated case, the icing piled up in tiers."""
    case, icing = p.ink("any"), p.ink("icing")
    p.lump(corners(-0.62, 0.0, 0.62, 0.0, 0.42, 0.95, -0.42, 0.95), case, 0.9, 1.0, rise=0.3, soft=0.3)
    for x in np.linspace(-1, 1, 9):
        p.strand(line(0.6 * x, 0.02, 0.41 * x, 0.92), 0.035, shade(case, 0.75), rise=0.0)
    for i, half in enumerate(np.linspace(0.78, 0.2, p.n(3, 5))):
        y = -0.02 - i * p.u(0.2, 0.25)
        tier = bar(-half, y + 0.08, half, y - 0.08, 0.2 * bulge(10, 0.4))
        p.lump(tier, icing, 0.9, 1.0, rise=0.12, soft=0.45, gloss=70)
    spots = p.rng.uniform((-0.5, -0.7), (0.5, 0.1), (p.n(0, 25), 2))
    p.grains(spots, 0.1, 0.04, [p.ink("any") for _ in range(4)])
    if p.chance(0.5):
        p.lump(p.blob(0.15) - (0, 0.95), p.ink("red"), rise=0.2, soft=0.4, gloss=230)


@draws("Dessert", FLAT)
def doughnuts(p: Pen) -> None:
    """Iced rings, with sprinkles or without."""

    def ring(q: Pen) -> None:
        dough, icing, hole = q.ink("fried"), q.ink("icing"), q.u(0.28, 0.36)
        path = closed(q.blob(0.62, wobble=0.02, n=30))
        q.lump(ribbon(path, 0.36), dough, 0.85, 1.0, rise=0.4, soft=0.15, bump=0.03)
        q.stain(ribbon(path, hole * 0.85), icing, 0.95, 1.0, rise=0.06, soft=0.06, cell=0.3, gloss=170)
        spots = arc(0.62, 0, 2 * np.pi, 34) + q.rng.normal(0, 0.1, (34, 2))
        q.grains(spots[: q.pick((0, 34, 34))], 0.15, 0.06, [q.ink("any") for _ in range(5)], rise=0.05)

    pieces(p, *p.pick(((1, 1.0, 0.1), (2, 0.72, 0.6), (4, 0.55, 0.75))), ring)


@draws("Dessert", (bowl, plate, bowl))
def ice_cream(p: Pen) -> None:
    """Two or three scoops with sauce, a wafer and sprinkles."""

    def scoop(q: Pen) -> None:
        colour = q.pick((q.ink("icing"), q.ink("cake"), q.ink("cream")))
        q.lump(q.blob(1.1, 1.05, 0.06), colour, 0.85, rise=0.2, soft=0.2, cell=0.2, bump=0.15)
        shape = q.blob(0.95, 0.9, 0.04)
        q.lump(shape, colour, 0.88, 1.0, rise=0.75, soft=0.4, cell=0.12, bump=0.12, gloss=50)

    pieces(p, p.n(2, 3), 0.55, 0.5, scoop)
    for _ in range(p.n(0, 2)):
        sauce = ribbon(p.scatter(1, 0.4) + np.cumsum(p.rng.normal(0, 0.16, (8, 2)), 0), 0.09)
        p.stain(sauce, p.ink("cake"), rise=0.03, gloss=220)
    if p.chance(0.5):
        wafer = p.ink("crumb")
        p.lump(bar(0.2, -0.3, 1.1, -1.1, 0.12), wafer, 0.8, 1.0, rise=0.2, soft=0.1)
    garnish(p, p.n(0, 14), 0.6, ("any", "cake"))
