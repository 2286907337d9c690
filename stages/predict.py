"""predict: the classes of photos, by an exported network on onnxruntime. No stage of the graph."""

import argparse
import glob
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stages.common import errors
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.data.decoding import decode
from stages.common.data.layouts import Source
from stages.common.errors import UserError

FINAL = Path("models/final/model.onnx")
TOP = 3  # classes shown of a photo
BATCH = 64  # photos in memory; no answer depends on it

HELP = f"""
exit code: 0 where every photo was classified, else 1; the others are, and each bad one is a line on stderr.

--json prints an array with an object for each photo, in the order of the table:
  {{"photo": "lunch.jpg", "classes": [{{"class": "Soup", "probability": 0.93}}, ...]}}
with the {TOP} most probable classes (all, of fewer), best first.
"""


def photos(given: list[str]) -> Iterator[tuple[str, bytes | str]]:
    """Each photo's name with its bytes, or with a short reason why it has none."""
    for name in given:
        matches = [name] if Path(name).exists() else sorted(glob.glob(name, recursive=True))
        if not matches:
            yield name, "no such file"
        for match in map(Path, matches):
            try:
                if match.is_dir() or match.suffix.lower() == ".zip":
                    yield from _in_source(match)
                else:
                    yield str(match), match.read_bytes()
            except OSError as error:
                yield str(match), f"cannot be read: {error.strerror or error}"


def _in_source(path: Path) -> Iterator[tuple[str, bytes | str]]:
    try:
        with Source(path) as source:
            for name in source.names():
                try:
                    yield str(path / name), source.read(name)
                except ValueError as error:
                    yield str(path / name), str(error)
    except UserError as error:
        yield str(path), str(error).removeprefix(f"{path}: ")


def classify(model: OnnxModel, given: list[str]) -> Iterator[tuple[str, np.ndarray | str]]:
    """Each photo's name with its classes' probabilities (C,), or with a short reason why it has none."""
    waiting: list[tuple[str, np.ndarray]] = []
    for name, content in photos(given):
        try:
            if isinstance(content, str):
                raise ValueError(content)
            waiting.append((name, decode(content, model.image_size)))
        except ValueError as error:
            yield name, str(error)
        if len(waiting) == BATCH:
            yield from _probabilities(model, waiting)
            waiting = []
    if waiting:
        yield from _probabilities(model, waiting)


def _probabilities(model: OnnxModel, batch: list[tuple[str, np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
    logits = model.logits(np.stack([pixels for _, pixels in batch])).astype(np.float64)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    yield from zip([name for name, _ in batch], shares / shares.sum(1, keepdims=True), strict=True)


def printable(name: str) -> str:
    """A file's name on any system, of which some allow bytes that are no text."""
    return name.encode("utf-8", "backslashreplace").decode()


def table(rows: list[tuple[str, list[tuple[str, float]]]]) -> Table:
    """The most probable classes of each photo; rows: (name, [(class, probability), ...])."""
    shown = Table("photo", *(f"{i + 1}." for i in range(len(rows[0][1]))))
    shown.columns[0].overflow = "fold"
    for name, best in rows:
        cells = [f"{cls} {share:.0%}" for cls, share in best]
        shown.add_row(*(Text(cell) for cell in (printable(name), *cells)))
    return shown


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m stages.predict",
        description="Classify photos with the final network, or another that this project exported.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", nargs="*", metavar="PHOTO", help="a file, a folder, a zip or a pattern")
    parser.add_argument("--model", type=Path, default=FINAL, help="an .onnx file (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if not options.photos:
        raise UserError("no photos given; name files, folders or patterns, such as `lunch.jpg` or `photos/`")
    if options.model.suffix != ".onnx":
        raise UserError(f"{options.model}: --model takes an .onnx file, such as {FINAL}")
    model = OnnxModel(options.model)
    rows, failed = [], False
    for name, found in classify(model, options.photos):
        if isinstance(found, str):
            print(f"{printable(name)}: {found}", file=sys.stderr)
            failed = True
            continue
        best = np.argsort(-found, kind="stable")[:TOP]
        rows.append((name, [(model.classes[i], float(found[i])) for i in best]))
    if options.json:
        answers = [
            {"photo": name, "classes": [{"class": cls, "probability": round(p, 6)} for cls, p in best]}
            for name, best in rows
        ]
        print(json.dumps(answers, indent=2))
    elif rows:
        Console().print(table(rows))
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    errors.run(main)
