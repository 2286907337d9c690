"""Scenes of Noodles-Pasta and Rice."""

import numpy as np

from stages.drawing.colours import mix, shade
from stages.drawing.pen import Pen
from stages.drawing.registry import draws
from stages.drawing.settings import DEEP, DISH, FLAT, board, bowl, plate
from stages.drawing.shapes import corners, line, moved, polar
from stages.drawing.trimmings import (
    boiled_half,
    garnish,
    meat_slice,
    mushroom,
    pieces,
    rice_grains,
    sprig,
)


# ---------------------------------------------------------------------------------------------- Noodles-Pasta
def strands(p: Pen, n: int, width: float, colour, reach: float = 0.8) -> None:
    """A tangle: n cords, each winding from a random point in a random curve."""
    for x, y in p.scatter(n, reach * 0.75):
        turn = p.u(0, 6.3) + np.cumsum(p.rng.normal(p.u(-0.35, 0.35), 0.15, 11))
        path = np.cumsum(polar(turn), 0) * 0.15
        path = moved(path - path.mean(0), x, y)
        radius = np.hypot(*path.T)[:, None]
        path = path * np.minimum(1, reach * 1.15 / (radius + 1e-6))  # kept on the dish
        p.strand(path, width, shade(colour, p.u(0.88, 1.1)), rise=0.07)


@draws("Noodles-Pasta", DISH)
def spaghetti(p: Pen) -> None:
    """A tangle of spaghetti, usually with sauce."""
    pasta, sauce = p.ink("pasta"), p.ink("sauce")
    p.lump(p.blob(0.9, wobble=0.05), pasta, 0.6, 0.8, rise=0.3, soft=0.3)
    strands(p, p.n(30, 40), p.u(0.06, 0.11), pasta)
    if p.chance(0.75):
        q = p.at(p.u(-0.2, 0.2), p.u(-0.2, 0.2), 1, p.u(0, 6))
        q.stain(q.blob(0.5, 0.4, 0.15), sauce, 0.7, 1.1, rise=0.1, soft=0.2, cell=0.08, bump=0.15, gloss=130)
        garnish(q, p.n(3, 16), 0.5, ("green", "cream", "meat"))


@draws("Noodles-Pasta", DEEP)
def ramen(p: Pen) -> None:
    """Noodles in broth with up to three toppings."""
    pasta, soup = p.ink("pasta"), p.ink("soup")
    p.lump(p.blob(1.03), soup, 0.8, 1.0, rise=0.08, soft=0.05, cell=0.3, gloss=190)
    strands(p.at(p.u(-0.15, 0.15), p.u(-0.15, 0.15)), p.n(22, 30), p.u(0.08, 0.12), pasta, 0.75)
    toppings = p.rng.permutation(4)[: p.n(1, 3)]
    for k, angle in zip(toppings, p.u(0, 6) + np.arange(3) * 2.1, strict=False):
        q = p.at(*polar(angle, 0.55), 0.36, angle)
        (boiled_half, sprig, meat_slice, mushroom)[k](q)


@draws("Noodles-Pasta", DISH)
def penne(p: Pen) -> None:
    """Short tubes in sauce."""
    pasta, sauce, coat = p.ink("pasta"), p.ink("sauce"), p.u(0, 0.5)
    p.lump(p.blob(0.95, wobble=0.06), sauce, 0.8, 1.0, rise=0.2, soft=0.25, cell=0.1, bump=0.1, gloss=130)
    colour = mix(pasta, sauce, coat * 0.6)
    for x, y in p.scatter(p.n(18, 28), 0.75):
        q, tone = p.at(x, y, 1, p.u(0, 6.3)), shade(colour, p.u(0.9, 1.12))
        q.strand(line(-0.25, 0, 0.25, 0, 2), 0.17, shade(tone, 0.9), rise=0.1)
        q.strand(line(-0.22, -0.03, 0.22, -0.03, 2), 0.05, shade(tone, 1.12), rise=0.02)
        q.flat(moved(q.blob(0.05, 0.075, n=10), 0.25, 0), shade(tone, 0.45), rise=-0.06)
    garnish(p, p.n(0, 20), 0.7, ("green", "cream"))


@draws("Noodles-Pasta", DISH)
def bows(p: Pen) -> None:
    """Bow-shaped pasta on sauce."""
    pasta, sauce = p.ink("pasta"), p.ink("sauce")
    p.lump(p.blob(0.95, wobble=0.06), sauce, 0.8, 1.0, rise=0.12, soft=0.25, cell=0.1, gloss=130)

    def bow(q: Pen) -> None:
        tone = shade(pasta, q.u(0.88, 1.1))
        right = (1, -0.6, 0.9, -0.2, 1, 0.2, 0.9, 0.6)  # pinked edges
        shape = corners(-1, -0.6, 0, -0.15, *right, 0, 0.15, -1, 0.6, -0.9, 0.2, -1, -0.2)
        q.lump(shape, tone, 0.85, 1.0, rise=0.3, soft=0.12, cell=0.3, bump=0.2)
        q.strand(line(-0.25, 0, 0.25, 0, 3), 0.14, shade(tone, 1.1), rise=0.12)

    pieces(p, p.n(10, 15), 0.32, 0.78, bow)
    garnish(p, p.n(0, 20), 0.7, ("green", "red"))


# ------------------------------------------------------------------------------------------------------- Rice
@draws("Rice", DISH)
def rice_heap(p: Pen) -> None:
    """A heap of plain rice."""
    rice, rx, ry = p.ink("rice"), p.u(0.8, 0.95), p.u(0.7, 0.95)
    p.lump(p.blob(rx, ry, 0.05), rice, 0.75, 0.9, rise=0.5, soft=0.4, cell=0.05, bump=0.05)
    rice_grains(p, 260, rx, ry, rice)
    if p.chance(0.4):
        garnish(p, p.n(5, 20), 0.4, ("green", "dark", "red"))


@draws("Rice", DISH)
def fried_rice(p: Pen) -> None:
    """Rice with diced vegetables, meat and egg."""
    rice = p.ink("rice")
    p.lump(p.blob(0.95, wobble=0.06), rice, 0.65, 0.85, rise=0.3, soft=0.35, cell=0.05)
    rice_grains(p, 150, 0.95, 0.95, rice)
    for material, n in (("green", 14), ("orange", 14), ("meat", 8), ("cheese", 6)):
        p.dots(p.scatter(p.n(0, n), 0.85), p.u(0.045, 0.075), [p.ink(material)], rise=0.07)
    rice_grains(p, 110, 0.9, 0.9, rice)


@draws("Rice", (plate, plate, board, bowl))
def moulded_rice(p: Pen) -> None:
    """Rice turned out of a mould beside a pool of curry."""
    rice, sauce, x = p.ink("rice"), p.ink("sauce"), p.u(-0.45, -0.2)
    pool = moved(p.blob(0.7, 0.6, 0.1), 0.4, 0.1)
    p.lump(pool, sauce, 0.8, 1.0, rise=0.1, soft=0.15, cell=0.1, bump=0.08, gloss=160)
    for _ in range(p.n(2, 5)):
        q = p.at(p.u(0.2, 0.8), p.u(-0.3, 0.4), 0.17, p.u(0, 6))
        q.lump(q.blob(1, wobble=0.1), p.ink(p.pick(("meat", "orange", "green"))), rise=0.6, gloss=90)
    q, power = p.at(x, 0, 0.72), p.pick((2, 2, 5))
    q.lump(q.blob(0.95, power=power), rice, 0.75, 0.92, rise=0.9, soft=0.22, cell=0.06, bump=0.04)
    rice_grains(q.at(scale=0.95), 170, 0.9, 0.9, rice)
    if p.chance(0.5):
        sprig(q.at(0, 0, 0.3, p.u(0, 6)))


@draws("Rice", FLAT)
def onigiri(p: Pen) -> None:
    """Triangles of rice with a band of seaweed."""
    rice = p.ink("rice")

    def triangle(q: Pen) -> None:
        body = q.blob(0.95, n=30)
        angles = np.arctan2(body[:, 1], body[:, 0])
        body = body * (1 + 0.16 * np.cos(3 * (angles - np.pi / 6)))[:, None] * 0.95
        q.lump(body, rice, 0.8, 0.95, rise=0.4, soft=0.2, cell=0.06)
        rice_grains(q, 90, 0.72, 0.72, rice)
        q.stain(corners(-0.35, 0.1, 0.35, 0.1, 0.4, 0.78, -0.4, 0.78), q.ink("dark", 0.4), rise=0.04)

    pieces(p, *p.pick(((1, 0.9, 0.1), (2, 0.68, 0.6), (3, 0.55, 0.7))), triangle)
