"""Every operation in a transaction, blocking and awaited: kept by a commit, undone by a rollback, refused after one."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dataflow import DataFlow, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.operations import (
    FAILURES,
    OPERATIONS,
    READS,
    START,
    WRITES,
    Caller,
    Operation,
    Slot,
    name_of,
    reset,
)

# More than a loaded machine takes to begin a transaction: the time is to be up in the middle of it.
TIMEOUT_S = 0.2
LEVELS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
EACH_WRITE = pytest.mark.parametrize("operation", WRITES, ids=name_of)


class Stop(Exception):
    """Leaves a block."""


@pytest.fixture(scope="module")
def slots(database: Database) -> Iterator[tuple[DataFlow, Any]]:
    """One table for all cases, and one that is known but gone."""
    with closing(DataFlow(database.url)) as db:
        yield db, fresh(db, Slot)


@pytest.fixture(scope="module")
def gone(database: Database, slots: tuple[DataFlow, Any]) -> Any:
    """A table that was there when its model was first used."""
    table = fresh(slots[0], Slot)
    table.count()
    bare.execute(database, f"DROP TABLE {table._model.table}")
    return table


@pytest.fixture(params=["blocking", "awaited"])
def caller(request: pytest.FixtureRequest, slots: tuple[DataFlow, Any]) -> Caller:
    db, table = slots
    reset(table)
    return Caller(db, table, request.param == "awaited")


@EACH
async def test_a_commit_keeps_it(caller: Caller, operation: Operation) -> None:
    kept: list[int] = []
    async with caller.transaction() as tx:
        tx.on_commit(lambda: kept.append(caller.table.count()))
        assert await caller.call(operation) == operation.answer
        assert await caller.state() == operation.state
        assert kept == []
    assert await caller.state() == operation.state
    assert kept == [len(operation.state)]


@EACH
async def test_a_rollback_undoes_it(caller: Caller, operation: Operation) -> None:
    with pytest.raises(Stop):
        async with caller.transaction():
            assert await caller.call(operation) == operation.answer
            raise Stop
    assert await caller.state() == START


@EACH
async def test_a_rolled_back_savepoint_undoes_it_alone(caller: Caller, operation: Operation) -> None:
    kept = {**START, "y": 20, "z": 30}
    async with caller.transaction():
        await caller.ask("create", code="y", size=20)
        with pytest.raises(Stop):
            async with caller.transaction():
                assert await caller.call(operation) is not None
                raise Stop
        await caller.ask("create", code="z", size=30)
        assert await caller.state() == kept
    assert await caller.state() == kept


@EACH
async def test_an_outer_rollback_undoes_what_a_savepoint_kept(caller: Caller, operation: Operation) -> None:
    with pytest.raises(Stop):
        async with caller.transaction():
            async with caller.transaction():
                assert await caller.call(operation) == operation.answer
            assert await caller.state() == operation.state
            raise Stop
    assert await caller.state() == START


@EACH
async def test_a_second_connection_sees_it_after_the_commit(
    caller: Caller, operation: Operation, database: Database
) -> None:
    with closing(DataFlow(database.url)) as other:
        twin = Caller(other, other.table(other.model(caller.table._cls)), caller.awaited)
        async with caller.transaction():
            await caller.call(operation)
            assert await twin.state() == START
        assert await twin.state() == operation.state


@pytest.mark.parametrize("operation", FAILURES, ids=name_of)
async def test_a_failure_in_a_savepoint_leaves_the_rest(caller: Caller, operation: Operation) -> None:
    async with caller.transaction():
        await caller.ask("create", code="y", size=20)
        with pytest.raises(operation.error) as caught:
            async with caller.transaction():
                await caller.call(operation)
        # A write that the database refused is undone there and then; what its answer means has undone nothing yet.
        assert caught.value.outcome == ("rolled back" if operation.error is errors.UniqueViolationError else None)
        await caller.ask("create", code="z", size=30)
    assert await caller.state() == {**START, "y": 20, "z": 30}


async def test_a_swallowed_failure_ends_its_savepoint_alone(caller: Caller) -> None:
    """The inner block cannot keep anything and says so; what is around it goes on."""
    async with caller.transaction():
        await caller.ask("create", code="y", size=20)
        with pytest.raises(errors.TransactionAbortedError):
            async with caller.transaction():
                await caller.ask("create", code="x", size=10)
                with pytest.raises(errors.UniqueViolationError):
                    await caller.ask("create", code="a", size=11)
        await caller.ask("create", code="z", size=30)
    assert await caller.state() == {**START, "y": 20, "z": 30}


@pytest.mark.parametrize("operation", FAILURES, ids=name_of)
async def test_a_failure_aborts_the_transaction(caller: Caller, operation: Operation) -> None:
    with pytest.raises(errors.TransactionAbortedError) as aborted:
        async with caller.transaction():
            await caller.ask("create", code="y", size=20)
            with pytest.raises(operation.error):
                await caller.call(operation)
            await refuses_all(caller)
    assert aborted.value.outcome == "rolled back"
    assert await caller.state() == START


@EACH
async def test_an_error_of_the_database_aborts_the_transaction(caller: Caller, operation: Operation, gone: Any) -> None:
    with pytest.raises(errors.TransactionAbortedError):
        async with caller.transaction():
            with pytest.raises(errors.DataFlowError) as caught:
                await Caller(caller.db, gone, caller.awaited).call(operation)
            assert not isinstance(caught.value, (errors.TransactionAbortedError, errors.InternalError))
            await refuses_all(caller)
    assert await caller.state() == START


async def refuses_all(caller: Caller) -> None:
    for operation in OPERATIONS:
        with pytest.raises(errors.TransactionAbortedError):
            await caller.call(operation)


@EACH_WRITE
async def test_a_read_only_transaction_refuses_a_write(caller: Caller, operation: Operation) -> None:
    with pytest.raises(errors.TransactionStateError) as caught:
        async with caller.transaction(read_only=True):
            await caller.call(operation)
    assert caught.value.code == "DF-8003"
    assert await caller.state() == START


async def test_a_read_only_transaction_goes_on_after_a_refusal(caller: Caller) -> None:
    async with caller.transaction(read_only=True):
        for operation in WRITES:
            with pytest.raises(errors.TransactionStateError):
                await caller.call(operation)
            assert [await caller.call(read) for read in READS] == [read.answer for read in READS]


@pytest.mark.parametrize("level", LEVELS)
@EACH
async def test_each_level_takes_it(database: Database, caller: Caller, operation: Operation, level: str) -> None:
    async with caller.transaction(isolation=level) as tx:
        assert tx.isolation == ("SERIALIZABLE" if database.kind == "sqlite" else level)
        assert await caller.call(operation) == operation.answer
    assert await caller.state() == operation.state


@EACH
async def test_a_transaction_past_its_time_refuses_it(caller: Caller, operation: Operation) -> None:
    called = False
    with pytest.raises(errors.StatementTimeoutError) as caught:
        async with caller.transaction(timeout=TIMEOUT_S):
            await asyncio.sleep(TIMEOUT_S)
            called = True
            await caller.call(operation)
    assert called
    assert caught.value.outcome == "rolled back"
    assert await caller.state() == START


@EACH_WRITE
async def test_a_wait_for_a_lock_ends_with_the_time(database: Database, caller: Caller, operation: Operation) -> None:
    name = caller.table._model.table
    taken = f"INSERT INTO {name} (code, size) VALUES ('n', 99)"
    called = False
    with (
        bare.held(database, f"UPDATE {name} SET size = size + 100", taken),
        pytest.raises(errors.StatementTimeoutError) as caught,
    ):
        async with caller.transaction(timeout=TIMEOUT_S):
            called = True
            await caller.call(operation)
    assert called == (database.kind != "sqlite")  # it locks when a transaction begins
    assert caught.value.outcome == "rolled back"
    assert await caller.state() == START
    assert await caller.call(operation) == operation.answer


@EACH_WRITE
async def test_changed_rows_are_told_after_the_commit_alone(
    database: Database, caller: Caller, operation: Operation
) -> None:
    events: list[dict[str, Any]] = []
    with closing(DataFlow(database.url)) as db:
        table = db.table(db.model(caller.table._cls))
        table.count()
        for kind in ("transaction", "rows_changed"):
            db.on(kind, events.append)
        await undo_and_keep(Caller(db, table, caller.awaited), operation)
        await last_event(events, "commit")
    names = [event.get("action", "rows") for event in events]
    # The order tells: what is told at once would come before the savepoint's end.
    rows = ["rows"] * names.count("rows")
    assert names == ["begin", "savepoint", "rollback_to", "savepoint", "release", *rows, "commit"]
    changed = {code for code in {**START, **operation.state} if START.get(code) != operation.state.get(code)}
    assert sum(event.get("rows", 0) for event in events) == len(changed)


async def last_event(events: list[dict[str, Any]], action: str) -> None:
    """Waits for it: events come from a thread of their own."""
    async with asyncio.timeout(5):
        while not events or events[-1].get("action") != action:
            await asyncio.sleep(0.001)


async def undo_and_keep(caller: Caller, operation: Operation) -> None:
    """Once in a savepoint that is rolled back, once in one that is released."""
    async with caller.transaction():
        with pytest.raises(Stop):
            async with caller.transaction():
                await caller.call(operation)
                raise Stop
        async with caller.transaction():
            await caller.call(operation)


async def test_operations_of_several_tasks_take_turns(caller: Caller) -> None:
    """All eleven at once on the one connection of a transaction: each sees the rows of its own task whole."""
    twin = Caller(caller.db, caller.table, True)

    async def work(number: int) -> None:
        code, sizes = f"t{number}", range(1000 * number, 1000 * number + 4)
        rows = [{"code": f"{code}-{at}", "size": size} for at, size in enumerate(sizes)]
        mine = {"code": {"$startsWith": f"{code}-"}}
        await twin.ask("bulk_create", rows[:2])
        await twin.ask("create", **rows[2])
        await twin.ask("upsert", rows[3])
        assert await twin.ask("count", mine) == 4
        await twin.ask("update", f"{code}-0", {"note": "u"})
        await twin.ask("bulk_update", {**mine, "note": None}, {"note": "v"})
        await twin.ask("bulk_update", data=[{"code": f"{code}-3", "note": "w"}])
        assert [row.note for row in await twin.ask("list", mine)] == ["u", "v", "v", "w"]
        await twin.ask("bulk_upsert", [{**rows[0], "note": "x"}])
        assert (await twin.ask("read", f"{code}-0")).note == "x"
        await twin.ask("delete", f"{code}-0")
        await twin.ask("bulk_delete", keys=[f"{code}-1"])
        await twin.ask("bulk_delete", {**mine, "note": "v"})
        assert [row.code for row in await twin.ask("list", mine)] == [f"{code}-3"]

    async with caller.transaction():
        await asyncio.gather(*map(work, range(1, 21)))
    assert len(await caller.state()) == len(START) + 20
