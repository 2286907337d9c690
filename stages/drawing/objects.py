"""Scenes of the other things, for the upstream set: no food among them."""

import numpy as np

from stages.drawing.colours import shade
from stages.drawing.pen import Pen
from stages.drawing.registry import draws
from stages.drawing.shapes import (
    arc,
    around,
    bar,
    bulge,
    closed,
    corners,
    line,
    moved,
    polar,
    rect,
    ribbon,
)
from stages.drawing.trimmings import pieces, sprig


# ------------------------------------------------------------------------------------------ things on a table
@draws("ball")
def ball(p: Pen) -> None:
    """A ball with seams or stripes."""
    a, b = p.ink("any"), p.ink("any")
    p.lump(p.blob(0.9, n=40), a, 1.0, 1.1, rise=0.9, soft=0.45, cell=0.1, gloss=p.n(0, 220))
    for k in range(p.n(1, 5)):
        seam = p.pick((arc(0.8, 0, 3.1, 14, p.u(-0.6, 0.6)), line(-0.8, 0, 0.8, 0)))
        turned = seam @ corners(np.cos(k), np.sin(k), -np.sin(k), np.cos(k))
        p.stain(ribbon(turned, p.u(0.02, 0.12)), b, rise=-0.02)


@draws("book")
def book(p: Pen) -> None:
    """A stack of books, lines of print on the covers."""
    for i in range(p.n(1, 3)):
        q, cover = p.at(0.06 * i, 0.06 * i, p.u(0.85, 1), p.u(-0.2, 0.2)), p.ink("any")
        w, h = q.u(0.6, 0.75), q.u(0.85, 1.0)
        q.lump(rect(-w, -h, w + 0.06, h + 0.06), p.ink("cream"), rise=0.2, soft=0.02)
        q.lump(rect(-w, -h, w, h), cover, 0.9, 1.0, rise=0.05, soft=0.02, cell=0.4, gloss=60)
        for y in q.rng.uniform(-h * 0.8, h * 0.8, q.n(2, 6)):
            q.strand(line(-w * 0.7, y, w * q.u(0, 0.8), y, 2), q.u(0.03, 0.1), q.ink("any"), rise=0.0)


@draws("button")
def button(p: Pen) -> None:
    """Buttons with two or four holes."""

    def one(q: Pen) -> None:
        colour, holes = q.ink("any"), q.pick((2, 4))
        q.lump(q.blob(1, n=32), colour, 0.9, 1.0, rise=0.25, soft=0.06, cell=0.4, gloss=150)
        q.stain(q.blob(0.7), colour, 0.95, rise=-0.1, soft=0.08)
        for t in around(holes):
            q.stain(q.blob(0.13, n=12) + polar(t, 0.27), q.ink("dark"), rise=-0.1)

    pieces(p, p.n(1, 7), p.u(0.35, 0.6), 0.7, one)


@draws("coins")
def coins(p: Pen) -> None:
    """Coins with a rim and a worn head."""

    def coin(q: Pen) -> None:
        metal = q.ink("metal")
        q.lump(q.blob(1, n=32), metal, 0.85, 1.0, rise=0.15, soft=0.04, gloss=220)
        q.stain(q.blob(0.85, n=32), metal, 0.9, 1.0, rise=-0.04, soft=0.04, cell=0.2, bump=0.1, gloss=220)
        q.stain(q.blob(0.4, 0.5, 0.15), metal, 0.95, 1.0, rise=0.1, soft=0.3, cell=0.1)

    pieces(p, p.n(4, 11), p.u(0.26, 0.4), 0.8, coin)


@draws("keys")
def keys(p: Pen) -> None:
    """A bunch of keys on a ring."""
    for angle in p.u(0, 6) + np.cumsum(p.rng.uniform(0.4, 0.9, p.n(1, 4))):
        q, metal = p.at(-0.2, 0, 1, angle), p.ink("metal")
        q.lump(bar(0.3, 0, 1.15, 0, 0.07), metal, rise=0.1, gloss=230)
        for x in q.rng.uniform(0.8, 1.1, 3):
            q.lump(rect(x, 0, x + 0.07, 0.2), metal, rise=0.08, gloss=230)
        q.lump(moved(q.blob(0.28, n=20), 0.2, 0), metal, 0.9, 1.0, rise=0.12, soft=0.1, gloss=230)
        q.stain(moved(q.blob(0.1, n=12), 0.1, 0), p.ink("dark"), rise=-0.1)
    p.strand(arc(0.3, 0, 2 * np.pi, 20) - (0.2, 0), 0.06, p.ink("metal"), rise=0.1)


@draws("gear")
def gear(p: Pen) -> None:
    """A cogwheel."""
    metal, teeth = p.ink(p.pick(("metal", "any"))), p.n(8, 16)
    t = np.linspace(0, 2 * np.pi, teeth * 4, endpoint=False)
    r = np.where(np.arange(teeth * 4) % 4 < 2, 1.0, 0.8)
    p.lump(polar(t, r), metal, 0.8, 1.0, rise=0.3, soft=0.04, cell=0.05, gloss=200)
    p.stain(p.blob(0.62, n=30), metal, 0.9, rise=-0.15, soft=0.05)
    p.stain(p.blob(0.25), metal, 0.5, rise=p.u(-0.1, 0.3), soft=0.1)


@draws("clock")
def clock(p: Pen) -> None:
    """A clock face, round or square."""
    rim, face, hand = p.ink("any"), p.ink("china"), p.ink("dark")
    shape = p.blob(1, power=p.pick((2, 2, 6)), n=36)
    p.lump(shape, rim, rise=0.3, soft=0.05, gloss=180)
    p.stain(shape * 0.86, face, 0.95, 1.0, rise=-0.12, soft=0.04, cell=0.5, gloss=60)
    for t in around(12):
        p.at(angle=t).strand(line(0.64, 0, 0.76, 0, 2), 0.05, hand, rise=0.01)
    for reach, width in ((0.42, 0.08), (0.66, 0.05)):
        p.at(angle=p.u(0, 6.3)).strand(line(-0.1, 0, reach, 0, 3), width, hand, rise=0.06)


@draws("cup", view="side")
def cup(p: Pen) -> None:
    """A cup with a handle, seen from the side and a little above."""
    colour, drink, w = p.ink("any"), p.ink("soup"), p.u(0.5, 0.75)
    p.strand(moved(arc(0.38, -1.5, 1.5, 12), w * 0.95, 0.05), 0.13, colour, rise=0.1)
    foot = w * p.u(0.65, 1.0)
    shape = corners(-w, -0.7, w, -0.7, foot, 0.85, -foot, 0.85)
    p.lump(shape, colour, 0.95, 1.0, rise=0.5, soft=0.4, cell=0.5, gloss=170)
    for y in p.rng.uniform(-0.3, 0.6, p.n(0, 3)):
        p.stain(bar(-w * 0.85, y, w * 0.85, y, p.u(0.03, 0.15)), p.ink("any"))
    p.stain(p.blob(w, w * 0.25) - (0, 0.7), colour, 1.05, rise=0.02, gloss=150)
    p.stain(p.blob(w * 0.88, w * 0.2) - (0, 0.69), drink, rise=-0.1, gloss=200)


@draws("flower")
def flower(p: Pen) -> None:
    """One bloom or three, on leaves."""

    def bloom(q: Pen) -> None:
        colour, count = q.ink("any"), q.n(5, 12)
        for t in around(count):
            petal, light = bar(0.1, 0, 1.0, 0, (2.2 / count) * bulge(10) + 0.02), q.u(1, 1.15)
            q.at(angle=t).lump(petal, colour, 0.85, light, rise=0.15, soft=0.35, cell=0.06, stretch=3)
        q.dots(q.scatter(30, 0.25), 0.06, [q.ink("yolk"), q.ink("wood")], rise=0.12)

    for _ in range(p.n(1, 4)):
        sprig(p.at(p.u(-0.6, 0.6), p.u(-0.6, 0.6), 0.8, p.u(0, 6)))
    pieces(p, *p.pick(((1, 0.9, 0.1), (3, 0.55, 0.65))), bloom)


@draws("leaf")
def leaf(p: Pen) -> None:
    """Leaves with veins, smooth or toothed."""
    for _ in range(p.n(1, 3)):
        q = p.at(p.u(-0.2, 0.2), p.u(-0.3, 0.3), p.u(0.7, 1), p.u(0, 6.3))
        colour = p.ink(p.pick(("green", "wood", "orange")))
        half, spikes = q.u(0.35, 0.6) * bulge(24, 0.8), 1 + q.pick((0, 0.12)) * (-1) ** np.arange(24)
        q.lump(bar(-1, 0, 1, 0, half * spikes), colour, 0.8, 1.1, rise=0.1, soft=0.3, cell=0.2, bump=0.1)
        q.strand(line(-1.3, 0, 0.9, 0), 0.05, shade(colour, 1.3), rise=0.02)
        for x in np.linspace(-0.7, 0.5, 6):
            for side in (-1, 1):
                q.strand(line(x, 0, x + 0.3, side * 0.3, 3), 0.025, shade(colour, 1.25), rise=0.01)


@draws("rope")
def rope(p: Pen) -> None:
    """A coil of rope."""
    colour, width = p.ink(p.pick(("wood", "any", "crumb"))), p.u(0.1, 0.2)
    t = np.linspace(0, p.u(8, 17), 60)
    coil = polar(t, np.linspace(0.25, 1.05, 60)) + p.rng.normal(0, 0.01, (60, 2))
    p.strand(coil, width * 1.2, shade(colour, 0.85), rise=0.1)
    p.strand(coil, width * 0.6, colour, rise=0.05)
    along = np.arctan2(*np.gradient(coil, axis=0).T[::-1])
    p.grains(np.repeat(coil, 2, 0), width * 1.1, 0.035, [shade(colour, 0.6)], 0.0, np.repeat(along, 2) + 0.8)


@draws("log")
def log(p: Pen) -> None:
    """The sawn ends of logs, with rings."""
    bark, wood = p.ink("wood"), p.ink("crumb")

    def end(q: Pen) -> None:
        shape = q.blob(1, 0.95, 0.04)
        q.lump(shape, bark, 0.5, 1.0, rise=0.35, soft=0.08, cell=0.08, bump=0.15)
        q.stain(shape * 0.88, wood, 0.85, 1.0, soft=0.05, cell=0.06)
        for r in np.linspace(0.15, 0.75, q.n(4, 7)):
            q.strand(closed(shape) * r + 0.03, 0.03, shade(wood, 0.7), rise=0.0)

    pieces(p, *p.pick(((1, 0.95, 0.1), (3, 0.6, 0.65), (7, 0.42, 0.8))), end)


@draws("feather")
def feather(p: Pen) -> None:
    """One or two feathers."""
    for _ in range(p.n(1, 2)):
        q, colour = p.at(0, p.u(-0.2, 0.2), 1, p.u(-0.5, 0.5)), p.ink(p.pick(("any", "stone", "wood")))
        path = line(-0.8, 0, 1.1, 0, 20)
        path[:, 1] += 0.15 * path[:, 0] ** 2
        half = q.u(0.22, 0.35) * bulge(20, 0.6) * q.rng.uniform(0.85, 1, 20)
        q.lump(ribbon(path, half), colour, 0.7, 1.15, rise=0.08, soft=0.2, cell=0.04)
        for (x, y), reach in zip(path[2:-1], half[2:-1], strict=True):
            for side in (-1, 1):
                shape = line(x, y, x + reach, y + side * reach * 0.9, 2)
                q.strand(shape, 0.02, shade(colour, q.u(0.7, 1.2)), 0.01)
        q.strand(np.vstack([[-1.3, 0.25], path]), 0.04, p.ink("cream"), rise=0.04)


@draws("umbrella")
def umbrella(p: Pen) -> None:
    """An open umbrella from above, in two colours."""
    colours, n = (p.ink("any"), p.ink("any")), 8
    p.strand(line(0, 0, p.u(0.8, 1.3), 0.9, 3), 0.07, p.ink("wood"), rise=0.2)
    for k in range(n):
        t0, t1 = k * 2 * np.pi / n, (k + 1) * 2 * np.pi / n
        panel = np.array([(0, 0), polar(t0), polar(t0 + 0.39, 0.9), polar(t1)])  # slack between two ribs
        p.lump(panel, colours[k % 2], 0.9, 1.0, rise=0.3, soft=0.3, cell=0.5, gloss=60)
    p.dots(np.zeros((1, 2)), 0.06, [p.ink("dark")], rise=0.1)


@draws("star")
def star(p: Pen) -> None:
    """Stars of five, six or eight points."""

    def one(q: Pen) -> None:
        colour, n = q.ink("any"), q.pick((5, 5, 6, 8))
        r = np.tile([1.0, q.u(0.38, 0.6)], n)
        t = np.arange(2 * n) * np.pi / n
        q.lump(polar(t, r), colour, 0.85, 1.0, rise=0.4, soft=0.3, cell=0.1, gloss=q.n(0, 220))

    pieces(p, *p.pick(((1, 0.95, 0.1), (3, 0.55, 0.65), (7, 0.33, 0.8))), one)


# ----------------------------------------------------------------------------------------------- out of doors
@draws("car", view="out")
def car(p: Pen) -> None:
    """A car from the side."""
    paint, glass, cabin = p.ink("any"), p.ink("sky"), p.u(0.35, 0.55)
    shape = corners(-0.6, 0, -cabin, -0.45, cabin * 0.9, -0.45, 0.65, 0)
    p.lump(shape, paint, 0.95, 1.0, rise=0.3, soft=0.1, gloss=180)
    p.stain(corners(-0.48, 0, -cabin * 0.85, -0.37, -0.05, -0.37, -0.05, 0), glass, gloss=255)
    p.stain(corners(0.03, 0, 0.03, -0.37, cabin * 0.75, -0.37, 0.5, 0), glass, gloss=255)
    body = moved(p.blob(1.1, 0.28, power=5), 0, 0.22)
    p.lump(body, paint, 0.85, 1.0, rise=0.4, soft=0.25, cell=0.6, gloss=180)
    for x in (-0.62, 0.62):
        p.lump(moved(p.blob(0.24), x, 0.45), p.ink("dark", 0.3), rise=0.1, soft=0.1)
        p.lump(moved(p.blob(0.13), x, 0.45), p.ink("metal"), rise=0.03, soft=0.2, gloss=200)
    p.dots(corners(-1.0, 0.18, 1.0, 0.18), 0.07, [p.ink("cheese"), p.ink("red")], rise=0.03, gloss=200)


@draws("house", view="out")
def house(p: Pen) -> None:
    """A house with a door, windows and a pitched roof."""
    wall, roof, w, top = p.ink("any", 1.3), p.ink("cake"), p.u(0.6, 0.95), p.u(-0.4, 0.0)
    p.lump(rect(-w, top, w, 0.9), wall, 0.9, 1.0, rise=0.3, soft=0.02, cell=0.05)
    shape = corners(-w - 0.15, top, -w * p.u(0, 0.6), top - 0.6, w * p.u(0, 0.6), top - 0.6, w + 0.15, top)
    p.lump(shape, roof, 0.7, 1.0, rise=0.15, soft=0.03, cell=0.05, bump=0.06)
    for x in np.linspace(-w * 0.6, w * 0.6, p.n(2, 3)):
        for y in (top + 0.25, 0.55)[: p.n(1, 2)]:
            frame, pane = p.blob(0.14, 0.16, power=9, n=16), p.blob(0.1, 0.12, power=9, n=16)
            p.lump(moved(frame, x, y), p.ink("china"), rise=0.03, soft=0.05)
            p.lump(moved(pane, x, y), p.ink("sky"), rise=-0.04, soft=0.05, gloss=200)
    x = p.u(-0.3, 0.3)
    p.lump(rect(x - 0.12, 0.45, x + 0.12, 0.9), p.ink("wood"), rise=0.03, soft=0.05)


@draws("tree", view="out")
def tree(p: Pen) -> None:
    """A conifer or a tree with a round crown."""
    bark, conifer = p.ink("wood"), p.chance(0.4)
    crown = p.ink(p.pick(("green", "green", "orange")))
    p.lump(bar(0, 1.0, 0, -0.3, np.linspace(0.16, 0.08, 8)), bark, 0.6, 1.0, rise=0.2, soft=0.3, cell=0.05)
    if conifer:
        for y, half in zip(np.linspace(0.4, -0.7, 5), np.linspace(0.75, 0.25, 5), strict=True):
            right, left = (half, y + 0.1, half * 0.4, y + 0.02), (-half * 0.4, y + 0.02, -half, y + 0.1)
            tier = corners(0, y - 0.5, *right, *left)
            p.lump(tier, crown, 0.6, 1.15, rise=0.15, soft=0.15, cell=0.06, bump=0.1)
        return
    for x, y in p.scatter(p.n(7, 11), 0.65, 0.5) - (0, 0.45):
        tone = shade(crown, p.u(0.75, 1.15))
        puff = moved(p.blob(0.38, 0.34, 0.08), x, y)
        p.lump(puff, tone, 0.6, 1.2, rise=0.25, soft=0.35, cell=0.06, bump=0.15)


@draws("cloud", view="out")
def cloud(p: Pen) -> None:
    """A cloud of overlapping puffs."""
    white = shade(p.ink("china", 0.5), p.u(0.8, 1.05))
    for x, y in p.scatter(p.n(6, 10), 0.85, 0.3) - (0, 0.3):
        r = p.u(0.25, 0.5)
        puff = moved(p.blob(r, r * 0.85, 0.06), x, y)
        p.lump(puff, white, 0.93, 1.0, rise=0.15, soft=0.4, cell=0.2, bump=0.1)


# ------------------------------------------------------------------------------- surfaces that fill the frame
def courses(p: Pen, w: float, h: float, shift: float, material: str) -> None:
    """Rows of blocks over the whole frame, each row moved along by `shift` of a block."""
    tones, joint = [p.ink(material, 0.8) for _ in range(p.n(1, 3))], p.u(0.9, 0.95)
    block = p.blob(w * joint / 2, h * joint / 2, power=12, n=16)
    for row, y in enumerate(np.arange(-1.3, 1.3, h)):
        for x in np.arange(-1.3 - w, 1.3 + w, w):
            tone = shade(p.pick(tones), p.u(0.85, 1.1))
            q = p.at(x + shift * row % 1 * w, y)
            q.lump(block, tone, 0.85, 1.0, rise=0.06, soft=0.08, cell=0.05, bump=0.03)


@draws("brick wall", view="fill")
def brick_wall(p: Pen) -> None:
    """Bricks, every second row moved by half a brick."""
    courses(p, p.u(0.5, 0.7), p.u(0.22, 0.32), 0.5, p.pick(("cake", "stone", "red", "wood")))


@draws("tile floor", view="fill")
def tile_floor(p: Pen) -> None:
    """Square tiles."""
    size = p.u(0.35, 0.6)
    courses(p, size, size, 0.0, p.pick(("china", "stone", "any")))


@draws("gravel", view="fill")
def gravel(p: Pen) -> None:
    """Pebbles: many small ones, larger ones on top."""
    tones = [p.ink(p.pick(("stone", "stone", "wood", "china"))) for _ in range(4)]
    p.dots(p.rng.uniform(-1.3, 1.3, (160, 2)), p.rng.uniform(0.05, 0.12, 160), tones, rise=0.05)
    for x, y in p.rng.uniform(-1.2, 1.2, (p.n(14, 22), 2)):
        tone = p.pick(tones)
        shape = moved(p.blob(p.u(0.1, 0.22), p.u(0.08, 0.16), 0.08, 3, 14), x, y)
        p.lump(shape, tone, 0.85, 1.0, rise=0.1, soft=0.35, cell=0.03)


@draws("fabric", view="fill")
def fabric(p: Pen) -> None:
    """Wrinkled cloth with a woven pattern."""
    a, b, step = p.ink("cloth"), p.ink("any"), p.u(0.08, 0.2)
    square = rect(-1.5, -1.5, 1.5, 1.5)
    p.lump(square, a, 0.95, 1.0, rise=0.0, soft=0.01, cell=p.u(0.3, 0.6), bump=p.u(0.3, 0.9))
    weft = np.mgrid[-1.3:1.3:step, -1.3:1.3:step].reshape(2, -1).T[:400]
    p.grains(weft, step * 0.8, step * 0.35, [b, a], rise=0.01, angles=np.arange(len(weft)) % 2 * np.pi / 2)
