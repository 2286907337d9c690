"""Any tree of files and any table: read with each photo once and told, or refused in one line."""

import csv
import tempfile
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given, settings

from stages.common.data import preparing
from stages.common.data.arrays import SPLITS, open_split
from stages.common.data.layouts import scan
from stages.common.data.listing import told
from stages.common.data.sources import Source
from stages.common.errors import UserError
from tests.data.making import lay_out, noise

SPLIT_NAMES = ["train", "Training Set", "val", "valid", "test", "seg_train", "test2017"]
CLASSES = [
    "cat",
    "Cat",
    "dog",
    "Gemu\u0308se",
    "Gemüse",
    "0",
    "1",
    "01",
    "class_2",
    "²",
    "NA",
    "hot dog",
    "hot_dog ",
]
ODD = [
    *(
        "2019-08",
        "01",
        "fold1",
        "100CANON",
        "images",
        "masks",
        "before",
        "@eaDir",
        ".git",
        "a\nb",
        "\u202e",
        "x.jpg",
    ),
    *("$RECYCLE.BIN", "9" * 40, "-", "'", 'é,"', "..x", "~", "CON", " ", "train", "cat", "t\x1be", "\udce9"),
]
FILES = [
    *(
        "1.jpg",
        "2.jpg",
        "0_1.jpg",
        "1_7.png",
        "20190812_10.jpg",
        "100_0001.jpg",
        "1_mask.png",
        "é.jpg",
        "e\u0301.jpg",
    ),
    *(
        "notes.txt",
        "classes.txt",
        "x",
        ".jpg",
        "3.JPG",
        "a\r.jpg",
        "b.zip",
        "c.jpg.txt",
        "labels.csv",
        "\udce9.bmp",
    ),
]
word, file = st.sampled_from(SPLIT_NAMES + CLASSES + ODD), st.sampled_from(FILES)
anywhere = st.lists(word, max_size=4).flatmap(
    lambda folders: file.map(lambda name: "/".join([*folders, name]))
)


def some(draw, usual: list[str], odd: list[str], most: int) -> list[str]:
    """Up to `most` different names, of which one in five is odd."""
    one = st.integers(0, 4).flatmap(lambda n: st.sampled_from(usual if n else odd))
    return draw(st.lists(one, min_size=1, max_size=most, unique=True))


@st.composite
def trees(draw) -> list[str]:
    """Files as people have them, by split and class, and a few anywhere; a name ending in "/" is a folder."""
    root = draw(st.sampled_from(["", "root/", "a/b/", "2019/"]))
    splits = some(draw, ["train", "val", "test"], SPLIT_NAMES, 3) if draw(st.booleans()) else [""]
    classes = ["cat", "dog", *some(draw, CLASSES, ODD, 2)]
    inner = [""] if draw(st.booleans()) else some(draw, ["", "album", "x/y"], ODD, 2)
    form = draw(st.sampled_from(["{cls}/{inner}/{name}", "{cls}/{inner}/{name}", "{number}_{name}"]))
    names = ["1.jpg", "2.png", *some(draw, FILES, FILES, 2)]
    paths = [
        f"{root}/{split}/" + form.format(cls=cls, inner=folder, name=name, number=number)
        for split in splits
        for number, cls in enumerate(classes)
        for folder in inner
        for name in names
    ]
    if draw(st.integers(0, 3)) == 0:
        paths += draw(st.lists(anywhere, max_size=2)) + draw(st.lists(word.map("{}/".format), max_size=1))
    plain = ("/".join(filter(None, path.split("/"))) + "/" * path.endswith("/") for path in paths)
    return list(dict.fromkeys(plain))


@st.composite
def sources(draw) -> tuple[list[str], str | None, dict]:
    """A tree, a table or none, and how to read them."""
    tree = draw(trees())
    if draw(st.integers(0, 3)):
        return tree, None, {"class_folder": draw(st.sampled_from(["top", "leaf"]))}
    cells = st.sampled_from([*tree, *tree, "../x.jpg", "/etc/passwd", "", 'a "b'])
    labels = st.sampled_from(["cat", "dog", "NA"] if draw(st.booleans()) else ["cat", "0", "", "a,b", '"'])
    split = st.sampled_from(["train", "train", "val"] if draw(st.booleans()) else ["test", "x", ""])
    rows = draw(
        st.lists(st.tuples(cells, labels, split), min_size=draw(st.sampled_from([0, 6])), max_size=15)
    )
    header = draw(
        st.sampled_from(["file,label,split", "file,label,split", "file,label,x", "path;class", "a,b"])
    )
    quote = draw(st.integers(0, 3))
    lines = [",".join(f'"{cell}"' if quote else cell for cell in row) for row in rows]
    return tree, "\n".join([header, *lines]), {}


def laid_out(root: Path, tree: list[str], as_zip: bool) -> Path:
    """The files of a tree, of which a few are copies; those that can be: a file may be called as a folder is."""
    contents = {name: b"" if name.endswith("/") else noise(number % 29) for number, name in enumerate(tree)}
    if as_zip:
        return lay_out(
            root, {name.encode("utf-8", "replace").decode(): data for name, data in contents.items()}, True
        )
    (root / "photos").mkdir()
    for name, data in contents.items():
        try:
            lay_out(root, {name: data})
        except OSError:
            continue
    return root / "photos"


def require_line(error: UserError) -> None:
    assert "\n" not in str(error)
    assert not {c for c in str(error) if ord(c) < 32 or c == "\x7f"}
    assert 10 < len(str(error)) < 900


def require_each_once(source: Source, listing) -> None:
    used = [name for photos in listing.splits.values() for name, _ in photos]
    others = [
        name for name, _ in [*listing.left_out, *(Counter(listing.rejected) - Counter(source.rejected))]
    ]
    assert len(used) == len(set(used))
    assert sorted([*used, *(name for name in others if name in source.names())]) == source.names()
    assert len(set(listing.classes)) == len(listing.classes) > 1
    for split, photos in listing.splits.items():
        labels = {label for _, label in photos}
        assert labels <= {*range(len(listing.classes))} | ({-1} if split == "test" else set())
        assert split != "training" or labels == {*range(len(listing.classes))}
    assert all("\n" not in line and line.encode() for line in told(source, listing))


def require_built(directory: Path, listing) -> None:
    with (directory / "files.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as table:
        rows = list(csv.DictReader(table))
    assert len({row["file"] for row in rows}) == len(rows)
    assert {row["file"] for row in rows} <= {name for photos in listing.splits.values() for name, _ in photos}
    for split in SPLITS:
        labels = [int(row["label"]) for row in rows if row["split"] == split]
        images, stored = open_split(directory, split)
        assert stored.tolist() == labels
        assert len(images) == len(labels)
        assert split == "test" or labels


def test_any_tree_is_read_with_each_photo_once_or_refused_in_a_line(capsys):
    outcomes = Counter()

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(sources(), st.booleans())
    def check(drawn, as_zip):
        tree, table, how = drawn
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            path, out = laid_out(root, tree, as_zip), root / "out"
            if table is not None:
                how = {"labels": root / "labels.csv"}
                how["labels"].write_text(table, encoding="utf-8", errors="replace")
            before = {child.name for child in root.iterdir()}
            try:
                with Source(path) as source:
                    listing = scan(source, **how)
                    require_each_once(source, listing)
                outcomes["read"] += 1
                limits = {"image_size": 8, "val_fraction": 0.3, "max_rejected": 5, "seed": 0}
                preparing.build(
                    path, out, **limits, label="x", key="data", rejects=root / "rejects.csv", **how
                )
                require_built(out, listing)
                outcomes["built"] += 1
            except UserError as error:
                require_line(error)
                assert {child.name for child in root.iterdir()} <= before | {"rejects.csv"}
                outcomes["refused"] += 1

    check()
    capsys.readouterr()
    assert min(outcomes.values()) > 20, outcomes
