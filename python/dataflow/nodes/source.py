"""The open databases of this process: where the names of generated nodes lead to."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any, Protocol
from weakref import WeakSet

from dataflow.query.table import Table
from dataflow.query.transaction import Transaction

__all__ = ["Source", "close", "open_sources", "remember"]


class Source(Protocol):
    """What nodes and workflows need of a `DataFlow`."""

    @property
    def models(self) -> Iterable[str]: ...
    def table(self, model: Any, /) -> Table[Any]: ...
    def tenant(self, name: str, /) -> AbstractContextManager[None]: ...
    def transaction(
        self, isolation: str | None = None, read_only: bool = False, timeout: float | None = None
    ) -> Transaction: ...


# Weak: a `DataFlow` that nobody uses any more is no place to look for models.
_open: WeakSet[Source] = WeakSet()
_lock = Lock()


def remember(source: Source) -> None:
    """A database has models from now on."""
    with _lock:
        _open.add(source)


def close(source: Source) -> None:
    """Takes its nodes out."""
    with _lock:
        _open.discard(source)


def open_sources() -> list[Source]:
    """All that are open."""
    with _lock:
        return list(_open)
