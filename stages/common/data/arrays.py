"""The prepared data set on disk: uint8 arrays to map into memory, and a manifest that says what they hold."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.errors import UserError

SPLITS = ("training", "validation", "test")


class Split(NamedTuple):
    """One split's arrays."""

    images: np.memmap  # (N, size, size, 3) uint8, read from disk as it is used
    labels: np.ndarray  # (N,) int64, -1 where unlabelled


@dataclass(frozen=True)
class Manifest:
    """What a prepared data set holds."""

    classes: tuple[str, ...]
    image_size: int  # pixels
    counts: dict[str, int]  # photos per split
    mean: tuple[float, ...]  # per channel (RGB) over the training photos, as fractions 0..1
    std: tuple[float, ...]
    rejected: int  # photos that cannot be used
    duplicated: int  # training photos whose bytes an earlier training photo has; kept
    dropped: int  # photos left out of validation or test: their bytes are in an earlier split, or in theirs
    digest: str  # SHA-256 of all arrays


def open_split(directory: Path, split: str) -> Split:
    """Map the "training", "validation" or "test" split of a built data set; `UserError` where it is not."""
    read_manifest(directory)
    images = np.load(directory / f"{split}.npy", mmap_mode="r")
    return Split(images, np.load(directory / f"{split}_labels.npy"))


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a built data set. Raises `UserError` where there is none."""
    path = directory / "manifest.json"
    if not path.is_file():
        raise UserError(f"{path}: does not exist; run `dvc repro` to prepare the data")
    facts = json.loads(path.read_text())
    return Manifest(**facts | {key: tuple(facts[key]) for key in ("classes", "mean", "std")})


class ArrayWriter:
    """A .npy file of uint8 items of one shape, appended one by one; their number may be known last."""

    def __init__(self, path: Path, shape: tuple[int, ...]):
        self._file, self._shape, self._count = path.open("wb"), shape, 0

    def append(self, item: np.ndarray) -> None:
        self._file.write(item.data)
        self._count += 1

    def _header(self) -> None:
        # numpy pads the header so that a longer first axis does not change its length
        facts = {"descr": "|u1", "fortran_order": False, "shape": (self._count, *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, facts)

    def __enter__(self) -> "ArrayWriter":
        self._header()
        return self

    def __exit__(self, *_) -> None:
        self._file.seek(0)
        self._header()
        self._file.close()


def digest(directory: Path) -> str:
    """SHA-256 of all arrays of a data set, as hexadecimal digits."""
    sha = hashlib.sha256()
    for split in SPLITS:
        for name in (f"{split}.npy", f"{split}_labels.npy"):
            with (directory / name).open("rb") as file:
                hashlib.file_digest(file, lambda: sha)
    return sha.hexdigest()
