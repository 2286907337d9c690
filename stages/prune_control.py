"""prune_control: what step-by-step pruning must beat, at its own final shape and with its own epochs.

one_shot      the student cut once to that width, then fine-tuned for as many epochs as all steps together
from_scratch  a network of that shape trained on the soft labels from fresh weights, for the student's epochs
              and the steps' (Liu et al. 2019, "Rethinking the value of network pruning")

The shape is that of the reference rate 0.95.
"""

import argparse
from pathlib import Path

from stages.common import errors
from stages.common.compression.pruning import cut, widths
from stages.common.networks.cards import new_model
from stages.common.networks.model_files import load_model
from stages.common.params import read
from stages.common.training.examples import MANIFEST, open_data
from stages.common.training.outputs import train, validated
from stages.common.training.resuming import Scratch
from stages.common.training.soft_labels import open_soft_labels, path_of

STUDENT = Path("models/student/model.safetensors")
RATE, STEPS = 0.95, Path("models/pruned/0.95")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("control", choices=["one_shot", "from_scratch"])
    control = parser.parse_args().control
    params = read(
        "seed",
        "augment",
        "distill",
        "prune.importance",
        "prune.scope",
        "prune.teacher",
        "prune.min_width",
        "prune.fit",
    )
    p = params.prune
    data = open_data(params.augment, params.seed)
    training, validation = data.split("training"), data.split("validation")
    answers = open_soft_labels(p.teacher)
    student = load_model(STUDENT, data.device)
    *before_last, width = widths(RATE, p.min_width)
    shape = load_model(STEPS / f"step_{len(before_last):02}.safetensors").card
    epochs = len(before_last) * p.fit.epochs
    if control == "one_shot":
        model = cut(student, student.channels, width, p.importance, p.scope, training, seed=params.seed)
        schedule = p.fit.model_copy(update={"epochs": epochs})
        extra = {"val_accuracy_before_finetune": validated(model, validation)["val_accuracy"]}
    else:
        model, extra = new_model(shape, params.seed), {}
        schedule = params.distill.model_copy(update={"epochs": params.distill.epochs + epochs})
    train(
        f"pruned_{control}",
        model,
        data,
        answers.loss(params.distill.temperature, params.distill.alpha),
        schedule,
        Scratch("prune_control", params, [MANIFEST, STUDENT, path_of(p.teacher)]),
        cycle=answers.views,
        **extra,
    )


if __name__ == "__main__":
    errors.run(main)
