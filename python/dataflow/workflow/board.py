"""What is known of a run while it goes on, gathered from its events; read by displays from other threads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from threading import Lock
from time import perf_counter
from typing import Literal, NamedTuple

from dataflow.workflow.event import RunEvent
from dataflow.workflow.graph import Workflow
from dataflow.workflow.label import kind_of
from dataflow.workflow.result import Results, State, Timing

__all__ = ["Board", "Shown"]

_MOST_SHOWN = 30
_ENDS: dict[str, State] = {
    "node_finished": "finished",
    "node_failed": "failed",
    "node_skipped": "skipped",
    "node_cancelled": "cancelled",
}


class Shown(NamedTuple):
    """A node as it stands; `seconds` is None before it runs."""

    node: str
    state: State | Literal["waiting", "running"]
    seconds: float | None
    rows: int | None
    attempt: int


@dataclass
class _Line:
    kind: str
    started: float | None = None
    attempt: int = 1
    ended: Timing | None = None


class Board:
    """The nodes of one run. Thread-safe.

    Attributes:
        total: How many nodes there are.
    """

    def __init__(self, workflow: Workflow) -> None:
        self.total = len(workflow.steps)
        self._lines = {id: _Line(kind_of(step)) for id, step in workflow.steps.items()}
        self._timings: list[Timing] = []
        self._started = perf_counter()
        self._seconds: float | None = None
        self._run_id = ""
        self._lock = Lock()

    def take(self, event: RunEvent) -> None:
        """Notes an event."""
        with self._lock:
            if event.node is not None:
                self._take_of_node(self._lines[event.node], event.node, event)
            elif event.kind == "run_started":
                self._run_id, self._started = event.run_id, perf_counter()
            else:
                self._seconds = event.seconds

    def _take_of_node(self, line: _Line, id: str, event: RunEvent) -> None:
        if event.kind == "node_started":
            line.started = perf_counter()
        elif event.kind == "node_retried":
            line.attempt = (event.attempt or 0) + 1
        else:
            state = _ENDS[event.kind]
            line.ended = Timing(id, line.kind, state, event.seconds or 0.0, event.rows, event.attempt or 0)
            self._timings.append(line.ended)

    def lines(self) -> list[Shown]:
        """The nodes in the order of the workflow; of more than 30 those that run, 30 at most."""
        now = perf_counter()
        with self._lock:
            shown = [_show(id, line, now) for id, line in self._lines.items()]
        if len(shown) > _MOST_SHOWN:
            shown = [one for one in shown if one.state == "running"][:_MOST_SHOWN]
        return shown

    def counts(self) -> tuple[int, str]:
        """How many nodes have ended, and a line that says it: `3 of 9 nodes, 2 running, 1 failed, 1.5 s`."""
        with self._lock:
            ended = len(self._timings)
            states = Counter(timing.state for timing in self._timings)
            running = sum(line.started is not None and line.ended is None for line in self._lines.values())
            seconds = perf_counter() - self._started if self._seconds is None else self._seconds
        parts = [f"{ended:,} of {self.total:,} nodes"]
        parts += [f"{running:,} running"] if running else []
        parts += [f"{count:,} {state}" for state, count in states.items() if state != "finished"]
        return ended, ", ".join([*parts, f"{seconds:.1f} s"])

    def results(self) -> Results:
        """The timings so far; no outputs."""
        with self._lock:
            results = Results(self._run_id)
            results.timings, results.seconds = list(self._timings), self._seconds or 0.0
        return results


def _show(id: str, line: _Line, now: float) -> Shown:
    if line.ended is not None:
        return Shown(id, line.ended.state, line.ended.seconds, line.ended.rows, line.ended.attempts)
    if line.started is not None:
        return Shown(id, "running", now - line.started, None, line.attempt)
    return Shown(id, "waiting", None, None, line.attempt)
