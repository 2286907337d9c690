"""factorize: the plain CNN of low-rank layers at factorize.budget parameters, fine-tuned on soft labels."""

from pathlib import Path

from stages.common import errors, progress
from stages.common.compression.low_rank import choose_ranks, factorize
from stages.common.networks.model_files import load_to_go_on
from stages.common.params import read
from stages.common.training.examples import MANIFEST, open_data
from stages.common.training.outputs import train, validated
from stages.common.training.resuming import Scratch
from stages.common.training.soft_labels import open_soft_labels, path_of

CNN = Path("models/cnn/model.safetensors")


def main() -> None:
    params = read("seed", "augment", "distill.temperature", "distill.alpha", "prune.teacher", "factorize")
    schedule, teacher = params.factorize, params.prune.teacher
    data = open_data(params.augment, params.seed)
    answers = open_soft_labels(teacher)
    whole = load_to_go_on(CNN, "cpu")
    ranks = choose_ranks(whole, schedule.budget)
    progress.say(f"ranks of the convolutions and the classifier: {ranks}")
    model = factorize(whole, ranks)
    before = validated(model.to(data.device), data.split("validation"))["val_accuracy"]
    train(
        "factorized",
        model,
        data,
        answers.loss(params.distill.temperature, params.distill.alpha),
        schedule,
        Scratch("factorize", params, [MANIFEST, CNN, path_of(teacher)]),
        cycle=answers.views,
        val_accuracy_before_finetune=before,
    )


if __name__ == "__main__":
    errors.run(main)
