"""prune: the student cut a little at a time, fine-tuned on its teacher's soft labels after every cut.

Step k has width rate**k of the unpruned channels, the last one prune.min_width; all steps share prune.epochs.
"""

from pathlib import Path

import pandas as pd

from stages.common import errors, progress
from stages.common.compression.pruning import cut, cuttable, shared, widths
from stages.common.errors import NotPossible, UserError
from stages.common.files import whole, write_csv
from stages.common.networks.model_files import load_to_go_on, save_model
from stages.common.params import fit_of, given_rate, never_ends, read, require_rate
from stages.common.training.examples import MANIFEST, PREPARED, open_data
from stages.common.training.loop import fit
from stages.common.training.outputs import measured, validated
from stages.common.training.resuming import Resumable
from stages.common.training.soft_labels import open_soft_labels, path_of


def main() -> None:
    parser = errors.Parser(description=__doc__)
    parser.add_argument("--rate", help="by default that of the stage which DVC runs")
    text = given_rate(parser.parse_args().rate)
    rate = require_rate(text)
    params = read(
        "seed",
        "augment",
        "distill.temperature",
        "distill.alpha",
        "prune.teacher",
        "prune.importance",
        "prune.scope",
        "prune.round_to",
        "prune.min_width",
        "prune.epochs",
        "prune.learning_rate",
        "prune.batch_size",
        "prune.weight_decay",
    )
    p = params.prune
    p.rate = rate  # a killed run of another rate is not gone on with
    if reason := never_ends(rate, p.min_width):
        raise UserError(f"prune.rate = {text}: {reason}")
    data = open_data(params.augment, params.seed)
    training, validation = data.split("training"), data.split("validation")
    answers = open_soft_labels(p.teacher, PREPARED)
    loss = answers.loss(params.distill.temperature, params.distill.alpha)
    student = Path(f"models/student_distilled_{p.teacher}/model.safetensors")
    model = load_to_go_on(student, data.device)
    rows, done, steps = [], 0, widths(rate, p.min_width)
    try:
        unpruned = {group.name: group.size for group in cuttable(model, listed=True)}
    except NotPossible as reason:
        progress.say(f"x{text}: left out: {reason}")
        steps = steps[:1]
    of_step = [0, *shared(p.epochs, len(steps) - 1)] if steps[1:] else [0]
    with (
        Resumable("prune", params, [MANIFEST, student, path_of(p.teacher)]) as resumable,
        whole(Path(f"models/pruned/{text}")) as folder,
    ):
        for step, (width, epochs) in enumerate(zip(steps, of_step, strict=True)):
            if step:
                model = cut(
                    model,
                    unpruned,
                    width,
                    training,
                    importance=p.importance,
                    scope=p.scope,
                    round_to=p.round_to,
                    seed=params.seed + step,
                )
            before = validated(model, validation)["val_accuracy"]
            if epochs:
                fit(
                    model,
                    training,
                    None,
                    loss,
                    fit_of(p, epochs),
                    resumable.slot(f"step {step}"),
                    seed=params.seed,
                    label=f"x{text} step {step}",
                    cycle=answers.views,
                    first_epoch=done,
                )
            done += epochs
            path = folder / f"step_{step:02}.safetensors"
            save_model(model, path)
            row = {"rate": rate, "step": step, "width": width, **measured(model, path, validation)}
            rows.append(row | {"val_accuracy_before_finetune": before})
            progress.say(
                f"x{text} step {step}: {row['params']:,} parameters, validation accuracy "
                f"{before:.4f} cut, {row['val_accuracy']:.4f} after {epochs} epochs"
            )
        write_csv(folder / "steps.csv", pd.DataFrame(rows))


if __name__ == "__main__":
    errors.run(main, arguments=True)
