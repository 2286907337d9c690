"""prune_once: the plain CNN cut to its final width in one step, then fine-tuned on labels alone."""

from pathlib import Path

from stages.common import errors
from stages.common.compression.pruning import kept_channels, prune, scores
from stages.common.networks.model_files import load_to_go_on
from stages.common.networks.registry import scaled
from stages.common.params import read
from stages.common.training.examples import MANIFEST, open_data
from stages.common.training.loop import on_labels
from stages.common.training.outputs import train, validated
from stages.common.training.resuming import Scratch

MODEL = Path("models/cnn/model.safetensors")


def main() -> None:
    params = read("seed", "augment", "prune_once")
    data = open_data(params.augment, params.seed)
    unpruned = load_to_go_on(MODEL, data.device)
    channels = scaled("cnn", unpruned.channels, params.prune_once.width)
    model = prune(unpruned, kept_channels(unpruned, channels, scores(unpruned, "bn_gamma")))
    before = validated(model.to(data.device), data.split("validation"))["val_accuracy"]
    scratch = Scratch("prune_once", params, [MANIFEST, MODEL])
    schedule = params.prune_once
    train("cnn_pruned", model, data, on_labels, schedule, scratch, val_accuracy_before_finetune=before)


if __name__ == "__main__":
    errors.run(main)
