"""A cancel that comes when the database has answered already, but the task has not been told."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from itertools import count, islice
from typing import Any

import pyarrow as pa
import pytest

from tests.database import Database
from tests.faults.marked import open_flow
from tests.faults.oracle import SETTLED_S, Oracle


async def cancel_late(task: asyncio.Task[None]) -> None:
    """The loop is busy while the answer comes, so that cancel and answer reach the task in one turn."""
    await asyncio.sleep(0)
    time.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await asyncio.sleep(SETTLED_S)


NONCES = count(100)
TRIES = 20


async def cancel_when_stored(
    write: Callable[[int], Coroutine[Any, Any, Any]], oracle: Oracle
) -> tuple[BaseException, int]:
    """What the cancel of a write is told whose rows are there when the loop has not heard of it; and its nonce."""
    for nonce in islice(NONCES, TRIES):
        task = asyncio.create_task(write(nonce))
        while nonce not in oracle.stored() and not task.done():
            await asyncio.sleep(0)
            time.sleep(0.1)
        if task.done():
            await task  # it was stored and heard of between two looks: another one
            continue
        task.cancel()
        await asyncio.wait([task])
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        return cancelled.value, nonce
    raise AssertionError("no cancel came late")


async def test_a_commit_cancelled_late_is_told_as_committed(database: Database, oracle: Oracle) -> None:
    flow = open_flow(database.url, pool_size=1)
    async with flow.db:
        await flow.table.acount()

        async def create(nonce: int) -> None:
            # Columns are read by another thread: however fast the database is, the loop hears of it in a later turn.
            await flow.table.abulk_create(pa.table({"nonce": [nonce], "part": [0]}))

        cancelled, nonce = await cancel_when_stored(create, oracle)
        assert getattr(cancelled, "outcome", None) == "committed"
        assert oracle.stored()[nonce].total() == 1


WHOLE: dict[str, Callable[[list[dict[str, int]]], Any]] = {
    "dicts": list,
    "generator": iter,
    "arrow": pa.Table.from_pylist,
}


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("load_id", [None, "late"])
async def test_a_load_cancelled_late_tells_the_rows_that_stay(
    database: Database, oracle: Oracle, form: str, load_id: str | None
) -> None:
    """The answer to the commit is there when the cancel comes, also of a load of one piece."""
    flow = open_flow(database.url, pool_size=1, schema_mode="create")
    async with flow.db:
        await flow.table.abulk_create([], load_id="the ledger is there")

        async def load(nonce: int) -> None:
            rows = [{"nonce": nonce, "part": part} for part in range(40)]
            await flow.table.abulk_create(WHOLE[form](rows), load_id=load_id and f"{load_id} {nonce}")

        cancelled, nonce = await cancel_when_stored(load, oracle)
        assert getattr(cancelled, "outcome", None) == "committed"
        assert getattr(cancelled, "rows_done", None) == 40
        assert oracle.stored()[nonce].total() == 40


async def test_a_begin_cancelled_late_leaves_no_transaction_open(database: Database, oracle: Oracle) -> None:
    flow = open_flow(database.url, pool_size=1, acquire_timeout=2)
    async with flow.db:
        await flow.table.acount()

        async def begin() -> None:
            async with flow.db.transaction():
                raise AssertionError("the cancel came too late")

        # The task is kept, and its exception with it, as `gather(..., return_exceptions=True)` keeps them.
        task = asyncio.create_task(begin())
        await cancel_late(task)
        status = flow.db.pool_status()
        assert status["open"] == status["idle"], "the connection is still in use"
        assert oracle.idle_in_transaction() == 0
        assert await flow.table.acount() >= 0
        assert task.cancelled()
