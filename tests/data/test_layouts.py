"""Folders, zips and photos as people have them: what is read, in which order, and what is said if not."""

import io
import random
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stages.common.data import decoding
from stages.common.data.arrays import SPLITS
from stages.common.data.decoding import decode
from stages.common.data.layouts import FOOD11, Listing, Source, hold_out, scan
from stages.common.errors import UserError
from tests.graph import ROOT

FLAT = [f"{cls}_{number}.jpg" for cls in range(11) for number in range(2)]
KAGGLE = [name.replace("/", "-") for name in FOOD11]


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


def lay_out(root: Path, names: list[str], as_zip: bool = False) -> Path:
    """A source of files at `names` (a name ending in "/" is an empty folder): a folder, or a zip of one."""
    if as_zip:
        with zipfile.ZipFile(root / "photos.zip", "w") as archive:
            for name in names:
                archive.writestr(name, "")
        return root / "photos.zip"
    for name in names:
        path = root / "photos" / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch()
    return root / "photos"


def scanned(root: Path, names: list[str], as_zip: bool = False) -> Listing:
    with Source(lay_out(root, names, as_zip)) as source:
        return scan(source)


def under(folder: str, names: list[str]) -> list[str]:
    return [f"{folder}/{name}" for name in names]


def labels(listing: Listing, split: str) -> list[int]:
    return sorted(label for _, label in listing.splits[split])


LAYOUTS = {  # name -> (files, classes, labels of training, validation and test)
    "food11": (
        under("training", FLAT) + under("validation", FLAT[::2]) + under("evaluation", FLAT[::2]),
        list(FOOD11),
        (sorted([*range(11)] * 2), [*range(11)], [*range(11)]),
    ),
    "food11, course copy": (
        under("food-11/training", FLAT)
        + under("food-11/validation", FLAT[::2])
        # unlabelled
        + under("food-11/testing", ["0001.jpg", "0002.jpg"]),
        list(FOOD11),
        (sorted([*range(11)] * 2), [*range(11)], [-1, -1]),
    ),
    "food11 without splits": (FLAT, list(FOOD11), (sorted([*range(11)] * 2), [], [])),
    "flat below a root folder": (under("my photos", FLAT), list(FOOD11), (sorted([*range(11)] * 2), [], [])),
    "fewer flat classes": (["0_a.jpg", "2_b.png", "10_c.webp"], ["0", "2", "10"], ([0, 1, 2], [], [])),
    "kaggle": (
        [f"{split}/{cls}/0.jpg" for split in ("training", "validation", "evaluation") for cls in KAGGLE],
        KAGGLE,
        ([*range(11)], [*range(11)], [*range(11)]),
    ),
    "class_00": (
        [f"training/class_{number:02}/x.jpg" for number in range(11)],
        [f"class_{number:02}" for number in range(11)],
        ([*range(11)], [], []),
    ),
    "numbers as folders": (
        [f"Train/{number}/x.jpg" for number in range(11)] + ["VAL/10/y.jpg", "Test/0001.jpg"],
        [str(number) for number in range(11)],
        ([*range(11)], [10], [-1]),
    ),
    "image folder": (
        ["dog/a/1.jpg", "dog/2.JPEG", "cat/3.png", "ant/4.tif"],
        ["ant", "cat", "dog"],
        ([0, 1, 2, 2], [], []),
    ),
    "image folder below a root": (
        ["pets 2020/dog/2.jpg", "pets 2020/cat/3_1.jpg"],
        ["cat", "dog"],
        ([0, 1], [], []),
    ),
}


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout, as_zip):
    names, classes, expected = LAYOUTS[layout]
    listing = scanned(tmp_path, random.Random(0).sample(names, len(names)), as_zip)
    assert listing.classes == classes
    assert tuple(labels(listing, split) for split in SPLITS) == expected
    assert sorted(name for split in listing.splits.values() for name, _ in split) == sorted(names)
    assert all(split == sorted(split) for split in listing.splits.values())
    assert listing.rejected == []


def test_labels_are_positions_among_the_classes(tmp_path):
    listing = scanned(tmp_path, under("training", FLAT))
    assert dict(listing.splits["training"])["training/10_0.jpg"] == 10
    assert dict(listing.splits["training"])["training/2_1.jpg"] == 2
    assert listing.classes[10] == "Vegetable-Fruit"


@pytest.mark.parametrize(
    "classes",
    [
        ["1", "2", "10"],
        ["class_1", "class_2", "class_10"],
        ["class-2", "class 3", "Class_10"],
        ["Dairy_product", "fried FOOD", "Noodles Pasta", "vegetable-fruit"],
        ["Bread", "rice", "Soup"],
        ["10", "2", "two"],
        ["apple", "banana", "class_00"],
    ],
)
def test_class_order(tmp_path, classes):
    listing = scanned(tmp_path, [f"train/{cls}/x.jpg" for cls in classes])
    assert listing.classes == classes


@pytest.mark.parametrize("root", ["food-11/training", "2_3/10_4/train", "7_photos/training"])
def test_digits_in_folder_names_are_no_class(tmp_path, root):
    parent = tmp_path / "5_6" / "run 9"
    parent.mkdir(parents=True)
    listing = scanned(parent, under(root, ["0_7.jpg", "1_8.jpg"]))
    assert listing.classes == ["0", "1"]
    assert labels(listing, "training") == [0, 1]


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
def test_only_visible_photos_are_read(tmp_path, as_zip):
    names = ["train/0_1.JPG", "train/1_1.tiff"]
    others = ["train/.0_2.jpg", ".git/0_1.jpg", "__MACOSX/train/._0_1.jpg", "train/notes.txt", "train/0_3"]
    with Source(lay_out(tmp_path, names + others, as_zip)) as source:
        assert source.names() == names
        assert source.folders() == ["train"]
        assert scan(source).rejected == []


def test_zip_with_backslashes(tmp_path):
    assert scanned(tmp_path, ["train\\a\\1.jpg", "train\\b\\1.jpg"], as_zip=True).classes == ["a", "b"]


def test_linked_folders_are_followed(tmp_path):
    (tmp_path / "link").mkdir()
    (tmp_path / "link/a").symlink_to(lay_out(tmp_path, ["1.jpg"]))
    (tmp_path / "link/b").symlink_to(tmp_path / "photos")
    with Source(tmp_path / "link") as source:
        assert source.names() == ["a/1.jpg", "b/1.jpg"]


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ("training/cover.jpg", "no class"),
        ("validation/cover.jpg", "no class"),
        ("training/old/0_1.jpg", "no class"),
        ("training/IMG3_1.jpg", "no class"),
        ("0_1.jpg", "in none of the split folders"),
    ],
)
def test_misplaced_photos_are_listed_with_a_reason(tmp_path, extra, reason):
    names = under("training", FLAT) + under("validation", FLAT)
    listing = scanned(tmp_path, [*names, extra])
    [(name, told)] = listing.rejected
    assert name == extra
    assert reason in told
    assert listing.classes == list(FOOD11)
    assert sorted(name for split in listing.splits.values() for name, _ in split) == sorted(names)


def test_photo_beside_class_folders_is_misplaced(tmp_path):
    listing = scanned(tmp_path, ["a/1.jpg", "b/1.jpg", "cover.jpg"])
    assert [name for name, _ in listing.rejected] == ["cover.jpg"]


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["train/notes.txt"], "no photos"),
        (["train/0_1.jpg", "train/0_2.jpg"], "only one class ('0')"),
        (["cats/1.jpg", "cats/2.jpg"], "only one class ('cats')"),
        (["train/a/1.jpg", "train/b/1.jpg", "val/c/1.jpg"], "validation has class 'c'"),
        (["train/0_1.jpg", "train/1_1.jpg", "test/11_1.jpg"], "test has class '11'"),
        (["train/a/1.jpg", "train/b/1.jpg", "train/c/"], "class folder 'c' holds no photo"),
        (["a/1.jpg", "b/1.jpg", "c/"], "class folder 'c' holds no photo"),
        (["train/a/1.jpg", "train/c/", "val/c/1.jpg"], "class folder 'c' holds no photo"),
        (["1.jpg", "2.jpg"], "{class}_{id}.jpg files or class folders"),
        (["train/1.jpg", "train/2.jpg"], "{class}_{id}.jpg files or class folders"),
        (["val/0_1.jpg", "val/1_1.jpg"], "{class}_{id}.jpg files or class folders"),
    ],
)
def test_unusable_sources_are_told_in_one_line(tmp_path, names, told, as_zip):
    path = lay_out(tmp_path, names, as_zip)
    with pytest.raises(UserError) as caught, Source(path) as source:
        scan(source)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("missing", None, "does not exist"),
        ("photos.tar", b"not a zip", "neither a folder nor a zip"),
        ("photos.zip", b"PK\x03\x04 cut off", "broken zip"),
        ("photos.zip", b"", "broken zip"),
    ],
)
def test_unreadable_sources_are_told_in_one_line(tmp_path, name, content, told):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        Source(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
def test_reading_from_several_threads(tmp_path, as_zip):
    contents = {f"{number}.jpg": bytes([number]) * 5000 for number in range(200)}
    path = tmp_path / "p.zip" if as_zip else tmp_path
    if as_zip:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
    else:
        for name, content in contents.items():
            (path / name).write_bytes(content)
    with Source(path) as source, ThreadPoolExecutor(8) as pool:
        assert dict(zip(source.names(), pool.map(source.read, source.names()), strict=True)) == contents


def test_corrupt_zip_member_is_a_value_error(tmp_path):
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", b"first photo")
        archive.writestr("b.jpg", b"other photo")
    path.write_bytes(path.read_bytes().replace(b"first", b"fIrst"))
    with Source(path) as source:
        assert source.read("b.jpg") == b"other photo"
        with pytest.raises(ValueError, match="cannot be read: Bad CRC"):
            source.read("a.jpg")
        assert source.read("b.jpg") == b"other photo"


def listing_of(counts: dict[int, int], order: int = 0) -> Listing:
    photos = [(f"{label}_{number}.jpg", label) for label, count in counts.items() for number in range(count)]
    random.Random(order).shuffle(photos)
    return Listing([str(label) for label in counts], {"training": photos, "validation": [], "test": []}, [])


def test_hold_out_is_stratified():
    held = hold_out(listing_of({0: 100, 1: 50, 2: 3, 3: 2, 4: 1}), {}, fraction=0.1, seed=1)
    count = {label: labels(held, "validation").count(label) for label in range(5)}
    assert count == {0: 10, 1: 5, 2: 1, 3: 1, 4: 0}
    both = held.splits["training"] + held.splits["validation"]
    assert sorted(both) == sorted(listing_of({0: 100, 1: 50, 2: 3, 3: 2, 4: 1}).splits["training"])


def test_hold_out_leaves_a_photo_to_train_on():
    held = hold_out(listing_of({0: 5, 1: 2}), {}, fraction=1.0, seed=1)
    assert labels(held, "training") == [0, 1]


def test_hold_out_depends_on_the_seed_and_not_on_the_order_of_files():
    first, again, other = (
        hold_out(listing_of({0: 50, 1: 50}, order), {}, 0.2, seed) for order, seed in ((1, 7), (2, 7), (1, 8))
    )
    assert first == again
    assert first.splits["validation"] != other.splits["validation"]
    assert labels(other, "validation") == labels(first, "validation")


def test_hold_out_keeps_an_existing_validation_split(tmp_path):
    listing = scanned(tmp_path, ["train/0_1.jpg", "train/1_1.jpg", "val/0_1.jpg"])
    assert hold_out(listing, {}, 0.5, 0) == listing


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
        decoding, "_square", lambda image, size: seen.append(image.size) or square(image, size)
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
