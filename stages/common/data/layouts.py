"""Which class and split each photo of a source has: told by its path, or by a table."""

import re
from collections import Counter
from pathlib import Path

from stages.common.data.arrays import SPLITS
from stages.common.data.labels import from_table
from stages.common.data.listing import ELSE, Found, Listing, listed
from stages.common.data.misreadings import masks, split_of, suspicion
from stages.common.data.sources import ITSELF, Source
from stages.common.errors import UserError, controls, printable

LAYOUTS = "class folders, or files that begin with the number of their class (3_17.jpg), alone or in train, val, test"

# Class numbers have three digits at most, and what follows is no date and no row of numbers: 20190812_101500 is
# a time, 25_0_1_2017 an age and more.
_FLAT = re.compile(r"(\d{1,3})_(?!\d{1,2}[-_.]\d{2,4}\b|\d+_\d+)")

_Path = tuple[str, ...]  # (folder, ..., file name); a folder's own path ends in an empty file name


def scan(source: Source, class_folder: str = "top", labels: Path | None = None) -> Listing:
    """Tell each photo's split and class.

    Split folders are found by name and lie side by side; without any, every photo is for training. A class is
    a folder below the split ("top": the first one, "leaf": the one that holds the photo), or the number that
    begins a file's name (`{class}_{id}.jpg`). `labels`: a table that says it instead. Photos beside the
    splits, or not in the table, are left out.

    Raises `UserError` where the layout tells no class or can be taken for another, for a single class, an
    empty one, and one that training lacks.
    """
    for folder in source.folders():
        if controls(folder):
            raise UserError(
                f"{source.path}: the folder '{printable(folder)}' has a control character in its name; rename it"
            )
    files = [tuple(name.split("/")) for name in source.names()]
    if labels is not None:
        return from_table(source, labels, "/".join(files[0][: _root(files, [])]))
    folders = [(*name.split("/"), "") for name in source.folders()]
    _require_no_links(source)
    base, of_split = _split_folders(source, folders)
    left_out, placed, empty = [], {split: [] for split in SPLITS}, []
    if of_split:
        for path in files:
            folder = path[: len(base) + 1]
            if folder in of_split:
                split, depth = of_split[folder]
                placed[split].append(("/".join(path), path[depth:]))
            else:
                left_out.append(("/".join(path), f"in none of the split folders {_named(of_split)}"))
        _require_splits(source, of_split, left_out)
        for path in folders:
            split, depth = of_split.get(path[: len(base) + 1], (None, 0))
            if split == "training" and len(path) > depth + 1:
                empty.append(path[depth:])
    else:
        depth = _root(files, folders)
        base = files[0][:depth]
        placed["training"] = [("/".join(path), path[depth:]) for path in files]
        empty = [path[depth:] for path in folders if len(path) > depth + 1]

    flat = {split: _mostly_flat(photos) for split, photos in placed.items()}
    found: Found = {split: [] for split in SPLITS}
    misplaced = []
    for split, photos in placed.items():
        for name, below in photos:
            cls = _class(below, class_folder, flat[split], flat["training"])
            if cls is None and split != "test":
                kind = "photos are named {class}_{id}" if flat["training"] else "classes are folders"
                misplaced.append((name, f"no class: in this source {kind}"))
            else:
                found[split].append((name, cls))

    _require_training(source, found, of_split, left_out, placed)
    if beside := masks(name for name, _ in placed["training"]):
        raise UserError(
            f"{source.path}: '{printable(beside[0])}' looks like the mask of a photo beside it, as {len(beside):,} "
            f"do: move them out, {ELSE}"
        )
    if not flat["training"]:
        _require_classes(source, base, class_folder, placed["training"], empty)
    if class_folder == "leaf" and not flat["training"]:
        found = _shortened(found)
    kind = "numbers that begin the files' names" if flat["training"] else _kind(class_folder, placed)
    where = f"below the splits {_named(of_split)}" if of_split else "without splits"
    return listed(source, found, misplaced, left_out, f"{kind}, {where}", flat["training"], "/".join(base))


def _require_no_links(source: Source) -> None:
    """Raises `UserError` where what a split holds is a link to a folder of the source that is in none."""
    for link, where in source.again:
        loops = where == ITSELF or f"{link}/".startswith(f"{where}/")
        if not loops and any(map(split_of, link.split("/"))) and not any(map(split_of, where.split("/"))):
            raise UserError(
                f"{source.path}: '{printable(link)}' leads to '{printable(where)}', and a folder is read once: move "
                f"'{printable(where)}' out of the source, where links may lead, {ELSE}"
            )


def _require_splits(source: Source, of_split: dict, left_out: list[tuple[str, str]]) -> None:
    """Raises `UserError` where a split's folder may as well be the class of that name."""
    beside = sorted({name.rpartition("/")[0] for name, _ in left_out} - {""})
    if beside and len({split for split, _ in of_split.values()}) == 1:
        raise UserError(f"{source.path}: {_a_class(of_split, beside)}")


def _a_class(of_split: dict, beside: list[str]) -> str:
    name = printable(next(iter(of_split))[-1])
    return (
        f"'{name}' is taken for a split, but '{printable(beside[0])}' holds photos beside it: if '{name}' is a "
        f"class, rename it (say, to '{name}_'); if it is a split, move what is beside it out; {ELSE}"
    )


def _split_folders(source: Source, folders: list[_Path]) -> tuple[_Path, dict[_Path, tuple[str, int]]]:
    """The folder that holds the splits, and each split's folder -> (split, how deep its classes begin)."""
    found = [
        path[:-1]
        for path in folders
        if split_of(path[-2]) and not any(split_of(folder) for folder in path[:-2])
    ]
    if not found:
        return (), {}
    holding = {
        tuple(name.split("/")[:depth]) for name in source.names() for depth in range(name.count("/") + 1)
    }
    parents = {path[:-1] for path in found}
    parents = sorted({path[:-1] for path in found if path in holding} or parents, key=lambda p: (len(p), p))
    if len(parents) > 1:
        raise UserError(_two_places(source, parents, found))
    taken: dict[str, _Path] = {}
    for path in [path for path in found if path[:-1] == parents[0]]:
        split = split_of(path[-1])
        if split in taken:
            both = f"'{printable(taken[split][-1])}' and '{printable(path[-1])}'"
            raise UserError(f"{source.path}: {both} are both taken for {split}; keep one of them")
        taken[split] = path
    of_split: dict[_Path, tuple[str, int]] = {}
    classes: set[str] = set()  # training's
    for split in filter(taken.get, SPLITS):
        inner = _inner(taken[split], folders, source, classes)
        of_split[taken[split]] = split, len(inner)
        if split == "training":
            deeper = [path for path in folders if path[: len(inner)] == inner and len(path) > len(inner) + 1]
            classes = {path[len(inner)] for path in deeper}
    return parents[0], of_split


def _inner(path: _Path, folders: list[_Path], source: Source, classes: set[str]) -> _Path:
    """The folder that holds a split's classes: seg_train/seg_train/, as some zips have it, is one folder.

    But not where that is one of training's classes: test/test/ beside train/test/.
    """
    while True:
        within = [
            folder[:-1] for folder in folders if folder[: len(path)] == path and len(folder) == len(path) + 2
        ]
        photos = any(tuple(name.split("/")[:-1]) == path for name in source.names())
        if photos or len(within) != 1 or split_of(within[0][-1]) != split_of(path[-1]):
            return path
        if within[0][-1] in classes:
            return path
        path = within[0]


def _two_places(source: Source, parents: list[_Path], found: list[_Path]) -> str:
    """Why split folders at several places are not understood."""
    first, second = ("/".join(parent) or "the source itself" for parent in parents[:2])
    splits = [printable(name) for name in sorted({path[-1] for path in found}, key=_by_split)]
    if len({len(parent) for parent in parents}) == 1:
        return (
            f"{source.path}: the split folders {', '.join(splits)} lie inside '{printable(first)}', "
            f"'{printable(second)}', ...: if those are classes, move the splits above them, as {splits[0]}/"
            f"{printable(first)}; if each is a data set, give one as the source; {ELSE}"
        )
    return (
        f"{source.path}: split folders at two places, '{printable(first)}' and '{printable(second)}'; if the data set "
        "holds itself again, delete one, else give one of them as the source"
    )


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


def _class(below: _Path, class_folder: str, flat: bool, flat_training: bool) -> str | None:
    """A photo's class; numbers that begin file names are classes only where training's are."""
    if not flat or not flat_training:
        folders = below[:-1] if class_folder == "leaf" else below[:1]
        return "/".join(folders) if len(below) > 1 else None
    match = _FLAT.match(below[-1])
    return str(int(match[1])) if match and flat_training and len(below) == 1 else None


def _shortened(found: Found) -> Found:
    """Classes by the folder that holds the photo, where that says which; else by the path to it.

    The folders of a class need not lie as deep in every split: train/Brown-Cap, test/Mushroom/Brown-Cap. But
    not in others: train/Fruit/Kiwi is not test/Bird/Kiwi.
    """
    paths = {cls for _, cls in found["training"]} - {None}
    last = Counter(_last(path) for path in paths)
    folders = {_last(path): set(path.split("/")) for path in paths if last[_last(path)] == 1}

    def short(path: str | None) -> str | None:
        if path is None or (of_training := folders.get(_last(path))) is None:
            return path
        here = set(path.split("/"))
        return _last(path) if here <= of_training or here >= of_training else path

    return {split: [(name, short(cls)) for name, cls in photos] for split, photos in found.items()}


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _kind(class_folder: str, placed: dict) -> str:
    if class_folder == "leaf":
        return "the folders that hold the photos (class_folder: leaf)"
    leaves = {below[:-1] for _, below in placed["training"] if len(below) > 1}
    nested = len(leaves) != len({folder[0] for folder in leaves})
    hint = f" (with folders in them: class_folder: leaf would read {len(leaves):,} classes)" if nested else ""
    return f"class folders{hint}"


def _require_training(source: Source, found: Found, of_split: dict, left_out: list, placed: dict) -> None:
    """Raises `UserError` where no training photo has a class, saying what may be meant."""
    classes = {cls for _, cls in found["training"]} - {None}
    if classes:
        if _mostly_flat(placed["training"]) and min(map(int, classes)) > 1:
            first = printable(placed["training"][0][0])
            raise UserError(
                f"{source.path}: the numbers that begin the photos' names ({first}) do not begin at 0 or 1, so they "
                f"are hardly classes; sort the photos into class folders, {ELSE}"
            )
        return
    beside = sorted({name.rpartition("/")[0] for name, _ in left_out} - {""})
    if of_split and beside:
        raise UserError(f"{source.path}: {_a_class(of_split, beside)}")
    if placed["training"]:
        first = printable(placed["training"][0][0])
        raise UserError(
            f"{source.path}: no training photo's class can be told ({first}); the layouts read are {LAYOUTS}; {ELSE}"
        )
    raise UserError(
        f"{source.path}: no training photos: there are {_named(of_split)}, and none in a folder train or training; "
        f"the layouts read are {LAYOUTS}"
    )


def _require_classes(
    source: Source, base: _Path, class_folder: str, photos: list[tuple[str, _Path]], folders: list[_Path]
) -> None:
    """Raises `UserError` where folders are hardly classes, or one of them is empty."""
    below: dict[str, set[str]] = {path[1][0]: set() for path in photos if len(path[1]) > 1}
    for _, path in photos:
        if len(path) > 1:
            below[path[0]].add(path[1] if len(path) > 2 else "")
    if class_folder == "top":
        hold = {folder[0] for folder in folders}
        inner = sorted(below[only] - {""}) if len(below) == 1 and (only := next(iter(below))) else []
        if empty := sorted(hold - below.keys()):
            within = printable("/".join((*base, only))) if inner else ""
            more = f"; if the classes are the folders in '{within}', give that as the source" if inner else ""
            raise UserError(
                f"{source.path}: class folder '{printable(empty[0])}' holds no photo; add photos or move it out{more}"
            )
        if len(inner) > 1:
            raise UserError(
                f"{source.path}: only one class ('{printable(only)}'), with the folders '{printable(inner[0])}', "
                f"'{printable(inner[1])}', ... in it; if those are the classes, set class_folder: leaf"
            )
        if (why := suspicion(below, base[-1] if base else source.path.name)) is not None:
            raise UserError(f"{source.path}: {why}, {ELSE}")
        return
    holding = {"/".join(path[:-1]) for _, path in photos}
    for folder in sorted({"/".join(folder[:-1]) for folder in folders}):
        if not any(path == folder or path.startswith(f"{folder}/") for path in holding):
            raise UserError(
                f"{source.path}: class folder '{printable(folder)}' holds no photo; add photos or move it out"
            )
    last = {_last(path): {""} for path in holding}
    for level in (last, below):
        if (why := suspicion(level, base[-1] if base else source.path.name)) is not None:
            raise UserError(f"{source.path}: {why}, {ELSE}")


def _named(of_split: dict[_Path, tuple[str, int]]) -> str:
    return ", ".join(
        f"'{printable(name)}'" for name in sorted((path[-1] for path in of_split), key=_by_split)
    )


def _by_split(name: str) -> tuple[int, str]:
    return SPLITS.index(split_of(name)), name
