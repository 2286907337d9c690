"""latency: milliseconds of the networks, in PyTorch and in onnxruntime, side by side on this machine."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stages.common import errors, machine, progress
from stages.common.compression.onnx_export import WithNormalization
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.evidence.latency import interleaved
from stages.common.files import write_csv
from stages.common.networks import costs as cost
from stages.common.networks.model_files import load_model

TEACHER = Path("models/teacher_pretrained/model.safetensors")
STUDENT = Path("models/student/model.safetensors")
FILES = {  # (network, its form and runtime): every one takes photos as bytes
    ("teacher_pretrained", "PyTorch fp32"): TEACHER,
    ("teacher_pretrained", "onnxruntime fp32"): Path("models/onnx/teacher.onnx"),
    ("student", "PyTorch fp32"): STUDENT,
    ("student", "onnxruntime fp32"): Path("models/onnx/student.onnx"),
    ("student", "onnxruntime int8"): Path("models/onnx/student_int8.onnx"),
    ("final", "onnxruntime"): Path("models/final/model.onnx"),
}
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
    size = load_model(STUDENT).card.image_size
    random, rows = np.random.default_rng(0), []
    for threads in sorted({1, machine.workers()}):
        torch.set_num_threads(threads)
        for batch in BATCHES:
            photos = random.integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
            progress.say(f"latency: {threads} threads, {batch} photos")
            times = interleaved([opened(path, threads, photos) for path in FILES.values()], SECONDS)
            slowest = np.median(times[0])
            for (series, runtime), path, seconds in zip(FILES, FILES.values(), times, strict=True):
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
                        "size_kib": cost.size_kib(path),
                        "times_smaller": cost.size_kib(TEACHER) / cost.size_kib(path),
                    }
                )
    write_csv("plots/latency.csv", pd.DataFrame(rows))


if __name__ == "__main__":
    errors.run(main)
