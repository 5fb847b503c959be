"""The progress bar of the demo: how many nodes are done, and which are at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from dataflow.workflow.event import RunEvent

__all__ = ["JobProgress", "show_progress"]

_ENDS = frozenset({"node_finished", "node_failed", "node_skipped", "node_cancelled"})


class JobProgress:
    """Follows the events of a run; one after the other, when the job is repeated.

    Attributes:
        bar: What is shown.
    """

    def __init__(self, bar: Progress, rounds: int) -> None:
        self.bar = bar
        self._rounds = rounds
        self._begun = 0
        self._running: list[str] = []
        self._task = bar.add_task("", total=None)

    def begin(self, nodes: int) -> None:
        """A round of so many nodes begins."""
        self.bar.update(self._task, total=nodes * self._rounds, completed=nodes * self._begun)
        self._begun += 1

    def follow(self, event: RunEvent) -> None:
        """Takes an event of a run."""
        if event.kind == "node_started" and event.node:
            self._running.append(event.node)
        if event.kind in _ENDS:
            self.bar.advance(self._task)
            self._running = [node for node in self._running if node != event.node]
        self.bar.update(self._task, description=", ".join(self._running) or "comparing")


@contextmanager
def show_progress(wanted: bool, rounds: int) -> Iterator[JobProgress]:
    """A bar on stderr, which goes when all is done; none where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    disable = not (wanted and console.is_terminal)
    with Progress(*columns, console=console, transient=True, disable=disable) as bar:
        yield JobProgress(bar, rounds)
