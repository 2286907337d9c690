"""Validation photos for a source without any: some of each class's training photos."""

import hashlib
from collections import defaultdict
from dataclasses import replace

from stages.common.data.listing import Listing


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
    return replace(
        listing,
        splits={**listing.splits, "training": training, "validation": validation},
        layout=f"{listing.layout}; {fraction:g} of each class held out for validation",
    )


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
