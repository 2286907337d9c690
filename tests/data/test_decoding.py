"""A photo's bytes to pixels: as a viewer shows it, or a short reason why not."""

import io
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from stages.common.data import decoding
from stages.common.data.decoding import decode
from tests.data.making import encoded, photo
from tests.graph import ROOT

CORNERS = [
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
]  # top left, top right, bottom left, bottom right


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation, form):
    """Stored as EXIF says, an image is read upright: `undo` is how a camera's sensor lay to the scene."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    scene = Image.new("RGB", (96, 64))
    for (x, y), colour in zip([(0, 0), (48, 0), (0, 32), (48, 32)], CORNERS, strict=True):
        scene.paste(colour, (x, y, x + 48, y + 32))
    stored = scene if undo is None else scene.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    pixels = decode(encoded(stored, form, exif=exif, **options), 16)
    corners = [pixels[0, 0], pixels[0, -1], pixels[-1, 0], pixels[-1, -1]]
    assert np.abs(np.array(corners, int) - CORNERS).max() <= (3 if form == "JPEG" else 0)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_does_not_lose_the_photo(form):
    data = encoded(photo(), form, exif=b"Exif\x00\x00broken, no TIFF header")
    assert np.array_equal(decode(data, 32), decode(encoded(photo(), form), 32))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("shape", [(1200, 800), (800, 1200), (641, 479), (2000, 90), (64, 64), (30, 20)])
@pytest.mark.parametrize("size", [32, 64])
def test_reduced_scale_stays_close_to_the_full_decode(shape, size, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo(*shape), "JPEG", quality=95, exif=exif)
    lossless = encoded(Image.open(io.BytesIO(data)), "PNG", exif=exif)  # has no reduced scale
    pixels, full = decode(data, size), decode(lossless, size)
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - full).mean() < 1.0


def test_large_jpegs_are_decoded_at_reduced_scale(monkeypatch):
    seen = []
    square = decoding._square
    monkeypatch.setattr(
        decoding, "_square", lambda image, *rest: seen.append(image.size) or square(image, *rest)
    )
    decode(encoded(photo(1300, 1100), "JPEG"), 64)
    assert min(seen[0]) in range(128, 300)


def test_the_central_square_is_taken():
    for width, height in ((90, 30), (30, 90)):
        image = Image.new("RGB", (width, height), "red")
        left, top = (width - 30) // 2, (height - 30) // 2
        image.paste((0, 0, 255), (left, top, left + 30, top + 30))
        pixels = decode(encoded(image), 10)
        assert (pixels[1:-1, 1:-1] == (0, 0, 255)).all()
        assert (pixels.argmax(axis=-1) == 2).all()  # at the edge the filter reaches a little beyond


def test_alpha_lies_over_white():
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    half = Image.new("RGBA", (20, 20), (255, 0, 0, 127))
    palette = Image.new("P", (20, 20), 1)
    palette.putpalette([0, 0, 0, 0, 200, 0])
    assert (decode(encoded(clear), 8) == 255).all()
    assert (decode(encoded(half), 8) == (255, 128, 128)).all()
    assert (decode(encoded(palette), 8) == (0, 200, 0)).all()
    assert (decode(encoded(palette, transparency=1), 8) == 255).all()
    assert (decode(encoded(palette, "GIF"), 8) == (0, 200, 0)).all()


@pytest.mark.parametrize(
    ("image", "form", "expected"),
    [
        (Image.new("L", (20, 20), 77), "PNG", (77, 77, 77)),
        (Image.new("L", (20, 20), 77), "JPEG", (77, 77, 77)),
        (Image.new("LA", (20, 20), (77, 255)), "PNG", (77, 77, 77)),
        (Image.new("1", (20, 20), 1), "BMP", (255, 255, 255)),
        (Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG", (255, 0, 0)),
        (Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "TIFF", (255, 0, 0)),
        (Image.fromarray(np.full((20, 20), 77 * 257, np.uint16)), "PNG", (77, 77, 77)),
        (Image.fromarray(np.full((20, 20), 77 * 257, np.uint16)), "TIFF", (77, 77, 77)),
    ],
    ids=lambda value: getattr(value, "mode", str(value)),
)
def test_every_pixel_format_becomes_rgb(image, form, expected):
    pixels = decode(encoded(image, form), 8)
    assert pixels.shape == (8, 8, 3)
    assert np.abs(pixels.astype(int) - expected).max() <= 2


# -- half dark, half light: every way to store it --

HALVES = np.repeat([[0, 1]], 20, axis=1).repeat(40, axis=0)  # (40, 40): where it is light


def halves(dark, light, kind: type = np.uint8) -> np.ndarray:
    """(40, 40[, 3])."""
    return np.array([dark, light], dtype=kind)[HALVES]


def sides(data: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The colours of a decoded photo's left and right half."""
    pixels = decode(data, 16)
    return tuple(pixels[8, 2].tolist()), tuple(pixels[8, 13].tolist())


def grey(dark: int, light: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (dark,) * 3, (light,) * 3


def png(pixels: np.ndarray, colour: int, clear: bytes = b"") -> bytes:
    """A PNG of 16 bits a sample; clear: its tRNS."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *pixels.shape[1::-1], 16, colour, 0, 0, 0))]
    chunks += [(b"tRNS", clear)] if clear else []
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tiff(pixels: np.ndarray, photometric: int, bits: int = 0, kind: int = 1, data: bytes = b"") -> bytes:
    """A TIFF as numpy stores the pixels; photometric: 0 white is zero, 1 black is zero, 2 RGB; kind: 2 is signed."""
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    bits, data = bits or 8 * pixels.itemsize, data or pixels.tobytes()
    order = ">" if pixels.dtype.byteorder == ">" else "<"
    bits_at = 8 + 2 + 10 * 12 + 4
    tags = [(256, pixels.shape[1]), (257, pixels.shape[0]), (258, bits_at if samples > 2 else bits), (259, 1)]
    tags += [(262, photometric), (273, bits_at + 8), (277, samples), (278, pixels.shape[0])]
    tags += [(279, len(data)), (339, kind)]
    parts = [b"II*\0" if order == "<" else b"MM\0*", struct.pack(f"{order}IH", 8, len(tags))]
    for tag, value in tags:
        count = samples if tag == 258 else 1
        wide = tag in (273, 279) or count > 2
        parts.append(struct.pack(f"{order}HHI", tag, 4 if tag in (273, 279) else 3, count))
        parts.append(struct.pack(f"{order}I" if wide else f"{order}HH", *([value] if wide else [value, 0])))
    parts += [bytes(4), struct.pack(f"{order}4H", *[bits] * 4), data]
    return b"".join(parts)


RED, BLUE = (200, 30, 30), (30, 30, 200)
SCENE = Image.fromarray(halves(RED, BLUE))
SEE_THROUGH = Image.fromarray(halves((*RED, 255), (*BLUE, 0)))  # on the right


def frames(form: str, **options) -> bytes:
    """The scene, and more frames or pages after it."""
    more = [Image.new("RGB", SCENE.size, colour) for colour in ("lime", "white")]
    return encoded(SCENE.copy(), form, save_all=True, append_images=more, **options)


DEEP = halves(10_000, 50_000, np.uint16)
DEEP_COLOURS = halves((50_000, 0, 0), (0, 0, 50_000), np.uint16)
KINDS = {  # name -> (file, its halves, how far off they may be)
    "jpeg": (encoded(SCENE, "JPEG", quality=95), (RED, BLUE), 4),
    "progressive jpeg": (encoded(SCENE, "JPEG", quality=95, progressive=True), (RED, BLUE), 4),
    "jpeg, grey": (encoded(SCENE.convert("L"), "JPEG", quality=95), grey(81, 49), 3),
    "jpeg, cmyk": (encoded(SCENE.convert("CMYK"), "JPEG", quality=95), (RED, BLUE), 6),
    "jpeg and more": (encoded(SCENE, "JPEG", quality=95) + b"trailing" * 9, (RED, BLUE), 4),
    "two jpegs": (frames("MPO", quality=95), (RED, BLUE), 4),
    "palette": (encoded(SCENE.quantize(8)), (RED, BLUE), 0),
    "bits": (encoded(Image.fromarray(halves(False, True, bool))), grey(0, 255), 0),
    "webp": (encoded(SCENE, "WEBP", lossless=True), (RED, BLUE), 0),
    "cmyk tiff": (encoded(SCENE.convert("CMYK"), "TIFF"), (RED, BLUE), 0),
    "lzw tiff": (encoded(SCENE, "TIFF", compression="tiff_lzw"), (RED, BLUE), 0),
    "YCbCr tiff": (encoded(SCENE.convert("YCbCr"), "TIFF"), (RED, BLUE), 3),
    "alpha": (encoded(SEE_THROUGH), (RED, (255,) * 3), 0),
    "alpha, webp": (encoded(SEE_THROUGH, "WEBP", lossless=True), (RED, (255,) * 3), 0),
    "alpha, tiff": (encoded(SEE_THROUGH, "TIFF"), (RED, (255,) * 3), 0),
    "alpha, gif": (encoded(SEE_THROUGH, "GIF"), (RED, (255,) * 3), 0),
    "grey and alpha": (encoded(SEE_THROUGH.convert("LA")), grey(81, 255), 0),
    "palette and alpha": (encoded(SEE_THROUGH.quantize(8)), (RED, (255,) * 3), 0),
    "a clear colour": (encoded(SCENE, transparency=BLUE), (RED, (255,) * 3), 0),
    "a clear grey": (encoded(SCENE.convert("L"), transparency=49), grey(81, 255), 0),
    "animated gif": (frames("GIF"), (RED, BLUE), 0),
    "animated webp": (frames("WEBP", lossless=True), (RED, BLUE), 0),
    "animated png": (frames("PNG"), (RED, BLUE), 0),
    "pages": (frames("TIFF"), (RED, BLUE), 0),
    "8 bits, white is 0": (tiff(halves(10, 200), 0), grey(245, 55), 0),
    "16 bits, png": (png(DEEP, 0), grey(39, 195), 0),
    "16 bits, tiff": (tiff(DEEP, 1), grey(39, 195), 0),
    "16 bits, big-endian": (tiff(halves(10_000, 50_000, ">u2"), 1), grey(39, 195), 0),
    "16 bits, white is 0": (tiff(DEEP, 0), grey(216, 60), 0),
    "16 bits, lzw": (encoded(Image.fromarray(DEEP), "TIFF", compression="tiff_lzw"), grey(39, 195), 0),
    "16 bits, all black": (png(halves(0, 0, np.uint16), 0), grey(0, 0), 0),
    "16 bits, all black, tiff": (tiff(halves(0, 0, "<u2"), 1), grey(0, 0), 0),
    "16 bits, a clear grey": (png(DEEP, 0, b"\xc3\x50"), grey(39, 255), 0),
    "16 bits, nearly a clear grey": (png(DEEP, 0, b"\xc3\x51"), grey(39, 195), 0),
    "16 bits and alpha": (png(halves((10_000, 65_535), (50_000, 0), np.uint16), 4), grey(39, 255), 0),
    "16 bits a colour": (png(DEEP_COLOURS, 2), ((195, 0, 0), (0, 0, 195)), 0),
    "16 bits a colour, tiff": (tiff(DEEP_COLOURS, 2), ((195, 0, 0), (0, 0, 195)), 0),
    "16 bits, a clear colour": (
        png(DEEP_COLOURS, 2, struct.pack(">3H", 0, 0, 50_000)), ((195, 0, 0), (255,) * 3), 0,
    ),
    "12 bits": (tiff(DEEP, 1, 12, data=(b"\x27\x12\x71" * 10 + b"\xc3\x5c\x35" * 10) * 40), grey(39, 195), 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_is_read_as_a_viewer_shows_it(kind):
    data, expected, off = KINDS[kind]
    assert np.abs(np.array(sides(data)) - expected).max() <= off


GUESSES = {  # name -> (file, what is told)
    "12 bits in 16, png": (png(halves(625, 3125, np.uint16), 0), "16-bit pixels that use 12 bits or less"),
    "12 bits in 16, tiff": (tiff(halves(625, 3125, "<u2"), 1), "16-bit pixels that use 12 bits or less"),
    "12 bits in 16, white is 0": (tiff(halves(625, 3125, "<u2"), 0), "16-bit pixels that use 12 bits or less"),
    "8 bits in 16": (png(halves(39, 195, np.uint16), 0), "16-bit pixels that use 12 bits or less"),
    "12 bits in 16, colours": (tiff(halves((3125,) * 3, (625,) * 3, "<u2"), 2), "16-bit pixels that use 12 bits"),
    "12 bits in 16, colours, png": (png(halves((3125,) * 3, (1, 2, 3), np.uint16), 2), "16-bit pixels that use 12"),
    "12 bits in 16 and alpha": (png(halves((3125, 65_535), (1, 65_535), np.uint16), 4), "16-bit pixels that use 12"),
    "16 bits with signs": (tiff(halves(-5, 30_000, "<i2"), 1, kind=2), "32-bit or signed pixels"),
    "32 bits": (tiff(halves(39, 195, "<u4"), 1), "32-bit or signed pixels"),
    "32 bits with signs": (encoded(Image.fromarray(halves(39, 195, np.int32)), "TIFF"), "32-bit or signed pixels"),
    "fractions": (encoded(Image.fromarray(halves(0.1, 0.9, np.float32)), "TIFF"), "floating-point pixels"),
}  # fmt: skip


@pytest.mark.parametrize("kind", GUESSES)
def test_a_photo_whose_white_is_unknown_is_refused(kind):
    data, told = GUESSES[kind]
    with pytest.raises(ValueError, match=f"^{told}.*anyone's guess$"):
        decode(data, 16)


@pytest.mark.parametrize("size", [(1, 2000), (2000, 1), (1, 1), (2, 3)])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_any_shape_becomes_a_square(size, form):
    assert (decode(encoded(Image.new("RGB", size, "white"), form), 32) == 255).all()


# -- large photos --


def most_at_once(monkeypatch, files: list[bytes], limit: int) -> int:
    """How many of some photos are decoded at the same time, at most."""
    now, most, lock, eight_bits = 0, 0, threading.Lock(), decoding._eight_bits

    def counted(*args):
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        time.sleep(0.02)
        with lock:
            now -= 1
        return eight_bits(*args)

    monkeypatch.setattr(decoding, "_LARGE", limit)
    monkeypatch.setattr(decoding, "_eight_bits", counted)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda data: decode(data, 32), files))
    return most


@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("TIFF", {}), ("JPEG", {"progressive": True})])
def test_large_photos_are_decoded_one_at_a_time(monkeypatch, form, options):
    data = encoded(photo(300, 200), form, **options)
    assert most_at_once(monkeypatch, [data] * 8, 59_999) == 1
    assert most_at_once(monkeypatch, [data] * 8, 60_000) > 1


def test_a_jpeg_is_as_large_as_the_scale_that_it_is_decoded_at(monkeypatch):
    assert most_at_once(monkeypatch, [encoded(photo(300, 200), "JPEG")] * 8, 59_999) > 1


def test_a_large_photo_that_is_broken_does_not_stop_the_next(monkeypatch):
    monkeypatch.setattr(decoding, "_LARGE", 100)
    data = encoded(photo())
    with pytest.raises(ValueError, match="truncated"):
        decode(data[: len(data) // 2], 16)
    assert decode(data, 16).shape == (16, 16, 3)


# -- broken photos --

BROKEN = {
    "empty": (b"", "empty file"),
    "text": (b"this is no photo", "not an image"),
    "a page": (b"<!doctype html><title>403 Forbidden</title>", "not an image"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "not an image"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "not an image"),
    "avif": (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(64), "not an image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    "cut header": (encoded(photo(), "JPEG")[:20], "not an image"),
    "cut jpeg": (encoded(photo(), "JPEG")[:2500], "truncated"),
    "jpeg without its end": (encoded(photo(), "JPEG")[:-2], "truncated"),
    "cut png": (encoded(photo())[:2500], "truncated"),
    "cut webp": (encoded(photo(), "WEBP")[:1000], ""),
    "cut gif": (encoded(photo(), "GIF")[:2500], ""),
    "cut tiff": (encoded(photo(), "TIFF", compression="tiff_deflate")[:2500], ""),
    "float tiff": (encoded(Image.new("F", (20, 20), 0.5), "TIFF"), "floating-point"),
    "bomb": (encoded(Image.new("1", (20000, 10000))), "too large"),
}


@pytest.mark.filterwarnings("ignore")  # pytest sets filters of its own; the next test looks at ours
@pytest.mark.parametrize("kind", BROKEN)
def test_broken_photos_have_a_short_reason(kind):
    data, told = BROKEN[kind]
    with pytest.raises(ValueError) as caught:
        decode(data, 16)
    reason = str(caught.value)
    assert told in reason
    assert 0 < len(reason) < 100
    assert "\n" not in reason
    assert "0x" not in reason, "an address would differ from run to run"


def test_nothing_of_pillow_reaches_the_terminal(tmp_path):
    for number, (data, _) in enumerate(BROKEN.values()):
        (tmp_path / f"{number}.jpg").write_bytes(data)
    (tmp_path / "whole.jpg").write_bytes(encoded(photo(), "JPEG"))
    code = """if True:
        import sys, pathlib
        from stages.common.data.decoding import Image, decode
        Image.MAX_IMAGE_PIXELS = 50_000  # Pillow warns of photo()'s 60,000
        for path in pathlib.Path(sys.argv[1]).iterdir():
            try:
                decode(path.read_bytes(), 16)
            except ValueError:
                pass
    """
    python = [sys.executable, "-W", "always", "-c", code, tmp_path]
    done = subprocess.run(python, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


# -- any bytes --

SMALL = photo(24, 18)
WHOLE = [
    *(encoded(SMALL, form) for form in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")),
    encoded(SMALL, "JPEG", progressive=True),
    *(encoded(SMALL, "TIFF", compression=kind) for kind in ("tiff_lzw", "tiff_deflate", "jpeg")),
    *(encoded(SMALL.quantize(16)), encoded(SMALL, "WEBP", lossless=True), frames("GIF")),
    *(png(DEEP, 0), tiff(DEEP, 1)),
]
AT = st.floats(0, 1, exclude_max=True)  # a place in a file


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(WHOLE), st.lists(st.tuples(AT, st.integers(0, 255)), max_size=6), AT, st.booleans())
def test_any_bytes_are_a_photo_or_have_a_short_reason(whole, changes, end, cut):
    data = bytearray(whole)
    for at, value in changes:
        data[int(at * len(data))] = value
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 50_000)  # a header may claim any size
        try:
            pixels = decode(bytes(data[: int(end * len(data))] if cut else data), 8)
        except ValueError as error:
            reason = str(error)
            assert 0 < len(reason) < 200
            assert reason.isprintable()
            assert "0x" not in reason
        else:
            assert (pixels.shape, pixels.dtype) == ((8, 8, 3), np.uint8)
