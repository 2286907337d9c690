"""Folders, zips and photos as people have them: what is read, in which order, and what is said if not."""

import math
import os
import random
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages.common.data.arrays import SPLITS
from stages.common.data.layouts import scan
from stages.common.data.listing import FOOD11, FOOD11_TRAINING, Listing, told
from stages.common.data.sources import Source
from tests.data.making import BOTH, classed, labels, lay_out, refused, scanned, under

FLAT = [f"{cls}_{number}.jpg" for cls in range(11) for number in range(2)]
NUMBERS = [str(number) for number in range(11)]
KAGGLE = [name.replace("/", "-") for name in FOOD11]


LAYOUTS = {  # name -> (files, classes, labels of training, validation and test)
    "food11": (
        under("training", FLAT) + under("validation", FLAT[::2]) + under("evaluation", FLAT[::2]),
        NUMBERS,
        (sorted([*range(11)] * 2), [*range(11)], [*range(11)]),
    ),
    "food11, course copy": (
        under("food-11/training", FLAT)
        + under("food-11/validation", FLAT[::2])
        # unlabelled
        + under("food-11/testing", ["0001.jpg", "0002.jpg"]),
        NUMBERS,
        (sorted([*range(11)] * 2), [*range(11)], [-1, -1]),
    ),
    "food11 without splits": (FLAT, NUMBERS, (sorted([*range(11)] * 2), [], [])),
    "flat below a root folder": (under("my photos", FLAT), NUMBERS, (sorted([*range(11)] * 2), [], [])),
    "fewer flat classes": (["0_a.jpg", "2_b.png", "10_c.webp"], ["0", "2", "10"], ([0, 1, 2], [], [])),
    "kaggle": (
        [f"{split}/{cls}/0.jpg" for split in ("training", "validation", "evaluation") for cls in KAGGLE],
        KAGGLE,
        ([*range(11)], [*range(11)], [*range(11)]),
    ),
    "class_00": (
        [f"training/class_{number:02}/x.jpg" for number in range(11)],
        [f"class_{number:02}" for number in range(11)],
        ([*range(11)], [], []),
    ),
    "numbers as folders": (
        [f"Train/{number}/x.jpg" for number in range(11)] + ["VAL/10/y.jpg", "Test/0001.jpg"],
        [str(number) for number in range(11)],
        ([*range(11)], [10], [-1]),
    ),
    "image folder": (
        ["dog/a/1.jpg", "dog/2.JPEG", "cat/3.png", "ant/4.tif"],
        ["ant", "cat", "dog"],
        ([0, 1, 2, 2], [], []),
    ),
    "image folder below a root": (
        ["pets 2020/dog/2.jpg", "pets 2020/cat/3_1.jpg"],
        ["cat", "dog"],
        ([0, 1], [], []),
    ),
}


@BOTH
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout, as_zip):
    names, classes, expected = LAYOUTS[layout]
    listing = scanned(tmp_path, random.Random(0).sample(names, len(names)), as_zip)
    assert listing.classes == classes
    assert tuple(labels(listing, split) for split in SPLITS) == expected
    assert sorted(name for split in listing.splits.values() for name, _ in split) == sorted(names)
    assert all(split == sorted(split) for split in listing.splits.values())
    assert listing.rejected == []


def test_labels_are_positions_among_the_classes(tmp_path):
    listing = scanned(tmp_path, under("training", FLAT))
    assert dict(listing.splits["training"])["training/10_0.jpg"] == 10
    assert dict(listing.splits["training"])["training/2_1.jpg"] == 2
    assert listing.classes[10] == "10"


@pytest.mark.parametrize(
    "classes",
    [
        ["1", "2", "10"],
        ["class_1", "class_2", "class_10"],
        ["class-2", "class 3", "Class_10"],
        ["Dairy_product", "fried FOOD", "Noodles Pasta", "vegetable-fruit"],
        ["Bread", "rice", "Soup"],
        ["10", "2", "two"],
        ["apple", "banana", "class_00"],
    ],
)
def test_class_order(tmp_path, classes):
    listing = scanned(tmp_path, [f"train/{cls}/x.jpg" for cls in classes])
    assert listing.classes == classes


@pytest.mark.parametrize("root", ["food-11/training", "2_3/10_4/train", "7_photos/training"])
def test_digits_in_folder_names_are_no_class(tmp_path, root):
    parent = tmp_path / "5_6" / "run 9"
    parent.mkdir(parents=True)
    listing = scanned(parent, under(root, ["0_7.jpg", "1_8.jpg"]))
    assert listing.classes == ["0", "1"]
    assert labels(listing, "training") == [0, 1]


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ("training/cover.jpg", "no class"),
        ("validation/cover.jpg", "no class"),
        ("training/old/0_1.jpg", "no class"),
        ("training/IMG3_1.jpg", "no class"),
    ],
)
def test_misplaced_photos_are_listed_with_a_reason(tmp_path, extra, reason):
    names = under("training", FLAT) + under("validation", FLAT)
    listing = scanned(tmp_path, [*names, extra])
    [(name, told)] = listing.rejected
    assert name == extra
    assert reason in told
    assert listing.classes == NUMBERS
    assert sorted(name for split in listing.splits.values() for name, _ in split) == sorted(names)


def test_photo_beside_class_folders_is_misplaced(tmp_path):
    listing = scanned(tmp_path, ["a/1.jpg", "b/1.jpg", "cover.jpg"])
    assert [name for name, _ in listing.rejected] == ["cover.jpg"]


@BOTH
@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["train/notes.txt"], "no photos"),
        (["train/0_1.jpg", "train/0_2.jpg"], "only one class ('0')"),
        (["cats/1.jpg", "cats/2.jpg"], "only one class ('cats')"),
        (["train/a/1.jpg", "train/b/1.jpg", "val/c/1.jpg"], "validation has class 'c'"),
        (["train/0_1.jpg", "train/1_1.jpg", "test/11_1.jpg"], "test has class '11'"),
        (["train/a/1.jpg", "train/b/1.jpg", "train/c/"], "class folder 'c' holds no photo"),
        (["a/1.jpg", "b/1.jpg", "c/"], "class folder 'c' holds no photo"),
        (["train/a/1.jpg", "train/c/", "val/c/1.jpg"], "class folder 'c' holds no photo"),
        (["1.jpg", "2.jpg"], "class folders, or files that begin with the number of their class"),
        (["train/1.jpg", "train/2.jpg"], "class folders, or files that begin with the number of their class"),
        (["val/0_1.jpg", "val/1_1.jpg"], "class folders, or files that begin with the number of their class"),
    ],
)
def test_unusable_sources_are_told_in_one_line(tmp_path, names, told, as_zip):
    path = lay_out(tmp_path, names, as_zip)
    line = refused(lambda: scan(Source(path)))
    assert line.startswith(f"{path}: ")
    assert told in line


# -- splits --


def split_counts(listing: Listing) -> tuple[int, ...]:
    return tuple(len(listing.splits[split]) for split in SPLITS)


@BOTH
@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("training_set", "validation_set", "test_set"),
        ("train_images", "valid_images", "test_images"),
        ("train2017", "val2017", "test2017"),
        ("Train Set", "Dev Set", "Test Set"),
        ("training", "validation", "evaluation"),
        ("seg_train/seg_train", "seg_val", "seg_test/seg_test"),
    ],
)
@pytest.mark.parametrize("root", ["", "archive/data v2/"])
def test_splits_have_many_names(tmp_path, names, root, as_zip):
    train, val, test = (root + name for name in names)
    files = [f"{train}/{cls}/{n}.jpg" for cls in "ab" for n in "123"]
    files += [f"{val}/a/1.jpg", f"{val}/b/1.jpg", f"{test}/b/1.jpg", f"{root}pred/x.jpg"]
    listing = scanned(tmp_path, files, as_zip)
    assert listing.classes == ["a", "b"]
    assert split_counts(listing) == (6, 2, 1)
    assert [name for name, _ in listing.left_out] == [f"{root}pred/x.jpg"]
    assert f"below the splits '{names[0].split('/')[0]}', '{names[1]}', '" in listing.layout


@pytest.mark.parametrize(
    ("names", "counts"),
    [
        (["train/a/1.jpg", "train/b/1.jpg"], (2, 0, 0)),
        (["train/a/1.jpg", "train/b/1.jpg", "val/"], (2, 0, 0)),
        (["train/a/1.jpg", "train/b/1.jpg", "val/a/"], (2, 0, 0)),
        (["train/a/1.jpg", "train/b/1.jpg", "test/1.jpg", "test/2.jpg"], (2, 0, 2)),
        (["train/a/1.jpg", "train/b/1.jpg", "meta/test/notes.txt", "meta/val/"], (2, 0, 0)),
        (["train/valid/1.jpg", "train/void/1.jpg", "val/valid/1.jpg"], (2, 1, 0)),
        (["train/test/1.jpg", "train/void/1.jpg", "test/test/1.jpg"], (2, 0, 1)),
        (["train/train/1.jpg", "train/bus/1.jpg", "test/train/1.jpg"], (2, 0, 1)),
    ],
)
def test_a_split_may_be_empty_absent_or_hold_a_class_of_its_name(tmp_path, names, counts):
    listing = scanned(tmp_path, names)
    assert split_counts(listing) == counts
    for photos in classed(listing).values():
        assert photos == {name: name.split("/")[1] if name.count("/") == 2 else None for name in photos}
    assert listing.rejected == listing.left_out == []


def test_what_is_known_of_some_test_photos_is_kept(tmp_path):
    names = ["train/a/1.jpg", "train/b/1.jpg", "test/a/1.jpg", "test/1.jpg", "test/2.jpg", "test/3_4.jpg"]
    expected = {"test/a/1.jpg": "a", "test/1.jpg": None, "test/2.jpg": None, "test/3_4.jpg": None}
    assert classed(scanned(tmp_path, names))["test"] == expected


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            ["train/a/1.jpg", "train/b/1.jpg", "test/all/1.jpg", "test/all/2.jpg"],
            "test has class 'all' (test/all/1.jpg) and training has no photo of it; if the test photos have no cl",
        ),
        (
            ["train/Cat/1.jpg", "train/b/1.jpg", "val/cat/1.jpg"],
            "but of 'Cat': names are compared letter by letter",
        ),
        (
            ["train/hot dog/1.jpg", "train/b/1.jpg", "val/Hot_Dog /1.jpg"],
            "but of 'hot dog': names are compared",
        ),
        (
            ["train/a/1.jpg", "train/b/1.jpg", "val/images/1.jpg"],
            "add some or take the class out, or list file and",
        ),
        (
            ["train/", "val/a/1.jpg"],
            "no training photos: there are 'train', 'val', and none in a folder train",
        ),
        (
            ["images/train/1.jpg", "images/val/2.jpg", "labels/train/1.txt"],
            "no training photo's class can be told",
        ),
        (["gray/train/a/1.jpg", "rgb/train/a/1.jpg"], "if each is a data set, give one as the source"),
    ],
)
def test_near_misses_say_what_to_do(tmp_path, names, told):
    path = lay_out(tmp_path, names)
    assert told in refused(lambda: scan(Source(path)))


@pytest.mark.parametrize("links", [["train/cats", "train/dogs"], ["train"], ["val/cats"], ["x/train/cats"]])
def test_splits_of_links_to_what_is_read_already_are_told(tmp_path, links):
    path = lay_out(tmp_path, ["all/cats/1.jpg", "all/dogs/1.jpg", "val/dogs/1.jpg"])
    for link in links:
        (path / link).parent.mkdir(exist_ok=True, parents=True)
        (path / link).symlink_to(path / "all" / link.rpartition("train")[2].rpartition("val")[2].lstrip("/"))
    line = refused(lambda: scan(Source(path)))
    assert f"'{links[0]}' leads to 'all" in line
    assert "and a folder is read once: move 'all" in line


def test_splits_of_links_to_what_lies_elsewhere_are_read(tmp_path):
    path = lay_out(tmp_path, ["train/", "val/cats/2.jpg"])
    for cls in ("cats", "dogs"):
        (tmp_path / "all" / cls).mkdir(parents=True)
        (tmp_path / "all" / cls / "1.jpg").touch()
        (path / "train" / cls).symlink_to(f"../../all/{cls}")
    (path / "train/cats/up").symlink_to(path)
    listing = scan(Source(path))
    assert classed(listing) == {
        "training": {"train/cats/1.jpg": "cats", "train/dogs/1.jpg": "dogs"},
        "validation": {"val/cats/2.jpg": "cats"},
    }


def test_a_class_whose_name_is_no_text_is_told(tmp_path):
    """No manifest could name it; photos and other folders may be called so."""
    name = os.fsdecode(b"caf\xe9")
    files = ["x/a/1.jpg", "x/b/1.jpg", f"x/b/{name}/{name}.jpg"]
    try:
        listing = scanned(tmp_path, files)
    except OSError:
        pytest.skip("this file system takes text only")
    assert listing.classes == ["a", "b"]
    line = refused(lambda: scanned(tmp_path, [*files, f"x/{name}/1.jpg"]))
    assert "the class 'caf\\udce9' is not called in UTF-8; rename its folder" in line


# -- nested classes --

NESTED = [
    *(
        "Fruit/Apple/Pink-Lady/1.jpg",
        "Fruit/Apple/Granny/1.jpg",
        "Fruit/Avocado/1.jpg",
        "Packages/Milk/Oat/1.jpg",
    ),
    *("Packages/Milk/Oat/2.jpg", "Vegetables/Leek/1.jpg"),
]


@BOTH
@pytest.mark.parametrize("root", ["", "train/", "grocery/train/"])
def test_a_class_may_be_the_folder_that_holds_the_photo(tmp_path, root, as_zip):
    files = [root + name for name in NESTED]
    listing = scanned(tmp_path, files, as_zip, class_folder="leaf")
    assert classed(listing) == {"training": {name: name.split("/")[-2] for name in files}}
    listing = scanned(tmp_path, files, as_zip, class_folder="top")
    assert listing.classes == ["Fruit", "Packages", "Vegetables"]
    assert "class_folder: leaf would read 5 classes" in listing.layout


def test_a_class_may_lie_at_another_depth_in_another_split(tmp_path):
    files = [*under("train", NESTED), "val/Leek/1.jpg", "test/Fruit/Old/Avocado/1.jpg", "test/1.jpg"]
    found = classed(scanned(tmp_path, files, class_folder="leaf"))
    assert found["validation"] == {"val/Leek/1.jpg": "Leek"}
    assert found["test"] == {"test/Fruit/Old/Avocado/1.jpg": "Avocado", "test/1.jpg": None}


def test_a_folders_name_at_two_places_is_told_by_its_path(tmp_path):
    files = [
        "train/Apple/red/1.jpg",
        "train/Pepper/red/1.jpg",
        "train/Apple/green/1.jpg",
        "val/Apple/red/2.jpg",
    ]
    listing = scanned(tmp_path, files, class_folder="leaf")
    assert listing.classes == ["Apple/red", "Pepper/red", "green"]
    assert classed(listing)["validation"] == {"val/Apple/red/2.jpg": "Apple/red"}


@pytest.mark.parametrize(
    "name", ["val/red/1.jpg", "val/Tomato/red/1.jpg", "val/Bird/Avocado/1.jpg", "val/Fruit/1.jpg"]
)
def test_a_folder_that_may_be_another_class_is_not_taken_for_it(tmp_path, name):
    files = [*under("train", NESTED), "train/Apple/red/1.jpg", "train/Pepper/red/1.jpg", name]
    line = refused(lambda: scanned(tmp_path, files, class_folder="leaf"))
    assert f"validation has class '{name[4:-6]}' ({name}) and training has no photo of it" in line


def test_photos_beside_nested_classes_are_a_class_of_their_folder(tmp_path):
    assert "Fruit" in scanned(tmp_path, [*NESTED, "Fruit/1.jpg"], class_folder="leaf").classes


def test_nested_classes_must_hold_photos(tmp_path):
    line = refused(lambda: scanned(tmp_path, [*NESTED, "Fruit/Kiwi/"], class_folder="leaf"))
    assert "class folder 'Fruit/Kiwi' holds no photo; add photos or move it out" in line


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            ["food/images/a/1.jpg", "food/images/b/1.jpg", "food/meta/"],
            "folders in 'food/images', give that as the",
        ),
        (
            ["cover.jpg", "food/a/1.jpg", "food/b/1.jpg"],
            "('food'), with the folders 'a', 'b', ... in it; if those are",
        ),
    ],
)
def test_classes_a_folder_below_are_told(tmp_path, names, told):
    assert told in refused(lambda: scanned(tmp_path, names))


# -- names of numbered classes --


def called(root: Path, numbers, names: str, form: str = "{}_1.jpg", at: str = "") -> dict[str, str]:
    """What numbered classes are called with a classes.txt."""
    files = {at + form.format(number): b"" for number in numbers} | {f"{at}classes.txt": names.encode()}
    return {name.removeprefix(at): cls for name, cls in classed(scanned(root, files))["training"].items()}


@pytest.mark.parametrize("at", ["", "food/"])
@pytest.mark.parametrize(
    ("numbers", "names", "expected"),
    [
        ([0, 1, 2], "a\nb\nc", "abc"),
        ([1, 2, 3], "a\nb\nc", "abc"),
        ([0, 2], "a\nb\nc", "ac"),
        ([0, 1], "a\nb\nc\nd", "ab"),
        ([1, 3], "a\nb\nc", "ac"),
        ([0, 1, 2], "\ufeffa\r\nb \r\nc\r\n\r\n", "abc"),
    ],
)
def test_classes_txt_names_numbers_from_0_or_1(tmp_path, numbers, names, expected, at):
    found = called(tmp_path, numbers, names, at=at)
    assert found == {f"{number}_1.jpg": name for number, name in zip(numbers, expected, strict=True)}


@pytest.mark.parametrize("form", ["{}/1.jpg", "class_{:02}/1.jpg", "Class {}/1.jpg"])
def test_classes_txt_names_numbered_folders(tmp_path, form):
    found = called(tmp_path, [10, 2, 0], "\n".join("abcdefghijk"), form)
    assert found == {form.format(0): "a", form.format(2): "c", form.format(10): "k"}


def test_classes_txt_lies_beside_the_splits(tmp_path):
    files = {f"x/{split}/{n}_{split}.jpg": b"" for split in ("train", "val") for n in (0, 1)}
    listing = scanned(tmp_path, files | {"x/classes.txt": b"a\nb\n"})
    assert listing.classes == ["a", "b"]
    assert listing.layout.endswith("called as classes.txt says")


@pytest.mark.parametrize(
    ("numbers", "names", "told"),
    [
        ([0, 1, 2], "a\nb", "classes.txt names 2 classes, and there is a class 2; write a line for each"),
        ([1, 2, 3], "a\nb", "classes.txt names 2 classes, and there is a class 3; write a line for each"),
        (
            [1, 2],
            "a\nb\nc",
            "neither a class 0 nor a class 3, so its first line may be class 0 or 1; delete it, or",
        ),
        ([0, 1], "a\na", "expected the name of a class in each line, all different"),
        ([0, 1], "", "classes.txt names 0 classes"),
    ],
)
def test_classes_txt_that_does_not_fit_is_told(tmp_path, numbers, names, told):
    assert told in refused(lambda: called(tmp_path, numbers, names))


@pytest.mark.parametrize(
    "pair", [("1", "01"), ("Soup", "soup"), ("ice cream", "ice_cream"), ("class_1", "1")]
)
def test_classes_that_are_written_in_two_ways_are_refused(tmp_path, pair):
    line = refused(lambda: scanned(tmp_path, [f"{name}/1.jpg" for name in (*pair, "rice")]))
    assert "differ only in case, spaces or zeros; put them together, or rename one" in line


@pytest.mark.parametrize("class_folder", ["top", "leaf"])
@pytest.mark.parametrize(
    "folders",
    [
        ["images", "masks"],
        ["rice/images", "rice/masks", "soup/images", "soup/masks"],
        ["color/apple", "color/pear", "gray/apple", "gray/pear"],
        ["2023-01", "2023-02"],
        ["2019/01", "2019/02", "2020/01"],
        ["trainA", "trainB", "testA", "testB"],
    ],
)
def test_what_is_no_class_is_refused_at_any_depth(tmp_path, folders, class_folder):
    refused(lambda: scanned(tmp_path, [f"{folder}/1.jpg" for folder in folders], class_folder=class_folder))


def test_rows_of_numbers_in_names_are_no_classes(tmp_path):
    refused(lambda: scanned(tmp_path, ["25_0_1_20170116.jpg", "26_1_0_20170117.jpg", "1_0_0_20170118.jpg"]))


def test_classes_txt_says_nothing_about_words(tmp_path):
    listing = scanned(tmp_path, {"cat/1.jpg": b"", "2/1.jpg": b"", "classes.txt": b"a\n"})
    assert listing.classes == ["2", "cat"]


@pytest.mark.parametrize("digits", ["²", "①", "٣", "9" * 200])
def test_any_digits_may_be_a_class(tmp_path, digits):
    assert scanned(tmp_path, [f"{digits}/1.jpg", "1/1.jpg"]).classes == ["1", digits]


# -- Food-11 --


def numbered(counts: list[int], form: str = "training/{}_{}.jpg") -> list[str]:
    return [form.format(cls, n) for cls, count in enumerate(counts) for n in range(count)]


def classes_of(names: list[str], class_names: list[str] | None = None) -> list[str]:
    """How the classes of a source of these photos are called."""
    folders = {name.split("/")[0] for name in names}
    source = SimpleNamespace(path=Path("x"), rejected=[], again=[], class_names=lambda _: class_names)
    source.names, source.folders = lambda: sorted(names), lambda: sorted(folders)
    listing = scan(source)
    assert ("it is Food-11" in listing.layout) == (listing.classes == list(FOOD11))
    return listing.classes


def test_food_11_is_known_by_the_number_of_its_photos(tmp_path):
    assert classes_of([*numbered(FOOD11_TRAINING), *numbered([100] * 11, "validation/{}_{}.jpg")]) == list(
        FOOD11
    )
    listing = scanned(tmp_path, numbered(FOOD11_TRAINING, "food11/training/{}_{}.jpg"), as_zip=True)
    assert listing.classes == list(FOOD11)
    assert len(listing.splits["training"]) == 9866


@pytest.mark.parametrize(("share", "is_it"), [(0.96, True), (0.5, False), (1.01, False), (0.002, False)])
def test_some_photos_of_food_11_may_be_missing(share, is_it):
    found = classes_of(numbered([math.ceil(share * count) for count in FOOD11_TRAINING]))
    assert found == (list(FOOD11) if is_it else NUMBERS)


@pytest.mark.parametrize("cls", [0, 6, 10])
def test_one_class_of_another_number_is_not_food_11(cls):
    counts = list(FOOD11_TRAINING)
    counts[cls] = round(0.9 * counts[cls])
    assert classes_of(numbered(counts)) == NUMBERS


def test_classes_txt_goes_before_food_11():
    assert classes_of(numbered(FOOD11_TRAINING), [*"abcdefghijk"]) == [*"abcdefghijk"]


# -- what is told --


def test_the_reading_is_told_with_counts(tmp_path):
    files = [
        *(f"train/{cls}/{n}.jpg" for cls in ("a", "b\u200b") for n in "12"),
        "val/a/1.jpg",
        "test/x.jpg",
        "y/1.jpg",
    ]
    path = lay_out(tmp_path, [*files, "train/a/notes.txt", "train/.hidden"])
    (path / "z").symlink_to("train")
    (path / "zz").symlink_to("val")
    with Source(path) as source:
        assert told(source, scan(source)) == [
            f"{path}: 2 classes, class folders, below the splits 'train', 'val', 'test'",
            "  a: 2 training, 1 validation",
            "  b\u200b: 2 training",
            "  1 test photos without a class",
            "  left out: 1 photos, as y/1.jpg (in none of the split folders 'train', 'val', 'test')",
            "  passed over, no photos: 1 .txt, 1 hidden or the system's",
            "  passed over: z, which leads to train, read already, and 1 more",
        ]


def test_many_classes_are_told_in_a_line(tmp_path):
    with Source(lay_out(tmp_path, [f"{cls}/{n}.jpg" for cls in range(31) for n in range(cls + 1)])) as source:
        assert told(source, scan(source))[1:] == ["  1 to 31 training photos a class"]


def test_counts_are_of_each_class_and_split():
    splits = {"training": [("a", 0), ("b", 0)], "validation": [("c", 1)], "test": [("d", -1)]}
    assert Listing(["x", "y"], splits, []).counts() == {
        "x": {"training": 2, "validation": 0, "test": 0},
        "y": {"training": 0, "validation": 1, "test": 0},
    }
