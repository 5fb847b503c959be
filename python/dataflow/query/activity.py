"""In whose name operations run: a node of a workflow can be cancelled as a whole, and events carry its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

__all__ = ["Activity", "Labels", "acting", "current", "labels"]

# Run, node, user, trace. The node is empty for what belongs to the run itself.
Labels = tuple[str, str, str | None, str | None]


class Work(Protocol):
    """What can be part of an activity: an operation, or a whole run of a workflow inside a node."""

    @property
    def outcome(self) -> str | None: ...
    def cancel(self) -> None: ...


class Activity:
    """The operations of one node, perhaps in several threads: a cancel reaches those of now and of later.

    Attributes:
        labels: What events and logs call it.
        committed: Whether an operation of it committed something.
        outcome: How the last write ended that did not succeed; once `unknown`, it stays so.
        expired: Whether it was cancelled because its time was up.
        drained: Whether it took rows from a source that can be read only once.
    """

    __slots__ = ("_cancelled", "_running", "committed", "drained", "expired", "labels", "outcome")

    def __init__(self, labels: Labels | None = None) -> None:
        self.labels = labels
        self.committed = False
        self.outcome: str | None = None
        self.expired = False
        self.drained = False
        self._cancelled = False
        # Adding, removing and copying a set of objects without `__eq__` are single steps under the GIL.
        self._running: set[Work] = set()

    def enter(self, work: Work) -> None:
        """To be called before it begins."""
        self._running.add(work)
        if self._cancelled:
            work.cancel()

    def leave(self, work: Work) -> None:
        """To be called when it has settled."""
        self._running.discard(work)
        outcome = work.outcome
        if outcome == "committed":
            self.committed = True
        elif outcome is not None and self.outcome != "unknown":
            self.outcome = outcome

    def expire(self) -> None:
        """Its time is up."""
        self.expired = True
        self.cancel()

    def cancel(self) -> None:
        """Asks the database to end what runs; whatever begins after this ends at once."""
        self._cancelled = True
        for work in self._running.copy():
            work.cancel()


current: ContextVar[Activity | None] = ContextVar("dataflow_activity", default=None)


def labels() -> Labels | None:
    """What events call the operations of the caller; None outside of workflows."""
    activity = current.get()
    return None if activity is None else activity.labels


@contextmanager
def acting(activity: Activity) -> Iterator[None]:
    """Operations inside belong to `activity`."""
    token = current.set(activity)
    try:
        yield
    finally:
        current.reset(token)
