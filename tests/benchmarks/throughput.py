"""Training throughput: the project's loop against bare forward, backward and step on one batch in memory.

Measured side by side in one process, in turns, so that the ratio holds on a noisy machine. Run after
`dvc repro`: `python -m tests.benchmarks.throughput`. No part of the test run.
"""

import statistics
import time

import numpy as np
import torch

from stages.common import machine
from stages.common.params import Fit, load
from stages.common.training.examples import Examples, open_data
from stages.common.training.loop import fit, on_labels
from stages.common.training.resuming import Slot

ROUNDS, BATCHES, BATCH = 7, 40, 64
SCHEDULE = Fit(epochs=1, learning_rate=1e-3, batch_size=BATCH, weight_decay=0.05)


def bare(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, device: str) -> float:
    """Images a second of nothing but forward, backward and step."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    start = time.perf_counter()
    for _ in range(BATCHES):
        with machine.autocast(device):
            loss = torch.nn.functional.cross_entropy(model(images).float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    loss.item()
    return BATCHES * BATCH / (time.perf_counter() - start)


def looped(model: torch.nn.Module, training: Examples, validation: Examples) -> float:
    """Images a second of `fit`: with views, shuffling, the schedule, and the validation of one photo."""
    start = time.perf_counter()
    fit(model, training, validation, on_labels, SCHEDULE, Slot(None), seed=0, label="loop")
    return len(training) // BATCH * BATCH / (time.perf_counter() - start)


def main() -> None:
    params = load()
    data = open_data(params.augment, params.seed)
    whole, device = data.split("training"), data.device
    count = min(BATCHES * BATCH, len(whole))
    training = Examples(whole.views, whole.labels[:count], device)
    one = Examples(whole.views, whole.labels[:1], device)
    for architecture in ("student", "cnn", "resnet18"):
        model = data.new_model(architecture).to(device, memory_format=torch.channels_last)
        images, labels = whole.views.batch(0, np.arange(BATCH)), whole.labels[:BATCH]
        bare(model, images, labels, device)
        ratios = [looped(model, training, one) / bare(model, images, labels, device) for _ in range(ROUNDS)]
        print(
            f"{architecture}: loop / bare = {statistics.median(ratios):.3f} "
            f"({min(ratios):.3f} to {max(ratios):.3f}, n = {ROUNDS})"
        )


if __name__ == "__main__":
    main()
