"""A photo's bytes to pixels: as a viewer shows it, or a short reason why not."""

import io
import subprocess
import sys

import numpy as np
import pytest
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


BROKEN = {
    "empty": (b"", "empty file"),
    "text": (b"this is no photo", "not an image"),
    "cut header": (encoded(photo(), "JPEG")[:20], "not an image"),
    "cut jpeg": (encoded(photo(), "JPEG")[:2500], "truncated"),
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
