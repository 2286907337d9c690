"""Views: a pure function of (seed, epoch, image)."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stages.common.data.views import LUMA, Normalization, Views, uniforms

N, SIZE = 40, 32
NORMALIZATION = Normalization((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
FULL = {"crop": 0.6, "rotation": 20, "flip": True, "colour": 0.3}
NONE = {"crop": 1.0, "rotation": 0, "flip": False, "colour": 0.0}


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Smooth random photos: (N, SIZE, SIZE, 3) uint8."""
    coarse = torch.rand(N, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    smooth = F.interpolate(coarse, SIZE, mode="bilinear", align_corners=True)
    return (smooth * 255).byte().permute(0, 2, 3, 1).contiguous().numpy()


def views(photos: np.ndarray, seed: int = 0, **changes) -> Views:
    return Views(photos, NORMALIZATION, SimpleNamespace(**FULL | changes), seed)


def test_views_do_not_depend_on_the_batch_or_its_order(photos):
    whole = views(photos).batch(3, np.arange(N))
    order = np.random.default_rng(1).permutation(N)
    alone = torch.cat([views(photos).batch(3, np.array([i])) for i in range(N)])
    assert torch.equal(whole, alone)
    assert torch.equal(whole[order], views(photos).batch(3, order))


def test_views_do_not_depend_on_the_number_of_threads(photos):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = views(photos).batch(0, np.arange(N))
        torch.set_num_threads(3)
        assert torch.equal(one, views(photos).batch(0, np.arange(N)))
    finally:
        torch.set_num_threads(threads)


def test_another_epoch_seed_or_image_is_another_view(photos):
    same = np.repeat(photos[:1], 2, axis=0)
    first = views(same).batch(0, np.array([0]))
    for other in (
        views(same).batch(1, np.array([0])),
        views(same, seed=1).batch(0, np.array([0])),
        views(same).batch(0, np.array([1])),
    ):
        assert (first - other).abs().mean() > 0.01


def test_without_augmentation_a_view_is_the_photo(photos):
    indices = np.arange(N)
    plain = views(photos, **NONE)
    torch.testing.assert_close(plain.batch(5, indices), plain.plain(indices), atol=2e-4, rtol=0)


def test_plain_is_normalized_and_channels_last(photos):
    got = views(photos).plain(np.array([7]))
    expected = (photos[7] / 255 - NORMALIZATION.mean) / NORMALIZATION.std
    np.testing.assert_allclose(got[0].permute(1, 2, 0), expected, atol=1e-5)
    assert got.shape == (1, 3, SIZE, SIZE)
    assert got.is_contiguous(memory_format=torch.channels_last)


def test_flip_alone_gives_the_photo_or_its_mirror_about_equally(photos):
    flipping = views(photos, **NONE | {"flip": True})
    got, plain = flipping.batch(0, np.arange(N)), flipping.plain(np.arange(N))
    same = (got - plain).abs().amax((1, 2, 3)) < 1e-3
    mirrored = (got - plain.flip(3)).abs().amax((1, 2, 3)) < 1e-3
    assert bool((same ^ mirrored).all())
    assert 0.2 < same.float().mean() < 0.8


def test_crop_keeps_inside_the_photo():
    """A photo whose value is its column: a crop's columns lie between `crop` and 1 pixel apart."""
    ramp = np.broadcast_to(np.arange(SIZE, dtype=np.uint8)[None, None, :, None], (N, SIZE, SIZE, 3))
    cropping = views(np.ascontiguousarray(ramp), **NONE | {"crop": 0.5})
    got = cropping.batch(0, np.arange(N)).permute(0, 2, 3, 1) * torch.tensor(NORMALIZATION.std)
    columns = ((got + torch.tensor(NORMALIZATION.mean)) * 255)[:, SIZE // 2, :, 0]
    step = (columns[:, 20] - columns[:, 10]) / 10
    assert bool(((step > 0.499) & (step < 1.001)).all())
    assert step.max() - step.min() > 0.3
    assert columns.min() > -0.01
    assert columns.max() < SIZE - 0.99


@pytest.mark.parametrize("seed", [0, 1])
def test_colour_is_brightness_contrast_and_saturation_about_the_mean(photos, seed):
    """The affine map against the three steps done one after the other."""
    colour = 0.4
    got = views(photos, seed=seed, **NONE | {"colour": colour}).batch(2, np.arange(N))
    b, c, s = (1 + colour * (2 * uniforms(seed, 2, np.arange(N), 8)[:, 5:8] - 1)).T[..., None, None, None]
    x = photos / 255
    grey = (x.mean((1, 2)) @ np.array(LUMA))[:, None, None, None]
    x = s * x + (1 - s) * (x @ np.array(LUMA))[..., None]
    x = b * (c * x + (1 - c) * grey)
    expected = (x - NORMALIZATION.mean) / NORMALIZATION.std
    np.testing.assert_allclose(got.permute(0, 2, 3, 1), expected, atol=2e-4)


def test_uniforms_are_uniform_and_unrelated():
    values = uniforms(7, 3, np.arange(20_000), 4)
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.histogram(values, 20, (0, 1))[0]
    expected = values.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 50  # chi-squared, 19 degrees: p < 0.001
    neighbours = [values[:-1, 0], values[1:, 0]], [values[:, 0], values[:, 1]]
    epochs = [values[:, 0], uniforms(7, 4, np.arange(20_000), 1)[:, 0]]
    for a, b in (*neighbours, epochs):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.03


def test_the_same_views_for_a_network_of_other_habits(photos):
    """Another normalization is another affine map of the same pixels; enlarging is bilinear."""
    plain = Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    views = Views(photos, plain, SimpleNamespace(**FULL), 3)
    own, size = Normalization((0.5, 0.4, 0.3), (0.2, 0.3, 0.1)), photos.shape[1]
    other, indices = views.like(own, size), np.arange(len(photos))
    mean, std = (torch.tensor(values)[None, :, None, None] for values in own)
    for of in (lambda v: v.plain(indices), lambda v: v.batch(2, indices)):
        torch.testing.assert_close(of(other), (of(views) - mean) / std, atol=1e-5, rtol=1e-4)
        large = of(views.like(own, 2 * size))
        expected = torch.nn.functional.interpolate(of(other), scale_factor=2, mode="bilinear")
        torch.testing.assert_close(large, expected, atol=1e-5, rtol=1e-4)
        assert large.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(views.like(plain, size).plain(indices), views.plain(indices))
