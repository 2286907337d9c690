"""sample: draw the embedded data sets, foods in Food-11's layout and other objects in class folders."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from stages import drawing
from stages.common import errors, machine, progress
from stages.common.params import read

FOODS, OBJECTS = Path("data/sample"), Path("data/upstream")


def draw(job: tuple[Path, str, list[int], float]) -> None:
    """Draw one photo: its random numbers depend on the seed, the split, the class and its number alone."""
    path, kind, seeds, difficulty = job
    rng = np.random.default_rng(seeds)
    path.write_bytes(drawing.jpeg(drawing.photo(kind, rng, difficulty), rng))


def jobs(seed: int, sample) -> list[tuple[Path, str, list[int], float]]:
    """Every photo to draw, as arguments of `draw`."""
    found = []
    for s, split in enumerate(("training", "validation", "evaluation")):
        for c, kind in enumerate(drawing.FOODS):
            for i in range(getattr(sample, split)):
                found.append((FOODS / split / f"{c}_{i}.jpg", kind, [seed, s, c, i], sample.difficulty))
    for c, kind in enumerate(drawing.OBJECTS):
        for i in range(sample.upstream):
            found.append((OBJECTS / kind / f"{i}.jpg", kind, [seed, 3, c, i], sample.difficulty))
    return found


def main() -> None:
    params = read("seed", "sample")
    todo = jobs(params.seed, params.sample)
    for folder in {path.parent for path, *_ in todo}:
        folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(machine.workers()) as pool:
        for _ in progress.track(pool.map(draw, todo, chunksize=64), "drawing", len(todo)):
            pass


if __name__ == "__main__":
    errors.run(main)
