"""The timing table of a run: as text, for rich, and for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from dataflow.workflow.label import readable
from dataflow.workflow.result import Results, Timing

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["COLUMNS", "STYLES", "draw_cells", "make_grid", "write_html", "write_text"]

COLUMNS = ("node", "kind", "state", "rows", "seconds", "rows/s", "attempts")
# How rich shows a state.
STYLES = {"finished": "green", "failed": "red", "skipped": "dim", "cancelled": "yellow", "running": "cyan"}
_FIRST_NUMBER = 3


def draw_cells(timing: Timing) -> tuple[str, ...]:
    """The line of a node; what has no meaning for it is empty."""
    node, kind, state, seconds, rows, attempts = timing
    speed = "" if rows is None or seconds <= 0 else _write_speed(rows / seconds)
    counted = "" if rows is None else f"{rows:,}"
    return (readable(node), readable(kind), state, counted, f"{seconds:.3f}", speed, str(attempts))


def _write_speed(rows_per_second: float) -> str:
    return f"{rows_per_second:,.0f}" if rows_per_second >= 10 else f"{rows_per_second:.1f}"


def write_text(results: Results) -> str:
    """Aligned columns, and a line for the whole run."""
    lines = [COLUMNS, *map(draw_cells, results.timings)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join([*_align(lines, widths), _conclude(results)])


def _align(lines: Iterable[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for line in lines:
        cells = [
            cell.rjust(width) if column >= _FIRST_NUMBER else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _conclude(results: Results) -> str:
    nodes = len(results.timings)
    return f"{nodes:,} {'node' if nodes == 1 else 'nodes'}, {results.seconds:.3f} s, run {results.run_id}"


def make_grid(results: Results) -> Table:
    """The table of rich.

    Raises:
        ModuleNotFoundError: rich is not installed.
    """
    from rich.table import Table
    from rich.text import Text

    grid = Table(caption=_conclude(results), caption_justify="left")
    for column, name in enumerate(COLUMNS):
        grid.add_column(name, justify="right" if column >= _FIRST_NUMBER else "left", no_wrap=column >= _FIRST_NUMBER)
    for timing in results.timings:
        # `Text`: brackets of an id are no markup.
        grid.add_row(
            *(Text(cell, STYLES[timing.state] if at == 2 else "") for at, cell in enumerate(draw_cells(timing)))
        )
    return grid


def write_html(results: Results) -> str:
    """The table of a notebook."""
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    rows = "".join(f"<tr>{_write_cells(draw_cells(timing))}</tr>" for timing in results.timings)
    return f"<table><caption>{_conclude(results)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _write_cells(cells: Iterable[Any]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)
