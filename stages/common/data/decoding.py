"""A photo's bytes to pixels."""

import io
import logging
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
_ORIENTATION = 0x0112  # the EXIF tag
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# A broken photo is told once, as a reject with its reason. `warnings.catch_warnings` would be no help around
# a single photo: it is not safe in threads.
warnings.filterwarnings("ignore", module="PIL")
logging.getLogger("PIL").addHandler(logging.NullHandler())


def decode(data: bytes, size: int) -> np.ndarray:
    """The central square of a photo as (size, size, 3) uint8, RGB, upright; alpha lies over white.

    Raises `ValueError` with a short reason where the bytes are no whole image.
    """
    if not data:
        raise ValueError("empty file")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            # A JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the work. With twice the size left to resize
            # from, a pixel is off by less than 1 level in the mean; with just the size, by 1 to 3.
            image.draft(None, (2 * size, 2 * size))
            image.load()
            return np.array(_square(image, size))
    except Image.DecompressionBombError:
        raise ValueError(f"too large: over {2 * Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels") from None
    except UnidentifiedImageError:
        raise ValueError(f"not an image ({', '.join(_FORMATS)})") from None
    except Exception as error:  # Pillow's readers raise nearly anything on broken bytes
        raise ValueError(one_line(error)) from None


def _square(image: Image.Image, size: int) -> Image.Image:
    turn = _turn(image)
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose black and white are anyone's guess")
    if image.mode.startswith("I"):  # 16-bit grey; Pillow would clip it at 255
        image = Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    if mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if turn is None else image.transpose(turn)  # a central square may as well be turned last


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How to turn a loaded image upright; a broken EXIF block is no reason to lose the photo."""
    try:
        return _TURN.get(image.getexif().get(_ORIENTATION))
    except Exception:
        return None


def one_line(error: Exception) -> str:
    """An exception's message without line breaks; its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
