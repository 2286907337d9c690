"""What things stand on and in: table tops, walls and skies, and the containers that food is served in.

A surface takes a pen for its random numbers and a size (w, h) in pixels, and is an RGBA image, its height
level in the alpha channel. A container is drawn at the pen's origin with a radius of about 1.4 and returns
the pen for what it holds.
"""

import numpy as np
from PIL import Image

from stages.drawing.colours import mix, shade
from stages.drawing.pen import GROUND, Pen
from stages.drawing.shapes import bar
from stages.drawing.textures import colourise, noise


# ------------------------------------------------------------------------------------------------- surfaces
def surface(pen: Pen, size: tuple[int, int]) -> Image.Image:
    """A table top: wood, cloth, stone, metal or a woven mat."""
    kind = pen.pick(("wood", "wood", "plain", "check", "stripe", "stone", "metal", "mat"))
    material = {"plain": "cloth", "check": "cloth", "stripe": "cloth", "mat": "wood"}.get(kind, kind)
    dark, light, relief = pen.ink(material), pen.ink(material), 0.0
    y, x = np.arange(size[1], dtype=np.float32)[:, None], np.arange(size[0], dtype=np.float32)
    angle, period = pen.u(0, np.pi), pen.u(8, 26)
    c, s = np.float32(np.cos(angle) / period), np.float32(np.sin(angle) / period)
    across, along = x * c + y * s, y * c - x * s  # in periods
    if kind == "check":
        share = (np.floor(across) + np.floor(along)) % 2 / 2 + np.floor(across) % 2 / 2
    elif kind == "stripe":
        share = across % 1 < pen.u(0.2, 0.6)
    elif kind == "mat":
        dark, share = shade(light, 0.6), 0.5 + 0.5 * np.sin(across * 36) * np.sin(along * 12)
        relief = 8 * share
    else:
        grains = {"wood": (4, 12), "stone": (pen.u(8, 30), 2), "metal": (2, 16), "plain": (32, 1)}
        dark = shade(light, pen.u(0.6, 0.85) if kind in ("wood", "stone") else 0.85)
        share = np.asarray(noise(pen.rng, size, *grains[kind]), np.float32) / 255
        if kind == "wood":
            seam = (y / period + pen.u(0, 2)) % 2 < 0.07
            share, relief = share * ~seam, -8.0 * seam
    if material == "cloth":  # gentle folds
        relief = np.asarray(noise(pen.rng, size, 32), np.float32) * np.float32(10 / 255)
    out = colourise(Image.fromarray((share * np.float32(255)).astype(np.uint8)), dark, light)
    out.putalpha(Image.fromarray(np.broadcast_to(GROUND + relief, size[::-1]).astype(np.uint8)))
    return out.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if pen.chance(0.5) else out


def backdrop(pen: Pen, front: Image.Image, end: float, top, bottom) -> Image.Image:
    """`front` (RGBA) with all above `end`, a share of its height, blotched in the colours top and bottom."""
    size = (front.width, int(front.height * end))
    back = colourise(noise(pen.rng, size, pen.u(12, 64), 2), top, bottom)
    back.putalpha(GROUND)
    front.paste(back)
    return front


def indoors(pen: Pen, size: tuple[int, int]) -> Image.Image:
    """A table seen from the side against a wall out of focus."""
    wall = pen.ink(pen.pick(("cloth", "stone", "wood")))
    other = mix(wall, pen.ink("cloth"), pen.u(0, 0.8))
    return backdrop(pen, surface(pen, size), pen.u(0.4, 0.75), wall, other)


def outdoors(pen: Pen, size: tuple[int, int]) -> Image.Image:
    """Sky over ground."""
    sky, ground = pen.ink("sky"), pen.ink(pen.pick(("green", "stone", "wood")))
    field = colourise(noise(pen.rng, size, 4, 2), shade(ground, 0.7), shade(ground, 1.3))
    field.putalpha(GROUND)
    return backdrop(pen, field, pen.u(0.68, 0.85), sky, shade(sky, 1.3))


# ----------------------------------------------------------------------------------------------- containers
def bare(p: Pen) -> Pen:
    """Nothing: the table itself."""
    return p


def plate(p: Pen) -> Pen:
    """Round, oval or square, with or without a coloured band."""
    china = p.ink("china")
    rim = p.blob(1.35, 1.35 * p.pick((1.0, 1.0, 0.8)), power=p.pick((2, 2, 2, 5)), n=40)
    p.lump(rim, china, 0.94, 1.0, rise=0.12, soft=0.05, cell=0, gloss=120)
    if p.chance(0.4):
        p.flat(rim * 0.93, p.ink("cloth"))
        p.flat(rim * p.u(0.82, 0.9), china)
    p.lump(rim * 0.74, china, 0.93, 0.98, rise=-0.07, soft=0.05, cell=0)
    return p.at(scale=0.95)


def board(p: Pen) -> Pen:
    """A wooden board, round to square."""
    shape = p.blob(1.4, p.u(1.0, 1.35), power=p.pick((2, 6, 8)), n=40)
    p.lump(shape, p.ink("wood"), 0.75, 1.0, rise=0.1, soft=0.03, cell=0.05, stretch=10)
    return p


def paper(p: Pen) -> Pen:
    """A crumpled sheet."""
    sheet = p.blob(1.5, 1.25, 0.02, power=7, n=24)
    colour = p.ink(p.pick(("cream", "cloth", "crumb")))
    p.at(angle=p.u(-0.5, 0.5)).lump(sheet, colour, 0.9, 1.0, rise=0.02, soft=0.02, cell=0.5, bump=0.12)
    return p


def pan(p: Pen) -> Pen:
    """A frying pan with its handle to the right."""
    iron, disc = p.ink(p.pick(("dark", "metal"))), p.blob(1.4, n=36)
    p.lump(bar(1.0, 0, 2.6, 0, np.linspace(0.16, 0.2, 8)), p.ink("dark"), rise=0.25, gloss=60)
    p.lump(disc, iron, 1.0, 1.2, rise=0.3, soft=0.05, cell=0, gloss=130)
    p.lump(disc * 0.91, iron, 0.8, 0.95, rise=-0.22, soft=0.06, cell=0, gloss=80)
    return p.at(scale=0.95)


def basket(p: Pen) -> Pen:
    """A basket or tray, lined with a cloth."""
    shape = p.blob(1.4, p.u(1.05, 1.4), power=p.pick((2, 5)), n=36)
    p.lump(shape, p.ink(p.pick(("wood", "metal", "any"))), 0.7, 1.0, rise=0.3, soft=0.05, cell=0)
    p.stain(shape * 0.88, p.ink("cloth"), 0.85, 1.0, rise=-0.18, soft=0.1, cell=0.3, bump=0.15)
    return p.at(scale=0.95)


def bowl(p: Pen) -> Pen:
    """A deep bowl, perhaps on a plate."""
    edge = p.blob(1.3, power=p.pick((2, 2, 2, 3)), n=40)
    if p.chance(0.35):
        plate(p.at(scale=1.2))
    p.lump(edge, p.ink("china"), 0.9, 1.0, rise=0.45, soft=0.06, cell=0, gloss=140)
    p.lump(edge * 0.91, p.ink("china"), 0.95, 0.75, rise=-0.25, soft=0.2, cell=0)
    return p.at(scale=1.08)


# What a food may be served on; how often a container is named is how often it is chosen.
FLAT = (plate, plate, board, paper, pan, basket, bare)
DISH = (plate, plate, bowl, pan, basket)
DEEP = (bowl,)
