"""From photos to the prepared data set: decoding and writing, a few photos at a time."""

import csv
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common import machine, progress
from stages.common.data import copies
from stages.common.data.arrays import SPLITS, ArrayWriter, Manifest, digest
from stages.common.data.decoding import decode
from stages.common.data.layouts import Listing, Source, hold_out, scan
from stages.common.errors import UserError

CHUNK = 32  # photos a thread decodes at a time: handing them over one by one takes as long as decoding them
AHEAD = 2  # chunks in flight per thread: one in work, one to go on with


def build(
    source: Path,
    directory: Path,
    image_size: int,
    val_fraction: float,
    max_rejected: int,
    seed: int,
    label: str,
    key: str,
) -> Manifest:
    """Decode the photos of a folder or zip into arrays under `directory`.

    Writes per split `{split}.npy` (N, image_size, image_size, 3) uint8 and `{split}_labels.npy` (N,) int64,
    then `files.csv`, `rejected.csv`, `duplicates.csv` and `manifest.json`. The same photos give the same
    bytes, whatever the number of threads, and no more than a few photos are in memory at a time. A source
    without validation photos gives up `val_fraction` of each class's training photos for it, by `seed`.
    Which copies are left out is decided before anything is decoded: see `copies.settle`.
    `label` heads the progress bar; `key` is the section of params.yaml that errors point at.

    Raises `UserError` for a source that cannot be used, for more than `max_rejected` rejected photos, for a
    class whose training photos were all rejected, and where no validation photo is left.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "manifest.json").unlink(missing_ok=True)  # vouches for the rest: goes first, comes last
    with Source(source) as photos:
        listing, copied = _listing(photos, val_fraction, seed, label)
        done = _decode(photos, listing, directory, image_size, label)
    used = {row.file for row in done.kept}
    copied = [copy for copy in copied if copy.file in used or not copy.kept]
    dropped = sum(not copy.kept for copy in copied)
    rejected, listed = listing.rejected + done.rejected, directory / "rejected.csv"

    for split in SPLITS:
        labels = [row.label for row in done.kept if row.split == split]
        np.save(directory / f"{split}_labels.npy", np.array(labels, dtype=np.int64))
    _write_csv(directory / "files.csv", ("split", "file", "label"), done.kept)
    _write_csv(listed, ("file", "reason"), rejected)
    duplicates = ((copy.file, copy.first_seen, "yes" if copy.kept else "no") for copy in copied)
    _write_csv(directory / "duplicates.csv", ("file", "first_seen", "kept"), duplicates)

    if len(rejected) > max_rejected:
        file, reason = rejected[0]
        raise UserError(
            f"{source}: {len(rejected)} photos rejected, {key}.max_rejected allows {max_rejected};"
            f" the first is {file} ({reason}); mend or remove those in {listed}, or raise the limit"
        )
    left = {row.label for row in done.kept if row.split == "training"}
    for index, name in enumerate(listing.classes):
        if index not in left:
            raise UserError(f"{source}: every training photo of class '{name}' was rejected; see {listed}")
    if not any(row.split == "validation" for row in done.kept):
        raise UserError(
            f"{source}: every validation photo was rejected ({listed}) or left out as a copy"
            f" ({directory / 'duplicates.csv'}); add photos that training has not"
        )

    mean, std = done.moments.mean_std()
    manifest = Manifest(
        classes=tuple(listing.classes),
        image_size=image_size,
        counts={split: sum(row.split == split for row in done.kept) for split in SPLITS},
        mean=mean,
        std=std,
        rejected=len(rejected),
        duplicated=len(copied) - dropped,
        dropped=dropped,
        digest=digest(directory),
    )
    (directory / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n")
    return manifest


class _Row(NamedTuple):
    split: str
    file: str
    label: int


class _Photo(NamedTuple):
    pixels: np.ndarray  # (size, size, 3) uint8
    total: np.ndarray  # (3,) int64: the sum of each channel
    squares: np.ndarray  # (3,) int64: the sum of its squares


@dataclass
class _Moments:
    """Mean and deviation of each channel from whole-number sums: exact, whatever the order and the number."""

    pixels: int = 0
    total: list[int] = field(default_factory=lambda: [0, 0, 0])
    squares: list[int] = field(default_factory=lambda: [0, 0, 0])

    def add(self, photo: _Photo) -> None:
        self.pixels += photo.pixels.size // 3
        self.total = [a + b for a, b in zip(self.total, photo.total.tolist(), strict=True)]
        self.squares = [a + b for a, b in zip(self.squares, photo.squares.tolist(), strict=True)]

    def mean_std(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """As fractions 0..1, rounded to 6 decimals."""
        n = self.pixels
        mean = tuple(round(total / (255 * n), 6) for total in self.total)
        variances = (n * squares - total**2 for total, squares in zip(self.total, self.squares, strict=True))
        return mean, tuple(round(math.sqrt(variance) / (255 * n), 6) for variance in variances)


@dataclass
class _Decoded:
    kept: list[_Row] = field(default_factory=list)  # in the order of the arrays
    rejected: list[tuple[str, str]] = field(default_factory=list)  # (file, reason)
    moments: _Moments = field(default_factory=_Moments)


def _listing(photos: Source, val_fraction: float, seed: int, label: str) -> tuple[Listing, list[copies.Copy]]:
    """What is to be decoded, and the copies."""
    listing = scan(photos)
    names = (name for split in SPLITS for name, _ in listing.splits[split])
    copied = copies.find(photos, names, label)
    listing = hold_out(listing, copied, val_fraction, seed)
    if not listing.splits["validation"]:
        raise UserError(
            f"{photos.path}: no validation photos, and none can be held out, as no class of training has"
            " two different photos; add photos"
        )
    return copies.settle(listing, copied)


def _decode(photos: Source, listing: Listing, directory: Path, size: int, label: str) -> _Decoded:
    """Stream the photos into the image arrays; only names and labels are kept in memory."""
    done = _Decoded()
    rows = {split: [_Row(split, *entry) for entry in listing.splits[split]] for split in SPLITS}
    with (
        ThreadPoolExecutor(machine.workers()) as pool,
        progress.bar(label, sum(map(len, rows.values())), "photos") as bar,
    ):
        for split in SPLITS:
            with ArrayWriter(directory / f"{split}.npy", (size, size, 3)) as array:
                for row, photo in _in_order(pool, lambda row: _load(photos, row.file, size), rows[split]):
                    bar.advance()
                    if isinstance(photo, str):
                        done.rejected.append((row.file, photo))
                        continue
                    array.append(photo.pixels)
                    done.kept.append(row)
                    if split == "training":
                        done.moments.add(photo)
    return done


def _load(source: Source, name: str, size: int) -> _Photo | str:
    """A photo, or the reason why there is none. Runs in a thread."""
    try:
        pixels = decode(source.read(name), size)
    except ValueError as error:
        return str(error)
    channels = np.ascontiguousarray(pixels.reshape(-1, 3).T)  # contiguous rows sum several times faster
    total = channels.sum(axis=1, dtype=np.int64)
    squares = np.square(channels, dtype=np.uint32).sum(axis=1, dtype=np.int64)
    return _Photo(pixels, total, squares)


def _in_order(
    pool: Executor, load: Callable[[_Row], _Photo | str], rows: list[_Row]
) -> Iterator[tuple[_Row, _Photo | str]]:
    """Each row and its photo, in order; unlike with `pool.map`, a bounded number are in flight."""
    pending, ahead = deque(), AHEAD * machine.workers()
    for start in range(0, len(rows), CHUNK):
        if len(pending) == ahead:
            yield from pending.popleft().result()
        chunk = rows[start : start + CHUNK]
        pending.append(pool.submit(lambda chunk: [(row, load(row)) for row in chunk], chunk))
    while pending:
        yield from pending.popleft().result()


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple]) -> None:
    # surrogateescape: a file name need not be text
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
