"""Files that appear whole or not at all, and CSV and JSON that repeat exactly."""

import errno
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from stages.common import errors
from stages.common.errors import UserError, printable

METRICS = (  # the keys of every metrics/<name>.json
    *("val_accuracy", "val_low", "val_high", "val_balanced_accuracy"),
    *("params", "macs", "size_kib", "epochs"),
)
_AGAIN = "`dvc repro` makes it, `dvc checkout --force` brings it back"
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
            try:
                os.replace(path, old)
                os.replace(part, path)
            except BaseException:
                if not path.exists():
                    os.replace(old, path)
                raise
            remove(old)
        else:
            os.replace(part, path)
    except OSError as error:
        if error.errno in _FULL:
            raise _full(path, max(size, _size(part))) from None
        if str(error.filename or "").startswith(str(part)):
            raise UserError(f"{_at_last(path)}: cannot be written ({error.strerror})") from None
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


def read_csv(path: Path | str, numbers: Iterable[str] = (), **options) -> pd.DataFrame:
    """A table that a stage wrote; `numbers`: columns that must be there and hold nothing else.

    options: as pandas takes them. Raises `UserError` where the file is missing, damaged or something else.
    """
    try:
        rows = pd.read_csv(path, **options)
        wrong = [name for name in numbers if not is_numeric_dtype(rows.get(name, pd.Series(["none"])))]
    except FileNotFoundError:
        raise UserError(f"{path}: does not exist; {_AGAIN}") from None
    except ValueError as error:  # pandas' own errors are some of these
        raise UserError(
            f"{path}: no table of this project ({printable(str(error))[:100]}); {_AGAIN}"
        ) from None
    if wrong:
        raise UserError(f"{path}: no column of numbers '{wrong[0]}'; {_AGAIN}")
    return rows


def read_json(path: Path | str, keys: Iterable[str] = ()) -> dict:
    """A dict that a stage wrote, with these keys at least; `UserError` as for `read_csv`."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: does not exist; {_AGAIN}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path}: not JSON; {_AGAIN}") from None
    if not isinstance(values, dict) or not set(keys) <= values.keys():
        lacking = sorted(set(keys) - set(values if isinstance(values, dict) else ()))
        raise UserError(f"{path}: lacks {', '.join(lacking) or 'its keys'}; {_AGAIN}")
    return values


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def readable(size: int) -> str:
    """Bytes in words."""
    unit, name = next(
        ((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if size >= unit), (1e3, "kB")
    )
    return f"{size / unit:,.1f} {name}"


def _require_room(path: Path, size: int) -> None:
    if size and shutil.disk_usage(path.parent).free < size:
        raise _full(path, size)


def _full(path: Path, size: int) -> UserError:
    try:
        free = readable(shutil.disk_usage(path.parent).free)
    except OSError:
        free = "nothing"
    return UserError(
        f"{_at_last(path)}: the disk is full: {readable(size)} or more are needed there and {free} is free; make room "
        "and run the same command again"
    )


def _at_last(path: Path) -> Path:
    """Where a file in a part folder is to be."""
    return Path(re.sub(r"(?<![^/])\.([^/]+)\.part(?![^/])", r"\1", str(path)))


def _size(path: Path) -> int:
    """Bytes that a file or the files of a folder take."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
