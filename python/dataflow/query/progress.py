"""How far a bulk write is: told to a function, drawn in a terminal, or written as lines of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any

from dataflow.errors import InvalidOptionError

__all__ = ["LoadProgress", "Reporter", "nothing"]


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a bulk write is.

    Attributes:
        rows: Rows written so far, those of earlier runs of the load too; with `atomic` they may still be rolled back
            until `done`.
        seconds: Time since it began.
        rows_per_second: `rows` by that time.
        pieces: Pieces written so far.
        done: Whether all is written; committed too, unless in a transaction of the caller or in a dry run.
    """

    rows: int
    seconds: float
    rows_per_second: float
    pieces: int
    done: bool


class Reporter:
    """Tells what the option `progress` asks for."""

    def __init__(self, wanted: bool | Callable[[LoadProgress], object]) -> None:
        self._wanted = wanted
        self._bar: _Bar | None = None

    @property
    def asynchronous(self) -> bool:
        """Whether what it calls is known to be awaited."""
        call = getattr(type(self._wanted), "__call__", None)  # noqa: B004 - the method itself is looked at
        return iscoroutinefunction(self._wanted) or iscoroutinefunction(call)

    def open(self) -> None:
        """To be called before anything is written.

        Raises:
            InvalidOptionError: A bar is to be drawn, and the library that draws it is not installed.
        """
        if self._wanted is True and sys.stderr.isatty():
            self._bar = _Bar()

    def tell(self, rows: int, seconds: float, pieces: int, done: bool) -> Any:
        """Tells it; what a function gives back may be awaitable."""
        if self._wanted is False:
            return None
        progress = LoadProgress(rows, seconds, rows / seconds if seconds else 0.0, pieces, done)
        if self._wanted is not True:
            return self._wanted(progress)
        if self._bar is not None:
            self._bar.show(progress)
        else:
            print(json.dumps(asdict(progress)), file=sys.stderr, flush=True)
        return None

    def close(self) -> None:
        """To be called at the end, however it came."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


async def nothing() -> None:
    """To be awaited by whoever can."""


class _Bar:
    """A line in the terminal that is drawn anew; the number of rows to come is not known."""

    def __init__(self) -> None:
        try:
            rich: Any = import_module("rich.progress")
            console: Any = import_module("rich.console").Console(stderr=True)
        except ImportError:
            hint = 'pip install "dataflow-db[cli]", or give progress a function'
            raise InvalidOptionError(
                "progress=True draws with rich, which is missing", path="progress", hint=hint
            ) from None
        columns = (rich.SpinnerColumn(), rich.TextColumn("{task.description}"), rich.TimeElapsedColumn())
        self._live = rich.Progress(*columns, console=console)
        self._task = self._live.add_task("0 rows", total=None)
        self._live.start()

    def show(self, progress: LoadProgress) -> None:
        text = f"{progress.rows:,} rows, {progress.rows_per_second:,.0f} rows/s"
        total = {"total": 1, "completed": 1} if progress.done else {}
        self._live.update(self._task, description=text, refresh=True, **total)

    def close(self) -> None:
        self._live.stop()
