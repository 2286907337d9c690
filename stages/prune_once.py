"""prune_once: the CNN cut to its final width in one step, then fine-tuned on labels alone."""

from pathlib import Path

from stages.common import errors
from stages.common.compression.pruning import cut, cuttable
from stages.common.errors import NotPossible
from stages.common.networks.model_files import load_to_go_on
from stages.common.params import read
from stages.common.training.examples import MANIFEST, open_data
from stages.common.training.loop import on_labels
from stages.common.training.outputs import leave_out, train, validated
from stages.common.training.resuming import Resumable

MODEL = Path("models/cnn/model.safetensors")


def main() -> None:
    params = read("seed", "augment", "prune_once", "prune.importance", "prune.round_to")
    data = open_data(params.augment, params.seed)
    unpruned = load_to_go_on(MODEL, data.device)
    try:
        sizes = {group.name: group.size for group in cuttable(unpruned, listed=True)}
    except NotPossible as reason:
        leave_out("cnn_pruned", reason, val_accuracy_before_finetune=None)
        return
    model = cut(
        unpruned,
        sizes,
        params.prune_once.width,
        data.split("training"),
        importance=params.prune.importance,
        round_to=params.prune.round_to,
        seed=params.seed,
    )
    before = validated(model, data.split("validation"))["val_accuracy"]
    resumable = Resumable("prune_once", params, [MANIFEST, MODEL])
    schedule = params.prune_once
    train("cnn_pruned", model, data, on_labels, schedule, resumable, val_accuracy_before_finetune=before)


if __name__ == "__main__":
    errors.run(main)
