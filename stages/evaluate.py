"""evaluate: every network on the test photos, which no other stage reads, and each one's answers."""

import numpy as np
import pandas as pd

from stages.common import errors, progress
from stages.common.checkpoint import load_model
from stages.common.dataset import open_split
from stages.common.examples import PREPARED, Data, open_data
from stages.common.networks import MODELS, Model
from stages.common.onnx_runtime import OnnxModel
from stages.common.params import read
from stages.common.records import write_csv, write_json
from stages.common.training import predict


def answers(model: Model, data: Data, splits: list[str]) -> dict[str, np.ndarray]:
    """The class that a network gives each photo of each split: (N,) int64."""
    if model.path.suffix == ".onnx":
        runtime = OnnxModel(model.path)
        return {s: runtime.predict(open_split(data.directory, s).images).argmax(1) for s in splits}
    network = load_model(model.path, data.device)
    return {s: predict(network, data.split(s)).argmax(1).numpy() for s in splits}


def main() -> None:
    params = read("seed", "augment")
    data = open_data(params.augment, params.seed)
    photos = pd.read_csv(PREPARED / "files.csv")
    said = {s: photos[photos["split"] == s].reset_index(drop=True) for s in ("validation", "test")}
    splits = [s for s in said if len(said[s])]
    labelled = said["test"]["label"] >= 0
    accuracy = {"n": int(labelled.sum())}
    for name in progress.track(MODELS, "evaluate", len(MODELS), "models"):
        for split, classes in answers(MODELS[name], data, splits).items():
            said[split][name] = classes
        if labelled.any():
            accuracy[name] = float((said["test"][name] == said["test"]["label"])[labelled].mean())
    write_json("metrics/test.json", accuracy)
    write_csv("data/predictions.csv", pd.concat(said.values()))


if __name__ == "__main__":
    errors.run(main)
