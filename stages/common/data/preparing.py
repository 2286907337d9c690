"""From photos to the prepared data set: decoding and writing, a few photos at a time."""

import csv
import io
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common import machine, progress
from stages.common.data import copies
from stages.common.data.arrays import SPLITS, ArrayWriter, Manifest, digest
from stages.common.data.decoding import decode
from stages.common.data.holding_out import hold_out
from stages.common.data.layouts import scan
from stages.common.data.listing import Listing, told
from stages.common.data.sources import Source
from stages.common.errors import UserError, printable
from stages.common.files import whole, write

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
    rejects: Path,
    class_folder: str = "top",
    labels: Path | None = None,
) -> Manifest:
    """Decode the photos of a folder or zip into arrays under `directory`, which appears when all is done.

    Writes per split `{split}.npy` (N, image_size, image_size, 3) uint8 and `{split}_labels.npy` (N,) int64,
    then `files.csv`, `classes.csv`, `rejected.csv`, `duplicates.csv`, `left_out.csv` and `manifest.json`. The
    same photos give the same bytes, whatever the number of threads, and no more than a few photos are in
    memory at a time. class_folder and labels say where classes are found, see `layouts.scan`. A source
    without validation photos gives up `val_fraction` of each class's training photos for it, by `seed`.
    Which copies are left out is decided before anything is decoded: see `copies.settle`.
    `label` heads the progress bar; `key` is the section of params.yaml that errors point at.

    Raises `UserError` for a source that cannot be used, for more than `max_rejected` rejected photos, for a
    class whose training photos were all rejected, and where no validation photo is left. What was rejected
    and which copies were left out is then listed in the file `rejects`.
    """
    with Source(source) as photos:
        listing, copied = _listing(photos, class_folder, labels, val_fraction, seed, label)
        size = sum(map(len, listing.splits.values())) * image_size**2 * 3
        with whole(directory, size) as folder:
            folder.mkdir()
            done = _decode(photos, listing, folder, image_size, label)
            return _finish(source, folder, listing, copied, done, image_size, max_rejected, key, rejects)


def _finish(
    source: Path,
    folder: Path,
    listing: Listing,
    copied: list[copies.Copy],
    done: "_Decoded",
    image_size: int,
    max_rejected: int,
    key: str,
    rejects: Path,
) -> Manifest:
    """Write what stands beside the images, if they are good enough."""
    used = {row.file for row in done.kept}
    copied = [copy for copy in copied if copy.file in used or not copy.kept]
    dropped = sum(not copy.kept for copy in copied)
    rejected = listing.rejected + done.rejected
    wrong = _wrong(done, listing, rejected, max_rejected, key, rejects)
    if wrong:
        again = [(copy.file, f"same bytes as {copy.first_seen}") for copy in copied if not copy.kept]
        write(rejects, _csv(("file", "reason"), rejected + again))
        raise UserError(f"{source}: {wrong}")
    rejects.unlink(missing_ok=True)  # of a run before
    for split in SPLITS:
        labels = [row.label for row in done.kept if row.split == split]
        array = io.BytesIO()  # numpy's own writing to a full disk names no file
        np.save(array, np.array(labels, dtype=np.int64))
        (folder / f"{split}_labels.npy").write_bytes(array.getvalue())
    counts = ((name, *of.values()) for name, of in _kept(listing, done).counts().items())
    for name, content in {
        "files.csv": _csv(("split", "file", "label"), done.kept),
        "classes.csv": _csv(("class", *SPLITS), counts),
        "rejected.csv": _csv(("file", "reason"), rejected),
        "duplicates.csv": _csv(
            ("file", "first_seen", "kept"),
            ((copy.file, copy.first_seen, "yes" if copy.kept else "no") for copy in copied),
        ),
        "left_out.csv": _csv(("file", "reason"), listing.left_out),
    }.items():
        # surrogateescape: a file name need not be text
        (folder / name).write_bytes(content.encode("utf-8", "surrogateescape"))
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
        left_out=len(listing.left_out),
        digests={path.name: digest(path) for path in sorted(folder.iterdir())},
    )
    text = json.dumps(asdict(manifest), indent=2) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return manifest


def _wrong(
    done: "_Decoded",
    listing: Listing,
    rejected: list[tuple[str, str]],
    max_rejected: int,
    key: str,
    listed: Path,
) -> str | None:
    """Why these photos are not good enough to go on with."""
    if len(rejected) > max_rejected:
        file, reason = rejected[0]
        return (
            f"{len(rejected)} photos rejected, {key}.max_rejected allows {max_rejected}; the first is "
            f"{printable(file)} ({printable(reason)}); mend or remove those in {listed}, or raise the limit"
        )
    left = {row.label for row in done.kept if row.split == "training"}
    for index, name in enumerate(listing.classes):
        if index not in left:
            name = printable(name)
            return f"every training photo of class '{name}' was rejected; mend those in {listed}, or add some"
    if not any(row.split == "validation" for row in done.kept):
        return (
            "every validation photo was rejected, or left out as its bytes are those of a training photo; "
            f"replace those in {listed}"
        )
    return None


def _kept(listing: Listing, done: "_Decoded") -> Listing:
    """The listing of the photos that are in the arrays."""
    splits = {split: [(row.file, row.label) for row in done.kept if row.split == split] for split in SPLITS}
    return replace(listing, splits=splits)


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


def _listing(
    photos: Source, class_folder: str, labels: Path | None, val_fraction: float, seed: int, label: str
) -> tuple[Listing, list[copies.Copy]]:
    """What is to be decoded, and the copies; tells how the source was read."""
    listing = scan(photos, class_folder, labels)
    names = (name for split in SPLITS for name, _ in listing.splits[split])
    copied = copies.find(photos, names, label)
    held = hold_out(listing, copied, val_fraction, seed)
    listing, settled = copies.settle(held, copied)
    if not held.splits["validation"]:
        disputed = [f", as {printable(file)} ({why})" for file, why in listing.rejected if file in copied]
        raise UserError(
            f"{photos.path}: no validation photos, and none can be held out, as no class of training has two different "
            f"photos (those that another class has too do not count{disputed[0] if disputed else ''}); add photos"
        )
    for line in told(photos, listing):
        progress.say(line)
    if held.splits["test"] and not listing.splits["test"]:
        progress.say(
            "  warning: every test photo is also in training or validation, so validation photos judge"
        )
    return listing, settled


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


def _csv(header: tuple[str, ...], rows: Iterable[tuple]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
