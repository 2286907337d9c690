"""Files that appear whole or not at all, and CSV and JSON that repeat exactly."""

import errno
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from stages.common import errors
from stages.common.errors import UserError

METRICS = (  # the keys of every metrics/<name>.json
    *("val_accuracy", "val_low", "val_high", "val_balanced_accuracy"),
    *("params", "macs", "size_kib", "epochs"),
)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def whole(path: Path | str, size: int = 0) -> Iterator[Path]:
    """Where to write a file or a folder that is to appear at `path` at once, when all of it is written.

    Until then, and where it fails, what was there stays. size: bytes that it will take, where they are known.
    Raises `UserError` where the disk is full, saying how much room is needed.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(part)  # of a run that was killed
        _require_room(path, size)
        yield part
        errors.require_dvc()
        if part.is_dir() and path.exists():  # a folder cannot take another's place in one step
            old = path.with_name(f".{path.name}.old.part")
            remove(old)
            os.replace(path, old)
            os.replace(part, path)
            remove(old)
        else:
            os.replace(part, path)
    except OSError as error:
        if error.errno in _FULL:
            raise _full(path, max(size, _size(part))) from None
        if str(error.filename or "").startswith(str(part)):
            raise UserError(f"{path}: cannot be written ({error.strerror})") from None
        raise
    finally:
        remove(part)


def write(path: Path | str, content: bytes | str) -> None:
    """Write a file at once or not at all; text as UTF-8, file names in it byte for byte."""
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    with whole(path, len(data)) as part:
        part.write_bytes(data)


def write_csv(path: Path | str, rows: pd.DataFrame, float_format: str | None = "%.6f") -> None:
    """A table as CSV; fractions keep six decimals, so equal results are equal bytes on every system."""
    write(path, rows.to_csv(index=False, float_format=float_format, lineterminator="\n"))


def write_json(path: Path | str, values: dict) -> None:
    """A flat dict as JSON; fractions are rounded to six decimals. Raises `UserError` where one is no number."""
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{path}: {key} is {value}, which is no result; lower the learning rates")
    rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}
    write(path, json.dumps(rounded, indent=2, allow_nan=False) + "\n")


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def readable(size: int) -> str:
    """Bytes in words."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _require_room(path: Path, size: int) -> None:
    if size and shutil.disk_usage(path.parent).free < size:
        raise _full(path, size)


def _full(path: Path, size: int) -> UserError:
    try:
        free = readable(shutil.disk_usage(path.parent).free)
    except OSError:
        free = "nothing"
    return UserError(
        f"{path}: the disk is full: {readable(size)} or more are needed there and {free} is free; make room and "
        "run the same command again"
    )


def _size(path: Path) -> int:
    """Bytes that a file or the files of a folder take."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
