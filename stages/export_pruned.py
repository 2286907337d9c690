"""export_pruned: the last step at prune.rate, put at fixed paths."""

import shutil
from pathlib import Path

import pandas as pd

from stages.common import errors
from stages.common.evidence.catalogue import last_step
from stages.common.files import write_json
from stages.common.params import read


def main() -> None:
    folder = Path(f"models/pruned/{read('prune.rate').prune.rate}")
    steps = pd.read_csv(folder / "steps.csv")
    target = Path("models/pruned.safetensors")
    if len(steps) > 1:
        shutil.copy(folder / f"step_{len(steps) - 1:02}.safetensors", target)
    else:
        target.write_bytes(b"")  # the student cannot be cut
    shutil.copy(folder / "steps.csv", "models/pruned.csv")
    before = steps["val_accuracy_before_finetune"].iloc[-1].item() if len(steps) > 1 else None
    write_json("metrics/pruned.json", last_step(steps) | {"val_accuracy_before_finetune": before})


if __name__ == "__main__":
    errors.run(main)
