"""Folders that look like classes and are none: a layout that is not understood is never guessed at."""

import re
from collections.abc import Iterable, Mapping
from itertools import combinations

from stages.common.errors import printable

SPLIT_OF = {
    **dict.fromkeys(("training", "train"), "training"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("evaluation", "testing", "test", "eval", "holdout"), "test"),
}
_AT_ONCE = re.compile(rf"({'|'.join(SPLIT_OF)})(?:set|data|images?|imgs?)?[ab]?\d*")
# Words that say nothing beside a split's: seg_train, training_set, images_test.
_EMPTY = {*("seg", "set", "sets", "split", "data", "dataset", "folder", "dir"), *("images", "image", "imgs", "img")} | {
    *("photos", "photo", "pictures", "pics", "files", "final", "original", "raw", "cropped", "resized")
}  # fmt: skip
_MONTH = (
    r"(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sep(t|tember)?|oct(ober)?|nov(ember)?"
    r"|dec(ember)?)"
)
_YEAR = r"(19|20)\d\d"
_DATE = re.compile(
    rf"{_YEAR}([-_. ]?\d\d){{0,2}}([-_. ]?\d{{4,6}})?|\d\d[-_.]\d\d[-_.](19|20)?\d\d|{_YEAR}\d\d_[_a-z]"
    rf"|(\d\d?[-_. ]+)?{_MONTH}([-_. ]*\d\d?)?([-_., ]*{_YEAR})?|{_YEAR}[-_. ]*{_MONTH}([-_. ]*\d\d?)?"
)
_PART = re.compile(r"(data[\W_]*)?(fold|part|batch|chunk|shard|session|group|folder|set|split)[\W_]*\d+")
_OF_A_CAMERA = re.compile(r"[1-9]\d\d(?=.*[a-z_])\w{5}")  # 100CANON, 101_FUJI
_NO_CLASSES = {"parts of a data set": _PART, "dates": _DATE, "a camera's folders": _OF_A_CAMERA}
_PHOTOS = {
    *("images", "image", "imgs", "img", "photos", "jpegimages"),
    *("rgb", "color", "colour", "original", "originals", "before"),
}
_BESIDE = {
    *("masks", "mask", "labels", "label", "annotations", "annotation", "annots", "gt", "groundtruth", "ground_truth"),
    *("segmentations", "segmentation", "segmented", "segmentationclass", "segmentationobject", "trimaps", "bboxes"),
    *("grayscale", "greyscale", "gray", "grey", "depth", "edges", "thumbnails", "thumbs", "augmented", "after"),
}  # fmt: skip
_A_MASK = re.compile(r"(.+)[-_ .](?:mask|masks|gt|label|segmentation|groundtruth)(?:[-_ .]?\d+)?")


def split_of(name: str) -> str | None:
    """The split that a folder's name says, alone or with words that say nothing: seg_train, training_set."""
    said, rest = _words(name)
    return said.pop() if len(said) == 1 and not rest else None


def _words(name: str) -> tuple[set[str], list[str]]:
    """The splits that a name's words say, and the words that say something else."""
    said, rest = set(), []
    for word in re.findall(r"[^\W_]+", name.lower()):
        if match := _AT_ONCE.fullmatch(word):
            said.add(SPLIT_OF[match[1]])
        elif word not in _EMPTY and not word.isdigit():
            rest.append(word)
    return said, rest


def suspicion(below: Mapping[str, set[str]], within: str) -> str | None:
    """Why folders are hardly classes and what to do, None where nothing speaks against it.

    below: each would-be class -> the folders with photos directly in it, "" for photos of its own. within: the
    folder that holds the classes.
    """
    names = sorted(below)
    splits = {name: said for name in names if (said := _words(name)[0])}
    if len(set.union(set(), *splits.values())) > 1 and 2 * len(splits) >= len(names):
        return f"{_listed(splits)} look like splits, not classes: call them train, val and test"
    kinds = {_no_class(name) for name in names}
    if len(names) > 1 and len(kinds) == 1 and (kind := kinds.pop()):
        return f"{_listed(names)} look like {kind}, not classes: sort the photos into a folder for each class"
    if re.fullmatch(_YEAR, within) and all(_DATE.fullmatch(f"{within}-{name:0>2}") for name in names):
        return (
            f"{_listed(names)} in '{within}' look like dates, not classes: sort the photos into a folder for each "
            "class"
        )
    if _kinds(names):
        return (
            f"{_listed(names)} look like kinds of pictures of the same things, not classes: give one of them as the "
            "source"
        )
    for name in names:
        if _kinds(folder or "images" for folder in below[name]):
            beside = " beside photos" if "" in below[name] else ""
            return (
                f"'{printable(name)}' holds {_listed(below[name] - {''})}{beside}, which look like kinds of pictures "
                "of the same things: move all but one out"
            )
        inner = below[name] & set(names)
        if len(inner) > 1 or (inner and inner == set(names) - {name}):
            return (
                f"'{printable(name)}' holds folders of the same names as those beside it ({_listed(inner)}): the data "
                "set seems to hold itself again: delete one of the two"
            )
    for one, other in combinations([name for name in names if below[name] - {""}], 2):
        both = {name for name in below[one] & below[other] if name and not _no_class(name)}
        if len(both) > 1 and 2 * len(both) >= min(len(below[one]), len(below[other])):
            return (
                f"'{printable(one)}' and '{printable(other)}' hold the same folders ({_listed(both)}), so those look "
                "like the classes: give one of the two as the source"
            )
    return None


def masks(names: Iterable[str]) -> list[str]:
    """Photos that are called as others are and a mask besides: a_mask.png beside a.png."""
    names = sorted(names)
    stems = {name.rpartition(".")[0] for name in names}
    found = [name for name in names if (m := _A_MASK.fullmatch(name.rpartition(".")[0])) and m[1] in stems]
    return found if 10 * len(found) > len(names) else []


def _no_class(name: str) -> str | None:
    """What a folder is called as, where that is no class."""
    return next((kind for kind, pattern in _NO_CLASSES.items() if pattern.fullmatch(name.lower())), None)


def _kinds(names: Iterable[str]) -> bool:
    """Whether folders are called as photos and what is made of them are."""
    lower = {name.lower() for name in names}
    return len(lower) > 1 and bool(lower & _BESIDE) and (lower <= _PHOTOS | _BESIDE or bool(lower & _PHOTOS))


def _listed(names: Iterable[str]) -> str:
    """At most three of some names."""
    names = sorted(names)
    shown = ", ".join(f"'{printable(name)}'" for name in names[:3])
    return f"{shown} and {len(names) - 3:,} more" if len(names) > 3 else shown
