"""Copies: files of the same bytes. Which there are, and which of them are used."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from stages.common import machine, progress
from stages.common.data.arrays import SPLITS
from stages.common.data.listing import Listing
from stages.common.data.sources import Source

_CHUNK = 32  # files a thread hashes at a time


class Copy(NamedTuple):
    """A photo whose bytes an earlier one has too, and whether it is used all the same."""

    file: str
    first_seen: str
    kept: bool


def find(source: Source, names: Iterable[str], label: str) -> dict[str, str]:
    """Each of `names` that has copies among them -> the first of these by name.

    Only files that share their size are read, one a thread at a time. Files that are empty or cannot be read
    are nobody's copies: decoding rejects them with a reason. `label` heads the progress bar.
    """
    by_size = defaultdict(list)
    for name in sorted(names):
        by_size[source.size(name)].append(name)
    alike = [name for size, group in by_size.items() if size and len(group) > 1 for name in group]

    by_content = defaultdict(list)
    for name, content in zip(alike, _hashes(source, alike, label), strict=True):
        if content is not None:
            by_content[content].append(name)
    return {name: group[0] for group in by_content.values() if len(group) > 1 for name in group}


def settle(listing: Listing, copies: dict[str, str]) -> tuple[Listing, list[Copy]]:
    """Leave out copies that would be counted twice or contradict each other; `copies` is what `find` says.

    * A split does without photos that an earlier one has (training, then validation, then test), whatever
      their class there: what is known of validation and test photos does not decide what is trained on.
    * Photos of one split with the same bytes and different classes are rejects, all of them. Later splits
      do without their bytes too, whose class is in doubt. No class (-1) contradicts none.
    * Of the others, training keeps all; validation and test keep one (one with a class, where there is one),
      so that no photo is asked twice.

    Returns the listing of the photos left, with its new rejects, and the copies by split and name, without
    those rejects.
    """
    seen: dict[str, str] = {}  # a photo of each group in the splits so far
    left, rejected, found = {}, [], []
    for split in SPLITS:
        disputed, again = _again(listing.splits[split], copies, seen, keep=split == "training")
        out = disputed.keys() | {copy.file for copy in again if not copy.kept}
        left[split] = [photo for photo in listing.splits[split] if photo[0] not in out]
        rejected += sorted(disputed.items())
        found += sorted(again)
    return replace(listing, splits=left, rejected=listing.rejected + rejected), found


_Photo = tuple[str, int]  # (name, label)


def _again(
    photos: list[_Photo], copies: dict[str, str], seen: dict[str, str], keep: bool
) -> tuple[dict[str, str], list[Copy]]:
    """One split's rejects with their reasons, and its copies, `keep`-ing those of its own; adds to `seen`."""
    groups = defaultdict(list)
    for name, label in photos:
        if name in copies:
            groups[copies[name]].append((name, label))

    disputed, again = {}, []
    for key, group in groups.items():
        if key in seen:
            again += [Copy(name, seen[key], False) for name, _ in group]
            continue
        contradictions = _contradictions(group)
        disputed |= contradictions
        rest = [photo for photo in group if photo[0] not in contradictions]
        rest.sort(key=lambda photo: photo[1] < 0)  # one with a class is first
        seen[key] = (rest or group)[0][0]
        again += [Copy(name, seen[key], keep) for name, _ in rest[1:]]
    return disputed, again


def _contradictions(group: list[_Photo]) -> dict[str, str]:
    """The photos with a class, where copies of one split have several, and why each is a reject."""
    first_of: dict[int, str] = {}
    for name, label in group:
        if label >= 0:
            first_of.setdefault(label, name)
    if len(first_of) < 2:
        return {}
    other = {label: next(name for cls, name in first_of.items() if cls != label) for label in first_of}
    return {name: f"same bytes as {other[label]}, of another class" for name, label in group if label >= 0}


def _hashes(source: Source, names: list[str], label: str) -> list[bytes | None]:
    """SHA-256 of each file, None where it cannot be read."""

    def contents(chunk: list[str]) -> list[bytes | None]:
        return [_hash(source, name) for name in chunk]

    if not names:
        return []
    hashes = []
    with (
        ThreadPoolExecutor(machine.workers()) as pool,
        progress.bar(f"{label}, looking for copies", len(names), "files") as bar,
    ):
        for done in pool.map(contents, (names[i : i + _CHUNK] for i in range(0, len(names), _CHUNK))):
            hashes += done
            bar.advance(len(done))
    return hashes


def _hash(source: Source, name: str) -> bytes | None:
    try:
        return hashlib.sha256(source.read(name)).digest()
    except ValueError:
        return None
