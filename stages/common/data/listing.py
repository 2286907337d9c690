"""What a source holds: its classes, and the photos of each split."""

import re
from collections import Counter
from dataclasses import dataclass, field

from stages.common.data.arrays import SPLITS
from stages.common.data.sources import Source, counted
from stages.common.errors import UserError, printable

FOOD11 = (
    *("Bread", "Dairy product", "Dessert", "Egg", "Fried food", "Meat"),
    *("Noodles-Pasta", "Rice", "Seafood", "Soup", "Vegetable-Fruit"),
)
# Training photos of each class, as its makers publish it: by these it is known, its files say only 0 to 10.
FOOD11_TRAINING = (994, 429, 1500, 986, 848, 1325, 440, 280, 855, 1500, 709)
ELSE = "or list file and label of each photo in a table (data.labels)"

_NUMBERED = re.compile(r"(?:class[_\- ]?)?(\d{1,18})", re.IGNORECASE)
_SHOWN = 30  # classes that are told one by one

Found = dict[str, list[tuple[str, str | None]]]  # split -> (photo, class)


@dataclass(frozen=True)
class Listing:
    """What a source holds: `splits[split]` lists (name, label), label -1 where a test photo has no class."""

    classes: list[str]
    splits: dict[str, list[tuple[str, int]]]
    rejected: list[tuple[str, str]]  # photos that cannot be used: (name, reason)
    left_out: list[tuple[str, str]] = field(default_factory=list)  # photos that are not asked for
    layout: str = ""  # how it was read, in words

    def counts(self) -> dict[str, dict[str, int]]:
        """Photos of each class in each split."""
        found = {split: Counter(label for _, label in photos) for split, photos in self.splits.items()}
        return {
            name: {split: found[split][index] for split in SPLITS} for index, name in enumerate(self.classes)
        }


def told(source: Source, listing: Listing) -> list[str]:
    """How a source was read, and its photos in each class and split: lines for people."""
    counts = listing.counts()
    lines = [f"{source.path}: {len(listing.classes)} classes, {listing.layout}"]
    if len(counts) <= _SHOWN:
        for name, of in counts.items():
            held = ", ".join(f"{count:,} {split}" for split, count in of.items() if count)
            lines.append(f"  {printable(name)}: {held}")
    else:
        of = [of["training"] for of in counts.values()]
        lines.append(f"  {min(of):,} to {max(of):,} training photos a class")
    unlabelled = sum(label < 0 for _, label in listing.splits["test"])
    if unlabelled:
        lines.append(f"  {unlabelled:,} test photos without a class")
    if listing.left_out:
        first, reason = listing.left_out[0]
        lines.append(f"  left out: {len(listing.left_out):,} photos, as {printable(first)} ({reason})")
    if source.passed_over:
        lines.append(f"  passed over, no photos: {counted(source.passed_over)}")
    if source.again:
        link, where = source.again[0]
        more = f", and {len(source.again) - 1:,} more" if len(source.again) > 1 else ""
        lines.append(
            f"  passed over: {printable(link)}, which leads to {printable(where)}, read already{more}"
        )
    return lines


def listed(
    source: Source,
    found: Found,
    rejected: list[tuple[str, str]],
    left_out: list[tuple[str, str]],
    layout: str,
    flat: bool,
    base: str,
) -> Listing:
    """A listing of what was found: classes in their order, and labels by it.

    rejected, left_out: as in the listing, besides what the source rejects. flat: classes are numbers in the
    files' names. base: the folder that holds the splits or the classes, where classes.txt may lie.

    Raises `UserError` for a single class, one that training lacks, and a classes.txt that does not fit.
    """
    known = {cls for _, cls in found["training"] if cls is not None}
    for cls in sorted(known):
        if not cls.isascii() and printable(cls) != cls:  # bytes of a name in some old encoding
            raise UserError(
                f"{source.path}: the class '{printable(cls)}' is not called in UTF-8; rename its folder"
            )
    for split in ("validation", "test"):
        classes = {cls for _, cls in found[split]} - {None}
        for name, cls in found[split]:
            if cls is not None and cls not in known:
                raise UserError(f"{source.path}: {_unknown(split, cls, name, known, classes)}")
    if len(known) == 1:
        raise UserError(
            f"{source.path}: only one class ('{printable(min(known))}'); sort the photos into two class folders or "
            f"more, {ELSE}"
        )
    alike: dict[str, str] = {}
    for cls in sorted(known):
        number = _NUMBERED.fullmatch(cls)
        other = alike.setdefault(str(int(number[1])) if number else _plain(cls), cls)
        if other != cls:
            raise UserError(
                f"{source.path}: the classes '{printable(other)}' and '{printable(cls)}' differ only in case, "
                "spaces or zeros; put them together, or rename one"
            )
    classes = _ordered(known)
    label = {None: -1, **{cls: index for index, cls in enumerate(classes)}}
    splits = {split: sorted((name, label[cls]) for name, cls in photos) for split, photos in found.items()}
    names = _names(source, base, classes)
    counts = Counter(index for _, index in splits["training"])
    if flat and names is None and classes == [str(number) for number in range(len(FOOD11))]:
        published = zip(sorted(counts), FOOD11_TRAINING, strict=True)
        if all(0.95 * count <= counts[index] <= count for index, count in published):
            names, layout = list(FOOD11), f"{layout}; by the number of its photos it is Food-11"
    layout = layout if names is None or names == list(FOOD11) else f"{layout}, called as classes.txt says"
    rejected = sorted([*rejected, *source.rejected])
    return Listing(names or classes, splits, rejected, sorted(left_out), layout)


def _unknown(split: str, cls: str, name: str, known: set[str], classes: set[str]) -> str:
    """What is wrong with a class that training lacks."""
    said = f"{split} has class '{printable(cls)}' ({printable(name)}) and training has no photo of it"
    near = sorted(other for other in known if _plain(other) == _plain(cls))
    if near:
        return f"{said}, but of '{printable(near[0])}': names are compared letter by letter, so rename one of the two"
    if split == "test" and classes == {cls}:
        return f"{said}; if the test photos have no class, put them directly into the test folder"
    return f"{said}; add some or take the class out, {ELSE}"


def _names(source: Source, base: str, classes: list[str]) -> list[str] | None:
    """What classes.txt calls numbered classes: number k is line k, counted from 0 or 1 as the numbers say."""
    numbers = [int(match[1]) for cls in classes if (match := _NUMBERED.fullmatch(cls))]
    if len(numbers) < len(classes):
        return None
    names = source.class_names(base)
    if names is None:
        return None
    lines, highest = len(names), max(numbers)
    if highest > lines or (highest == lines and 0 in numbers):
        raise UserError(
            f"{source.path}: classes.txt names {lines} classes, and there is a class {highest}; write a line for each"
        )
    if 0 not in numbers and highest < lines:
        raise UserError(
            f"{source.path}: classes.txt names {lines} classes, and there is neither a class 0 nor a class {lines}, so "
            "its first line may be class 0 or 1; delete it, or call the classes by their names"
        )
    first = 0 if 0 in numbers else 1
    return [names[number - first] for number in numbers]


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
    return re.sub(r"[/\-_\s]+", " ", name).strip().casefold()
