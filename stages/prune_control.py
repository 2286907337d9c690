"""prune_control: what step-by-step pruning must beat, with as many epochs and, but for the last, its size.

pruned_one_shot      the student cut once to prune.min_width, then fine-tuned for prune.epochs
pruned_from_scratch  a network of the shape that the small steps end at, trained on the soft labels from fresh
                     weights, for the student's epochs and prune.epochs (Liu et al. 2019, "Rethinking the
                     value of network pruning")
student_finetuned    the student fine-tuned for prune.epochs and not cut: what the cuts cost is set against it
"""

import argparse
from dataclasses import replace
from pathlib import Path

from stages.common import errors
from stages.common.compression.pruning import cut, cuttable
from stages.common.errors import NotPossible
from stages.common.networks.cards import new_model
from stages.common.networks.model_files import load_model, load_to_go_on
from stages.common.params import fit_of, read
from stages.common.training.examples import MANIFEST, PREPARED, open_data
from stages.common.training.outputs import leave_out, train, validated
from stages.common.training.resuming import Resumable
from stages.common.training.soft_labels import open_soft_labels, path_of

CONTROLS = ("pruned_one_shot", "pruned_from_scratch", "student_finetuned")


def main() -> None:
    parser = errors.Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("control", choices=CONTROLS)
    control = parser.parse_args().control
    params = read(
        "seed",
        "augment",
        "distill",
        "prune.teacher",
        "prune.importance",
        "prune.scope",
        "prune.round_to",
        "prune.reference_rates",
        "prune.min_width",
        "prune.epochs",
        "prune.learning_rate",
        "prune.batch_size",
        "prune.weight_decay",
    )
    p = params.prune
    data = open_data(params.augment, params.seed)
    answers = open_soft_labels(p.teacher, PREPARED)
    path = Path(f"models/student_distilled_{p.teacher}/model.safetensors")
    model = load_to_go_on(path, data.device)
    schedule, extra = fit_of(p, p.epochs), {}
    if control != "student_finetuned":
        try:
            sizes = {group.name: group.size for group in cuttable(model)}
        except NotPossible as reason:
            leave_out(control, reason, **({"val_accuracy_before_finetune": None} if "one" in control else {}))
            return
    if control == "pruned_one_shot":
        model = cut(
            model,
            sizes,
            p.min_width,
            data.split("training"),
            importance=p.importance,
            scope=p.scope,
            round_to=p.round_to,
            seed=params.seed,
        )
        extra["val_accuracy_before_finetune"] = validated(model, data.split("validation"))["val_accuracy"]
    if control == "pruned_from_scratch":
        schedule = fit_of(params.distill, params.distill.epochs + p.epochs)
        steps = Path(f"models/pruned/{p.reference_rates[0]}").glob("step_*.safetensors")
        last = max(steps, key=lambda step: int(step.stem.removeprefix("step_")))
        model = new_model(replace(load_model(last).card, epochs=0), params.seed)
    train(
        control,
        model,
        data,
        answers.loss(params.distill.temperature, params.distill.alpha),
        schedule,
        Resumable("prune_control", params, [MANIFEST, path, path_of(p.teacher)]),
        cycle=answers.views,
        **extra,
    )


if __name__ == "__main__":
    errors.run(main, arguments=True)
