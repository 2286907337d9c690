"""export_pruned: the last step at prune.rate, put at fixed paths."""

from pathlib import Path

from stages.common import errors
from stages.common.evidence.catalogue import NOT_MADE, last_step
from stages.common.files import METRICS, read_csv, write, write_json
from stages.common.params import read


def main() -> None:
    folder = Path(f"models/pruned/{read('prune.rate').prune.rate}")
    steps = read_csv(folder / "steps.csv", ("step", *METRICS))
    last = folder / f"step_{len(steps) - 1:02}.safetensors"
    write("models/pruned.safetensors", last.read_bytes() if len(steps) > 1 else NOT_MADE)
    write("models/pruned.csv", (folder / "steps.csv").read_bytes())
    before = steps["val_accuracy_before_finetune"].iloc[-1].item() if len(steps) > 1 else None
    write_json("metrics/pruned.json", last_step(steps) | {"val_accuracy_before_finetune": before})


if __name__ == "__main__":
    errors.run(main)
