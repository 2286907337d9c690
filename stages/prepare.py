"""Decode the photos of `data.source` into the arrays every other stage works on.

`python -m stages.prepare`: params `seed`, `data`; writes data/prepared and metrics/data.json.
"""

from pathlib import Path

from stages.common import errors
from stages.common.data import preparing
from stages.common.files import write_json
from stages.common.params import read


def main() -> None:
    params = read("seed", "data")
    manifest = preparing.build(
        source=Path(params.data.source),
        directory=Path("data/prepared"),
        image_size=params.data.image_size,
        val_fraction=params.data.val_fraction,
        max_rejected=params.data.max_rejected,
        seed=params.seed,
        label="prepare",
        key="data",
        rejects=Path("data/rejected.csv"),
        class_folder=params.data.class_folder,
        labels=params.data.labels and Path(params.data.labels),
    )
    metrics = manifest.counts | {
        "classes": len(manifest.classes),
        "rejected": manifest.rejected,
        "duplicated": manifest.duplicated,
        "dropped": manifest.dropped,
        "left_out": manifest.left_out,
    }
    write_json("metrics/data.json", metrics)
    print("prepared: " + ", ".join(f"{name} {count:,}" for name, count in metrics.items()))


if __name__ == "__main__":
    errors.run(main)
