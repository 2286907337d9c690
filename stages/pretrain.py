"""pretrain: the weights that the second teacher starts from: trained on other photos, or read from a file."""

from pathlib import Path

from torch import nn

from stages.common import errors, progress
from stages.common.data.preparing import build
from stages.common.files import remove
from stages.common.networks.model_files import save_model
from stages.common.networks.pretrained import read_weights
from stages.common.params import read
from stages.common.training.examples import open_data, require_known_networks
from stages.common.training.loop import fit, on_labels
from stages.common.training.resuming import Resumable

WORK = Path("data/.pretrain.part")  # what is named so is removed after a kill


def seen_size(params) -> int:
    """Pixels of the images that the teacher will see."""
    return params.teacher.pretrained.image_size or params.data.image_size


def train(source: Path, params, folder: Path) -> nn.Module:
    """The teacher's network trained on the photos of a folder or zip, prepared into `folder`."""
    p, seed, teacher = params.pretrain, params.seed, params.teacher.pretrained
    build(
        source,
        folder,
        image_size=p.image_size,
        val_fraction=p.val_fraction,
        max_rejected=p.max_rejected,
        seed=seed,
        label="pretrain",
        key="pretrain",
        rejects=Path("data/pretrain_rejected.csv"),
        class_folder=p.class_folder,
    )
    data = open_data(params.augment, seed, folder)
    training, validation = data.split("training"), data.split("validation")
    model = data.new_model(teacher.architecture, max(p.image_size, seen_size(params)))
    with Resumable("pretrain", params, [folder / "manifest.json"]) as resumable:
        fit(model, training, validation, on_labels, p, resumable.slot("fit"), seed=seed, label="pretrain")
    return model


def main() -> None:
    params = read(
        "seed",
        "augment",
        "pretrain",
        "data.image_size",
        "teacher.pretrained.architecture",
        "teacher.pretrained.image_size",
    )
    require_known_networks()
    source = Path(params.pretrain.source)
    if source.is_file() and source.suffix.lower() != ".zip":
        model = read_weights(source, params.teacher.pretrained.architecture, seen_size(params))
        mean, std = model.card.normalization
        progress.say(f"{source}: taken to expect photos of mean {mean} and standard deviation {std}")
    else:
        try:
            model = train(source, params, WORK)
        finally:
            remove(WORK)
    save_model(model, "models/pretrained.safetensors")


if __name__ == "__main__":
    errors.run(main)
