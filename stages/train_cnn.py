"""train_cnn: the CNN, which later methods compress."""

from stages.common import errors
from stages.common.params import read
from stages.common.training.examples import MANIFEST, open_data
from stages.common.training.loop import on_labels
from stages.common.training.outputs import train
from stages.common.training.resuming import Resumable


def main() -> None:
    params = read("seed", "augment", "cnn")
    data = open_data(params.augment, params.seed)
    model = data.new_model(params.cnn.architecture)
    resumable = Resumable("train_cnn", params, [MANIFEST])
    train("cnn", model, data, on_labels, params.cnn, resumable)


if __name__ == "__main__":
    errors.run(main)
