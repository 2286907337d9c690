"""export_final: the smallest network that loses at most export.max_drop points against the best student.

Candidates are the steps of the reference rate 0.95, as int8 and as float ONNX, from the smallest file upward;
the first that passes on the validation photos is taken.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from torch import nn

from stages.common import errors, progress
from stages.common.compression.onnx_export import calibration_photos, export, measured, quantize_int8
from stages.common.data.arrays import open_split
from stages.common.files import write_json
from stages.common.networks.model_files import load_model
from stages.common.params import read
from stages.common.training.examples import PREPARED

STEPS = Path("models/pruned/0.95")
FOLDER = Path("models/final")
HOPELESS = 0.01  # of accuracy: how much int8 may give back by chance to a step that loses too much in float

CARD = """# {classes} classes of photos, {size_kib:,.0f} KiB

`model.onnx` takes `photos` (N, {size}, {size}, 3), bytes, RGB, any N, and gives `logits` (N, {classes}).
Photos are resized so that the short side has {size} pixels, and the centre is kept; normalization is inside.
Class names are in `classes.json`, and in the file's metadata.

    python -m stages.predict PHOTO...

| | this network | the best student |
| --- | ---: | ---: |
| validation accuracy (95 %) | {accuracy} | {best_accuracy} |
| parameters | {params:,} | {best_params:,} |
| multiply-accumulates a photo | {macs:,} | {best_macs:,} |
| KiB | {size_kib:,.0f} | {best_size_kib:,.0f} |

It is a student of depthwise-separable convolutions, distilled from a ResNet18, pruned step by step to
{width:.0%} of its width and stored {form}.

It was chosen as the smallest that loses at most {max_drop:g} points on {n:,} validation photos, so its figure
there is a little optimistic; `metrics/test.json` has the one on photos that nothing was chosen on. It knows
the {classes} classes it was trained on and will name one of them for any photo.
"""


def candidates(folder: Path, floor: float, photos) -> Iterator[tuple[Path, nn.Module, float, str]]:
    """Files (path, network, width, form), smaller steps first; steps far under `floor` are skipped."""
    steps = pd.read_csv(STEPS / "steps.csv")
    for row in steps[steps["val_accuracy"] >= floor - HOPELESS].iloc[::-1].itertuples():
        model = load_model(STEPS / f"step_{row.step:02}.safetensors")
        whole, small = folder / "float.onnx", folder / "int8.onnx"
        export(model, whole)
        quantize_int8(whole, small, photos)
        yield small, model, row.width, "in 8-bit whole numbers"
        if row.step == 0:
            yield whole, model, row.width, "in float"


def percent(metrics: dict) -> str:
    value, low, high = (100 * metrics[key] for key in ("val_accuracy", "val_low", "val_high"))
    return f"{value:.1f} % ({low:.1f}-{high:.1f})"


def main() -> None:
    params = read("seed", "export")
    validation = open_split(PREPARED, "validation")
    photos = calibration_photos(params.export.calibration, params.seed)
    best = json.loads(Path("metrics/student.json").read_text())
    floor = best["val_accuracy"] - params.export.max_drop / 100
    work = FOLDER / "work"
    work.mkdir(parents=True, exist_ok=True)
    for path, model, width, form in candidates(work, floor, photos):
        metrics = measured(path, model, validation)
        progress.say(f"width {width:.3f} {form}: {metrics['val_accuracy']:.4f}, at least {floor:.4f} wanted")
        if metrics["val_accuracy"] >= floor - 1e-9:
            break
    path.rename(FOLDER / "model.onnx")
    shutil.rmtree(work)
    classes = model.card.classes
    (FOLDER / "classes.json").write_text(json.dumps(classes, indent=2) + "\n", encoding="utf-8")
    card = CARD.format(
        classes=len(classes),
        size=model.card.image_size,
        accuracy=percent(metrics),
        best_accuracy=percent(best),
        width=width,
        form=form,
        n=len(validation.labels),
        max_drop=params.export.max_drop,
        **{key: metrics[key] for key in ("params", "macs", "size_kib")},
        **{f"best_{key}": best[key] for key in ("params", "macs", "size_kib")},
    )
    (FOLDER / "README.md").write_text(card, encoding="utf-8")
    write_json("metrics/final.json", metrics)


if __name__ == "__main__":
    errors.run(main)
