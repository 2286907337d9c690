"""Progress and tables: rich in a terminal, plain lines in a log."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.progress import TimeRemainingColumn as TimeLeft
from rich.text import Text

LOG_EVERY = 20.0  # seconds between plain lines: a log stays short and still shows life


class RateColumn(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} {task.fields['unit']}/s" if task.speed else "", style="cyan")


class Bar:
    """What a loop reports to: `advance(n)`, and `note(text)` for the figure worth watching."""

    def __init__(self, console: Console, label: str, total: int, unit: str):
        self._label, self._total, self._unit, self._note = label, total, unit, ""
        self._done, self._start = 0, time.monotonic()
        self._said = self._start
        self._rich = None
        if console.is_terminal:
            self._rich = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                RateColumn(),
                TimeLeft(),
                TextColumn("{task.fields[note]}", style="dim"),
                console=console,
            )
            self._task = self._rich.add_task(label, total=total, unit=unit, note="")

    def advance(self, count: int = 1) -> None:
        self._done += count
        if self._rich:
            self._rich.update(self._task, advance=count)
        elif time.monotonic() - self._said >= LOG_EVERY:
            self._print(f"{self._done:,} of {self._total:,} {self._unit}")

    def note(self, text: str) -> None:
        self._note = text
        if self._rich:
            self._rich.update(self._task, note=text)

    def _print(self, text: str) -> None:
        self._said = time.monotonic()
        rate = self._done / max(self._said - self._start, 1e-9)
        left = (self._total - self._done) / rate if rate else 0
        tail = f", {left:,.0f} s left" if left else ""
        note = f"; {self._note}" if self._note else ""
        print(f"{self._label}: {text}, {rate:,.0f}/s{tail}{note}", flush=True)

    def __enter__(self) -> "Bar":
        if self._rich:
            self._rich.start()
        return self

    def __exit__(self, kind, *_) -> None:
        if self._rich:
            self._rich.stop()
        elif kind is None:
            self._print(f"{self._done:,} {self._unit} in {time.monotonic() - self._start:,.1f} s")


@contextmanager
def bar(label: str, total: int, unit: str = "images") -> Iterator[Bar]:
    """A progress bar of `total` items: rate and time left; a plain line each 20 s without a terminal."""
    with Bar(Console(), label, total, unit) as it:
        yield it


def track(items: Iterable, label: str, total: int, unit: str = "images") -> Iterator:
    """Iterate over `items` under a progress bar."""
    with bar(label, total, unit) as it:
        for item in items:
            yield item
            it.advance()


def say(text: str) -> None:
    """One plain line, at once."""
    print(text, flush=True)
