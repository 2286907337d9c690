"""Which photos a folder or a zip holds, and the class and split of each."""

import hashlib
import os
import re
import threading
import zipfile
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from stages.common.data.arrays import SPLITS
from stages.common.data.decoding import one_line
from stages.common.errors import UserError

FOOD11 = (
    *("Bread", "Dairy product", "Dessert", "Egg", "Fried food", "Meat"),
    *("Noodles-Pasta", "Rice", "Seafood", "Soup", "Vegetable-Fruit"),
)
LAYOUTS = "{class}_{id}.jpg files or class folders, directly or under training/, validation/ and test/"

_SPLIT_OF = {
    **dict.fromkeys(("training", "train"), "training"),
    **dict.fromkeys(("validation", "valid", "val"), "validation"),
    **dict.fromkeys(("evaluation", "testing", "test", "eval"), "test"),
}
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
_FLAT = re.compile(r"(\d+)_")
_NUMBERED = re.compile(r"(?:class[_\- ]?)?(\d+)", re.IGNORECASE)


class Source:
    """Photos in a folder or a zip; a context manager.

    Raises `UserError` where `path` is missing, unreadable, neither a folder nor a zip, or holds no photo.
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._zip: zipfile.ZipFile | None = None
        if not path.exists():
            raise UserError(f"{path}: does not exist; give a folder of photos or a zip of one")
        try:
            if path.is_dir():
                files, self._folders = _walk(path)
                self._files = {name: name for name in files}
            elif path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
                self._zip = zipfile.ZipFile(path)
                self._files, self._folders = _members(self._zip)
            else:
                raise UserError(
                    f"{path}: neither a folder nor a zip; give a folder of photos or a zip of one"
                )
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise UserError(f"{path}: broken zip ({one_line(error)}); copy or download it again") from None
        except OSError as error:
            raise UserError(f"{error.filename or path}: cannot be read ({error.strerror or error})") from None
        if not self._files:
            self.__exit__()
            raise UserError(f"{path}: no photos in it; expected {LAYOUTS}")

    def names(self) -> list[str]:
        """Relative posix paths of the photos, sorted; hidden files and folders are left out."""
        return sorted(self._files)

    def folders(self) -> list[str]:
        """Relative posix paths of the folders, sorted, empty ones among them."""
        return sorted(self._folders)

    def read(self, name: str) -> bytes:
        """A photo's bytes; safe from several threads. Raises `ValueError` with a short reason."""
        try:
            if self._zip is None:
                return (self.path / name).read_bytes()
            with self._lock:  # a ZipFile counts its open members without a lock of its own
                member = self._zip.open(self._files[name])
            try:
                return member.read()
            finally:
                with self._lock:
                    member.close()
        except Exception as error:  # zipfile and zlib raise many kinds on a broken member
            raise ValueError(
                f"cannot be read: {getattr(error, 'strerror', None) or one_line(error)}"
            ) from None

    def size(self, name: str) -> int:
        """A photo's bytes, told without reading it; 0 where that cannot be told."""
        if self._zip is not None:
            return self._files[name].file_size
        try:
            return (self.path / name).stat().st_size
        except OSError:
            return 0

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_) -> None:
        if self._zip is not None:
            self._zip.close()


@dataclass(frozen=True)
class Listing:
    """What a source holds: `splits[split]` lists (name, label), label -1 where a test photo has no class."""

    classes: list[str]
    splits: dict[str, list[tuple[str, int]]]
    rejected: list[tuple[str, str]]  # photos that cannot be used: (name, reason)


def scan(source: Source) -> Listing:
    """Tell each photo's split and class from its path.

    Split folders are found by name at any depth; without any, every photo is for training. A class is a
    folder below the split, or the digits that begin a file's name (`{class}_{id}.jpg`). Raises `UserError`
    where the layout tells no class, for a single class, an empty one, and one that training lacks.
    """
    placed, folders, misplaced = _place(source)
    flat = {split: _mostly_flat(photos) for split, photos in placed.items()}

    found: dict[str, list[tuple[str, str | None]]] = {split: [] for split in SPLITS}
    for split, photos in placed.items():
        for name, below in photos:
            cls = _class(below, flat[split], flat["training"])
            if cls is None and split != "test":
                kind = "photos are named {class}_{id}" if flat["training"] else "classes are folders"
                misplaced.append((name, f"no class: in this source {kind}"))
            else:
                found[split].append((name, cls))

    known = {cls for _, cls in found["training"]}
    if not known:
        raise UserError(
            f"{source.path}: no training photo's class can be told; the layouts read are {LAYOUTS}"
        )
    empty = [] if flat["training"] else sorted(folders - known)
    if empty:
        raise UserError(f"{source.path}: class folder '{empty[0]}' holds no photo; add photos or delete it")
    for split in ("validation", "test"):
        for name, cls in found[split]:
            if cls is not None and cls not in known:
                raise UserError(
                    f"{source.path}: {split} has class '{cls}' ({name}) and training has no photo of it;"
                    " add some, or take the class out"
                )
    if len(known) == 1:
        raise UserError(f"{source.path}: only one class ('{min(known)}'); classifying needs two or more")

    classes = _ordered(known)
    label = {None: -1, **{cls: index for index, cls in enumerate(classes)}}
    if flat["training"] and classes == [str(number) for number in range(len(FOOD11))]:
        classes = list(FOOD11)  # Food-11 itself, as its makers and the course copies lay it out
    splits = {split: [(name, label[cls]) for name, cls in photos] for split, photos in found.items()}
    return Listing(classes, splits, sorted(misplaced))


def hold_out(listing: Listing, copies: dict[str, str], fraction: float, seed: int) -> Listing:
    """Give a listing without validation photos some: `fraction` of each class's training photos.

    Photos of the same bytes, for which `copies` has the same value, stay together. At least one photo of a
    class is taken and at least one stays, unless all are copies of one, which stays. A photo's turn is a hash
    of the seed and its name (the first name of its copies), so neither the order of files nor a photo added
    later moves the others about. Copies in two classes are not taken and do not count.
    """
    if listing.splits["validation"]:
        return listing
    groups = defaultdict(list)
    for name, label in listing.splits["training"]:
        groups[copies.get(name, name)].append((name, label))
    by_class = defaultdict(list)
    for photos in groups.values():
        labels = {label for _, label in photos}
        if len(labels) == 1:
            by_class[labels.pop()].append(sorted(name for name, _ in photos))
    held = {name for photos in by_class.values() for name in _share(photos, fraction, seed)}

    training = sorted(photo for photo in listing.splits["training"] if photo[0] not in held)
    validation = sorted(photo for photo in listing.splits["training"] if photo[0] in held)
    return replace(listing, splits={**listing.splits, "training": training, "validation": validation})


def _share(groups: list[list[str]], fraction: float, seed: int) -> list[str]:
    """Groups in turn as far as the wanted number of photos allows, and one more where that is nearer."""

    def turn(group: list[str]) -> tuple[bytes, str]:
        name = group[0]
        return hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).digest(), name

    count = sum(map(len, groups))
    wanted = min(max(1, round(fraction * count)), count - 1)
    taken, left = [], []
    for group in sorted(groups, key=turn):
        if len(taken) + len(group) <= wanted:
            taken += group
        else:
            left.append(group)
    if len(left) > 1:
        smallest = min(left, key=len)
        if not taken or len(taken) + len(smallest) - wanted < wanted - len(taken):
            taken += smallest
    return taken


def _hidden(path: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


def _is_photo(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _SUFFIXES


def _walk(root: Path) -> tuple[list[str], set[str]]:
    """Photos and folders below `root`; linked folders are followed, as torchvision's ImageFolder does."""

    def stop(error: OSError) -> None:
        raise error

    files, folders = [], set()
    for folder, below, names in os.walk(root, onerror=stop, followlinks=True):
        below[:] = [name for name in below if not _hidden(name)]
        here = Path(folder).relative_to(root)
        folders.update((here / name).as_posix() for name in below)
        files += [(here / name).as_posix() for name in names if _is_photo(name) and not _hidden(name)]
    return files, folders


def _members(archive: zipfile.ZipFile) -> tuple[dict[str, zipfile.ZipInfo], set[str]]:
    """Photos and folders of a zip. A folder need not have an entry; some tools write backslashes."""
    files, folders = {}, set()
    for info in archive.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/").lstrip("/"))
        if _hidden(str(path)):
            continue
        is_folder = info.is_dir() or info.filename.endswith("\\")
        folders.update(str(folder) for folder in ([path] if is_folder else []) + list(path.parents)[:-1])
        if not is_folder and _is_photo(path.name):
            files[str(path)] = info
    return files, folders


_Path = tuple[str, ...]  # (folder, ..., file name); a folder's own path ends in an empty file name


def _place(source: Source) -> tuple[dict[str, list[tuple[str, _Path]]], set[str], list[tuple[str, str]]]:
    """Each split's photos with their paths below it, training's class folders, and the misplaced photos."""
    files = [tuple(name.split("/")) for name in source.names()]
    folders = [(*name.split("/"), "") for name in source.folders()]
    if any(_below_split(path) for path in files):
        locate = _below_split
    else:
        root = _root(files, folders)

        def locate(path: _Path) -> tuple[str, _Path] | None:
            return ("training", path[root:]) if len(path) > root else None

    placed = {split: [] for split in SPLITS}
    misplaced = []
    for path in files:
        if place := locate(path):
            placed[place[0]].append(("/".join(path), place[1]))
        else:
            misplaced.append(("/".join(path), f"in none of the split folders {', '.join(_SPLIT_OF)}"))
    places = [place for path in folders if (place := locate(path))]
    return placed, {below[0] for split, below in places if split == "training" and len(below) > 1}, misplaced


def _below_split(path: _Path) -> tuple[str, _Path] | None:
    for depth, folder in enumerate(path[:-1]):
        if split := _SPLIT_OF.get(folder.lower()):
            return split, path[depth + 1 :]
    return None


def _root(files: list[_Path], folders: list[_Path]) -> int:
    """How many leading folders hold everything else, as a zip's root folder does."""
    depth = 0
    while len({path[depth] for path in files + folders if len(path) > depth + 1}) == 1:
        if any(len(path) == depth + 1 for path in files):
            break
        if all(len(path) == depth + 2 and not _FLAT.match(path[-1]) for path in files):
            break  # it is the only class folder
        depth += 1
    return depth


def _mostly_flat(photos: list[tuple[str, _Path]]) -> bool:
    in_folders = Counter(len(below) > 1 for _, below in photos)
    return in_folders[False] > in_folders[True]


def _class(below: _Path, flat: bool, flat_training: bool) -> str | None:
    """A photo's class; numbers that begin file names are classes only where training's are."""
    if not flat:
        return below[0] if len(below) > 1 else None
    match = _FLAT.match(below[-1])
    return str(int(match[1])) if match and flat_training and len(below) == 1 else None


def _ordered(classes: set[str]) -> list[str]:
    """By number where all have one (text puts 10 before 2), as Food-11's where all are its, else sorted."""
    numbers = {cls: int(match[1]) for cls in classes if (match := _NUMBERED.fullmatch(cls))}
    if len(numbers) == len(classes):
        return sorted(classes, key=lambda cls: (numbers[cls], cls))
    rank = {_plain(cls): index for index, cls in enumerate(FOOD11)}
    if all(_plain(cls) in rank for cls in classes):
        return sorted(classes, key=lambda cls: (rank[_plain(cls)], cls))
    return sorted(classes)


def _plain(name: str) -> str:
    return re.sub(r"[/\-_ ]+", " ", name).lower()
