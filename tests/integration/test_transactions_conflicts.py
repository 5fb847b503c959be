"""Two transactions on the same rows: one wins, the other is told so and may try again, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dataflow import DataFlow, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.operations import START, WRITES, Caller, Operation, Slot, name_of, reset
from tests.runtime.server import wait_for_lock_waits, wait_until_waiting

SERVERS = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)
CHANGES = [operation for operation in WRITES if operation.id not in ("create", "bulk_create", "upsert that inserts")]
WRITERS = 8


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


async def add_one(caller: Caller, isolation: str, all_have_read: asyncio.Barrier | None = None) -> None:
    """Reads a number and writes the next one: what a lost update is made of."""
    async with caller.transaction(isolation=isolation):
        size = (await caller.ask("read", "d")).size
        if all_have_read is not None:
            await all_have_read.wait()
        await caller.ask("update", "d", {"size": size + 1})


@SERVERS
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_of_those_who_read_the_same_one_writes(database: Database, slots: Caller, level: str) -> None:
    """All others are told so, and begin again until nobody is left: no addition is lost."""
    # MariaDB's readers hold the row in common when serializable, and so none of them could change it.
    shared = (database.kind, level) == ("mariadb", "SERIALIZABLE")
    conflict = errors.DeadlockError if shared else errors.SerializationFailureError
    for writers in range(WRITERS, 0, -1):
        all_have_read = asyncio.Barrier(writers)
        adding = (add_one(slots, level, all_have_read) for _ in range(writers))
        failures = [error for error in await asyncio.gather(*adding, return_exceptions=True) if error is not None]
        assert [type(error) for error in failures] == [conflict] * (writers - 1)
        assert all((error.retryable, error.outcome) == (True, "rolled back") for error in failures)
    assert (await slots.state())["d"] == START["d"] + WRITERS


@SQLITE
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_transactions_that_write_one_file_take_turns(slots: Caller, level: str) -> None:
    """Each begins as a writer and waits for those before it: none reads what another one is changing."""
    await asyncio.gather(*(add_one(slots, level) for _ in range(40)))
    assert (await slots.state())["d"] == START["d"] + 40


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
                await asyncio.to_thread(wait_for_lock_waits, database, 1)
                assert not task.done()
            await task
            assert (await slots.ask("read", "n")).note == "other"
        assert await twin.state() == {**START, "n": 9}


@POSTGRES
@pytest.mark.parametrize("method", ["upsert", "bulk_upsert"])
async def test_an_attempt_that_met_another_leaves_no_subtransaction(
    database: Database, slots: Caller, method: str
) -> None:
    """Each that stays open slows the transaction down, and beyond 64 of them everybody."""
    row: dict[str, Any] = {"code": "n", "size": 9}
    held = """
        SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'transactionid' AND granted AND mode = 'ExclusiveLock' AND datname = current_database()"""
    async with twin_of(slots, database) as twin:
        async with slots.transaction(isolation="READ COMMITTED"):
            async with twin.transaction():
                await twin.ask("create", code="n", size=8)
                task = asyncio.create_task(slots.ask(method, row if method == "upsert" else [row]))
                await asyncio.to_thread(wait_for_lock_waits, database, 1)
            await task
            # Its own number, and none of a part of it.
            assert bare.execute(database, held) == [(1,)]
        assert await twin.state() == {**START, "n": 9}


@pytest.mark.parametrize("operation", CHANGES, ids=name_of)
async def test_a_second_writer_waits_and_loses_nothing(database: Database, slots: Caller, operation: Operation) -> None:
    """The note of one and the operation of the other are both there, or the row is gone."""
    async with twin_of(slots, database) as twin:
        async with slots.transaction():
            await slots.ask("bulk_update", {}, {"note": "first"}, all_rows=True)
            task = asyncio.create_task(twin.call(operation))
            await asyncio.to_thread(wait_until_waiting, database, twin.db)
            assert not task.done()
        assert await task == operation.answer
        assert await twin.state() == operation.state
        assert {row.note for row in await twin.ask("list") if row.code in START} == {"first"}
