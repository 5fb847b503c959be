"""Several operations of one write in one transaction, which is kept, or undone where they were only tried."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from dataflow.errors import DataFlowError
from dataflow.query.bridge import Apart, Steps

if TYPE_CHECKING:
    from dataflow import _core
    from dataflow.query.handle import Caller

__all__ = ["rehearse", "together"]

_R = TypeVar("_R")
Write = Callable[["Caller"], Steps[_R]]


def together(table: _core.Table, caller: Caller, write: Write[_R], *, changes: bool, kept: bool = True) -> Steps[_R]:
    """The steps of `write` in the caller's transaction, up to a savepoint, or in one of their own.

    Args:
        table: Where they write.
        caller: Who calls.
        write: Makes the steps for a caller that is in the transaction.
        changes: Whether they read rows to change them.
        kept: Whether what they wrote stays.
    """
    outer, *rest = caller
    if outer is None:
        # Before it begins: MariaDB would commit with the making of the table.
        yield table.ensure()
        transaction: _core.Transaction = yield table.begin(changes, caller[3])
        keep, undo = transaction.commit, transaction.rollback
    else:
        level: int = yield outer.savepoint()
        transaction, keep, undo = outer, partial(outer.release, level), partial(outer.rollback_to, level)
    try:
        result = yield from write((transaction, *rest))  # type: ignore[arg-type]
    except GeneratorExit:
        raise
    except BaseException as error:
        try:
            yield Apart(undo())
        except DataFlowError as failure:
            error.add_note(f"the rollback failed as well: {failure.code} {failure.message}")
        if outer is None:
            _tell_rolled_back(error)
        raise
    yield keep() if kept else Apart(undo())
    return result


def rehearse(table: _core.Table, caller: Caller, write: Write[_R]) -> Steps[_R]:
    """What `write` would do: it is done, and undone."""
    return together(table, caller, write, changes=True, kept=False)


def _tell_rolled_back(error: BaseException) -> None:
    """What is told already says more: an unknown outcome is not a rollback."""
    if getattr(error, "outcome", None) is None:
        told: Any = error
        with suppress(AttributeError):  # a class with slots
            told.outcome = "rolled back"
