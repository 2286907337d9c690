"""Validation photos out of training: as many as wanted of each class, the same on every run, copies together."""

import random
from collections import Counter

import pytest

from stages.common.data.copies import settle
from stages.common.data.holding_out import hold_out
from stages.common.data.listing import Listing
from tests.data.making import labels, scanned

CLASSES = ("bread", "rice", "soup")


def listing_of(counts: dict[int, int], order: int = 0) -> Listing:
    photos = [(f"{label}_{number}.jpg", label) for label, count in counts.items() for number in range(count)]
    random.Random(order).shuffle(photos)
    return Listing([str(label) for label in counts], {"training": photos, "validation": [], "test": []}, [])


def test_hold_out_is_stratified():
    held = hold_out(listing_of({0: 100, 1: 50, 2: 3, 3: 2, 4: 1}), {}, fraction=0.1, seed=1)
    count = {label: labels(held, "validation").count(label) for label in range(5)}
    assert count == {0: 10, 1: 5, 2: 1, 3: 1, 4: 0}
    both = held.splits["training"] + held.splits["validation"]
    assert sorted(both) == sorted(listing_of({0: 100, 1: 50, 2: 3, 3: 2, 4: 1}).splits["training"])


def test_hold_out_leaves_a_photo_to_train_on():
    held = hold_out(listing_of({0: 5, 1: 2}), {}, fraction=1.0, seed=1)
    assert labels(held, "training") == [0, 1]


def test_hold_out_depends_on_the_seed_and_not_on_the_order_of_files():
    first, again, other = (
        hold_out(listing_of({0: 50, 1: 50}, order), {}, 0.2, seed) for order, seed in ((1, 7), (2, 7), (1, 8))
    )
    assert first == again
    assert first.splits["validation"] != other.splits["validation"]
    assert labels(other, "validation") == labels(first, "validation")


def test_hold_out_keeps_an_existing_validation_split(tmp_path):
    listing = scanned(tmp_path, ["train/0_1.jpg", "train/1_1.jpg", "val/0_1.jpg"])
    assert hold_out(listing, {}, 0.5, 0) == listing


# -- copies stay together --


def held_out(sizes: dict[int, list[int]], fraction: float, seed: int, order: int = 0):
    """After `hold_out`: training photos, of which `sizes[class]` lists how many copies each has."""
    photos, copies = [], {}
    for label, numbers in sizes.items():
        for photo, number in enumerate(numbers):
            # Names of copies are far apart, and the first is not the first listed.
            names = [f"{(copy * 7 + 3) % 10}/{label}-{photo}" for copy in range(number)]
            photos += [(name, label) for name in names]
            copies |= {name: min(names) for name in names if number > 1}
    random.Random(order).shuffle(photos)
    listing = Listing(list(CLASSES), {"training": photos, "validation": [], "test": []}, [])
    return hold_out(listing, copies, fraction, seed)


def photos_in(listing: Listing, split: str) -> Counter:
    """How many copies of each photo, (class, number), a split has."""
    return Counter((label, name.split("-")[1]) for name, label in listing.splits[split])


MANY = {0: [1] * 40 + [2] * 10 + [5] * 3, 1: [3] * 12, 2: [1, 4]}


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(6))
def test_copies_are_held_out_together(seed, fraction):
    held = held_out(MANY, fraction, seed)
    training, validation = photos_in(held, "training"), photos_in(held, "validation")
    assert not training.keys() & validation.keys()
    both = training + validation
    assert sorted(both.values()) == sorted(number for numbers in MANY.values() for number in numbers)


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(6))
def test_the_photos_held_out_are_as_many_as_wanted(seed, fraction):
    """Exactly where there are single photos to make up the number, else within half a group."""
    held = Counter(label for _, label in held_out(MANY, fraction, seed).splits["validation"])
    assert held[0] == round(fraction * 75)
    assert abs(held[1] - max(1, round(fraction * 36))) <= (1 if fraction > 0.05 else 2)
    assert held[2] in (1, 4)


@pytest.mark.parametrize(
    ("numbers", "fraction", "expected"),
    [
        ([1], 0.5, {0}),
        ([4], 0.5, {0}),  # all are copies of one photo
        ([4, 4], 0.1, {4}),
        ([4, 4], 1.0, {4}),
        ([1, 5], 0.1, {1}),
        ([5, 5, 2], 0.1, {2}),  # 1 is wanted
        ([3, 3, 3], 0.5, {3}),  # 4 are wanted
        ([4, 4, 4], 0.5, {4, 8}),  # 6 are wanted
        ([3, 3, 4], 0.5, {4, 6}),  # 5 are wanted
    ],
)
def test_whole_groups_on_either_side(numbers, fraction, expected):
    for seed in range(8):
        held = held_out({0: numbers, 1: [1, 1]}, fraction, seed)
        assert Counter(label for _, label in held.splits["validation"])[0] in expected


@pytest.mark.parametrize("seed", range(3))
def test_turns_are_of_the_seed_and_the_first_name(seed):
    """Neither the order of files nor copies beside a photo, later in name, move it to the other side."""
    first, again = (held_out(MANY, 0.2, seed, order) for order in (1, 2))
    assert first == again
    assert held_out(MANY, 0.2, seed + 10).splits["validation"] != first.splits["validation"]
    photos = {"training": [(f"{n}.jpg", 0) for n in range(100, 200)], "validation": [], "test": []}
    single = hold_out(Listing(list(CLASSES), photos, []), {}, 0.2, seed)
    name, _ = single.splits["validation"][0]
    photos["training"].append((f"z{name}", 0))
    double = hold_out(Listing(list(CLASSES), photos, []), {name: name, f"z{name}": name}, 0.2, seed)
    assert {name, f"z{name}"} <= {name for name, _ in double.splits["validation"]}
    kept = {name for name, _ in single.splits["training"]}
    assert kept <= {name for name, _ in double.splits["training"]}


def test_copies_of_two_classes_are_not_held_out():
    for seed in range(10):
        photos = [(f"{label}-{number}", label) for label in (0, 1) for number in range(4)]
        copies = {f"{label}-{number}": f"0-{number}" for label in (0, 1) for number in (0, 1)}
        listing = Listing(list(CLASSES), {"training": photos, "validation": [], "test": []}, [])
        held = hold_out(listing, copies, 0.5, seed)
        assert Counter(label for _, label in held.splits["validation"]) == {0: 1, 1: 1}
        assert not {name for name, _ in held.splits["validation"]} & copies.keys()
        settled, _ = settle(held, copies)
        assert Counter(label for _, label in settled.splits["training"]) == {0: 1, 1: 1}
