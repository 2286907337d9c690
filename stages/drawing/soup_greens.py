"""Scenes of Soup and Vegetable-Fruit."""

import numpy as np

from stages.drawing.colours import shade
from stages.drawing.pen import Pen
from stages.drawing.registry import draws
from stages.drawing.settings import DEEP, DISH, FLAT
from stages.drawing.shapes import arc, bar, bulge, centred, line, moved, polar, ribbon
from stages.drawing.trimmings import boiled_half, citrus, garnish, mushroom, pieces, tomato


# ------------------------------------------------------------------------------------------------------- Soup
def broth(p: Pen, colour, cell: float = 0.4) -> None:
    """Liquid filling a bowl, with fat eyes that catch the light."""
    p.lump(p.blob(1.05, n=36), colour, 0.9, 1.05, rise=0.1, soft=0.04, cell=cell, gloss=230)
    for x, y in p.scatter(p.n(3, 12), 0.85):
        p.stain(moved(p.blob(p.u(0.03, 0.1), n=12), x, y), colour, 1.2, rise=0.02, gloss=255)


def ladle(p: Pen) -> None:
    """Perhaps a spoon, standing in the bowl and leaning on its edge."""
    if p.chance(0.5):
        metal, q = p.ink(p.pick(("metal", "china", "wood"))), p.at(angle=p.u(0, 2 * np.pi))
        q.lump(bar(0.45, 0, 1.9, 0, np.linspace(0.06, 0.1, 8)), metal, rise=0.35, gloss=200)
        q.lump(moved(q.blob(0.32, 0.22), 0.3, 0), metal, 0.9, rise=0.06, soft=0.4, gloss=240)


@draws("Soup", DEEP)
def cream_soup(p: Pen) -> None:
    """A smooth soup with a swirl of cream and croutons."""
    soup = p.ink("soup")
    broth(p, soup)
    t = np.linspace(0, p.u(5, 11), 26)
    swirl = polar(t, 0.05 * t + 0.08) + p.scatter(1, 0.25)
    p.stain(ribbon(swirl, p.u(0.03, 0.07) * bulge(26)), p.ink("cream"))
    for x, y in p.scatter(p.n(0, 6), 0.5):
        q = p.at(x, y, 0.12, p.u(0, 6))
        q.lump(q.blob(1, power=6), p.ink("fried"), rise=0.8, soft=0.1, bump=0.2)
    garnish(p, p.n(4, 25), 0.5, ("green", "dark", "red"))
    ladle(p)


@draws("Soup", DEEP)
def vegetable_soup(p: Pen) -> None:
    """A soup with diced vegetables."""
    broth(p, p.ink("soup"))
    materials = [p.ink(p.pick(("orange", "green", "crumb", "meat", "red", "cheese"))) for _ in range(3)]
    for x, y in p.scatter(p.n(9, 18), 0.85):
        q, colour = p.at(x, y, p.u(0.1, 0.2), p.u(0, 6)), p.pick(materials)
        shape = q.blob(1, q.u(0.6, 1), 0.05, q.pick((2, 6)), n=16)
        q.lump(shape, colour, 0.85, 1.0, rise=0.3, soft=0.3, cell=0.3, gloss=150)
    garnish(p, p.n(8, 30), 0.85)
    ladle(p)


@draws("Soup", DEEP)
def bean_soup(p: Pen) -> None:
    """A thick soup of beans with a spot of cream."""
    soup, bean = p.ink("soup"), p.ink(p.pick(("meat", "cream", "green", "orange")))
    broth(p, soup, 0.15)
    p.dots(p.scatter(p.n(18, 40), 0.88), p.u(0.06, 0.09), [bean, shade(bean, 0.85)], 0.06, gloss=170)
    p.lump(p.blob(0.35, 0.3, 0.12) + p.scatter(1, 0.4), p.ink("cream"), rise=0.08, gloss=90)
    garnish(p, p.n(5, 20), 0.6)
    ladle(p)


@draws("Soup", DEEP)
def dumpling_soup(p: Pen) -> None:
    """A clear soup with dumplings."""
    broth(p, p.ink("soup"))
    dough = p.ink(p.pick(("cream", "meat", "crumb")))

    def dumpling(q: Pen) -> None:
        q.lump(q.blob(1, q.u(0.75, 1), 0.06), dough, 0.85, 1.0, rise=0.4, soft=0.4, cell=0.4, gloss=150)

    pieces(p, p.n(2, 6), 0.25, 0.7, dumpling)
    p.grains(p.scatter(p.n(0, 16), 0.8), 0.25, 0.07, [p.ink("orange"), p.ink("green")], rise=0.02)
    garnish(p, p.n(8, 26), 0.85)
    ladle(p)


# -------------------------------------------------------------------------------------------- Vegetable-Fruit
@draws("Vegetable-Fruit", DISH)
def tomatoes(p: Pen) -> None:
    """Whole tomatoes."""
    pieces(p, p.n(3, 7), p.u(0.4, 0.5), 0.7, tomato)


@draws("Vegetable-Fruit", DISH)
def broccoli(p: Pen) -> None:
    """Florets of broccoli."""
    green = p.ink("green")

    def floret(q: Pen) -> None:
        q.lump(bar(0, 0, 0, 1.0, np.linspace(0.35, 0.2, 8)), green, 1.5, rise=0.3)
        for x, y in q.scatter(5, 0.55, 0.45) - (0, 0.2):
            tone = shade(green, q.u(0.75, 1.15))
            shape = moved(q.blob(0.38, wobble=0.08, n=16), x, y)
            q.lump(shape, tone, 0.6, 1.3, rise=0.3, soft=0.35, cell=0.07, bump=0.25)

    pieces(p, p.n(2, 4), 0.62, 0.6, floret)


@draws("Vegetable-Fruit", FLAT)
def oranges(p: Pen) -> None:
    """Slices of citrus fruit."""
    pieces(p, p.n(3, 6), p.u(0.42, 0.55), 0.7, citrus)


@draws("Vegetable-Fruit", FLAT)
def bananas(p: Pen) -> None:
    """A hand of bananas."""
    skin = p.pick((p.ink("yolk"), p.ink("cheese"), p.ink("green")))
    for i in range(p.n(2, 4)):
        q = p.at(0, 0.1, 1, i * 0.27 - 0.4)
        path = arc(1.1, 0.5, 2.7, 16) - (0, 0.75)
        q.lump(ribbon(path, 0.19 * bulge(16, 0.35)), skin, 0.92, 1.1, rise=0.35, soft=0.3, cell=0.4, gloss=70)
        q.strand(path[2:-2] - (0, 0.02), 0.03, shade(skin, 0.8), rise=0.0)
        q.strand(path[-3:], 0.1, shade(skin, 0.5), rise=0.02)


@draws("Vegetable-Fruit", DISH)
def salad(p: Pen) -> None:
    """Leaves with a few other things in between."""

    def leaf(q: Pen) -> None:
        green = q.ink("green")
        shape = q.blob(1, 0.7, 0.1, n=30) * (1 + 0.06 * (-1) ** np.arange(30))[:, None]
        q.lump(shape, green, 0.75, 1.25, rise=0.2, soft=0.3, cell=0.3, bump=0.35, gloss=70)
        q.strand(line(-0.8, 0, 0.7, 0), 0.06, shade(green, 1.5), rise=0.02)

    pieces(p, p.n(7, 11), 0.48, 0.65, leaf)
    for _ in range(p.n(1, 4)):
        q = p.at(*p.scatter(1, 0.6)[0], 0.2)
        p.pick((tomato, citrus, boiled_half, mushroom))(q)


@draws("Vegetable-Fruit", FLAT)
def carrots(p: Pen) -> None:
    """Carrots with their greens, side by side."""
    root, n = p.ink("orange"), p.n(2, 4)
    for y in centred(n, 0.42):
        q = p.at(p.u(-0.15, 0.15), y, 1, p.u(-0.15, 0.15))
        for angle in (-0.4, 0.0, 0.4):
            q.at(-0.7, 0, 0.5, np.pi + angle).strand(line(0, 0, 1.1, 0.1), 0.12, q.ink("green"), rise=0.1)
        half = np.interp(np.linspace(0, 1, 12), [0, 0.06, 1], [0.1, 0.2, 0.02])
        q.lump(bar(-0.75, 0, 1.1, 0, half), root, 0.85, 1.1, rise=0.35, soft=0.4, cell=0.05)
        for x in q.rng.uniform(-0.6, 0.6, 5):
            q.strand(line(x, -0.1, x, q.u(-0.05, 0.1), 3), 0.02, shade(root, 0.7), rise=0.0)


@draws("Vegetable-Fruit", DISH)
def strawberries(p: Pen) -> None:
    """Strawberries with seeds and leaves."""
    red = p.ink("red")

    def berry(q: Pen) -> None:
        half = np.interp(np.linspace(0, 1, 12), [0, 0.3, 0.7, 1], [0.35, 0.72, 0.5, 0.05])
        q.lump(bar(-0.8, 0, 0.9, 0, half), red, 0.9, 1.1, rise=0.6, soft=0.4, cell=0.2, gloss=200)
        q.dots(q.rng.uniform((-0.5, -0.4), (0.4, 0.4), (12, 2)), 0.045, [q.ink("yolk")], rise=-0.02)
        for t in np.arange(5) * 1.257:
            q.at(-0.75, 0, 1, t).flat(bar(0, 0, 0.45, 0, 0.12 * bulge(6)), q.ink("green"), rise=0.05)

    pieces(p, p.n(4, 8), 0.4, 0.7, berry)
