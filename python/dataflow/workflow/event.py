"""What a run tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

__all__ = ["EventKind", "Listener", "RunEvent"]

EventKind = Literal[
    "run_started",
    "node_started",
    "node_retried",
    "node_finished",
    "node_failed",
    "node_skipped",
    "node_cancelled",
    "run_finished",
    "run_failed",
]


class RunEvent(NamedTuple):
    """One thing that happened in a run.

    Attributes:
        kind: What it was.
        run_id: The run.
        at: Seconds since the run began.
        node: The node's id; None for the run itself.
        seconds: How long the node or run took; of one that was retried, the pause before the next attempt.
        rows: Rows the node wrote or read; None where it did neither.
        attempt: The number of the attempt, from 1.
        error: Why it failed.
        results: All results, when the run has finished.
    """

    kind: EventKind
    run_id: str
    at: float
    node: str | None = None
    seconds: float | None = None
    rows: int | None = None
    attempt: int | None = None
    error: BaseException | None = None
    results: Any = None


Listener = Callable[[RunEvent], object]
