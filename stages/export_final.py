"""export_final: the smallest file of all small networks that loses at most export.max_drop points.

The loss is against the student that was fine-tuned as long and not cut, on the validation photos.
"""

import json
from pathlib import Path

from stages.common import errors
from stages.common.compression.onnx_export import calibration_photos, int8_start
from stages.common.compression.selection import smallest_within
from stages.common.data.arrays import open_split
from stages.common.errors import UserError
from stages.common.evidence.catalogue import Catalogue, was_made, words
from stages.common.files import METRICS, remove, whole, write, write_csv, write_json
from stages.common.networks.model_files import load_model
from stages.common.params import read
from stages.common.training.examples import PREPARED

FOLDER = Path("models/final")
REFERENCE = "student_finetuned"

CARD = """# {classes} classes of photos, {size_kib:,.0f} KiB

`model.onnx` takes `photos` (N, {size}, {size}, 3), bytes, RGB, any N, and gives `logits` (N, {classes}).
Photos are resized so that the short side has {size} pixels, and the centre is kept; normalization is inside.
Class names are in `classes.json`, and in the file's metadata.

    python -m stages.predict PHOTO...

| | this network | the student, not cut |
| --- | ---: | ---: |
| validation accuracy (95 %) | {accuracy} | {whole_accuracy} |
| parameters | {params:,} | {whole_params:,} |
| multiply-accumulates a photo | {macs:,} | {whole_macs:,} |
| KiB | {size_kib:,.0f} | {whole_size_kib:,.0f} |
| epochs on these photos | {epochs} | {whole_epochs} |

It is the network `{candidate}` in {form}: the smallest file that loses at most {max_drop:g} points on {n:,}
validation photos, and the most accurate of its size there, so its figure is a little optimistic;
`metrics/test.json` has the one on photos that nothing was chosen on. `candidates.csv` lists the files that
were tried. It knows the {classes} classes it was trained on and will name one of them for any photo.
"""


def percent(metrics: dict) -> str:
    value, low, high = (100 * metrics[key] for key in ("val_accuracy", "val_low", "val_high"))
    return f"{value:.1f} % ({low:.1f}-{high:.1f})"


def main() -> None:
    params = read("seed", "export", "prune.teacher", "prune.reference_rates")
    catalogue = Catalogue(params.prune.teacher, params.prune.reference_rates)
    with whole(FOLDER) as folder:
        metrics = choose(catalogue, params.export, params.seed, folder)
    write_json("metrics/final.json", metrics)


def choose(catalogue: Catalogue, export, seed: int, folder: Path) -> dict[str, float]:
    """Put the smallest file that is good enough into `folder`, with what is to be said of it; its metrics.

    export: the section of the parameters. Raises `UserError` where no file is good enough.
    """
    validation = open_split(PREPARED, "validation")
    photos = calibration_photos(export.calibration, seed)
    uncut, allowed, work = catalogue.metrics(REFERENCE), export.max_drop, folder / "work"
    candidates = {name: path for name, path in catalogue.candidates.items() if was_made(path)}
    floor = uncut["val_accuracy"] - allowed / 100
    tried = smallest_within(candidates, floor, photos, validation, work, int8_start)
    if tried.empty:
        raise UserError("no network can be written as ONNX: the lines above say why")
    if not tried["chosen"].any():
        best = tried.loc[tried["val_accuracy"].idxmax()]
        lost = 100 * (uncut["val_accuracy"] - best["val_accuracy"])
        raise UserError(
            f"export.max_drop = {allowed:g}: no file loses so little against {words(REFERENCE)}; the best, "
            f"{best['candidate']} in {best['form']}, loses {lost:.1f} points: allow as much"
        )
    chosen = tried[tried["chosen"]].iloc[0]
    Path(chosen["file"]).rename(folder / "model.onnx")
    remove(work)
    write_csv(folder / "candidates.csv", tried.drop(columns="file"))
    model = load_model(candidates[chosen["candidate"]])
    classes = model.card.classes
    write(folder / "classes.json", json.dumps(classes, indent=2) + "\n")
    metrics = {key: chosen[key].item() for key in METRICS}
    card = CARD.format(
        classes=len(classes),
        size=model.card.image_size,
        accuracy=percent(metrics),
        whole_accuracy=percent(uncut),
        candidate=chosen["candidate"],
        form={"int8": "8-bit whole numbers", "fp32": "float"}[chosen["form"]],
        n=len(validation.labels),
        max_drop=allowed,
        **{key: metrics[key] for key in ("params", "macs", "size_kib", "epochs")},
        **{f"whole_{key}": uncut[key] for key in ("params", "macs", "size_kib", "epochs")},
    )
    write(folder / "README.md", card)
    return metrics


if __name__ == "__main__":
    errors.run(main)
