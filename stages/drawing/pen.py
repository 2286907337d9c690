"""The pen: paints shapes into the layers of one photo, a colour and a height at a time."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from stages.drawing.colours import PALETTE, mix, shade, whole
from stages.drawing.shapes import circle, polar
from stages.drawing.textures import colourise, noise

SUPERSAMPLING = 2  # scenes are drawn at this many times the size of the finished photo
LEVELS = 5  # height levels (of the 8-bit alpha channel) per pixel of the finished photo
GROUND = 40  # height level of the table top; what is carved may go below it
SMALL = 36  # supersampled pixels; smaller bodies show no texture and are drawn as nested polygons

Colour = Sequence[float]


class Pen:
    """A local frame over the layers of one photo; one unit is about the radius of the dish.

    Colours are RGB in 0..255, lengths and heights are in local units, points (n, 2), angles in radians. What
    is drawn lies on what is already there, so no caller keeps track of heights.

    `image` is RGBA with the height level as alpha, `gloss` "L" of the same size; `matrix` (2, 2) and `origin`
    (2,) take local units to pixels, `unit` is the number of pixels in one, before any foreshortening.
    """

    def __init__(
        self,
        image: Image.Image,
        gloss: Image.Image,
        rng: np.random.Generator,
        difficulty: float,
        matrix: np.ndarray,
        origin: np.ndarray,
        unit: float,
        tools: tuple | None = None,
    ):
        self.image, self.gloss, self.rng, self.difficulty = image, gloss, rng, difficulty
        self.matrix, self.origin, self.unit = matrix, origin, unit
        self.tools = tools or (ImageDraw.Draw(image), ImageDraw.Draw(gloss))
        self.ink_draw, self.gloss_draw = self.tools

    def at(self, x=0.0, y=0.0, scale=1.0, angle=0.0) -> "Pen":
        """The same layers in a frame moved to (x, y), scaled and turned."""
        c, s = np.cos(angle) * scale, np.sin(angle) * scale
        matrix = self.matrix @ np.array([[c, -s], [s, c]])
        origin = self.matrix @ (x, y) + self.origin
        unit = self.unit * scale
        return Pen(self.image, self.gloss, self.rng, self.difficulty, matrix, origin, unit, self.tools)

    # -- chance
    def u(self, low: float, high: float) -> float:
        """A number, uniform from low to high."""
        return float(self.rng.uniform(low, high))

    def n(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return bool(self.rng.random() < p)

    def pick(self, items: Sequence):
        """One of the items."""
        return items[int(self.rng.integers(len(items)))]

    def ink(self, material: str, jitter: float = 1.0) -> tuple[float, ...]:
        """A colour of the material; the jitter in brightness and hue grows with the difficulty."""
        spread = jitter * (0.04 + 0.16 * self.difficulty)
        gains = np.exp(self.rng.normal(0, spread) + self.rng.normal(0, spread * 0.4, 3)).tolist()
        return tuple(min(c * g, 255.0) for c, g in zip(self.pick(PALETTE[material]), gains, strict=True))

    def scatter(self, n: int, rx: float = 1.0, ry: float | None = None) -> np.ndarray:
        """n points (n, 2), uniform in an ellipse."""
        r, t = np.sqrt(self.rng.random(n)), self.rng.uniform(0, 2 * np.pi, n)
        return polar(t, r) * (rx, rx if ry is None else ry)

    def blob(
        self, rx: float, ry: float | None = None, wobble: float = 0.0, power: float = 2.0, n: int = 28
    ) -> np.ndarray:
        """A closed outline (n, 2) round the origin: an ellipse or, by its power, a rounded rectangle;
        `wobble` is the deviation of the radius, as a share of it."""
        angles, points = circle(n, power)
        points = points * (rx, rx if ry is None else ry)
        if wobble:
            phases, sizes = self.rng.uniform(0, 2 * np.pi, 4), self.rng.normal(0, wobble, 4)
            points *= 1 + np.cos(angles[:, None] * (2, 3, 4, 5) + phases) @ sizes[:, None]
        return points

    # -- pixels and heights
    def to_px(self, points) -> np.ndarray:
        """Points (n, 2) in local units as pixels (n, 2)."""
        return np.asarray(points, float) @ self.matrix.T + self.origin

    def level(self, px: np.ndarray) -> int:
        """The height level under one point (2,) given in pixels."""
        w, h = self.image.size
        return self.image.getpixel((min(max(int(px[0]), 0), w - 1), min(max(int(px[1]), 0), h - 1)))[3]

    def levels(self, px: np.ndarray) -> np.ndarray:
        """The height levels (n,) under points (n, 2) given in pixels."""
        heights = np.asarray(self.image.getchannel("A"))
        x = np.clip(px[:, 0].astype(int), 0, heights.shape[1] - 1)
        return heights[np.clip(px[:, 1].astype(int), 0, heights.shape[0] - 1), x].astype(float)

    def lift(self, height) -> float:
        """A height in local units as height levels."""
        return height * self.unit * LEVELS / SUPERSAMPLING

    # -- paint
    def flat(self, points, colour: Colour, rise: float = 0.0, gloss: int | None = None) -> None:
        """A polygon of one colour, level at `rise` above what is under its middle; `gloss` is in 0..255."""
        px = self.to_px(points)
        self._polygon(px, whole(colour, self.level(px.mean(0)) + self.lift(rise)), gloss)

    def lump(
        self,
        points,
        colour: Colour,
        lo: float = 1.0,
        hi: float | None = None,
        rise: float = 0.2,
        soft: float = 0.25,
        cell: float = 0.1,
        bump: float = 0.0,
        stretch: float = 1,
        drape: bool = False,
        gloss: int | None = None,
    ) -> None:
        """A rounded body, mottled between `lo` and `hi` times its colour, `rise` high (or deep, if negative).

        `soft` is the share of its size that the rounded edge takes, `cell` the size of the mottles (0: plain,
        as china), drawn out `stretch` times across the image, `bump` the height of the same pattern. Draped,
        the body follows the relief beneath. `gloss` in 0..255 is how much of the lamp it mirrors.
        """
        dark, light = shade(colour, lo), shade(colour, hi or lo * 1.15)
        px = self.to_px(points)
        low, high = px.min(0), px.max(0)
        left, top = (max(int(v) - 2, 0) for v in low)
        right, bottom = (min(int(v) + 3, limit) for v, limit in zip(high, self.image.size, strict=True))
        size, box = (right - left, bottom - top), (left, top, right, bottom)
        if min(size) < 3:  # out of the picture
            return
        base, height = self.level((low + high) / 2), self.lift(rise)
        if cell == 0 or min(size) < SMALL:
            self._terraces(px, dark, light, base, height, soft, gloss)
            return
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon((px - (left, top)).ravel().tolist(), fill=255)
        body = mask.filter(ImageFilter.BoxBlur(max(soft * min(size), 1.0))) if rise else mask
        texture = noise(self.rng, size, cell * self.unit, stretch)
        patch = colourise(Image.blend(texture, body, 0.25), dark, light)  # the edge a little darker
        relief = self.image.crop(box).getchannel("A") if drape else Image.new("L", size, base)
        if rise:  # the blurred mask rises from a half at the outline to one: a step, then a rounded shoulder
            summit = min(max(int(base + height), 0), 255)
            if drape:
                summit = ImageChops.add(relief, Image.new("L", size), 1, int(height))
            relief.paste(summit, None, body)
        if bump:
            rough = Image.blend(Image.new("L", size, 128), texture, min(self.lift(bump) / 255, 1.0))
            relief = ImageChops.add(relief, rough, 1, -128)
        patch.putalpha(relief)
        self.image.paste(patch, box, mask)
        if gloss is not None:
            self.gloss.paste(gloss, box, mask)

    def stain(self, points, colour: Colour, lo=1.0, hi=None, rise=0.0, **look) -> None:
        """A lump that follows the relief beneath: a spill, a mark, or (with a negative rise) a hollow."""
        self.lump(points, colour, lo, hi, rise, drape=True, **look)

    def strand(self, path, width: float, colour: Colour, rise: float = 0.05) -> None:
        """A cord along path (n, 2), with a darker edge so that crossing cords stay apart."""
        px = self.to_px(path)
        level = self.level(px[len(px) // 2]) + self.lift(rise)
        w, xy = max(round(width * self.unit), 2), px.ravel().tolist()
        self.ink_draw.line(xy, fill=whole(shade(colour, 0.7), (level + GROUND) / 2), width=w + 2)
        self.ink_draw.line(xy, fill=whole(colour, level), width=w)

    def grains(self, centres, length: float, width: float, colours, rise: float = 0.04, angles=None) -> None:
        """Short bars at centres (n, 2), each in one of `colours`, turned by `angles` (n,) or at random."""
        n, u = len(centres), self.rng.uniform
        half = polar(u(0, np.pi, n) if angles is None else angles, length / 2 * u(0.7, 1.2, n))
        ends = np.concatenate([self.to_px(centres - half), self.to_px(centres + half)], 1).tolist()
        levels = self.levels(self.to_px(centres)) + self.lift(rise) * u(0.4, 1.0, n)
        inks = np.asarray(colours)[self.rng.integers(len(colours), size=n)] * u(0.9, 1.06, (n, 1))
        fills = np.clip(np.concatenate([inks, levels[:, None]], 1), 0, 255).astype(int).tolist()
        w = max(round(width * self.unit), 1)
        for end, fill in zip(ends, fills, strict=True):
            self.ink_draw.line(end, fill=tuple(fill), width=w)

    def dots(self, centres, radius, colours, rise: float = 0.05, gloss: int | None = None) -> None:
        """Beads at centres (n, 2): a darker rim, a lighter top; radius is a number or (n,)."""
        px, n = self.to_px(centres), len(centres)
        levels = self.levels(px)
        radii = np.broadcast_to(np.asarray(radius, float) * self.unit, n)[:, None]
        inks = np.asarray(colours)[self.rng.integers(len(colours), size=n)]
        for share, factor, lift in ((1.0, 0.85, 0.5), (0.65, 1.0, 1.0)):
            tops = np.clip(levels + self.lift(rise) * lift, 0, 255)
            fills = np.concatenate([inks * factor, tops[:, None]], 1).astype(int).tolist()
            boxes = np.concatenate([px - radii * share, px + radii * share], 1).tolist()
            for box, fill in zip(boxes, fills, strict=True):
                self.ink_draw.ellipse(box, fill=tuple(fill))
                if gloss is not None and share == 1.0:
                    self.gloss_draw.ellipse(box, fill=gloss)

    def _polygon(self, px: np.ndarray, ink: tuple[int, ...], gloss: int | None) -> None:
        """A polygon (n, 2) in pixels, `ink` being a colour and a height level."""
        xy = px.ravel().tolist()
        self.ink_draw.polygon(xy, fill=ink)
        if gloss is not None:
            self.gloss_draw.polygon(xy, fill=gloss)

    def _terraces(self, px, dark, light, base: int, height: float, soft: float, gloss: int | None) -> None:
        """A small or plain lump: polygons within each other, ever lighter and higher (in levels)."""
        middle = px.mean(0)
        for share in (0.0, 0.5, 1.0) if height else (0.5,):
            ring = px + (middle - px) * (min(soft, 0.4) * share)
            ink = whole(mix(dark, light, 0.25 + 0.5 * share), base + height * (0.5 + 0.5 * share))
            self._polygon(ring, ink, None if share else gloss)
