"""factorize: the CNN of low-rank layers at factorize.budget parameters, fine-tuned on soft labels."""

from pathlib import Path

from stages.common import errors, progress
from stages.common.compression.low_rank import choose_ranks, factorize
from stages.common.errors import NotPossible
from stages.common.networks.costs import parameters
from stages.common.networks.model_files import load_to_go_on
from stages.common.params import read
from stages.common.training.examples import MANIFEST, PREPARED, open_data
from stages.common.training.outputs import leave_out, train, validated
from stages.common.training.resuming import Resumable
from stages.common.training.soft_labels import open_soft_labels, path_of

CNN = Path("models/cnn/model.safetensors")


def main() -> None:
    params = read("seed", "augment", "distill.temperature", "distill.alpha", "prune.teacher", "factorize")
    schedule, teacher = params.factorize, params.prune.teacher
    data = open_data(params.augment, params.seed)
    answers = open_soft_labels(teacher, PREPARED)
    whole = load_to_go_on(CNN, "cpu")
    try:
        ranks = choose_ranks(whole, schedule.budget)
    except NotPossible as reason:
        leave_out("factorized", reason, val_accuracy_before_finetune=None)
        return
    progress.say("ranks: " + ", ".join(f"{name} {of}" for name, of in ranks.items()))
    model = factorize(whole, ranks)
    if parameters(model) < 0.99 * schedule.budget:
        progress.say(
            f"factorize.budget = {schedule.budget:,}: the nearest is {parameters(model):,} parameters"
        )
    before = validated(model.to(data.device), data.split("validation"))["val_accuracy"]
    train(
        "factorized",
        model,
        data,
        answers.loss(params.distill.temperature, params.distill.alpha),
        schedule,
        Resumable("factorize", params, [MANIFEST, CNN, path_of(teacher)]),
        cycle=answers.views,
        val_accuracy_before_finetune=before,
    )


if __name__ == "__main__":
    errors.run(main)
