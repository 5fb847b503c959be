"""`with db.transaction() as tx:` and `async with`: the outermost is a transaction, those inside are savepoints."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from dataflow.errors import DataFlowError, TransactionStateError
from dataflow.query.activity import labels
from dataflow.query.bridge import Apart, Steps, aend, arun, run
from dataflow.query.callbacks import acall_all, call_all

if TYPE_CHECKING:
    from dataflow import _core
    from dataflow.query.context import Scope, State

__all__ = ["Begin", "Transaction", "is_inside", "live"]

_R = TypeVar("_R")


class Begin(NamedTuple):
    """How the outermost transaction begins; `timeout` in seconds bounds all of it."""

    isolation: str | None
    read_only: bool
    timeout: float | None


class Transaction:
    """What `db.transaction()` returns: to be entered once, with `with` or with `async with`.

    Every operation of the same `DataFlow` started inside uses its connection. Leaving by an exception rolls back,
    leaving otherwise commits. Inside another transaction it is a savepoint of that one.
    """

    def __init__(self, scope: Scope, engine: _core.Engine, begin: Begin) -> None:
        self._scope = scope
        self._engine = engine
        self._begin = begin
        self._root = self
        self._parent: Transaction | None = None
        self._core: _core.Transaction | None = None
        self._level = 0
        self._before: State | None = None
        self._awaited = False
        self._isolation: str | None = None
        self._after: list[Callable[[], object]] = []
        # Of the outermost one: all that are open, and whether they ended in another order than they began.
        self._open: list[Transaction] = []
        self._disordered = False

    @property
    def isolation(self) -> str | None:
        """The level the server reports, e.g. `READ COMMITTED`."""
        return self._isolation

    def on_commit(self, function: Callable[[], object]) -> None:
        """Calls `function` after the outermost commit, in the order of registration; never after a rollback.

        With `async with` it may be a coroutine function. All are called, then the first failure is raised; the rows
        stay committed whatever they do.

        Raises:
            TransactionStateError: The transaction is not open, or is a blocking one and got a coroutine function.
        """
        live(self)
        if iscoroutinefunction(function) and not self._root._awaited:
            raise TransactionStateError("a coroutine function needs a transaction entered with `async with`")
        self._after.append(function)

    def __enter__(self) -> Transaction:
        parent = self._find_parent()
        if parent is None:
            self._enter(run(self._engine.begin(*self._begin, labels())))
        else:
            self._enter_inside(parent, run(live(parent).savepoint()))
        return self

    async def __aenter__(self) -> Transaction:
        self._awaited = True
        parent = self._find_parent()
        if parent is None:
            self._enter(await arun(self._engine.begin(*self._begin, labels())))
        else:
            self._enter_inside(parent, await arun(live(parent).savepoint()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        operation, keeps = self._end(error)
        done = False
        try:
            # A rollback is no part of a cancelled node: ended early, it would cost the connection.
            _ = run(operation) if keeps else operation.wait()
            done = True
        except DataFlowError as failure:
            self._judge(failure, keeps, error)
        finally:
            # A commit that was interrupted, or whose answer came with an error, may have happened all the same.
            call_all(self._due(keeps and (done or operation.outcome == "committed")))
        self._check_order(error)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        operation, keeps = self._end(error)
        done = False
        try:
            await (arun(operation) if keeps else aend(operation))
            done = True
        except DataFlowError as failure:
            self._judge(failure, keeps, error)
        finally:
            await acall_all(self._due(keeps and (done or operation.outcome == "committed")))
        self._check_order(error)

    def _around(self, steps: Steps[_R]) -> Steps[_R]:
        """Takes steps inside of it, and ends it."""
        parent = self._find_parent()
        if parent is None:
            self._enter((yield self._engine.begin(*self._begin, labels())))
        else:
            self._enter_inside(parent, (yield live(parent).savepoint()))
        try:
            result = yield from steps
        except GeneratorExit:
            raise
        except BaseException as error:
            operation, _ = self._end(error)
            try:
                yield Apart(operation)
            except DataFlowError as failure:
                self._judge(failure, False, error)
            raise
        operation, _ = self._end(None)
        yield operation
        return result

    def _find_parent(self) -> Transaction | None:
        """The open transaction around this one."""
        if self._before is not None:
            raise TransactionStateError("a transaction is entered once", hint="call db.transaction() again")
        parent = self._scope.state.transaction
        if parent is not None and self._begin != Begin(None, False, None):
            hint = "set them on the outermost one: a savepoint has those of its transaction"
            raise TransactionStateError("a nested transaction takes no options", hint=hint)
        return parent

    def _enter(self, core: _core.Transaction) -> None:
        self._core = core
        self._isolation = core.isolation
        self._root._open.append(self)
        self._before = self._scope.enter(self._scope.state._replace(transaction=self))

    def _enter_inside(self, parent: Transaction, level: int) -> None:
        self._parent, self._root, self._level = parent, parent._root, level
        self._enter(live(parent))

    def _end(self, error: BaseException | None) -> tuple[_core.Operation[None], bool]:
        """What ends it, and whether that keeps its work."""
        core = live(self)
        self._core = None
        if self._before is not None:
            self._scope.leave(self._before)
        root = self._root
        root._disordered |= root._open[-1] is not self
        root._open.remove(self)
        keeps = error is None and not root._disordered
        if self._parent is None:
            return (core.commit() if keeps else core.rollback()), keeps
        return (core.release(self._level) if keeps else core.rollback_to(self._level)), keeps

    def _judge(self, failure: DataFlowError, keeps: bool, error: BaseException | None) -> None:
        """A failed rollback must not hide why there was one; the compiled side lets nothing more be committed then."""
        if keeps:
            raise failure
        if error is not None:
            error.add_note(f"the rollback failed as well: {failure.code} {failure.message}")

    def _due(self, kept: bool) -> list[Callable[[], object]]:
        """The functions to call now; those of a savepoint wait for the outermost commit."""
        if not kept:
            return []
        if self._parent is None:
            return self._after
        self._parent._after.extend(self._after)
        return []

    def _check_order(self, error: BaseException | None) -> None:
        if self._root._disordered and error is None:
            hint = "tasks that share a transaction must not open nested ones at the same time"
            raise TransactionStateError("nested transactions ended out of order: all is rolled back", hint=hint)


def is_inside(transaction: Transaction) -> bool:
    """Whether one that has not begun will be a savepoint, if it is entered here and now."""
    return transaction._scope.state.transaction is not None


def live(transaction: Transaction) -> _core.Transaction:
    """The transaction of the compiled module.

    Raises:
        TransactionStateError: It has not begun or has ended, perhaps in another task than this one.
    """
    if transaction._core is None:
        what = "has not begun" if transaction._before is None else "has ended"
        raise TransactionStateError(f"the transaction {what}", hint="use it inside its `with` block")
    return transaction._core
