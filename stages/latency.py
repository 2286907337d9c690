"""latency: milliseconds of the networks, in PyTorch and in onnxruntime, side by side on this machine.

`make latency` measures anew where the committed times are another machine's.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stages.common import errors, machine, progress
from stages.common.compression.onnx_export import WithNormalization
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.evidence.catalogue import Catalogue, was_made
from stages.common.evidence.latency import VERSIONS, interleaved
from stages.common.files import write_csv
from stages.common.networks.costs import size_kib
from stages.common.networks.model_files import load_model
from stages.common.params import read

BATCHES = (1, 32)
SECONDS = 1.5  # for each number of threads and batch size


def opened(path: Path, threads: int, photos: np.ndarray) -> Callable[[], object]:
    """A call that classifies `photos` (N, S, S, 3) uint8 with a network on so many threads."""
    if path.suffix == ".onnx":
        runtime = OnnxModel(path, threads)
        return lambda: runtime.logits(photos)
    network = WithNormalization(load_model(path)).eval().to(memory_format=torch.channels_last)
    tensor = torch.from_numpy(photos)

    def call() -> torch.Tensor:
        with torch.inference_mode():
            return network(tensor)

    return call


def main() -> None:
    params = read("prune.teacher", "prune.reference_rates")
    files = Catalogue(params.prune.teacher, params.prune.reference_rates).timed
    files = {key: path for key, path in files.items() if was_made(path)}
    first = next(iter(files.values()))
    size = load_model(first).card.image_size
    here = {"machine": machine.name(), "versions": VERSIONS}
    random, rows = np.random.default_rng(0), []
    for threads in sorted({1, machine.workers()}):
        torch.set_num_threads(threads)
        for batch in BATCHES:
            photos = random.integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
            progress.say(f"latency: {threads} threads, {batch} photos")
            times = interleaved([opened(path, threads, photos) for path in files.values()], SECONDS)
            slowest = np.median(times[0])
            for (series, runtime), path, seconds in zip(files, files.values(), times, strict=True):
                median = np.median(seconds)
                rows.append(
                    {
                        "series": series,
                        "runtime": runtime,
                        "threads": threads,
                        "batch": batch,
                        "rounds": len(seconds),
                        "ms": 1000 * median,
                        "ms_p10": 1000 * np.percentile(seconds, 10),
                        "ms_p90": 1000 * np.percentile(seconds, 90),
                        "images_per_second": batch / median,
                        "times_faster": slowest / median,  # than the first, the teacher in PyTorch
                        "size_kib": size_kib(path),
                        "times_smaller": size_kib(first) / size_kib(path),
                        **here,
                    }
                )
    write_csv("plots/latency.csv", pd.DataFrame(rows))


if __name__ == "__main__":
    errors.run(main)
