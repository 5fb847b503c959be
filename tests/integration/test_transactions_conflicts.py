"""Two transactions on the same rows: one wins, the other is told so and may try again, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dataflow import DataFlow, errors
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.operations import START, WRITES, Caller, Operation, Slot, name_of, reset

SERVERS = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)
CHANGES = [operation for operation in WRITES if operation.id not in ("create", "bulk_create", "upsert that inserts")]
CONFLICTS = (errors.SerializationFailureError, errors.DeadlockError)


@pytest.fixture
def slots(db: DataFlow) -> Caller:
    table = fresh(db, Slot)
    reset(table)
    return Caller(db, table, True)


@asynccontextmanager
async def twin_of(caller: Caller, database: Database) -> AsyncIterator[Caller]:
    """The same table by another connection."""
    async with DataFlow(database.url) as other:
        twin = Caller(other, other.table(other.model(caller.table._cls)), True)
        await twin.ask("count")
        yield twin


async def add_one(caller: Caller, isolation: str) -> None:
    """Reads a number and writes the next one: what a lost update is made of."""
    async with caller.transaction(isolation=isolation):
        size = (await caller.ask("read", "d")).size
        await asyncio.sleep(0)
        await caller.ask("update", "d", {"size": size + 1})


async def until_done(work: Callable[[], Awaitable[None]]) -> int:
    """Tries again where the error says so; how often that was."""
    for attempt in range(100):
        try:
            await work()
        except errors.DataFlowError as error:
            assert isinstance(error, CONFLICTS), repr(error)
            assert (error.retryable, error.outcome) == (True, "rolled back")
            await asyncio.sleep(0.001 * attempt)
        else:
            return attempt
    raise AssertionError("never done")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_retried_conflicts_lose_no_update(slots: Caller, level: str) -> None:
    """A snapshot means the same everywhere: forty additions are forty more."""
    attempts = await asyncio.gather(*(until_done(lambda: add_one(slots, level)) for _ in range(40)))
    assert (await slots.state())["d"] == START["d"] + 40
    print(f"{sum(attempts)} tried again")


@POSTGRES
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("operation", CHANGES, ids=name_of)
async def test_a_row_changed_since_the_snapshot_is_told(
    database: Database, slots: Caller, operation: Operation, level: str
) -> None:
    async with twin_of(slots, database) as twin:
        with pytest.raises(errors.SerializationFailureError) as caught:
            async with slots.transaction(isolation=level):
                await slots.ask("count")
                await twin.ask("bulk_update", {}, {"note": "other"}, all_rows=True)
                await slots.call(operation)
        assert (caught.value.retryable, caught.value.outcome) == (True, "rolled back")
        assert await twin.state() == START
        assert await slots.call(operation) == operation.answer


@POSTGRES
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("method", ["upsert", "bulk_upsert"])
async def test_an_upsert_of_a_row_added_since_the_snapshot_may_be_tried_again(
    database: Database, slots: Caller, method: str, level: str
) -> None:
    """The row is there and cannot be seen: that is a conflict with the other, no mistake of the caller."""
    row: dict[str, Any] = {"code": "n", "size": 9}
    async with twin_of(slots, database) as twin:
        with pytest.raises(errors.SerializationFailureError) as caught:
            async with slots.transaction(isolation=level):
                await slots.ask("count")
                await twin.ask("create", code="n", size=8)
                await slots.ask(method, row if method == "upsert" else [row])
        assert caught.value.retryable
        assert await twin.state() == {**START, "n": 8}


@SERVERS
@pytest.mark.parametrize("method", ["upsert", "bulk_upsert"])
async def test_an_upsert_meets_a_row_added_meanwhile(database: Database, slots: Caller, method: str) -> None:
    """READ COMMITTED: it waits for the other's insert, and then updates that row."""
    row: dict[str, Any] = {"code": "n", "size": 9}
    async with twin_of(slots, database) as twin:
        async with slots.transaction(isolation="READ COMMITTED"):
            async with twin.transaction():
                await twin.ask("create", code="n", size=8, note="other")
                task = asyncio.create_task(slots.ask(method, row if method == "upsert" else [row]))
                await asyncio.sleep(0.1)
                assert not task.done()
            await task
            assert (await slots.ask("read", "n")).note == "other"
        assert await twin.state() == {**START, "n": 9}


@pytest.mark.parametrize("operation", CHANGES, ids=name_of)
async def test_a_second_writer_waits_and_loses_nothing(database: Database, slots: Caller, operation: Operation) -> None:
    """The note of one and the operation of the other are both there, or the row is gone."""
    async with twin_of(slots, database) as twin:
        async with slots.transaction():
            await slots.ask("bulk_update", {}, {"note": "first"}, all_rows=True)
            task = asyncio.create_task(twin.call(operation))
            await asyncio.sleep(0.05)
            assert not task.done()
        assert await task == operation.answer
        assert await twin.state() == operation.state
        assert {row.note for row in await twin.ask("list") if row.code in START} == {"first"}
