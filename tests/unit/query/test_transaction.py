"""Transactions, savepoints and what is called after the commit, told apart by the calls they make."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dataflow import errors
from dataflow.query.context import Scope
from dataflow.query.isolation import read_isolation
from dataflow.query.transaction import Begin, Transaction, live


class FakeOperation:
    def __init__(self, log: list[str], name: str, result: Any = None, outcome: str | None = None) -> None:
        self.log, self.name, self.result, self.outcome = log, name, result, outcome

    def wait(self) -> Any:
        self.log.append(self.name)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    take = wait

    def start(self, bell: object, tell: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_soon(tell)


class FakeEngine:
    """Engine and its transaction in one; `results` says what an operation ends with, `outcomes` how."""

    isolation = "READ COMMITTED"

    def __init__(self) -> None:
        self.log: list[str] = []
        self.results: dict[str, Any] = {}
        self.outcomes: dict[str, str] = {}
        self.level = 0

    def operation(self, name: str, result: Any = None) -> FakeOperation:
        return FakeOperation(self.log, name, self.results.get(name, result), self.outcomes.get(name))

    def begin(self, isolation: str | None, read_only: bool, timeout_s: float | None, labels: None) -> FakeOperation:
        return self.operation("begin", self)

    def savepoint(self) -> FakeOperation:
        self.level += 1
        return self.operation(f"savepoint {self.level}", self.level)

    def commit(self) -> FakeOperation:
        return self.operation("commit")

    def rollback(self) -> FakeOperation:
        return self.operation("rollback")

    def release(self, level: int) -> FakeOperation:
        return self.operation(f"release {level}")

    def rollback_to(self, level: int) -> FakeOperation:
        return self.operation(f"rollback to {level}")


class Flow:
    """As much of a `DataFlow` as a transaction needs."""

    def __init__(self) -> None:
        self.engine, self.scope = FakeEngine(), Scope()

    def transaction(self, isolation: str | None = None) -> Transaction:
        return Transaction(self.scope, self.engine, Begin(isolation, False, None))  # type: ignore[arg-type]

    @property
    def log(self) -> list[str]:
        return self.engine.log


@pytest.fixture
def flow() -> Flow:
    return Flow()


def fail_inside(flow: Flow, function: Callable[[], object]) -> None:
    with flow.transaction() as tx:
        tx.on_commit(function)
        raise ZeroDivisionError


def commit_with(flow: Flow, *functions: Callable[[], object]) -> None:
    with flow.transaction() as tx:
        for function in functions:
            tx.on_commit(function)


def test_leaving_commits(flow: Flow):
    with flow.transaction() as tx:
        assert flow.scope.state.transaction is tx
        assert tx.isolation == "READ COMMITTED"
    assert flow.log == ["begin", "commit"]
    assert flow.scope.state.transaction is None


def test_leaving_by_an_exception_rolls_back(flow: Flow):
    with pytest.raises(ZeroDivisionError), flow.transaction():
        raise ZeroDivisionError
    assert flow.log == ["begin", "rollback"]
    assert flow.scope.state.transaction is None


async def test_async_does_the_same(flow: Flow):
    async with flow.transaction():
        with pytest.raises(ZeroDivisionError):
            async with flow.transaction():
                raise ZeroDivisionError
    assert flow.log == ["begin", "savepoint 1", "rollback to 1", "commit"]
    with pytest.raises(ZeroDivisionError):
        async with flow.transaction():
            raise ZeroDivisionError
    assert flow.log[-1] == "rollback"


def test_nested_ones_are_savepoints(flow: Flow):
    with flow.transaction() as outer:
        with flow.transaction() as inner:
            assert flow.scope.state.transaction is inner
        assert flow.scope.state.transaction is outer
        with pytest.raises(ZeroDivisionError), flow.transaction(), flow.transaction():
            raise ZeroDivisionError
    expected = ["begin", "savepoint 1", "release 1", "savepoint 2", "savepoint 3", "rollback to 3", "rollback to 2"]
    assert flow.log == [*expected, "commit"]


def test_a_nested_one_takes_no_isolation(flow: Flow):
    with flow.transaction(), pytest.raises(errors.TransactionStateError), flow.transaction("SERIALIZABLE"):
        pass
    assert flow.log == ["begin", "commit"]


def test_functions_run_after_the_outermost_commit_in_order(flow: Flow):
    def note(name: str) -> Any:
        return lambda: flow.log.append(name)

    with flow.transaction() as tx:
        tx.on_commit(note("first"))
        with flow.transaction() as inner:
            inner.on_commit(note("second"))
        with pytest.raises(ZeroDivisionError):
            fail_inside(flow, note("never"))
        tx.on_commit(note("third"))
    assert flow.log[-4:] == ["commit", "first", "second", "third"]
    assert "never" not in flow.log


def test_functions_do_not_run_after_a_rollback(flow: Flow):
    with pytest.raises(ZeroDivisionError):
        fail_inside(flow, lambda: flow.log.append("never"))
    assert flow.log == ["begin", "rollback"]


@pytest.mark.parametrize(("outcome", "called"), [("committed", True), ("rolled back", False), ("unknown", False)])
def test_an_interrupted_commit_calls_them_only_if_it_happened(flow: Flow, outcome: str, called: bool):
    flow.engine.results["commit"] = KeyboardInterrupt()
    flow.engine.outcomes["commit"] = outcome
    with pytest.raises(KeyboardInterrupt), flow.transaction() as tx:
        tx.on_commit(lambda: flow.log.append("called"))
    assert ("called" in flow.log) is called


def test_all_functions_run_and_the_failure_is_raised(flow: Flow):
    def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        commit_with(flow, fail, lambda: flow.log.append("second"))
    assert flow.log == ["begin", "commit", "second"]
    with pytest.raises(ExceptionGroup):
        commit_with(flow, fail, fail)


async def test_coroutine_functions_run_after_an_awaited_commit(flow: Flow):
    async def note() -> None:
        await asyncio.sleep(0)
        flow.log.append("awaited")

    async with flow.transaction() as tx:
        tx.on_commit(note)
    assert flow.log == ["begin", "commit", "awaited"]
    with flow.transaction() as tx, pytest.raises(errors.TransactionStateError):
        tx.on_commit(note)


def test_a_failed_rollback_does_not_hide_the_reason(flow: Flow):
    flow.engine.results["rollback"] = errors.ConnectionLostError("the connection broke")
    with pytest.raises(ZeroDivisionError) as caught, flow.transaction():
        raise ZeroDivisionError
    assert caught.value.__notes__ == ["the rollback failed as well: DF-7003 the connection broke"]


def test_a_failed_commit_is_raised(flow: Flow):
    flow.engine.results["commit"] = errors.CommitOutcomeUnknown("the answer was lost", outcome="unknown")
    with pytest.raises(errors.CommitOutcomeUnknown), flow.transaction() as tx:
        tx.on_commit(lambda: flow.log.append("never"))
    assert flow.log == ["begin", "commit"]
    assert flow.scope.state.transaction is None


def test_a_transaction_is_used_once_and_inside(flow: Flow):
    tx = flow.transaction()
    with pytest.raises(errors.TransactionStateError, match="has not begun"):
        live(tx)
    with tx, pytest.raises(errors.TransactionStateError, match="entered once"), tx:
        pass
    with pytest.raises(errors.TransactionStateError, match="has ended"):
        tx.on_commit(print)


async def test_a_task_that_outlives_it_is_told_so(flow: Flow):
    gate = asyncio.Event()

    async def late() -> object:
        await gate.wait()
        return flow.scope.state.transaction and live(flow.scope.state.transaction)

    async with flow.transaction():
        task = asyncio.create_task(late())
        await asyncio.sleep(0)
    gate.set()
    with pytest.raises(errors.TransactionStateError, match="has ended"):
        await task


async def test_nested_ones_out_of_order_roll_everything_back(flow: Flow):
    outer_is_open, inner_is_open, outer_has_ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def outer() -> None:
        try:
            async with flow.transaction():
                outer_is_open.set()
                await inner_is_open.wait()
        finally:
            outer_has_ended.set()

    async def inner() -> None:
        await outer_is_open.wait()
        async with flow.transaction():
            inner_is_open.set()
            await outer_has_ended.wait()

    with pytest.raises(errors.TransactionStateError, match="out of order"):
        async with flow.transaction():
            await asyncio.gather(outer(), inner(), return_exceptions=True)
    assert flow.log[-1] == "rollback"
    assert "commit" not in flow.log


@pytest.mark.parametrize("name", ["READ_COMMITTED", "read committed", "Read-Committed", " read  committed "])
def test_a_level_has_many_spellings(name: str):
    assert read_isolation(name) == "READ COMMITTED"
    assert read_isolation(None) is None


@pytest.mark.parametrize("name", ["READ_COMITTED", "snapshot", "", 5])
def test_an_unknown_level_is_refused(name: Any):
    with pytest.raises(errors.InvalidOptionError):
        read_isolation(name)
