"""Augmented views of the photos: a pure function of (seed, epoch, image).

The same (seed, epoch, image) gives the same pixels whatever the batch, its order or the number of
workers. So a teacher's answers are computed once for each view and serve every student, teacher and
student see the same image (Beyer et al. 2022), and a resumed run repeats the run it continues.
"""

import copy
import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SPARE = 8  # random numbers an image


class Normalization(NamedTuple):
    """Mean and standard deviation of a channel, as fractions of full scale."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def _mix(x: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele et al. 2014): uint64 -> uint64, every bit depends on all."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniforms(seed: int, epoch: int, indices: np.ndarray, count: int) -> np.ndarray:
    """`count` numbers in [0, 1) for each image: (N, count) float64, a hash of (seed, epoch, index)."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        key = _mix(np.uint64([seed]) * golden + np.uint64(1))
        key = _mix((key ^ np.uint64(epoch)) * golden + np.uint64(2))
        key = _mix((key ^ indices.astype(np.uint64)) * golden + np.uint64(3))
        bits = _mix(key[:, None] + golden * np.arange(1, count + 1, dtype=np.uint64))
    return (bits >> np.uint64(11)) * 2.0**-53


class Views:
    """Photos on a device, ready to be looked at.

    images: (N, S, S, 3) uint8, memory-mapped or not; on a GPU they are copied there once.
    Networks that expect another normalization or larger images see the same views through `like`.
    augment: how far crops, rotations, flips and colours go (`augment` in params.yaml).
    """

    def __init__(
        self, images: np.ndarray, normalization: Normalization, augment, seed: int, device: str = "cpu"
    ):
        self._images = images
        self._resident = (
            torch.from_numpy(np.ascontiguousarray(images)).to(device) if device != "cpu" else None
        )
        self._mean = torch.tensor(normalization.mean, device=device)
        self._std = torch.tensor(normalization.std, device=device)
        self._augment, self._seed, self._device = augment, seed, device
        self._size = images.shape[1]

    def like(self, normalization: Normalization, size: int) -> "Views":
        """The same views under another normalization, enlarged to `size` pixels (bilinear)."""
        other = copy.copy(self)
        other._mean = torch.tensor(normalization.mean, device=self._device)
        other._std = torch.tensor(normalization.std, device=self._device)
        other._size = size
        return other

    def _enlarged(self, images: torch.Tensor) -> torch.Tensor:
        if images.shape[2] == self._size:
            return images
        images = F.interpolate(images, (self._size, self._size), mode="bilinear", align_corners=False)
        return images.contiguous(memory_format=torch.channels_last)

    def __len__(self) -> int:
        return len(self._images)

    def plain(self, indices: np.ndarray) -> torch.Tensor:
        """The photos as they are, normalized: (B, 3, S, S) float32, channels last in memory."""
        pixels = self._pixels(indices).float().div_(255)
        return self._enlarged(pixels.sub_(self._mean).div_(self._std).permute(0, 3, 1, 2))

    def batch(self, epoch: int, indices: np.ndarray) -> torch.Tensor:
        """Crop, rotation, flip and colour of (seed, epoch, image): (B, 3, S, S) float32, channels last."""
        pixels = self._pixels(indices)
        random = uniforms(self._seed, epoch, indices, SPARE)
        coloured = self._colour(pixels, torch.from_numpy(random[:, 5:8]).float().to(self._device))
        grid = self._grid(random, pixels.shape[1])
        views = F.grid_sample(coloured, grid, padding_mode="reflection", align_corners=False)
        return self._enlarged(views.contiguous(memory_format=torch.channels_last))

    def _pixels(self, indices: np.ndarray) -> torch.Tensor:
        """(B, S, S, 3) uint8."""
        if self._resident is not None:
            return self._resident[torch.from_numpy(indices).to(self._device)]
        return torch.from_numpy(self._images[indices])

    def _grid(self, random: np.ndarray, size: int) -> torch.Tensor:
        """Where each pixel of a view is read: a square crop, turned, moved within the photo and mirrored."""
        a = self._augment
        scale = 1 - (1 - a.crop) * random[:, 0]
        angle = np.radians(a.rotation) * (2 * random[:, 1] - 1)
        mirror = np.where(random[:, 2] < 0.5, -1.0, 1.0) if a.flip else np.ones(len(random))
        room = 1 - scale
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        rows = [
            [cos * mirror, -sin, room * (2 * random[:, 3] - 1)],
            [sin * mirror, cos, room * (2 * random[:, 4] - 1)],
        ]
        theta = torch.from_numpy(np.array(rows).transpose(2, 0, 1)).float().to(self._device)
        return F.affine_grid(theta, [len(random), 3, size, size], align_corners=False)

    def _colour(self, pixels: torch.Tensor, random: torch.Tensor) -> torch.Tensor:
        """Brightness, contrast, saturation and normalization, as one affine map of a photo's colours.

        Written as sums over single channels: a matrix product may round differently in another batch.
        """
        brightness, contrast, saturation = (1 + self._augment.colour * (2 * random - 1)).unbind(1)
        luma = torch.tensor(LUMA, device=self._device)
        # The sum of bytes is exact, so the mean does not depend on the order of summation.
        mean = pixels.sum((1, 2), dtype=torch.int64).double() / (255 * math.prod(pixels.shape[1:3]))
        grey = (mean.float() * luma).sum(1)
        gain = brightness * contrast
        shift = brightness * (1 - contrast) * grey
        weight = gain[:, None, None] * (
            saturation[:, None, None] * torch.eye(3, device=self._device)
            + (1 - saturation[:, None, None]) * luma
        )
        weight = weight / (255 * self._std[:, None])
        offset = (shift[:, None] - self._mean) / self._std
        r, g, b = pixels.permute(3, 0, 1, 2).float().contiguous()  # planes: strided bytes are slow to work on
        out = torch.empty(len(pixels), 3, *r.shape[1:], device=self._device)
        for c in range(3):
            w = weight[:, c, :, None, None].unbind(1)
            torch.addcmul(offset[:, c, None, None], w[0], r, out=out[:, c])
            out[:, c].addcmul_(w[1], g).addcmul_(w[2], b)
        return out
