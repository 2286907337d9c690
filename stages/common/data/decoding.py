"""A photo's bytes to pixels."""

import io
import logging
import threading
import warnings
from contextlib import nullcontext

import numpy as np
from PIL import Image, UnidentifiedImageError

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
_ORIENTATION = 0x0112  # the EXIF tag
_BITS, _PHOTOMETRIC = 258, 262  # TIFF tags: bits a sample; 0 where white is
_LONG = 160  # characters of a reason: zipfile quotes all that it read
_LARGE = 16e6  # pixels: such photos are decoded one at a time, whatever the number of threads
_one_at_a_time = threading.Lock()
_12_BITS = "16-bit pixels that use 12 bits or less, so that its white is anyone's guess"
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
            whole = image.width * image.height
            # A JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the work. With twice the size left to resize
            # from, a pixel is off by less than 1 level in the mean; with just the size, by 1 to 3.
            image.draft(None, (2 * size, 2 * size))
            # A progressive one takes the memory of all its pixels all the same.
            pixels = whole if image.info.get("progressive") else image.width * image.height
            with _one_at_a_time if pixels > _LARGE else nullcontext():
                deep = any(";16" in str(tile) for tile in image.tile)
                image.load()
                return np.array(_square(_eight_bits(image, deep), size, _turn(image)))
    except Image.DecompressionBombError:
        raise ValueError(f"too large: over {2 * Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels") from None
    except UnidentifiedImageError:
        raise ValueError(f"not an image ({', '.join(_FORMATS)})") from None
    except MemoryError:  # no fault of the photo
        raise
    except Exception as error:  # Pillow's readers raise nearly anything on broken bytes
        raise ValueError(one_line(error)) from None


def _eight_bits(image: Image.Image, deep: bool) -> Image.Image:
    """The image with 8 bits a channel; Pillow itself would clip 16 at 255. `deep`: whether the file has 16.

    Raises `ValueError` where black and white are anyone's guess.
    """
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose black and white are anyone's guess")
    if image.mode == "I":
        raise ValueError("32-bit or signed pixels, whose black and white are anyone's guess")
    clear = image.info.get("transparency")  # the grey or the colour that is
    if not image.mode.startswith("I;16"):
        if deep:  # its upper 8 bits are there
            bands = zip(image.getbands(), image.getextrema(), strict=True)
            if max(most for band, (_, most) in bands if band != "A") < 1 << 4:
                raise ValueError(_12_BITS)
            if isinstance(clear, tuple):  # Pillow keeps 16 bits of it
                image.info["transparency"] = tuple(value >> 8 for value in clear)
        return image
    pixels = np.asarray(image).astype(np.uint16)
    tags = getattr(image, "tag_v2", {})
    bits = max(tags.get(_BITS, (16,)))
    if bits < 16:
        pixels = pixels << (16 - bits)
    elif 0 < pixels.max() < 1 << 12:
        raise ValueError(_12_BITS)
    if tags.get(_PHOTOMETRIC) == 0:  # Pillow inverts 8 bits and not 16
        pixels = np.invert(pixels)
    grey = Image.fromarray((pixels >> 8).astype(np.uint8))
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(np.where(pixels == clear, 0, 255).astype(np.uint8)))
    return grey


def _square(image: Image.Image, size: int, turn: Image.Transpose | None) -> Image.Image:
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
    """An exception's message without line breaks, cut where it is long; its type where it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{text[:_LONG]} …" if len(text) > _LONG else text
