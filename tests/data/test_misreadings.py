"""Folders that look like classes and are none are told, and folders that are classes are read."""

import pytest

from stages.common.data.layouts import scan
from stages.common.data.misreadings import masks, split_of
from stages.common.data.sources import Source
from tests.data.making import BOTH, lay_out, refused, scanned, under

WORDS = {
    "training": [
        *("train", "Train", "TRAINING", "training_set", "train_images", "train2017", "Train Set"),
        *(
            "seg_train",
            "trainset",
            "train-data",
            "01_train",
            "images.train",
            "raw train images",
            "TrainingSet",
        ),
    ],
    "validation": [
        *("val", "valid", "Validation", "val2017", "validation_set", "dev", "valid images", "seg-val"),
    ],
    "test": [
        *("test", "Testing", "test_set", "test_images", "testset", "test1", "evaluation", "eval", "holdout"),
    ],
    None: [
        *("trains", "trainer", "train_val", "trainval", "train station", "cat_train", "testament", "contest"),
        *(
            "valley",
            "developer",
            "images",
            "2017",
            "",
            "---",
            "latest",
            "restrain",
            "train_cats",
            "test tube",
        ),
    ],
}


@pytest.mark.parametrize(
    ("name", "split"), [(name, split) for split, names in WORDS.items() for name in names]
)
def test_a_split_is_known_by_its_name_alone(name, split):
    assert split_of(name) == split


def classes(*names: str, inner: tuple[str, ...] = ("",)) -> list[str]:
    """Two photos in each class, in each folder of it."""
    return [
        f"{name}/{folder + '/' if folder else ''}{n}.jpg" for name in names for folder in inner for n in "12"
    ]


PAIR = ("cat", "dog")
REFUSED = {  # name -> (files, what is told)
    "splits with words that say more": (
        classes("train_cats", "train_dogs", "test_cats", "test_dogs"),
        "'test_cats', 'test_dogs', 'train_cats' and 1 more look like splits, not classes: call them train, ",
    ),
    "folds": (classes(*(f"fold{n}" for n in range(1, 6)), inner=PAIR), "'fold1', 'fold2', 'fold3' and 2 more look l"),
    "batches": (classes("data_batch_1", "data_batch_2"), "look like parts of a data set"),
    "parts": (classes("Part 1", "part-2", "PART3"), "look like parts of a data set"),
    "days": (classes("2019-08-12", "2019-08-13"), "look like dates, not classes: sort the photos"),
    "days run together": (classes("20190812", "20190813"), "look like dates"),
    "German days": (classes("12.08.2019", "13.08.19"), "look like dates"),
    "months": (classes("2019-08", "2019_09"), "look like dates"),
    "years": (classes("2019", "2020", inner=("08", "09")), "look like dates"),
    "months by name": (classes("January", "feb", "12 March", "Sept 2019", "2019 May"), "look like dates"),
    "months of a year": (under("2019", classes("01", "2", "12")), "'01', '12', '2' in '2019' look like dates"),
    "a phone's months": (classes("202308__", "202309_a"), "look like dates"),
    "a camera's folders": (under("DCIM", classes("100CANON", "101CANON", "102_FUJI")), "look like a camera's folders"),
    "an Apple's folders": (classes("100APPLE", "101APPLE"), "look like a camera's folders"),
    "variants": (classes("color", "grayscale", "segmented", inner=PAIR), "look like kinds of pictures of the same"),
    "masks": (classes("images", "masks"), "'images', 'masks' look like kinds of pictures of the same things"),
    "VOC": (classes("JPEGImages", "SegmentationClass", "SegmentationObject"), "look like kinds of pictures"),
    "depth": (classes("rgb", "depth", "cat"), "look like kinds of pictures"),
    "before and after": (classes("before", "After"), "look like kinds of pictures"),
    "masks in classes": (classes("COVID", "Normal", inner=("images", "masks")), "'COVID' holds 'images', 'masks', w"),
    "masks beside photos": (classes("A", "B", inner=("", "masks")), "'A' holds 'masks' beside photos, which look like"),
    "thumbnails": ([*classes("A", "B"), "A/Thumbs/1.jpg"], "'A' holds 'Thumbs' beside photos, which look like kinds"),
    "masks in splits": (under("train", classes("images", "masks")), "look like kinds of pictures"),
    "masks by name": (
        [f"{cls}/{cls} ({n}){end}.png" for cls in ("benign", "malignant") for n in (1, 2) for end in ("", "_mask")],
        "'benign/benign (1)_mask.png' looks like the mask of a photo beside it, as 4 do: move them out",
    ),
    "masks by name, numbered": (["a/1.jpg", "a/1-mask-2.png", "a/1-mask-3.png", "b/1.jpg"], "looks like the mask"),
    "the classes one folder down": (
        classes("plant A", "plant B", inner=("healthy", "ill", "dead")),
        "'plant A' and 'plant B' hold the same folders ('dead', 'healthy', 'ill'), so those look like the classes",
    ),
    "itself again": (
        [*classes("cat", "dog", "elk"), *under("animals", classes("cat", "dog", "elk"))],
        "'animals' holds folders of the same names as those beside it ('cat', 'dog', 'elk'): the data set seems to",
    ),
    "itself again below a root": (
        under("zoo", [*classes("cat", "dog"), *under("zoo", classes("cat", "dog"))]),
        "'zoo' holds folders of the same names",
    ),
    "itself in a class": ([*classes("cat", "dog"), *under("cat", classes("cat", "dog"))], "'cat' holds folders of the"),
    "one of two in the other": ([*classes("cat", "dog"), "dog/cat/1.jpg"], "'dog' holds folders of the same names"),
    "itself again with splits": (
        [*under("train", classes("cat", "dog")), *under("zoo/train", classes("cat", "dog"))],
        "split folders at two places, 'the source itself' and 'zoo'; if the data set holds itself again, delete one",
    ),
    "a class called train": (
        classes("bicycle", "bus", "train"),
        "'train' is taken for a split, but 'bicycle' holds photos beside it: if 'train' is a class, rename it",
    ),
    "a class called train, with folders": (
        [*classes("bicycle", "bus"), *under("train", classes("steam", "electric"))],
        "'train' is taken for a split, but 'bicycle' holds photos beside it",
    ),
    "a class called valid": (classes("expired", "valid"), "'valid' is taken for a split, but 'expired' holds photos"),
    "classes called test and dev": (classes("dev", "prod", "test"), "is taken for a split, but 'prod' holds photos"),
    "classes, then splits": (
        classes("cat", "dog", inner=("train", "test")),
        "the split folders train, test lie inside 'cat', 'dog', ...: if those are classes, move the splits above them",
    ),
    "two folders of a split": (
        [*under("train", classes(*PAIR)), *under("Training Set", classes(*PAIR))],
        "are both taken for training; keep one of them",
    ),
    "photos of a camera": (["20190812_101500.jpg", "20190813_111500.jpg"], "no training photo's class can be told (20"),
    "Kodak's names": (["100_0001.jpg", "100_0002.jpg", "101_0001.jpg"], "(100_0001.jpg) do not begin at 0 or 1, so "),
    "names by date": (["1_02_2020.jpg", "2_02_2020.jpg"], "no training photo's class can be told"),
    "a camera's card": (["DCIM/100CANON/IMG_1.jpg", "DCIM/100CANON/IMG_2.jpg"], "only one class ('100CANON')"),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_hardly_a_class_is_told(tmp_path, kind, as_zip):
    files, told = REFUSED[kind]
    path = lay_out(tmp_path, files, as_zip)
    line = refused(lambda: scan(Source(path)))
    assert line.startswith(f"{path}: ")
    assert told in line


def test_the_months_of_a_source_called_as_a_year_are_told(tmp_path):
    path = lay_out(tmp_path, classes("01", "02")).rename(tmp_path / "2019")
    assert "'01', '02' in '2019' look like dates" in refused(lambda: scan(Source(path)))


READ = [  # classes that are near misses
    ("marigold", "apricot", "mayfly"),
    ("with_mask", "without_mask"),
    ("001cat", "002dog", "010elk"),
    ("30012345", "40012345"),
    ("001.ak47", "002.american-flag"),
    ("2019 Ford Focus", "2020 Audi A4"),
    ("n02085620-Chihuahua", "n02085782-spaniel"),
    ("bus stop", "train station"),
    ("beaker", "flask", "test tube", "training shoe", "valley"),
    ("fake", "original"),
    ("image", "text"),
    ("label", "screw"),
    ("may", "rose"),
    ("100CANON", "cat"),
    ("2019", "cat"),
    ("fold1", "cat"),
    ("train_cats", "bus", "car"),
    ("NA", "None", "nan", "null"),
    tuple(str(number) for number in range(1, 13)),
    ("08", "09", "10"),
]


@BOTH
@pytest.mark.parametrize("names", READ, ids=lambda names: names[0])
@pytest.mark.parametrize("root", ["", "photos 2019/", "train/"])
def test_classes_are_read_though_one_of_them_looks_like_something_else(tmp_path, names, root, as_zip):
    listing = scanned(tmp_path, [f"{root}{name}" for name in classes(*names)], as_zip)
    assert sorted(listing.classes) == sorted(names)
    assert len(listing.splits["training"]) == 2 * len(names)
    assert listing.rejected == listing.left_out == []


@pytest.mark.parametrize(
    "inner",
    [
        ("2019", "2020"),
        ("100CANON", "101CANON"),
        ("part1", "part2"),
        ("01 Jan", "02 Feb"),
        ("", "images"),
        ("masks",),
    ],
)
def test_folders_in_classes_may_be_called_alike_where_they_are_none(tmp_path, inner):
    listing = scanned(tmp_path, classes(*PAIR, inner=inner))
    assert listing.classes == [*PAIR]
    assert (f"leaf would read {2 * len(inner)} classes" in listing.layout) == (len(inner) > 1)


def test_classes_may_share_a_few_of_their_folders(tmp_path):
    files = [
        *classes("cat", inner=("a", "b", "c", "d", "e")),
        *classes("dog", inner=("a", "b", "x", "y", "z")),
    ]
    assert scanned(tmp_path, files).classes == [*PAIR]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a.jpg", "a_mask.png", "b.jpg"], ["a_mask.png"]),
        (["x/a.jpg", "y/a_mask.jpg"], []),  # not beside it
        (["a_mask.jpg", "b_mask.jpg"], []),  # masks that people wear
        (["a.jpg", "amask.jpg", "a_masked.jpg"], []),
        (["a.jpg", "a_mask.png", *(f"{n}.jpg" for n in range(20))], []),  # one of many may be called so
    ],
)
def test_masks_are_known_by_the_photos_beside_them(names, found):
    assert masks(names) == found
