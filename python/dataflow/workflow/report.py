"""What a run tells: results and timings, events for listeners, lines in the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from threading import RLock
from time import perf_counter
from typing import Any

from dataflow.nodes.node import Node
from dataflow.workflow.event import EventKind, Listener, RunEvent
from dataflow.workflow.result import Results, State, Timing

__all__ = ["Report"]

_log = logging.getLogger("dataflow.workflow")


class Report:
    """Thread-safe. Listeners are called one at a time, by the thread where it happened; their errors go to the log."""

    def __init__(self, results: Results, listeners: Sequence[Listener]) -> None:
        self.results = results
        self._timings: list[Timing] = []
        self._listeners = listeners
        self._lock = RLock()
        self._started = perf_counter()
        # Asked once a run: a node takes microseconds.
        self._detailed = bool(listeners) or _log.isEnabledFor(logging.DEBUG)

    def begin(self) -> None:
        self._started = perf_counter()
        self._tell("run_started")

    def started(self, id: str) -> None:
        if self._detailed:
            self._tell("node_started", id)

    def retried(self, id: str, attempt: int, error: BaseException, pause: float) -> None:
        self._tell("node_retried", id, pause, attempt=attempt, error=error)

    def finished(self, id: str, node: Node, seconds: float, outputs: Mapping[str, Any], attempts: int) -> None:
        rows = _count_rows(node, outputs)
        self.results[id] = outputs
        self._timings.append(Timing(id, node.kind, "finished", seconds, rows, attempts))
        if self._detailed:
            self._tell("node_finished", id, seconds, rows, attempts)

    def skipped(self, id: str, node: Node) -> None:
        self._timings.append(Timing(id, node.kind, "skipped", attempts=0))
        if self._detailed:
            self._tell("node_skipped", id)

    def failed(
        self, id: str, node: Node, seconds: float, error: BaseException, attempts: int, *, cancelled: bool
    ) -> None:
        state: State = "cancelled" if cancelled else "failed"
        self._timings.append(Timing(id, node.kind, state, seconds, None, attempts))
        self._tell("node_cancelled" if cancelled else "node_failed", id, seconds, None, attempts, error)

    def end(self, reason: BaseException | None) -> None:
        """Completes the results, and tells."""
        self.results.seconds = perf_counter() - self._started
        self.results.timings = self._timings
        if reason is None:
            self._tell("run_finished", seconds=self.results.seconds, results=self.results)
        else:
            self._tell("run_failed", seconds=self.results.seconds, error=reason)

    def _tell(
        self,
        kind: EventKind,
        id: str | None = None,
        seconds: float | None = None,
        rows: int | None = None,
        attempt: int | None = None,
        error: BaseException | None = None,
        results: Results | None = None,
    ) -> None:
        run_id, at = self.results.run_id, perf_counter() - self._started
        event = RunEvent(kind, run_id, at, id, seconds, rows, attempt, error, results)
        _write_line(event)
        with self._lock:
            for listener in self._listeners:
                try:
                    listener(event)
                except Exception:
                    # Nobody who listens may end the run.
                    _log.exception("a listener of %s failed", kind)


def _count_rows(node: Node, outputs: Mapping[str, Any]) -> int | None:
    try:
        return node.count_rows(outputs)
    except Exception:
        # A count for reports may not end the run.
        _log.exception("rows of %s failed", node.kind)
        return None


_LEVELS = {"run_started": logging.INFO, "run_finished": logging.INFO, "node_retried": logging.WARNING}
# Not as errors: the caller gets the exception.
_LEVELS |= {"run_failed": logging.INFO, "node_failed": logging.INFO}


def _write_line(event: RunEvent) -> None:
    level = _LEVELS.get(event.kind, logging.DEBUG)
    if not _log.isEnabledFor(level):
        return
    parts = [event.kind.replace("_", " "), event.node]
    parts.append(None if event.seconds is None else f"{event.seconds:.3f} s")
    parts.append(None if event.rows is None else f"{event.rows} rows")
    parts.append(None if event.error is None else type(event.error).__name__)
    labels = {"run_id": event.run_id, "node_id": event.node or ""}
    _log.log(level, "%s", ", ".join(part for part in parts if part), extra=labels)
