"""pretrain: a ResNet18 trained on a folder of other photos, or read from a torchvision-style weights file."""

from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from stages.common import errors
from stages.common.data.preparing import build
from stages.common.networks.cards import new_model
from stages.common.networks.model_files import save_model
from stages.common.networks.pretrained import read_weights
from stages.common.params import read
from stages.common.training.examples import open_data
from stages.common.training.loop import fit, on_labels
from stages.common.training.resuming import Scratch


def train(source: Path, params, folder: Path) -> nn.Module:
    """A ResNet18 trained on the photos of a folder or zip, prepared into `folder`."""
    p, seed = params.pretrain, params.seed
    build(source, folder, p.image_size, p.val_fraction, p.max_rejected, seed, "pretrain", "pretrain")
    data = open_data(params.augment, seed, folder)
    training, validation = data.split("training"), data.split("validation")
    model = new_model(data.card("resnet18"), seed)
    with Scratch("pretrain", params, [folder / "manifest.json"]) as scratch:
        fit(model, training, validation, on_labels, p, scratch.slot("fit"), seed=seed, label="pretrain")
    return model


def main() -> None:
    params = read("seed", "augment", "pretrain")
    source = Path(params.pretrain.source)
    if source.is_file() and source.suffix.lower() != ".zip":
        model = read_weights(source)
    else:
        with TemporaryDirectory() as folder:
            model = train(source, params, Path(folder))
    save_model(model, "models/pretrained.safetensors")


if __name__ == "__main__":
    errors.run(main)
