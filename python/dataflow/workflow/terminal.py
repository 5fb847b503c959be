"""A run in a terminal. Needs rich."""

from __future__ import annotations

from threading import Lock

import rich
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from dataflow.workflow.board import Board, Shown
from dataflow.workflow.label import readable
from dataflow.workflow.summary import STYLES, make_grid

__all__ = ["Terminal"]

_FRAMES_PER_SECOND = 8
_MARKS = {"finished": "✓", "failed": "✗", "cancelled": "✗", "skipped": "-", "waiting": "·"}
# For an output that cannot encode those.
_PLAIN_MARKS = {"finished": "+", "failed": "x", "cancelled": "x", "skipped": "-", "waiting": "."}
# Of a process: runs at the same time would draw over each other. The others show their table only.
_drawing = Lock()


class Terminal:
    """Shows a run in place, then its timing table; where the output is no terminal, the table only.

    Args:
        console: Default that of `rich.print`.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or rich.get_console()
        plain = self._console.options.ascii_only
        self._marks = _PLAIN_MARKS if plain else _MARKS
        self._spinner = Spinner("line" if plain else "dots", style="cyan")
        self._live: Live | None = None

    def open(self, board: Board) -> None:
        if not self._console.is_terminal or not _drawing.acquire(blocking=False):
            return
        self._live = Live(
            get_renderable=lambda: self.draw(board),
            console=self._console,
            refresh_per_second=_FRAMES_PER_SECOND,
            transient=True,
        )
        self._live.start(refresh=True)

    def close(self, board: Board) -> None:
        live, self._live = self._live, None
        if live is not None:
            try:
                live.stop()
            finally:
                _drawing.release()
        results = board.results()
        if self._console.is_terminal:
            self._console.print(make_grid(results))
        else:
            # No width to keep: in a log or pipe every node has its line.
            self._console.out(results.summary(), highlight=False)

    def draw(self, board: Board) -> RenderableType:
        """The run as it stands."""
        grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for _ in range(3):
            grid.add_column(no_wrap=True)
        for _ in range(2):
            grid.add_column(justify="right", no_wrap=True)
        for line in board.lines():
            grid.add_row(self._mark(line), *_cells(line))
        ended, text = board.counts()
        total = Table.grid(padding=(0, 2, 0, 0))
        total.add_row(ProgressBar(total=max(board.total, 1), completed=ended, width=30), Text(text))
        return Group(grid, total)

    def _mark(self, line: Shown) -> RenderableType:
        if line.state == "running":
            return self._spinner
        return Text(self._marks[line.state], STYLES.get(line.state, "dim"))


def _cells(line: Shown) -> tuple[Text, Text, Text, Text]:
    tried = f", attempt {line.attempt}" if line.state == "running" and line.attempt > 1 else ""
    return (
        Text(readable(line.node), "dim" if line.state == "waiting" else ""),
        Text(line.state + tried, STYLES.get(line.state, "dim")),
        Text("" if line.seconds is None else f"{line.seconds:.1f} s"),
        Text("" if line.rows is None else f"{line.rows:,} rows"),
    )
