"""The observers of a `DataFlow`, called from one background thread of Python's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataflow import _core

__all__ = ["Observer", "Observers"]

Event = dict[str, object]
Observer = Callable[[Event], object]


class Observers:
    """Thread-safe. The thread begins with the first observer and ends with the engine."""

    def __init__(self) -> None:
        self._lock = Lock()
        # Replaced as a whole, never changed: the thread reads it without the lock.
        self._known: list[tuple[str, Observer]] = []

    def add(self, kind: str, observer: Observer, engine: _core.Engine) -> None:
        """`engine` is not kept: the thread knows this object, and must not keep the engine alive."""
        with self._lock:
            self._known = [*self._known, (kind, observer)]
        events = engine.events()
        if events is not None:
            # A daemon: the interpreter need not wait for an engine that nobody closes.
            Thread(target=_call_for_all, args=(events, self._of), name="dataflow-events", daemon=True).start()

    def remove(self, kind: str, observer: Observer) -> None:
        """Takes out the first that equals it; a bound method is a new object each time."""
        with self._lock:
            known = list(self._known)
            if (kind, observer) in known:
                known.remove((kind, observer))
            self._known = known

    def _of(self, kind: object) -> list[Observer]:
        return [observer for wanted, observer in self._known if wanted == kind]


def _call_for_all(events: Iterable[list[Event]], observers_of: Callable[[object], list[Observer]]) -> None:
    for batch in events:
        for event in batch:
            for observer in observers_of(event["kind"]):
                _call(observer, event)


def _call(observer: Observer, event: Event) -> None:
    try:
        observer(dict(event))
    except Exception:
        # Nobody waits for an observer: its error goes to the log, and the operation goes on.
        import logging

        logging.getLogger("dataflow").exception("an observer of %s events failed", event["kind"])
