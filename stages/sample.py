"""sample: draw the embedded data sets, foods in Food-11's layout and other objects in class folders."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

import stages.drawing as drawing
from stages.common import errors, machine, progress
from stages.common.files import whole, write
from stages.common.params import read

FOODS, OBJECTS = Path("data/sample"), Path("data/upstream")


def draw(job: tuple[Path, str, list[int], float]) -> None:
    """Draw one photo: its random numbers depend on the seed, the split, the class and its number alone."""
    path, kind, seeds, difficulty = job
    rng = np.random.default_rng(seeds)
    path.write_bytes(drawing.jpeg(drawing.photo(kind, rng, difficulty), rng))


def jobs(seed: int, sample, foods: Path, objects: Path) -> list[tuple[Path, str, list[int], float]]:
    """Every photo to draw, as arguments of `draw`, in two folders."""
    found = []
    for s, split in enumerate(("training", "validation", "evaluation")):
        for c, kind in enumerate(drawing.FOODS):
            for i in range(getattr(sample, split)):
                found.append((foods / split / f"{c}_{i}.jpg", kind, [seed, s, c, i], sample.difficulty))
    for c, kind in enumerate(drawing.OBJECTS):
        for i in range(sample.upstream):
            found.append((objects / kind / f"{i}.jpg", kind, [seed, 3, c, i], sample.difficulty))
    return found


def main() -> None:
    params = read("seed", "sample")
    with whole(FOODS) as foods, whole(OBJECTS) as objects:
        todo = jobs(params.seed, params.sample, foods, objects)
        for folder in {path.parent for path, *_ in todo}:
            folder.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(machine.workers(), initializer=errors.in_worker) as pool:
            try:
                for _ in progress.track(pool.map(draw, todo, chunksize=64), "drawing", len(todo)):
                    pass
            except BaseException:  # the disk is full, or the run is stopped: what waits is not drawn
                pool.shutdown(cancel_futures=True)
                raise
        write(foods / "classes.txt", "".join(f"{name}\n" for name in drawing.FOODS))


if __name__ == "__main__":
    errors.run(main)
