"""The smallest file that loses little: candidates as int8 and as float ONNX, smallest first."""

import heapq
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from stages.common import progress
from stages.common.compression.onnx_export import export, measured, quantize_int8
from stages.common.data.arrays import Split
from stages.common.errors import NotPossible
from stages.common.networks.costs import parameters
from stages.common.networks.model_files import load_model

FORMS = {"int8": 1, "fp32": 4}  # bytes a weight
LEAST = 0.9  # of a network's weights that its file holds at least: batch norms are folded into convolutions
EQUAL = 1.01  # files of one shape differ by a few bytes
ROUNDING = 1e-6  # of an accuracy as metrics files hold it


def smallest_within(
    candidates: Mapping[str, Path],
    floor: float,
    photos: np.ndarray,
    validation: Split,
    folder: Path,
    starts: Callable[[str], str],
) -> pd.DataFrame:
    """Try candidates until the smallest ONNX file whose validation accuracy is at least `floor` is known.

    candidates: names and model files. photos: (N, S, S, 3) uint8 training photos that set int8's ranges.
    starts: of an architecture, where int8 starts. What cannot be written in a form is no candidate in it.
    Among files of equal size the most accurate is taken, so that no smaller or equal file is better on these
    photos. Files are left in `folder`. Returns a row a file that was tried, smallest first: candidate, form,
    file, the metrics of each, chosen (bool); none is chosen where no file is accurate enough.
    """
    # A file waits with the least size it can have; once it is made, with its own.
    waiting = [
        (LEAST * bytes_ * parameters(load_model(path)) / 1024, name, form, None)
        for name, path in candidates.items()
        for form, bytes_ in FORMS.items()
    ]
    heapq.heapify(waiting)
    rows, limit = [], float("inf")
    while waiting and waiting[0][0] <= limit:
        _, name, form, row = heapq.heappop(waiting)
        if row is None:
            try:
                file = _made(candidates[name], form, folder / name, photos, starts)
            except NotPossible as error:
                progress.say(f"{name} in {form}: {error}")
                continue
            metrics = measured(file, load_model(candidates[name]), validation)
            row = {"candidate": name, "form": form, "file": str(file), **metrics}
            heapq.heappush(waiting, (metrics["size_kib"], name, form, row))
            continue
        progress.say(
            f"{name} in {form}: {row['size_kib']:,} KiB, {row['val_accuracy']:.4f}, wanted {floor:.4f}"
        )
        rows.append(row)
        if row["val_accuracy"] >= floor - ROUNDING:
            limit = min(limit, EQUAL * row["size_kib"])
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows)
    enough = table[table["val_accuracy"] >= floor - ROUNDING]
    best = enough["val_accuracy"].idxmax() if len(enough) else None
    return table.assign(chosen=table.index == best)


def _made(path: Path, form: str, folder: Path, photos: np.ndarray, starts: Callable[[str], str]) -> Path:
    whole, small, model = folder / "fp32.onnx", folder / "int8.onnx", load_model(path)
    if not whole.exists():
        export(model, whole, photos)
    if form == "int8":
        quantize_int8(whole, small, photos, starts(model.card.architecture))
    return small if form == "int8" else whole
