"""Two workers of one thread each: threads that wait for each other, spinning, would take all the time."""

import os

os.environ |= {"COMPRESS_WORKERS": "1", "OMP_NUM_THREADS": "1"}


def pytest_collection_modifyitems(items: list) -> None:
    """The long files first, so that the two workers end at about the same time."""
    items.sort(key=lambda item: "slow" not in item.keywords)
