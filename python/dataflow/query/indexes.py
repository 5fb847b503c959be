"""A load into an empty table without its indexes, which are made when the rows are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataflow.query.bridge import Steps
from dataflow.query.together import together

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataflow import _core
    from dataflow.query.handle import Caller

__all__ = ["without_indexes"]


def without_indexes(table: _core.Table, caller: Caller, write: Callable[[Caller], Steps[None]]) -> Steps[None]:
    """The steps of `write` between the drop of the indexes and their making, in one transaction.

    However it ends, the table has its indexes: a rollback takes the drop back, and so does the end of the process.
    """
    indexes = table.indexes()

    def between(here: Caller) -> Steps[None]:
        yield indexes.drop(here)
        yield from write(here)
        yield indexes.make(here)

    yield from together(table, caller, between, changes=False)
