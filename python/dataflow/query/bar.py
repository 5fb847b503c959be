"""A bulk write drawn by rich: in a line of the terminal, or in the output of a notebook's cell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from dataflow.errors import InvalidOptionError

if TYPE_CHECKING:
    from dataflow.query.progress import LoadProgress

__all__ = ["Bar", "Line", "Output"]

_WIDTH = 20
# Each drawing of an output is a message to the browser.
_PAUSE_S = 0.1


class Bar(Protocol):
    """Where a bulk write is drawn."""

    def show(self, progress: LoadProgress) -> None: ...
    def close(self) -> None:
        """Ends the drawing as it stands."""


class Line:
    """A line of the terminal that is drawn anew.

    Args:
        total: Rows to be written, where that is known.

    Raises:
        InvalidOptionError: rich is not installed.
    """

    def __init__(self, total: int | None) -> None:
        self._live, self._task = _make(total)
        self._live.start()

    def show(self, progress: LoadProgress) -> None:
        _update(self._live, self._task, progress)
        self._live.refresh()

    def close(self) -> None:
        self._live.stop()


class Output:
    """One output of a notebook's cell, updated in place. rich's own way there needs ipywidgets.

    Args:
        display: The module `IPython.display`.
        total: Rows to be written, where that is known.

    Raises:
        InvalidOptionError: rich is not installed.
    """

    def __init__(self, display: Any, total: int | None) -> None:
        self._live, self._task = _make(total)
        self._handle = display.display(self._page(), display_id=True)
        self._next = 0.0

    def show(self, progress: LoadProgress) -> None:
        _update(self._live, self._task, progress)
        if monotonic() >= self._next:
            self._draw()

    def close(self) -> None:
        # What stood between two drawings.
        self._draw()

    def _draw(self) -> None:
        # None outside of a cell.
        if self._handle is not None:
            self._handle.update(self._page())
        self._next = monotonic() + _PAUSE_S

    def _page(self) -> Any:
        """A table, which rich makes HTML of when it is asked."""
        return self._live.make_tasks_table(self._live.tasks)


def _make(total: int | None) -> tuple[Any, Any]:
    """rich's drawing of a task, and the task."""
    try:
        rich: Any = import_module("rich.progress")
        console: Any = import_module("rich.console").Console(stderr=True)
    except ImportError:
        hint = 'pip install "dataflow-db[cli]", or give progress a function'
        raise InvalidOptionError(
            "progress=True draws with rich, which is missing", path="progress", hint=hint
        ) from None
    # Of a line of 80 characters the words leave a short bar.
    around = (rich.TimeElapsedColumn(),) if total is None else (rich.BarColumn(bar_width=_WIDTH),)
    columns = (rich.SpinnerColumn(), *around, rich.TextColumn("{task.description}"))
    # rich draws what others print above the line, on the same terminal: what goes to a file or a pipe goes on there.
    drawing = rich.Progress(*columns, console=console, redirect_stdout=sys.stdout.isatty())
    return drawing, drawing.add_task("0 rows", total=total)


def _update(drawing: Any, task: Any, progress: LoadProgress) -> None:
    total = progress.total_rows
    if progress.done:
        # More or fewer than were expected; 1 where there were none, of which there would be no end.
        total = progress.rows or 1
    completed = total if progress.done else progress.rows
    drawing.update(task, description=", ".join(_words(progress)), total=total, completed=completed)


def _words(progress: LoadProgress) -> Iterator[str]:
    expected = "" if progress.total_rows is None or progress.done else f"of {progress.total_rows:,} "
    yield f"{progress.rows:,} {expected}rows"
    yield f"{progress.rows_per_second:,.0f} rows/s"
    if progress.bytes is not None:
        yield str(import_module("rich.filesize").decimal(progress.bytes))
    if progress.rejected:
        yield f"{progress.rejected:,} rejected"
    if progress.total_rows is not None and progress.eta_seconds is not None:
        yield f"in {_time(progress.seconds)}" if progress.done else f"{_time(progress.eta_seconds)} left"


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
