"""The Pareto frontier: what is not beaten in size and accuracy at once."""

import pandas as pd


def on_frontier(size: pd.Series, accuracy: pd.Series) -> list[bool]:
    """Of N networks, whether no other is as small and as accurate, and better in one of the two.

    size, accuracy: (N,) numbers in any unit.
    """
    points = list(zip(size, accuracy, strict=True))
    return [
        not any(s <= size_ and a >= accuracy_ and (s, a) != (size_, accuracy_) for s, a in points)
        for size_, accuracy_ in points
    ]
