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
from stages.common.compression.onnx_export import STARTS, convolutions, export, quantize_int8
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


def measured(architecture: str, size: int, folder: Path) -> dict[str, float]:
    """Milliseconds from each start, the geometric mean over batch sizes. Raises `NotPossible`."""
    normalization = registry.normalization(architecture)
    card = Card(architecture, ["a", "b"], size, *normalization, code=registry.digest(architecture))
    photos = np.random.default_rng(0).integers(0, 256, (max(BATCHES), size, size, 3), dtype=np.uint8)
    export(new_model(card, seed=0), folder / "fp32.onnx", photos)
    runtimes = {}
    for i, start in enumerate(["", *convolutions(folder / "fp32.onnx")[1:FIRST]]):
        quantize_int8(folder / "fp32.onnx", folder / f"{i}.onnx", photos, start)
        runtimes[start] = OnnxModel(folder / f"{i}.onnx", threads=1)
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
        for start, ms in times.items():
            progress.say(f"{architecture} in int8 from {start or 'its first layer'}: {ms:.2f} ms")
        found[architecture] = next(start for start, ms in times.items() if ms <= EQUAL * min(times.values()))
    write_json(STARTS, found | {"machine": machine.name(), "versions": VERSIONS})


if __name__ == "__main__":
    errors.run(main)
