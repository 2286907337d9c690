"""A table that says which class each photo has: a CSV or TSV of file, label and, if wanted, split."""

import csv
import io
import posixpath
import re
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from stages.common.data.arrays import SPLITS
from stages.common.data.decoding import one_line
from stages.common.data.listing import Found, Listing, listed
from stages.common.data.misreadings import SPLIT_OF, split_of
from stages.common.data.sources import Source, composed
from stages.common.errors import UserError, controls, printable

MAX_BYTES = 256 * 2**20
COLUMNS = {  # what the header may call them
    "file": (
        *("file", "filename", "file_name", "path", "filepath", "file_path"),
        *("image", "image_path", "photo"),
    ),
    "label": ("label", "class", "class_name", "category"),
    "split": ("split", "set", "subset"),
}


class Row(NamedTuple):
    """One photo in the table."""

    line: int  # in the file, from 1
    file: str  # relative posix path, composed
    label: str  # "" where there is none
    split: str  # as it stands there; "" where there is none


def read_labels(path: Path) -> tuple[list[Row], bool]:
    """The rows of a labels file, and whether it has a column of splits.

    Columns are parted by tabs, semicolons or commas, whichever the header has. Text is UTF-8. Raises
    `UserError` naming the line where it is no such table.
    """
    text = _text(path)
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    delimiter = next((c for c in "\t;," if c in header), ",")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        names = next(rows, [])
        columns = _columns(path, names)
        filled = (cells for cells in rows if any(map(str.strip, cells)))
        found = [_row(path, rows.line_num, cells, columns, len(names)) for cells in filled]
    except csv.Error as error:
        raise UserError(
            f"{path}: line {rows.line_num}: {one_line(error)}; mend the quotation marks there or above"
        ) from None
    if not found:
        raise UserError(f"{path}: no photo is listed; a line for each is expected below the header")
    return found, "split" in columns


def _splits_of(photos: list[tuple[str, str | None]]) -> list[str]:
    """The folders that photos lie in whose names say splits, where they say several."""
    folders = {
        folder: split for name, _ in photos for folder in name.split("/")[:-1] if (split := split_of(folder))
    }
    return sorted(folders) if len(set(folders.values())) > 1 else []


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            what = "no file" if path.exists() else "no such file"
            raise UserError(f"{path}: {what}; data.labels names a CSV or TSV of file, label and split")
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path}: over {MAX_BYTES / 2**20:.0f} MiB; that is no list of photos")
        data = path.read_bytes()
        if data[:2] in (b"PK", b"\xff\xfe", b"\xfe\xff"):
            what = "a spreadsheet" if data[:2] == b"PK" else "UTF-16"
            raise UserError(f"{path}: {what}; save the table as a CSV in UTF-8")
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: line {line}: not UTF-8; save it as UTF-8") from None
    if "\0" in text:
        raise UserError(f"{path}: no text, as it holds a NUL; save the table as a CSV in UTF-8")
    return text


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    """Which column holds what."""
    given = [cell.strip().lower() for cell in header]
    columns = {}
    for meaning, names in COLUMNS.items():
        at = [index for index, cell in enumerate(given) if cell in names]
        if len(at) > 1:
            raise UserError(
                f"{path}: line 1: {len(at)} columns of {meaning} ({', '.join(given[i] for i in at)}); rename all but "
                "one"
            )
        if at:
            columns[meaning] = at[0]
    if missing := [meaning for meaning in ("file", "label") if meaning not in columns]:
        raise UserError(
            f"{path}: line 1: no column '{missing[0]}'; the first line names the columns: file,label or "
            f"file,label,split, and is {printable(','.join(header))[:60]!r}"
        )
    return columns


def _row(path: Path, line: int, cells: list[str], columns: dict[str, int], count: int) -> Row:
    if len(cells) <= max(columns.values()) or any(map(str.strip, cells[count:])):
        raise UserError(
            f"{path}: line {line}: {len(cells)} columns, and the header names {count}; quote what holds a comma"
        )
    file, label, split = (cells[columns[key]].strip() if key in columns else "" for key in COLUMNS)
    if not file:
        raise UserError(f"{path}: line {line}: no file; name one or delete the line")
    if controls(label):
        raise UserError(
            f"{path}: line {line}: a control character in the label '{printable(label)}'; rename it"
        )
    parts = [part for part in file.replace("\\", "/").split("/") if part not in ("", ".")]
    return Row(line, composed("/".join(parts)), composed(label), split)


def from_table(source: Source, path: Path, root: str) -> Listing:
    """The photos that a labels file names, by their paths in the source or below a folder that holds all of them.

    root: the folder that holds everything in the source, "" for none. Raises `UserError` as `read_labels`, and
    for a photo that stands there twice, a split that is none, and a class that `listed` refuses.
    """
    rows, with_splits = read_labels(path)
    there = set(source.names())
    folder = posixpath.commonpath([path.rpartition("/")[0] for path in there])
    prefixes = ["", *(f"{parent}/" for parent in accumulate(folder.split("/"), "{}/{}".format) if parent)]
    prefix = max(prefixes, key=lambda prefix: sum(prefix + row.file in there for row in rows))
    found: Found = {split: [] for split in SPLITS}
    rejected: list[tuple[str, str]] = []
    seen: dict[str, Row] = {}
    for row in rows:
        split = "training"
        if with_splits and (split := split_of(row.split)) is None:
            raise UserError(
                f"{path}: line {row.line}: split '{printable(row.split)}'; expected train, val or test"
            )
        if not row.label and split != "test":
            raise UserError(f"{path}: line {row.line}: no label; only test photos may do without")
        name = prefix + row.file
        if name not in there:
            reason = f"in line {row.line} of the labels, but there is no such photo"
            rejected.append((printable(row.file), reason))
            continue
        first = seen.setdefault(name, row)
        if first is row:
            found[split].append((name, row.label or None))
        elif (first.label, split_of(first.split)) != (row.label, split_of(row.split)):
            raise UserError(
                f"{path}: line {row.line}: {printable(row.file)} stands in line {first.line} with another label or "
                "split; delete one of the two"
            )
    if not any(found.values()):
        near = {name.casefold(): name for name in there}.get(rows[0].file.casefold())
        raise UserError(
            f"{path}: none of its photos is in {source.path}: it names '{printable(rows[0].file)}', and there is "
            f"'{printable(near or source.names()[0])}'; name each as it is called, by its path from {source.path} on"
        )
    if not found["training"]:
        said = ", ".join(sorted({printable(row.split) for row in rows}))
        raise UserError(
            f"{path}: no photo of the split train is in {source.path}; the table's splits are {said}, and those known "
            f"are {', '.join(SPLIT_OF)}"
        )
    if not with_splits and len(folders := _splits_of(found["training"])) > 1:
        raise UserError(
            f"{path}: its photos lie in folders called {', '.join(folders)}, and it has no column 'split', so that "
            "those would not count; add the column"
        )
    left_out = [(name, f"not listed in {path}") for name in there if name not in seen]
    found = {split: sorted(photos) for split, photos in found.items()}
    layout = f"as {path} says, {'with' if with_splits else 'without'} splits"
    return listed(source, found, rejected, left_out, layout, False, root)
