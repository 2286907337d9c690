"""Copies: no photo is in two splits or asked twice, none has two classes, and what is left out is told."""

import csv
import json
import random
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from stages import prepare
from stages.common.data import preparing
from stages.common.data.arrays import SPLITS, Manifest, open_split
from stages.common.data.copies import Copy, find, settle
from stages.common.data.listing import Listing
from stages.common.data.sources import Source
from stages.common.errors import UserError

CLASSES = ("bread", "rice", "soup")


def as_zip(folder: Path) -> Path:
    """A zip of a folder's files, in an order of its own."""
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*.*"), reverse=True):
            archive.write(path, path.relative_to(folder))
    return folder.with_suffix(".zip")


def found(path: Path) -> dict[str, str]:
    with Source(path) as source:
        return find(source, source.names(), "test")


def write(root: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


# -- find: which files are copies --


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("workers", ["1", "3"])
@pytest.mark.parametrize("seed", range(3))
def test_copies_are_files_of_the_same_bytes(tmp_path, monkeypatch, seed, workers, kind):
    """Against comparing all with all: contents of few sizes, some empty, in more files than a chunk."""
    monkeypatch.setenv("COMPRESS_WORKERS", workers)
    draw = random.Random(seed)
    pool = [draw.randbytes(size) for size in (0, 1, 1, 7, 7, 7, 5000, 5000, 6000)]
    contents = {f"{draw.choice('abc')}/{number}.jpg": draw.choice(pool) for number in range(80)}
    contents |= {f"a/x{number}.jpg": draw.randbytes(7) for number in range(5)}  # nobody's copies
    root = write(tmp_path / "photos", contents)
    first = {}
    for name in sorted(contents):
        first.setdefault(contents[name], name)
    number = Counter(contents.values())
    expected = {name: first[data] for name, data in contents.items() if data and number[data] > 1}
    assert found(root if kind == "folder" else as_zip(root)) == expected


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_only_files_that_share_their_size_are_read(tmp_path, monkeypatch, kind):
    root = write(tmp_path / "photos", {f"{size}.jpg": bytes(size) for size in range(50)})
    write(root, {"same.jpg": bytes([1] * 7), "empty.jpg": b""})
    source, read = Source(root if kind == "folder" else as_zip(root)), []
    monkeypatch.setattr(source, "read", lambda name: read.append(name) or name.encode())
    with source:
        assert find(source, source.names(), "test") == {}
    assert sorted(read) == ["7.jpg", "same.jpg"]


def test_files_that_cannot_be_read_are_nobodys_copies(tmp_path):
    root = write(tmp_path / "photos", {"a.jpg": b"12345", "b.jpg": b"12345", "c.jpg": b"12345"})
    archive = as_zip(root)
    (root / "gone.jpg").symlink_to(tmp_path / "nowhere")
    assert found(root) == {name: "a.jpg" for name in ("a.jpg", "b.jpg", "c.jpg")}
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
            file.writestr(name, b"bytes")
    archive.write_bytes(archive.read_bytes().replace(b"bytes", b"wrong", 2))  # not what the check sums say
    assert found(archive) == {"c.jpg": "c.jpg", "d.jpg": "c.jpg"}


def test_few_files_are_in_memory_while_they_are_compared(tmp_path, monkeypatch):
    """One a thread, whatever the number of files."""

    class Counted(bytes):
        now, most = 0, 0

        def __init__(self, *_):
            Counted.now += 1  # with one thread nobody else counts
            Counted.most = max(Counted.most, Counted.now)

        def __del__(self):
            Counted.now -= 1

    monkeypatch.setenv("COMPRESS_WORKERS", "1")
    source = Source(write(tmp_path, {f"{number}.jpg": b"12345" for number in range(100)}))
    read = source.read
    monkeypatch.setattr(source, "read", lambda name: Counted(read(name)))
    assert len(find(source, source.names(), "test")) == 100
    assert Counted.most == 1


# -- settle: which copies are used --


def photos_of(seed: int, unlabelled: bool) -> tuple[Listing, dict[str, str], dict[str, str]]:
    """A listing of photos, many of them copies in the wrong place; what `find` says; each photo's content."""
    draw = random.Random(seed)
    content, splits = {}, {}
    for split in SPLITS:
        photos = [(f"{split}/{number:02}", draw.randrange(3)) for number in range(25)]
        if split == "test" and unlabelled:
            photos = [(name, draw.choice([-1, label])) for name, label in photos]
        for name, label in photos:
            # Contents of one class or any, of this split or any: copies that agree, and copies that do not.
            what, where = draw.choice([label, "any"]), draw.choice([split, "any"])
            content[name] = f"{what} {where} {draw.randrange(5)}"
        splits[split] = photos
    number, first = Counter(content.values()), {}
    for name in sorted(content):
        first.setdefault(content[name], name)
    copies = {name: first[what] for name, what in content.items() if number[what] > 1}
    return Listing(list(CLASSES), splits, [("cover.jpg", "no class")]), copies, content


CASES = pytest.mark.parametrize(
    ("seed", "unlabelled"), [(seed, unlabelled) for seed in range(8) for unlabelled in (False, True)]
)


def classes_of(listing: Listing, content: dict[str, str]) -> dict[tuple[str, str], set[int]]:
    """(split, content) -> the classes that a listing gives it there."""
    classes = defaultdict(set)
    for split, photos in listing.splits.items():
        for name, label in photos:
            classes[split, content[name]].add(label)
    return classes


@CASES
def test_no_content_is_in_two_splits_nor_asked_twice(seed, unlabelled):
    listing, copies, content = photos_of(seed, unlabelled)
    settled, _ = settle(listing, copies)
    contents = {split: [content[name] for name, _ in settled.splits[split]] for split in SPLITS}
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not {*contents[SPLITS[one]]} & {*contents[SPLITS[other]]}
    for split in ("validation", "test"):
        assert len(contents[split]) == len({*contents[split]})


@CASES
def test_no_more_is_left_out_than_has_to_be(seed, unlabelled):
    """A content that no earlier split has, of one class, stays: all its photos in training, else one."""
    listing, copies, content = photos_of(seed, unlabelled)
    settled, _ = settle(listing, copies)
    earlier = set()
    for split in SPLITS:
        here = {content[name] for name, _ in listing.splits[split]}
        left = Counter(content[name] for name, _ in settled.splits[split])
        before = Counter(content[name] for name, _ in listing.splits[split])
        for what in here - earlier:
            labels = classes_of(listing, content)[split, what]
            if len(labels - {-1}) < 2:
                assert left[what] == (before[what] if split == "training" else 1)
                assert (classes_of(settled, content)[split, what] == {-1}) == (labels == {-1})
        earlier |= here
        assert settled.splits[split] == [p for p in listing.splits[split] if p in settled.splits[split]]


@CASES
def test_a_content_of_two_classes_of_a_split_is_used_nowhere(seed, unlabelled):
    listing, copies, content = photos_of(seed, unlabelled)
    settled, _ = settle(listing, copies)
    labels = {name: label for photos in listing.splits.values() for name, label in photos}
    reasons = dict(settled.rejected)
    assert reasons.pop("cover.jpg") == "no class"
    earlier = set()
    for split in SPLITS:
        for name, label in listing.splits[split]:
            disputed = len(classes_of(listing, content)[split, content[name]] - {-1}) > 1
            assert (name in reasons) == (disputed and content[name] not in earlier and label >= 0)
        earlier |= {content[name] for name, _ in listing.splits[split]}
    assert reasons
    assert not {name for photos in settled.splits.values() for name, _ in photos} & reasons.keys()
    for name, reason in reasons.items():
        other = reason.removeprefix("same bytes as ").removesuffix(", of another class")
        assert content[other] == content[name]
        assert labels[other] not in (labels[name], -1)


@CASES
def test_every_photo_is_used_or_told(seed, unlabelled):
    listing, copies, content = photos_of(seed, unlabelled)
    settled, told = settle(listing, copies)
    used = [name for photos in settled.splits.values() for name, _ in photos]
    dropped = [copy.file for copy in told if not copy.kept]
    rejected = [name for name, _ in settled.rejected if name != "cover.jpg"]
    assert sorted(used + dropped + rejected) == sorted(content)
    kept = [copy for copy in told if copy.kept]
    training = Counter(content[name] for name, _ in settled.splits["training"])
    assert len(kept) == sum(number - 1 for number in training.values())
    assert {copy.file for copy in kept} <= {name for name, _ in settled.splits["training"]}
    for copy in told:
        assert content[copy.file] == content[copy.first_seen]
        assert copy.file != copy.first_seen
        assert copy.first_seen in used + rejected


@CASES
def test_later_splits_decide_nothing_about_earlier_ones(seed, unlabelled):
    listing, copies, _ = photos_of(seed, unlabelled)
    settled, _ = settle(listing, copies)
    for gone in (["test"], ["test", "validation"]):
        fewer, _ = settle(
            Listing(listing.classes, listing.splits | {split: [] for split in gone}, listing.rejected), copies
        )
        for split in SPLITS:
            assert fewer.splits[split] == ([] if split in gone else settled.splits[split])


def test_without_copies_nothing_changes():
    listing, _, _ = photos_of(0, True)
    assert settle(listing, {}) == (listing, [])


def test_what_is_used_of_each_kind_of_copy():
    splits = {
        "training": [("a", 0), ("b", 0), ("c", 1), ("d", 2), ("e", 1)],
        "validation": [("f", 1), ("g", 0), ("h", 2), ("i", 2)],
        "test": [("j", -1), ("k", 0), ("l", -1), ("m", -1)],
    }
    groups = ("ab", "cdg", "hij", "klm", "ef")  # b is a copy of a, d and g of c, and so on
    copies = {name: group[0] for group in groups for name in group}
    settled, told = settle(Listing(list(CLASSES), splits, []), copies)
    assert settled.splits == {
        "training": [("a", 0), ("b", 0), ("e", 1)],
        "validation": [("h", 2)],
        "test": [("k", 0)],  # the one with a class
    }
    assert settled.rejected == [
        ("c", "same bytes as d, of another class"),
        ("d", "same bytes as c, of another class"),
    ]
    assert told == [
        Copy("b", "a", True),
        *(Copy("f", "e", False), Copy("g", "c", False), Copy("i", "h", False)),
        *(Copy("j", "h", False), Copy("l", "k", False), Copy("m", "k", False)),
    ]


# -- build: what becomes of photos --


def photo(seed: int) -> bytes:
    """A photo's file; all have one size, so that none is left out by its size alone."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    path = Path("photo.bmp")
    with path.open("w+b") as file:
        Image.fromarray(pixels).save(file, "BMP")
        file.seek(0)
        return file.read()


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def source() -> Path:
    """Three classes; 4 photos of each in training, 2 in validation, 2 in test; no two alike."""
    numbers = iter(range(1000))
    contents = {}
    for split, count in (("training", 4), ("validation", 2), ("test", 2)):
        for cls in CLASSES:
            contents |= {f"{split}/{cls}/{number}.bmp": photo(next(numbers)) for number in range(count)}
    return write(Path("photos"), contents)


def copy(source: Path, name: str, *others: str) -> None:
    write(source, {other: (source / name).read_bytes() for other in others})


def build(source: Path, directory: str = "out", **changes) -> Manifest:
    settings = {"image_size": 8, "val_fraction": 0.25, "max_rejected": 0, "seed": 1}
    settings |= {"label": "prepare", "key": "data", "rejects": Path("rejects.csv")}
    return preparing.build(source, Path(directory), **settings | changes)


def table(name: str, directory: str = "out") -> list[tuple[str, ...]]:
    with Path(directory, name).open(newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_photo_of_three_splits_is_for_training_alone(source, kind):
    before = build(source, "before")
    copy(source, "training/rice/1.bmp", "validation/rice/x.bmp", "test/rice/x.bmp")
    copy(source, "validation/soup/1.bmp", "test/soup/x.bmp", "validation/soup/x.bmp")
    after = build(source if kind == "folder" else as_zip(source))
    assert (after.rejected, after.duplicated, after.dropped) == (0, 0, 4)
    assert after.counts == before.counts
    differ = {name for name, digest in after.digests.items() if digest != before.digests[name]}
    assert differ == {"duplicates.csv"}
    assert table("files.csv") == table("files.csv", "before")
    assert table("duplicates.csv") == [
        ("validation/rice/x.bmp", "training/rice/1.bmp", "no"),
        ("validation/soup/x.bmp", "validation/soup/1.bmp", "no"),
        ("test/rice/x.bmp", "training/rice/1.bmp", "no"),
        ("test/soup/x.bmp", "validation/soup/1.bmp", "no"),
    ]


def test_copies_within_a_class_of_training_stay(source):
    copy(source, "training/rice/1.bmp", "training/rice/0copy.bmp", "training/rice/deep/copy.bmp")
    manifest = build(source)
    assert (manifest.rejected, manifest.duplicated, manifest.dropped) == (0, 2, 0)
    assert manifest.counts == {"training": 14, "validation": 6, "test": 6}
    assert table("duplicates.csv") == [
        ("training/rice/1.bmp", "training/rice/0copy.bmp", "yes"),
        ("training/rice/deep/copy.bmp", "training/rice/0copy.bmp", "yes"),
    ]
    files = [file for _, file, _ in table("files.csv")]
    images = open_split(Path("out"), "training").images
    one, other = files.index("training/rice/1.bmp"), files.index("training/rice/deep/copy.bmp")
    assert np.array_equal(images[one], images[other])


def test_a_photo_of_another_class_than_trainings_is_dropped(source):
    copy(source, "training/rice/1.bmp", "validation/soup/x.bmp", "test/bread/x.bmp", "test/x.bmp")
    manifest = build(source)
    assert (manifest.rejected, manifest.duplicated, manifest.dropped) == (0, 0, 3)
    assert manifest.counts == {"training": 12, "validation": 6, "test": 6}


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_photo_of_two_classes_of_training_is_a_reject(source, kind):
    copy(source, "training/rice/1.bmp", "training/soup/x.bmp", "validation/rice/x.bmp", "test/soup/x.bmp")
    path = source if kind == "folder" else as_zip(source)
    manifest = build(path, max_rejected=2)
    assert (manifest.rejected, manifest.duplicated, manifest.dropped) == (2, 0, 2)
    assert manifest.counts == {"training": 11, "validation": 6, "test": 6}
    reason = "same bytes as training/soup/x.bmp, of another class"
    assert table("rejected.csv") == [
        ("training/rice/1.bmp", reason),
        ("training/soup/x.bmp", "same bytes as training/rice/1.bmp, of another class"),
    ]
    with pytest.raises(UserError) as caught:
        build(path, max_rejected=1)
    assert (
        f"2 photos rejected, data.max_rejected allows 1; the first is training/rice/1.bmp ({reason})"
        in str(caught.value)
    )
    assert "\n" not in str(caught.value)


def test_files_that_are_no_photos_are_rejects_and_no_copies_of_use(source):
    """Each empty one is rejected; copies of others are dropped from later splits, as those of photos are."""
    for name in ("training/rice/e.bmp", "training/soup/e.bmp", "validation/rice/e.bmp", "test/e.bmp"):
        write(source, {name: b""})
    write(source, {"training/bread/t.bmp": b"text", "training/bread/u.bmp": b"text", "test/t.bmp": b"text"})
    manifest = build(source, max_rejected=6)
    assert (manifest.rejected, manifest.duplicated, manifest.dropped) == (6, 0, 1)
    assert manifest.counts == {"training": 12, "validation": 6, "test": 6}
    assert Counter(reason.split(" (")[0] for _, reason in table("rejected.csv")) == {
        "empty file": 4,
        "not an image": 2,
    }
    assert table("duplicates.csv") == [("test/t.bmp", "training/bread/t.bmp", "no")]


def test_what_is_left_out_is_not_decoded(source, monkeypatch):
    copy(source, "training/rice/1.bmp", "training/soup/x.bmp", "validation/rice/x.bmp", "test/x.bmp")
    loaded, load = [], preparing._load
    monkeypatch.setattr(preparing, "_load", lambda *args: loaded.append(args[1]) or load(*args))
    build(source, max_rejected=2)
    assert sorted(loaded) == sorted(file for _, file, _ in table("files.csv"))


@pytest.mark.parametrize("seed", range(4))
def test_photos_held_out_are_not_in_training_and_asked_once(source, seed):
    contents = defaultdict(list)
    for cls in CLASSES:
        for number in range(4):
            for again in range(number):  # 0 to 3 copies beside the photo
                copy(source, f"training/{cls}/{number}.bmp", f"training/{cls}/{again}-{number}.bmp")
    copy(source, "training/rice/3.bmp", "test/rice/x.bmp")
    listed = [path.relative_to(source).as_posix() for path in source.glob("t*/*/*.bmp")]
    for name in listed:
        contents[(source / name).read_bytes()].append(name)
    for path in (source / "validation").glob("*/*.bmp"):
        path.unlink()
    manifest = build(source, val_fraction=0.3, seed=seed)
    files = defaultdict(set)
    for split, file, _ in table("files.csv"):
        files[split].add(file)
    for names in contents.values():
        splits = {split for split in SPLITS for name in names if name in files[split]}
        assert len(splits) == 1
        if splits == {"validation"}:
            assert len(files["validation"].intersection(names)) == 1
    told = table("duplicates.csv")
    assert manifest.duplicated == sum(kept == "yes" for *_, kept in told)
    assert manifest.dropped == sum(kept == "no" for *_, kept in told)
    assert sum(manifest.counts.values()) + manifest.dropped == len(listed)
    assert {split for split in SPLITS if manifest.counts[split]} == {*SPLITS}


def test_validation_photos_that_training_has_all_are_an_error(source):
    for path in sorted((source / "validation").glob("*/*.bmp")):
        copy(source, path.relative_to(source).as_posix(), f"training/{path.parent.name}/v{path.name}")
    with pytest.raises(UserError) as caught:
        build(source)
    told = str(caught.value)
    assert told.startswith(f"{source}: every validation photo was rejected, or left out")
    assert "rejects.csv" in told
    assert "\n" not in told
    listed = table("rejects.csv", ".")
    assert len(listed) == 6
    assert listed[0] == ("validation/bread/0.bmp", "same bytes as training/bread/v0.bmp")
    assert not Path("out").exists()


def test_validation_photos_that_cannot_be_read_are_an_error(source):
    for path in (source / "validation").glob("*/*.bmp"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="every validation photo was rejected"):
        build(source, max_rejected=6)


def test_a_source_with_nothing_to_hold_out_is_an_error(source):
    for path in [*(source / "validation").glob("*/*.bmp"), *(source / "training").glob("*/[1-9].bmp")]:
        path.unlink()
    copy(source, "training/rice/0.bmp", "training/rice/1.bmp")
    with pytest.raises(UserError) as caught:
        build(source)
    assert str(source) in str(caught.value)
    assert "none can be held out" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_class_that_shares_all_its_photos_with_another_is_an_error(source):
    for number in range(4):
        copy(source, f"training/rice/{number}.bmp", f"training/soup/same{number}.bmp")
    with pytest.raises(UserError) as caught:
        build(source, max_rejected=8)
    assert "every training photo of class 'rice' was rejected" in str(caught.value)
    assert {file.split("/")[1] for file, _ in table("rejects.csv", ".")} == {"rice", "soup"}


def test_the_metrics_tell_all_counts(source, monkeypatch, capsys):
    copy(source, "training/rice/1.bmp", "training/rice/x.bmp", "test/rice/x.bmp")
    copy(source, "training/rice/2.bmp", "training/soup/x.bmp")
    write(source, {"validation/rice/x.bmp": b"text"})
    data = SimpleNamespace(
        source=str(source),
        class_folder="top",
        labels=None,
        image_size=8,
        val_fraction=0.2,
        max_rejected=3,
    )
    monkeypatch.setattr(prepare, "read", lambda *_: SimpleNamespace(seed=0, data=data))
    prepare.main()
    assert json.loads(Path("metrics/data.json").read_text()) == {
        "training": 12,
        "validation": 6,
        "test": 6,
        "classes": 3,
        "rejected": 3,
        "duplicated": 1,
        "dropped": 1,
        "left_out": 0,
    }
    assert "training 12, validation 6, test 6, classes 3, rejected 3" in capsys.readouterr().out
