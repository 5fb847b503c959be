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

__all__ = ["fill", "note", "rehearse", "together"]

_R = TypeVar("_R")
Write = Callable[["Caller"], Steps[_R]]


def together(
    table: _core.Table,
    caller: Caller,
    write: Write[_R],
    *,
    changes: bool,
    ledger: bool = False,
    kept: Callable[[], bool] = lambda: True,
) -> Steps[_R]:
    """The steps of `write` in the caller's transaction, up to a savepoint, or in one of their own.

    Args:
        table: Where they write.
        caller: Who calls.
        write: Makes the steps for a caller that is in the transaction.
        changes: Whether they read rows to change them.
        ledger: Whether they write into the ledger too.
        kept: Whether what they wrote stays; asked at the end. Where nothing was written, a rollback ends it as well,
            and has no outcome that could be unknown.
    """
    outer, *rest = caller
    if outer is None:
        # Before it begins: MariaDB would commit with the making of the table.
        yield table.ensure(ledger)
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
        yield from _undo(undo(), error, "rolled back" if outer is None else None)
        raise
    yield keep() if kept() else Apart(undo())
    return result


def rehearse(table: _core.Table, caller: Caller, write: Write[_R]) -> Steps[_R]:
    """What `write` would do: it is done, and undone."""
    return together(table, caller, write, changes=True, kept=lambda: False)


def _undo(undo: _core.Operation[None], error: BaseException, outcome: str | None) -> Steps[None]:
    try:
        yield Apart(undo)
    except DataFlowError as failure:
        error.add_note(f"the rollback failed as well: {failure.code} {failure.message}")
    except BaseException as late:
        fill(late, outcome=outcome)
        raise
    fill(error, outcome=outcome)


def fill(error: BaseException, *, outcome: str | None) -> None:
    """Tells the outcome, unless what is told already says more: an unknown outcome is not a rollback."""
    if getattr(error, "outcome", None) is None:
        note(error, outcome=outcome)


def note(error: BaseException, **attributes: Any) -> None:
    """Sets attributes of an error, where it takes them."""
    for name, value in attributes.items():
        with suppress(AttributeError):  # a class with slots
            setattr(error, name, value)
