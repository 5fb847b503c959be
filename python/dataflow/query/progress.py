"""How far a bulk write is: told to a function, drawn in a terminal or a notebook, or written as lines of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from dataflow._notebook import find_display
from dataflow.query.bar import Bar, Line, Output

if TYPE_CHECKING:
    from dataflow.query.loaded import Sum

__all__ = ["LoadProgress", "Reporter", "nothing"]


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a bulk write is.

    Attributes:
        rows: Rows done with so far, written or refused, those of earlier runs of the load too; with `atomic` they may
            still be rolled back until `done`.
        seconds: Time since it began, in seconds.
        rows_per_second: `rows` by that time.
        pieces: Pieces written so far.
        done: Whether all is written; committed too, unless in a transaction of the caller or in a dry run.
        bytes: About the bytes of `rows` as they lie in memory as Arrow, by which pieces are cut: not those of a file,
            nor those sent. None of dicts and instances that are written at once.
        rejected: Rows refused so far, with those of earlier runs once the load has come to where they ended; 0 unless
            `on_error` lets rows be refused.
        total_rows: Rows to be done with altogether. Known of lists, tuples and tables, and of Parquet and Arrow files;
            None of all that tells it only at its end: iterators, streams, CSV, NDJSON.
        eta_seconds: Time to go at the pace so far, in seconds; 0 when `done`, before it None where `total_rows` is.
    """

    rows: int
    seconds: float
    rows_per_second: float
    pieces: int
    done: bool
    bytes: int | None
    rejected: int
    total_rows: int | None
    eta_seconds: float | None


class Reporter:
    """Tells what the option `progress` asks for."""

    def __init__(self, wanted: bool | Callable[[LoadProgress], object]) -> None:
        self._wanted = wanted
        self._total: int | None = None
        self._bar: Bar | None = None

    @property
    def asynchronous(self) -> bool:
        """Whether what it calls is known to be awaited."""
        if isinstance(self._wanted, bool):
            return False
        call = getattr(type(self._wanted), "__call__", None)  # noqa: B004 - the method itself is looked at
        return iscoroutinefunction(self._wanted) or iscoroutinefunction(call)

    def open(self, total: Callable[[], int | None]) -> None:
        """To be called before anything is written.

        Args:
            total: Tells how many rows there are to be, where that is known.

        Raises:
            InvalidOptionError: A bar is to be drawn, and the library that draws it is not installed.
        """
        if self._wanted is False:
            return
        self._total = total()
        if self._wanted is not True:
            return
        display = find_display()
        if display is not None:
            self._bar = Output(display, self._total)
        elif sys.stderr.isatty():
            self._bar = Line(self._total)

    def tell(self, sum: Sum, seconds: float, done: bool) -> Any:
        """Tells it; what a function gives back may be awaitable."""
        if self._wanted is False:
            return None
        progress = self._measure(sum, seconds, done)
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

    def _measure(self, sum: Sum, seconds: float, done: bool) -> LoadProgress:
        per_second = sum.rows / seconds if seconds else 0.0
        left = None
        if self._total is not None and per_second:
            left = max(self._total - sum.rows, 0) / per_second
        return LoadProgress(
            rows=sum.rows,
            seconds=seconds,
            rows_per_second=per_second,
            pieces=sum.pieces,
            done=done,
            bytes=sum.bytes,
            rejected=sum.rejected,
            total_rows=self._total,
            eta_seconds=0.0 if done else left,
        )


async def nothing() -> None:
    """To be awaited by whoever can."""
