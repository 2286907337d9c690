"""Photos, folders and zips that the tests of data read."""

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stages.common.data.layouts import scan
from stages.common.data.listing import Listing
from stages.common.data.sources import Source
from stages.common.errors import UserError

BOTH = pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])

Files = Iterable[str] | Mapping[str, bytes]


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def photo(width: int = 300, height: int = 200) -> Image.Image:
    """Smooth shades and some edges, as photos have them."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    pixels = np.stack([127 + 120 * np.sin(9 * x + 4 * y), 255 * x * y, 255 * (1 - y) * x], axis=-1)
    image = Image.fromarray(pixels.astype(np.uint8))
    ImageDraw.Draw(image).ellipse((width // 5, height // 4, width // 2, height // 1.2), fill=(200, 60, 20))
    return image


def noise(seed: int, size: int = 8) -> bytes:
    """A small photo's file that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), "BMP")


def lay_out(root: Path, files: Files, as_zip: bool = False) -> Path:
    """A source of files (a name ending in "/" is an empty folder), empty or as given: a folder, or a zip of one."""
    contents = files if isinstance(files, Mapping) else dict.fromkeys(files, b"")
    if as_zip:
        with zipfile.ZipFile(root / "photos.zip", "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
        return root / "photos.zip"
    for name, content in contents.items():
        path = root / "photos" / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(content)
    return root / "photos"


def scanned(root: Path, files: Files, as_zip: bool = False, **settings) -> Listing:
    with Source(lay_out(root, files, as_zip)) as source:
        return scan(source, **settings)


def refused(call: Callable[[], object]) -> str:
    """The line with which something is refused."""
    with pytest.raises(UserError) as caught:
        call()
    told = str(caught.value)
    assert told.isprintable(), "one line that any terminal shows"
    return told


def under(folder: str, names: list[str]) -> list[str]:
    return [f"{folder}/{name}" for name in names]


def labels(listing: Listing, split: str) -> list[int]:
    return sorted(label for _, label in listing.splits[split])


def classed(listing: Listing) -> dict[str, dict[str, str | None]]:
    """The class of each photo in each split that has photos."""
    return {
        split: {name: listing.classes[label] if label >= 0 else None for name, label in photos}
        for split, photos in listing.splits.items()
        if photos
    }
