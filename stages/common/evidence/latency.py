"""How long networks take, measured so that their ratios hold on a noisy machine."""

import time
from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np

REST = 0.002  # seconds
VERSIONS = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnxruntime"))
WARM_UP = 3  # calls before the first that counts


def interleaved(calls: Sequence[Callable[[], object]], seconds: float) -> list[np.ndarray]:
    """Time each call over and over, one after another, for `seconds` in all: of each (rounds,) seconds.

    A slow moment of the machine falls on all of them alike, and a short rest before each lets the threads of
    the one before come to a halt. At least five rounds are made.
    """
    for call in calls:
        for _ in range(WARM_UP):
            call()
    rounds, end = [], time.perf_counter() + seconds
    while len(rounds) < 5 or time.perf_counter() < end:
        times = []
        for call in calls:
            time.sleep(REST)
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        rounds.append(times)
    return list(np.array(rounds).T)
