"""evaluate: every network's answers to the validation and the test photos, which no other stage reads."""

from pathlib import Path

import numpy as np
import torch

from stages.common import errors, machine, progress
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.data.arrays import open_split, read_manifest, require_whole
from stages.common.errors import UserError
from stages.common.evidence.catalogue import EVERYTHING, Catalogue
from stages.common.evidence.predictions import FOLDER, SPLITS, Predictions, read_names, write_predictions
from stages.common.files import whole, write_json
from stages.common.networks.model_files import load_model
from stages.common.params import read
from stages.common.training.examples import PREPARED, open_data
from stages.common.training.loop import predict


def probabilities(
    path: Path, device: str, photos: dict[str, np.ndarray], examples: dict
) -> dict[str, np.ndarray]:
    """What the network in a file gives each class of each photo of each split: (N, classes) float32."""
    if path.suffix == ".onnx":
        runtime = OnnxModel(path)
        logits = {split: torch.from_numpy(runtime.predict(images)) for split, images in photos.items()}
    else:
        network = load_model(path, device)
        logits = {split: predict(network, those) for split, those in examples.items()}
    return {split: of.cpu().double().softmax(1).float().numpy() for split, of in logits.items()}


def made_with(paths: list[Path]) -> dict[str, str | int]:
    """The settings all networks were trained with. Raises `UserError` where two differ, or those here."""
    settings = {path: load_model(path).card.made_with for path in paths if path.suffix != ".onnx"}
    first, *others = settings
    for path in others:
        for key, value in settings[first].items():
            if settings[path].get(key) != value:
                raise UserError(
                    f"{path}: made with {key} {settings[path].get(key)}, and {first} with {value}; results "
                    "of both are not put together: run all anew with one setting, dvc repro --force"
                )
    machine.require_same(first, settings[first])
    return settings[first]


def main() -> None:
    params = read("seed", "augment", "prune.teacher", "prune.reference_rates")
    catalogue = Catalogue(params.prune.teacher, params.prune.reference_rates)
    paths = catalogue.files
    write_json("metrics/run.json", made_with(list(paths.values())))
    data = open_data(params.augment, params.seed)
    require_whole(PREPARED, "files.csv", read_manifest(PREPARED))
    photos = read_names(PREPARED / "files.csv").astype({"label": int})
    photos = {s: photos[photos["split"] == s] for s in SPLITS}
    examples = {split: data.split(split) for split in SPLITS if len(photos[split])}  # looked through once
    images = {split: open_split(PREPARED, split).images for split in examples}
    accuracy = {"n": int((photos["test"]["label"] >= 0).sum())}
    with whole(FOLDER) as folder:
        for name, path in progress.track(paths.items(), "evaluate", len(paths), "models"):
            said = {
                split: Predictions(photos[split]["file"].to_numpy(), photos[split]["label"].to_numpy(), p)
                for split, p in probabilities(path, data.device, images, examples).items()
            }
            write_predictions(folder, name, data.classes, said)
            if accuracy["n"]:
                accuracy[name] = float(said["test"].labelled().right.mean())
        for name in set(EVERYTHING) - set(
            paths
        ):  # could not be made: no answers, in a file that others expect
            write_predictions(folder, name, data.classes, {})
    write_json("metrics/test.json", accuracy)


if __name__ == "__main__":
    errors.run(main)
