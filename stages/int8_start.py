"""int8_start: from which convolution on a network is the faster in whole numbers, measured on this machine.

Of the student and the CNN, with fresh weights, since speed does not depend on them. Convolutions of few channels
are often slower in whole numbers, and some runtimes round badly around a pooling. What is measured once is kept
in git, so that other machines make the same files; `dvc repro -f -s int8_start` measures anew.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import gmean

from stages.common import errors, machine, progress
from stages.common.compression.onnx_export import STARTS, export, quantize_int8
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.errors import NotPossible
from stages.common.evidence.latency import VERSIONS, interleaved
from stages.common.files import write_json
from stages.common.networks import registry
from stages.common.networks.cards import Card, new_model
from stages.common.params import read

FIRST = 6  # convolutions that it may start at
BATCHES = (1, 32)
SECONDS = 1.0  # for each batch size
EQUAL = 1.05  # times the fastest: of these the one with most in int8 is taken


def measured(architecture: str, size: int, folder: Path) -> dict[int, float]:
    """Milliseconds from each start, the geometric mean over batch sizes. Raises `NotPossible`."""
    normalization = registry.normalization(architecture)
    card = Card(architecture, ["a", "b"], size, *normalization, code=registry.digest(architecture))
    photos = np.random.default_rng(0).integers(0, 256, (max(BATCHES), size, size, 3), dtype=np.uint8)
    export(new_model(card, seed=0), folder / "fp32.onnx", photos)
    runtimes, contents = {}, set()
    for start in range(FIRST):
        file = folder / f"{start}.onnx"
        quantize_int8(folder / "fp32.onnx", file, photos, start)
        if file.read_bytes() in contents:  # it has no convolution of that number
            break
        contents.add(file.read_bytes())
        runtimes[start] = OnnxModel(file, threads=1)
    times = []
    for batch in BATCHES:
        calls = [partial(runtime.logits, photos[:batch]) for runtime in runtimes.values()]
        times.append([1000 * np.median(seconds) for seconds in interleaved(calls, SECONDS)])
    return dict(zip(runtimes, map(float, gmean(times, axis=0)), strict=True))


def main() -> None:
    params = read("student.architecture", "cnn.architecture", "data.image_size")
    found = {}
    for architecture in dict.fromkeys((params.student.architecture, params.cnn.architecture)):
        with TemporaryDirectory() as folder:
            try:
                times = measured(architecture, params.data.image_size, Path(folder))
            except NotPossible as error:
                progress.say(f"int8_start: {error}")
                continue
        start = min(start for start, ms in times.items() if ms <= EQUAL * min(times.values()))
        progress.say(f"{architecture}: int8 starts at convolution {start} (from 0)")
        found |= {architecture: start}
        found |= {f"{architecture} ms from {start}": ms for start, ms in times.items()}
    write_json(STARTS, found | {"machine": machine.name(), "versions": VERSIONS})


if __name__ == "__main__":
    errors.run(main)
