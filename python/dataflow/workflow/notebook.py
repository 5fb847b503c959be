"""A run in a notebook: one output, updated in place."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import copy_context
from html import escape
from threading import Event, Thread
from typing import Any

from dataflow.workflow.board import Board, Shown
from dataflow.workflow.label import readable
from dataflow.workflow.summary import write_html

__all__ = ["Notebook"]

_PAUSE_S = 0.25


class Notebook:
    """Shows a run in the output of its cell, then its timing table.

    Args:
        display: The module `IPython.display`.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None
        self._over = Event()
        self._thread: Thread | None = None

    def open(self, board: Board) -> None:
        self._handle = self._display.display(self._display.HTML(_write(board)), display_id=True)
        # In the context of the cell: IPython finds the cell by it.
        self._thread = Thread(
            target=copy_context().run, args=(self._repeat, board), name="dataflow-progress", daemon=True
        )
        self._thread.start()

    def close(self, board: Board) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        if self._handle is not None:
            self._handle.update(self._display.HTML(write_html(board.results())))

    def _repeat(self, board: Board) -> None:
        while self._handle is not None and not self._over.wait(_PAUSE_S):
            self._handle.update(self._display.HTML(_write(board)))


def _write(board: Board) -> str:
    ended, text = board.counts()
    rows = "".join(f"<tr>{''.join(_write_cells(line))}</tr>" for line in board.lines())
    return (
        f'<progress value="{ended}" max="{max(board.total, 1)}"></progress> {text}'
        f"<table><thead><tr><th>node</th><th>state</th><th>seconds</th><th>rows</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _write_cells(line: Shown) -> Iterator[str]:
    tried = f", attempt {line.attempt}" if line.state == "running" and line.attempt > 1 else ""
    seconds = "" if line.seconds is None else f"{line.seconds:.1f}"
    rows = "" if line.rows is None else f"{line.rows:,}"
    for cell in (readable(line.node), line.state + tried, seconds, rows):
        yield f"<td>{escape(cell)}</td>"
