"""`progress=True`: a run shown as it goes, in a terminal or a notebook; its timing table at the end."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

from dataflow._notebook import find_display
from dataflow.errors import InvalidOptionError
from dataflow.workflow.board import Board
from dataflow.workflow.event import RunEvent
from dataflow.workflow.graph import Workflow

__all__ = ["Progress", "Screen", "check_rich", "find_screen"]


class Screen(Protocol):
    """Where a run is shown."""

    def open(self, board: Board) -> None:
        """Shows the board until `close`."""

    def close(self, board: Board) -> None:
        """Shows the timing table instead."""


class Progress:
    """Shows one run; to be called with its events."""

    def __init__(self, workflow: Workflow, screen: Screen) -> None:
        self._board = Board(workflow)
        self._screen = screen

    def __call__(self, event: RunEvent) -> None:
        self._board.take(event)
        if event.kind == "run_started":
            self._screen.open(self._board)
        elif event.kind in ("run_finished", "run_failed"):
            self._screen.close(self._board)


def check_rich() -> None:
    """Raises where nothing could be shown.

    Raises:
        InvalidOptionError: rich is not installed.
    """
    if find_spec("rich") is None:
        hint = 'pip install "dataflow-db[cli]"'
        raise InvalidOptionError("progress=True needs rich, which is not installed", path="progress", hint=hint)


def find_screen() -> Screen:
    """The notebook the program runs in, else the standard output."""
    # Imported here: a program that shows nothing needs none of it.
    display = find_display()
    if display is not None:
        from dataflow.workflow.notebook import Notebook

        return Notebook(display)
    from dataflow.workflow.terminal import Terminal

    return Terminal()
