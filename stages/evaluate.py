"""evaluate: every network's answers to the validation and the test photos, which no other stage reads."""

from pathlib import Path

import numpy as np
import torch

from stages.common import errors, progress
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.data.arrays import open_split
from stages.common.evidence.catalogue import MODELS, REFERENCE_RATES, steps_of
from stages.common.evidence.predictions import SPLITS, Predictions, read_names, write_predictions
from stages.common.files import write_json
from stages.common.networks.model_files import load_model
from stages.common.params import read
from stages.common.training.examples import PREPARED, Data, open_data
from stages.common.training.loop import predict


def probabilities(path: Path, data: Data, splits: list[str]) -> dict[str, np.ndarray]:
    """What the network in a file gives each class of each photo of each split: (N, classes) float32."""
    if path.suffix == ".onnx":
        runtime = OnnxModel(path)
        logits = {s: torch.from_numpy(runtime.predict(open_split(data.directory, s).images)) for s in splits}
    else:
        network = load_model(path, data.device)
        logits = {s: predict(network, data.split(s)) for s in splits}
    return {s: logits[s].cpu().double().softmax(1).float().numpy() for s in splits}


def main() -> None:
    params = read("seed", "augment")
    data = open_data(params.augment, params.seed)
    photos = read_names(PREPARED / "files.csv").astype({"label": int})
    photos = {s: photos[photos["split"] == s] for s in SPLITS}
    splits = [s for s in SPLITS if len(photos[s])]
    paths = {name: model.path for name, model in MODELS.items()}
    for rate in REFERENCE_RATES:
        paths |= {f"steps/{rate}/{path.stem}": path for path in steps_of(rate)}
    accuracy = {"n": int((photos["test"]["label"] >= 0).sum())}
    for name, path in progress.track(paths.items(), "evaluate", len(paths), "models"):
        said = {
            split: Predictions(photos[split]["file"].to_numpy(), photos[split]["label"].to_numpy(), p)
            for split, p in probabilities(path, data, splits).items()
        }
        write_predictions(name, data.classes, said)
        if name in MODELS and accuracy["n"]:
            accuracy[name] = float(said["test"].labelled().right.mean())
    write_json("metrics/test.json", accuracy)


if __name__ == "__main__":
    errors.run(main)
