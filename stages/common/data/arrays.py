"""The prepared data set on disk: uint8 arrays to map into memory, and a manifest that says what they hold."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from stages.common.errors import UserError

SPLITS = ("training", "validation", "test")


class Split(NamedTuple):
    """One split's arrays."""

    images: np.memmap  # (N, size, size, 3) uint8, read from disk as it is used
    labels: np.ndarray  # (N,) int64, -1 where unlabelled


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class Manifest:
    """What a prepared data set holds; it vouches for the files that it lists."""

    classes: tuple[str, ...]
    image_size: int  # pixels
    counts: dict[str, int]  # photos per split
    mean: tuple[float, ...]  # per channel (RGB) over the training photos, as fractions 0..1
    std: tuple[float, ...]
    rejected: int  # photos that cannot be used
    duplicated: int  # training photos whose bytes an earlier training photo has; kept
    dropped: int  # photos left out of validation or test: their bytes are in an earlier split, or in theirs
    left_out: int  # photos that are in no split, or not in the table of labels
    digests: dict[str, str]  # SHA-256 of each file


def open_split(directory: Path, split: str) -> Split:
    """Map the "training", "validation" or "test" split of a built data set.

    Raises `UserError` where it is not there, or is not what its manifest vouches for.
    """
    manifest = read_manifest(directory)
    names = f"{split}.npy", f"{split}_labels.npy"
    for name in names:
        require_whole(directory, name, manifest)
    images = np.load(directory / names[0], mmap_mode="r")
    return Split(images, np.load(directory / names[1]))


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a built data set. Raises `UserError` where there is none, or something else."""
    path = directory / "manifest.json"
    try:
        # From JSON, tuples are lists.
        manifest = TypeAdapter(Manifest).validate_json(path.read_bytes())
        if manifest.counts.keys() != set(SPLITS) or not len(manifest.mean) == len(manifest.std) == 3:
            raise ValueError
        return manifest
    except FileNotFoundError:
        raise UserError(f"{path}: does not exist; run `dvc repro` to prepare the data") from None
    except (OSError, ValueError):  # pydantic's ValidationError is one
        raise UserError(f"{path}: not as `prepare` wrote it; run `dvc repro --force prepare`") from None


def require_whole(directory: Path, name: str, manifest: Manifest) -> None:
    """Raises `UserError` where a file of a data set is not the one that its manifest lists."""
    path = directory / name
    if not path.is_file():
        raise UserError(f"{path}: does not exist; run `dvc repro` to prepare the data")
    if digest(path) != manifest.digests.get(name):
        raise UserError(
            f"{path}: damaged: not what {directory / 'manifest.json'} vouches for; delete it and run `dvc checkout`, "
            "or `dvc repro --force prepare`"
        )


class ArrayWriter:
    """A .npy file of items of one shape and type, appended; their number may be known last."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: type = np.uint8):
        self._file, self._shape, self._count = path.open("wb"), shape, 0
        self._type = np.lib.format.dtype_to_descr(np.dtype(dtype))

    def append(self, item: np.ndarray) -> None:
        self.extend(item[None])

    def extend(self, items: np.ndarray) -> None:
        """Several items: (n, *shape)."""
        self._file.write(np.ascontiguousarray(items).data)
        self._count += len(items)

    def _header(self) -> None:
        # numpy pads the header so that a longer first axis does not change its length
        facts = {"descr": self._type, "fortran_order": False, "shape": (self._count, *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, facts)

    def __enter__(self) -> "ArrayWriter":
        self._header()
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            if kind is None:
                self._file.seek(0)
                self._header()
        finally:
            self._file.close()


def digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
