"""export_pruned: the last step at prune.rate, put at fixed paths."""

import argparse
import shutil
from pathlib import Path

import pandas as pd

from stages.common import errors
from stages.common.evidence.catalogue import last_step
from stages.common.files import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", required=True)
    folder = Path(f"models/pruned/{parser.parse_args().rate}")
    steps = pd.read_csv(folder / "steps.csv")
    shutil.copy(folder / f"step_{len(steps) - 1:02}.safetensors", "models/pruned.safetensors")
    shutil.copy(folder / "steps.csv", "models/pruned.csv")
    before = {"val_accuracy_before_finetune": steps["val_accuracy_before_finetune"].iloc[-1].item()}
    write_json("metrics/pruned.json", last_step(steps) | before)


if __name__ == "__main__":
    errors.run(main)
