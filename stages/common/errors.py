"""How a stage ends: done, or stopped with one line that says why."""

import argparse
import io
import os
import signal
import sys
import threading
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

WATCH_EVERY = 0.5  # seconds
SHELLS = {"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "tcsh", "csh", "busybox"}


class UserError(Exception):
    """Bad input. Its text names the file or key, what is wrong and what to do."""


class NotPossible(UserError):
    """What a method cannot do with a network. Its text names the layer, where there is one, and why.

    A stage whose network others do not need leaves it out and says so; elsewhere it ends the stage.
    """


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as everything here does, instead of usage and exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{printable(message)}; `{self.prog} --help` says what is expected")


def run(main: Callable[[], None], arguments: bool = False) -> None:
    """Run a stage's `main`. What a user can mend ends it with one line on stderr and exit code 1.

    arguments: whether it takes some from the command line.
    A stage that DVC started stops when that DVC is gone, which would leave it writing beside the next run.
    """
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # names that a terminal's encoding lacks
        stop_with_dvc()
        if sys.argv[1:] and not arguments and Path(sys.argv[0]).parent == Path(__file__).parent.parent:
            raise UserError(f"{printable(sys.argv[1])}: this stage takes no arguments; params.yaml decides")
        main()
        if sys.stdout:  # None where whoever started this has closed it
            sys.stdout.flush()
    except UserError as error:
        _end(f"error: {error}", 1)
    except KeyboardInterrupt:
        _end("stopped; the same command goes on from here", 130)
    except BrokenPipeError:  # whoever read the output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _end(f"error: {where}{error.strerror or error}", 1)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        _end("error: out of memory; close other programs, or lower batch_size or data.image_size", 1)


def out_of_memory(error: Exception) -> bool:
    """Whether an exception says that memory ran out: Python's, torch's or onnxruntime's."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text


def controls(text: str) -> bool:
    """Whether a text holds control characters, which no table and no terminal shows as they are."""
    return any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)


def printable(text: str) -> str:
    """A text in one line: control characters and bytes that are no text are written as escapes."""
    text = "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c
        for c in text
    )
    return text.encode("utf-8", "backslashreplace").decode()


def stop_with_dvc() -> None:
    """From now on this process ends when the DVC that started it is gone; called before anything is imported."""
    if "DVC_STAGE" in os.environ and _started_by is None:
        here = _ancestors()
        if here[0] == 1 and not _is_dvc(1):
            _gone()  # it went while this process started
        _stop_with(here)


def require_dvc() -> None:
    """Ends this process where the DVC that started it is gone; called before an output is put in its place."""
    if _started_by is not None and _ancestors() != _started_by:
        _gone()


def in_worker() -> None:
    """What a process does first that a stage starts to work for it: it ends with the stage, and quietly."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the stage has the say
    _stop_with((os.getppid(),), lambda: (os.getppid(),), lambda: os._exit(1))


_started_by: tuple[int, ...] | None = None  # the processes that this one depends on


def _stop_with(
    ancestors: tuple[int, ...],
    now: Callable[[], tuple[int, ...]] | None = None,
    stop: Callable[[], None] | None = None,
) -> None:
    """End this process when it has other ancestors than these."""
    global _started_by
    _started_by = ancestors
    now, stop = now or _ancestors, stop or _gone

    def watch() -> None:
        while now() == ancestors:
            time.sleep(WATCH_EVERY)
        stop()

    threading.Thread(target=watch, daemon=True, name="watch").start()


def _ancestors() -> tuple[int, ...]:
    """This process's parent; and its parent's, where a shell stands between this stage and DVC."""
    parent = os.getppid()
    try:
        name = Path(f"/proc/{parent}/comm").read_text().strip()
        status = Path(f"/proc/{parent}/stat").read_text()
    except OSError:  # it is gone just now, or this is not Linux
        return (parent,)
    shell = name in SHELLS
    return (parent, int(status.rpartition(")")[2].split()[1])) if shell else (parent,)


def _is_dvc(process: int) -> bool:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        return any(word.rpartition(b"/")[2] == b"dvc" for word in words)
    except OSError:
        return False


def _gone() -> None:
    print(
        "error: dvc was stopped, so this stage stops too; run `dvc repro` to go on from here",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)


def _end(line: str, code: int) -> None:
    print(" ".join(line.split()), file=sys.stderr)
    sys.exit(code)
