"""evaluate: every network on the test photos, which no other stage reads, and each one's answers."""

import pandas as pd

from stages.common import errors, progress
from stages.common.checkpoint import load_model
from stages.common.examples import PREPARED, open_data
from stages.common.params import read
from stages.common.records import MODELS, model_path, write_csv, write_json
from stages.common.training import correct, predict


def main() -> None:
    params = read("seed", "augment")
    data = open_data(params.augment, params.seed)
    splits = {name: data.split(name) for name in ("validation", "test")}
    photos = pd.read_csv(PREPARED / "files.csv")
    said = {name: photos[photos["split"] == name].reset_index(drop=True) for name in splits}
    known = int((splits["test"].labels >= 0).sum())
    accuracy = {"n": known}
    for name in progress.track(MODELS, "evaluate", len(MODELS), "models"):
        model = load_model(model_path(name), data.device)
        for split, examples in splits.items():
            if len(examples) == 0:
                continue
            logits = predict(model, examples)
            said[split][name] = logits.argmax(1).numpy()
            if split == "test" and known:
                accuracy[name] = correct(logits, examples) / known
    write_json("metrics/test.json", accuracy)
    write_csv("data/predictions.csv", pd.concat(said.values()))


if __name__ == "__main__":
    errors.run(main)
