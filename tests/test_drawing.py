"""The stand-in photos: reproducible, of the promised form, varied, not told apart by colour alone."""

import functools
import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from stages import drawing
from stages.drawing.registry import SCENES

KINDS = (*drawing.FOODS, *drawing.OBJECTS)


@functools.cache
def photo(kind: str, seed: int, difficulty: float = 0.5) -> Image.Image:
    return drawing.photo(kind, np.random.default_rng(seed), difficulty)


def thumbnail(image: Image.Image) -> np.ndarray:
    """(24, 24, 3) float64."""
    return np.asarray(image.resize((24, 24), Image.Resampling.BOX), float)


def mean_colours(seeds: range) -> np.ndarray:
    """The mean colour of one photo a food and seed, (foods, seeds, 3)."""
    return np.array([[thumbnail(photo(food, seed)).mean((0, 1)) for seed in seeds] for food in drawing.FOODS])


def test_names():
    assert len(drawing.FOODS) == 11
    assert len(set(KINDS)) == len(KINDS)
    assert len(drawing.OBJECTS) >= 20
    assert all(name == name.lower() for name in drawing.OBJECTS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_is_a_function_of_the_generator(kind):
    again = drawing.photo(kind, np.random.default_rng(3))
    assert photo(kind, 3).tobytes() == again.tobytes()
    assert photo(kind, 3).tobytes() != photo(kind, 4).tobytes()


def test_the_order_of_drawing_does_not_matter():
    backwards = [drawing.photo(kind, np.random.default_rng(3)) for kind in drawing.FOODS[::-1]]
    assert [image.tobytes() for image in backwards] == [
        photo(kind, 3).tobytes() for kind in drawing.FOODS[::-1]
    ]


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_form(kind, difficulty):
    image = photo(kind, 3, difficulty)
    short, long = sorted(image.size)
    assert image.mode == "RGB"
    assert 96 <= short <= 128
    assert long / short <= 4 / 3


def test_every_size_keeps_its_ratio():
    sizes = [photo("cup", seed, 1.0).size for seed in range(20)]
    assert all(3 / 4 <= w / h <= 4 / 3 for w, h in sizes)
    assert any(w > h for w, h in sizes)
    assert any(w < h for w, h in sizes)


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'bicycle'"):
        photo("bicycle", 0)


def test_jpeg_opens_again_and_varies_in_quality():
    image, rng = photo("Egg", 0), np.random.default_rng(0)
    files = [drawing.jpeg(image, rng) for _ in range(12)]
    for data in files:
        with Image.open(io.BytesIO(data)) as opened:
            assert (opened.format, opened.mode, opened.size) == ("JPEG", "RGB", image.size)
    assert len(set(map(len, files))) > 6
    assert drawing.jpeg(image, np.random.default_rng(1)) == drawing.jpeg(image, np.random.default_rng(1))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_drawn(kind):
    assert len(SCENES[kind]) >= (3 if kind in drawing.FOODS else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_photos_of_a_kind_differ_visibly(kind):
    thumbnails = [thumbnail(photo(kind, seed)) for seed in (3, 4)]
    assert all(np.abs(a - b).mean() > 12 for a, b in pairwise(thumbnails))


def test_difficulty_widens_the_range_of_brightness():
    spread = [np.std([thumbnail(photo("cup", seed, d)).mean() for seed in range(14)]) for d in (0.0, 1.0)]
    assert spread[1] > spread[0]


def test_the_mean_colour_does_not_give_the_food_away():
    seen, unseen = mean_colours(range(3, 9)), mean_colours(range(9, 12))
    distance = np.linalg.norm(unseen[:, :, None] - seen.mean(1), axis=-1)
    hits = distance.argmin(-1) == np.arange(len(drawing.FOODS))[:, None]
    assert hits.mean() < 0.35  # chance is 0.09


def test_contact_sheet_has_a_row_a_kind():
    rows = {kind: [photo(kind, 0)] * 2 for kind in drawing.FOODS[:3]}
    sheet = drawing.contact_sheet(rows, thumb=48)
    assert sheet.mode == "RGB"
    assert sheet.height >= 3 * 48
    assert sheet.width >= 2 * 48
