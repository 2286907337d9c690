"""The camera: exposure, lens and sensor, the JPEG file, and a contact sheet of finished photos."""

import io

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from stages.drawing.colours import whole
from stages.drawing.light import relight
from stages.drawing.pen import LEVELS, SUPERSAMPLING, Pen
from stages.drawing.textures import noise

HAZE = [int(max(v - 110, 0) * 0.9) for v in range(256)]  # noise to the opacity of steam: clear in most places


def develop(pen: Pen) -> Image.Image:
    """Light the pen's layers and photograph them: an RGB image at the final size."""
    w, h = pen.image.width // SUPERSAMPLING, pen.image.height // SUPERSAMPLING
    x, y = np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    photo = expose(pen, x, y)
    obstruct(photo, pen, x, y)
    return sense(focus(photo, pen, y), pen)


def expose(pen: Pen, x: np.ndarray, y: np.ndarray) -> Image.Image:
    """The pen's layers at the final size, RGB, in their light and with the camera's white balance.

    x (w,) and y (h, 1) are float32 positions in -1..1, as in the functions below.
    """
    rng, d = pen.rng, pen.difficulty
    layers = (*pen.image.split(), pen.gloss)
    *colours, height, gloss = (np.asarray(layer.reduce(SUPERSAMPLING), np.float32) for layer in layers)
    factor, shine = relight(height / LEVELS, gloss / 255, pen)
    uneven = (0.4 + d) * rng.uniform(-0.22, 0.22, 2).astype(np.float32)
    vignette = (0.3 + d) * pen.u(0, 0.18)
    factor *= 1 + uneven[0] * x + uneven[1] * y - np.float32(vignette) * (x * x + y * y)
    warm, exposure = rng.normal(0, 0.03 + 0.1 * d), np.exp(rng.normal(0, 0.05 + 0.16 * d))
    balance = exposure * np.array([1 + warm, 1 + rng.normal(0, 0.015 + 0.03 * d), 1 - warm])
    contrast = 1 + rng.normal(0, 0.05 + 0.12 * d)
    black = 120 * (1 - contrast) + rng.normal(0, 4 + 10 * d)  # 120: the grey that contrast leaves alone
    bands = []
    for colour, gain in zip(colours, (balance * contrast).astype(np.float32), strict=True):
        band = (colour * factor + shine) * gain + np.float32(black)
        bands.append(Image.fromarray(np.clip(band, 0, 255).astype(np.uint8)))
    return Image.merge("RGB", bands)


def obstruct(photo: Image.Image, pen: Pen, x: np.ndarray, y: np.ndarray) -> None:
    """Paint over the photo what may be in the way: steam, or something near the lens."""
    if pen.chance(0.3 * pen.difficulty):  # steam or a reflection
        photo.paste((245, 245, 245), (0, 0), noise(pen.rng, photo.size, 32).point(HAZE))
    if pen.chance(0.5 * pen.difficulty):  # something near the lens, out of focus, over a corner
        corner = np.array([pen.pick((-1, 1)), pen.pick((-1, 1))]) * pen.u(0.8, 1.1)
        distance = np.hypot(x - corner[0], y - corner[1])
        veil = np.clip((pen.u(0.4, 0.75) - distance) * 4, 0, 1) * pen.u(128, 255)
        photo.paste(whole(pen.ink("any")), (0, 0), Image.fromarray(veil.astype(np.uint8)))


def focus(sharp: Image.Image, pen: Pen, y: np.ndarray) -> Image.Image:
    """The photo, blurred away from a horizontal band about its middle."""
    d = pen.difficulty
    soft = sharp.filter(ImageFilter.BoxBlur(pen.u(0.3, 0.8 + 2.4 * d)))
    share = np.clip(np.abs(y - pen.u(-0.3, 0.3)) * pen.u(0.3, 1.3) - 0.25 + pen.u(-0.3, 0.4) * d, 0, 1)
    return Image.composite(soft, sharp, Image.fromarray((share * 255).astype(np.uint8)).resize(sharp.size))


def sense(photo: Image.Image, pen: Pen) -> Image.Image:
    """The photo with the noise of the sensor, of some grey levels."""
    size = photo.size
    grain = Image.frombytes("RGB", size, pen.rng.bytes(3 * size[0] * size[1]))
    grey = Image.new("RGB", size, (128, 128, 128))
    grain = Image.blend(grey, grain, pen.u(1, 3 + 15 * pen.difficulty) / 128)
    return ImageChops.add(photo, grain, 1, -128)


def jpeg(image: Image.Image, rng: np.random.Generator) -> bytes:
    """JPEG bytes of `image`, quality 45 to 92, with full or halved colour resolution."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(rng.integers(45, 93)), subsampling=int(rng.choice((0, 2, 2))))
    return buffer.getvalue()


def contact_sheet(rows: dict[str, list[Image.Image]], thumb: int = 96) -> Image.Image:
    """One row of thumbnails (`thumb` pixels) a kind, its name at the left; RGB, for people to look at."""
    label, cell, columns = 110, thumb + 2, max(map(len, rows.values()), default=0)
    sheet = Image.new("RGB", (label + columns * cell, len(rows) * cell), "white")
    text, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for i, (name, images) in enumerate(rows.items()):
        text.text((4, i * cell + thumb // 2 - 6), name, fill="black", font=font)
        for j, image in enumerate(images):
            small = image.copy()
            small.thumbnail((thumb, thumb))
            sheet.paste(small, (label + j * cell, i * cell))
    return sheet
