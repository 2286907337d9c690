"""predict: the classes of photos, by an exported network on onnxruntime. No stage of the graph."""

import argparse
import glob
import io
import json
import os
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn, TextIO

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stages.common import errors
from stages.common.compression.onnx_runtime import OnnxModel
from stages.common.data.decoding import decode, one_line
from stages.common.data.sources import (
    HIDDEN,
    LITTER,
    NO_SUFFIX,
    Source,
    composed,
    counted,
    is_photo,
    read_file,
)
from stages.common.errors import UserError, printable

FINAL = Path("models/final/model.onnx")
TOP = 3  # classes shown of a photo
BATCH = 64  # photos in memory; no answer depends on it

HELP = f"""
A photo is classified once, however often it is given. Of a folder, a zip and what a pattern matches, files that
are no photos by their names are passed over and counted on stderr, zips in them too; what is named is tried.
`**` in a pattern is any depth of folders, without links; brackets that match nothing are taken as they are.

exit code: 0 where every photo was classified, else 1; the others are, and each bad one is a line on stderr.

A terminal shows a table. A pipe or a file gets a line for each photo as soon as it is classified, with tabs
between its name, the {TOP} most probable classes (all, of fewer) and their probabilities, best first:
  lunch.jpg<tab>Soup<tab>0.931250<tab>Rice<tab>0.040625<tab>Egg<tab>0.018750
Tabs, line breaks and what the terminal's encoding lacks are written as escapes, such as \\t.

--json prints an array with an object for each photo, in the same order:
  {{"photo": "lunch.jpg", "classes": [{{"class": "Soup", "probability": 0.93}}, ...]}}
"""

PassedOver = dict[str, Counter[str]]  # of a folder, a zip or a pattern: files that are no photos, by suffix


def photos(given: list[str], passed_over: PassedOver) -> Iterator[tuple[str, bytes | str]]:
    """Each photo's name with its bytes, or with a short reason why it has none; each photo once."""
    seen: set[str] = set()
    for name in given:
        found, reason = _matches(name, passed_over)
        if reason and name not in seen:
            seen.add(name)
            yield name or '""', reason
        for path in found:
            if (place := _place(path)) in seen:
                continue
            here = {place}  # apart from `seen`: two names in one source may be the same when composed
            for photo, content in _contents(path, passed_over):
                if (place := _place(photo)) in seen:
                    continue
                here.add(place)
                try:
                    yield str(photo), content if isinstance(content, str) else content()
                except ValueError as error:
                    yield str(photo), one_line(error)
            seen |= here


def _matches(name: str, passed_over: PassedOver) -> tuple[list[Path], str]:
    """What a name stands for, a file of that name before a pattern; or a short reason why it is nothing."""
    try:
        os.lstat(name)
        return [Path(name)], ""
    except (FileNotFoundError, NotADirectoryError):
        if not name:
            return [], "an empty name; name a file, a folder, a zip or a pattern"
        if not glob.has_magic(name):
            return [], "no such file"
    except (OSError, ValueError) as error:
        return [], f"cannot be read: {getattr(error, 'strerror', None) or one_line(error)}"
    parts = name.split("/")
    literal = [part.replace("[", "[[]") for part in parts]
    try:
        # Brackets as they are: in no folder, then in the first, ..., at last in the file's name as well.
        for pattern in dict.fromkeys("/".join(literal[:i] + parts[i:]) for i in range(len(parts) + 1)):
            if found := sorted(set(_glob(pattern))):
                return _wanted(name, found, passed_over), ""
    except (OSError, ValueError, RecursionError) as error:
        return [], f"a pattern that cannot be followed: {one_line(error)}"
    return [], "no such file, and nothing matches it as a pattern"


def _glob(pattern: str) -> list[str]:
    """As `glob.glob`, whose `**` would follow links to folders round and round.

    What ends in `**` is the folder: it is read with all that it holds.
    """
    parts = pattern.split("/")
    if "**" not in parts:
        return glob.glob(pattern)
    i = parts.index("**")
    starts = glob.glob("/".join([*parts[:i], ""])) if i else ["."]
    rest = parts[i + 1 :]
    while rest and rest[0] in ("**", ""):
        rest = rest[1:]
    if not rest:
        return starts
    found = []
    for start in starts:
        for folder, below, _ in os.walk(start):
            below[:] = [name for name in below if not name.startswith(".")]
            found += _glob("/".join([glob.escape(folder), *rest]))
    return found


def _wanted(pattern: str, found: list[str], passed_over: PassedOver) -> list[Path]:
    """Of what a pattern matches: photos, zips and folders; other files only where it matches nothing else."""
    folders = {Path(name) for name in found if os.path.isdir(name)}
    # What lies in a folder of them is read with that folder.
    paths = [path for path in map(Path, found) if not folders.intersection(path.parents)]
    wanted, others = [], Counter()
    for path in paths:
        if any(part.lower() in LITTER for part in path.parts):
            others[HIDDEN] += 1
        elif path in folders or is_photo(path.name) or path.suffix.lower() == ".zip":
            wanted.append(path)
        else:
            others[path.suffix.lower() or NO_SUFFIX] += 1
    if wanted:
        passed_over[pattern] = others
    return wanted or paths


def _contents(path: Path, passed_over: PassedOver) -> Iterator[tuple[Path, Callable[[], bytes] | str]]:
    """A file, or the photos of a folder or a zip: each with what reads it, or with a reason why nothing can."""
    if not _is_source(path):
        yield path, partial(read_file, path)
        return
    try:
        with Source(path) as source:
            passed_over[str(path)] = source.passed_over
            for name, reason in source.rejected:
                yield path / name, reason
            for name in source.names():
                yield path / name, partial(source.read, name)
    except UserError as error:
        yield path, str(error).removeprefix(f"{path}: ")


def _is_source(path: Path) -> bool:
    if not os.path.isfile(path):
        return os.path.isdir(path)
    return path.suffix.lower() == ".zip" or (not is_photo(path.name) and zipfile.is_zipfile(path))


def _place(path: Path) -> str:
    """Where a file lies: one text for all ways that lead to it. A link to a photo is a photo of its own."""
    try:
        folder = os.path.realpath(path if os.path.isdir(path) else path.parent)
    except ValueError:  # in a zip names may be what no system has
        folder = str(path.parent)
    return os.path.normcase(composed(folder if os.path.isdir(path) else os.path.join(folder, path.name)))


def classify(
    model: OnnxModel, given: list[str], passed_over: PassedOver
) -> Iterator[tuple[str, np.ndarray | str]]:
    """Each photo's name with its classes' probabilities (C,), or with a short reason why it has none."""
    waiting: list[tuple[str, np.ndarray]] = []
    for name, content in photos(given, passed_over):
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


def table(rows: list[tuple[str, list[tuple[str, float]]]]) -> Table:
    """The most probable classes of each photo; rows: (name, [(class, probability), ...])."""
    shown = Table("photo", *(f"{i + 1}." for i in range(len(rows[0][1]))))
    shown.columns[0].overflow = "fold"
    for name, best in rows:
        cells = [f"{cls} {share:.0%}" for cls, share in best]
        shown.add_row(*(Text(printable(cell)) for cell in (name, *cells)))
    return shown


def line(name: str, best: list[tuple[str, float]]) -> str:
    """The most probable classes of a photo for programs that read lines: fields with tabs between."""
    return "\t".join([printable(name), *(f"{printable(cls)}\t{share:.6f}" for cls, share in best)])


def opened(given: str) -> OnnxModel:
    """The network of a file, or of a folder that holds one; asked once, since others' files may open too."""
    path = Path(given, FINAL.name) if os.path.isdir(given) else Path(given)
    known = f"name one that it exported, such as {FINAL}"
    if not given or path.suffix.lower() != ".onnx":
        raise UserError(f"{printable(given) or '--model'}: no .onnx file and no folder of one; {known}")
    try:
        model = OnnxModel(path)
        logits = model.logits(np.zeros((1, model.image_size, model.image_size, 3), dtype=np.uint8))
        if logits.shape != (1, len(model.classes)):
            raise ValueError(f"{len(model.classes)} class names, but answers of shape {logits.shape}")
    except UserError:
        raise
    except Exception as error:  # onnxruntime has a class of its own for each way to fail
        reason = f"not a model file of this project ({one_line(error)})"
        raise UserError(f"{printable(str(path))}: {reason}; {known}") from None
    return model


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as everything here does, instead of usage and exit code 2."""

    def error(self, message: str) -> NoReturn:
        known = f"`{self.prog} --help` lists the options; a file with such a name is ./-a.jpg"
        raise UserError(f"{printable(message)}; {known}")

    def print_help(self, file: TextIO | None = None) -> None:
        say(self.format_help().rstrip(), file or sys.stdout)


def say(text: str, file: TextIO) -> None:
    """Write lines at once. What a closed pipe or a full disk does not take is not tried again at the exit."""
    try:
        print(text, file=file, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())
        raise


def main(arguments: list[str] | None = None) -> None:
    sys.stdout = sys.stdout or io.StringIO()  # None where whoever started this has closed it
    sys.stderr = sys.stderr or io.StringIO()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # an encoding may lack what a name has
    parser = Parser(
        prog="python -m stages.predict",
        description="Classify photos with the final network, or another that this project exported.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", nargs="*", metavar="PHOTO", help="a file, a folder, a zip or a pattern")
    parser.add_argument(
        "--model", default=str(FINAL), help="an .onnx file or the folder of one (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = sys.argv[1:] if arguments is None else arguments
    end = given.index("--") if "--" in given else len(given)  # which the next line would not take
    options = parser.parse_intermixed_args(given[:end])
    options.photos += given[end + 1 :]
    if not options.photos:
        raise UserError("no photos given; name files, folders or patterns, such as `lunch.jpg` or `photos/`")
    model = opened(options.model)
    as_table = not options.json and sys.stdout.isatty()
    rows, failed, passed_over = [], False, {}
    for name, found in classify(model, options.photos, passed_over):
        if isinstance(found, str):
            say(printable(f"{name}: {found}"), sys.stderr)
            failed = True
            continue
        order = np.argsort(-found, kind="stable")[:TOP]
        best = [(model.classes[i], float(found[i])) for i in order]
        if options.json or as_table:
            rows.append((name, best))
        else:
            say(line(name, best), sys.stdout)
    if options.json:
        answers = [
            {"photo": name, "classes": [{"class": cls, "probability": round(p, 6)} for cls, p in best]}
            for name, best in rows
        ]
        say(json.dumps(answers, indent=2), sys.stdout)
    elif rows:
        Console().print(table(rows))
    for name, kinds in passed_over.items():
        if kinds := Counter({kind: count for kind, count in kinds.items() if kind != HIDDEN}):
            say(printable(f"{name}: passed over: {counted(kinds)}"), sys.stderr)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    errors.run(main, arguments=True)
