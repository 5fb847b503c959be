"""A cancel that comes when the database has answered already, but the task has not been told."""

import asyncio
import time

import pytest

from tests.database import Database
from tests.faults.marked import Flow, open_flow
from tests.faults.oracle import SETTLED_S, Oracle


async def create(flow: Flow) -> None:
    await flow.table.acreate(nonce=7, part=0)


async def cancel_late(task: asyncio.Task[None]) -> None:
    """The loop is busy while the answer comes, so that cancel and answer reach the task in one turn."""
    await asyncio.sleep(0)
    time.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await asyncio.sleep(SETTLED_S)


async def test_a_commit_cancelled_late_is_told_as_committed(database: Database, oracle: Oracle) -> None:
    flow = open_flow(database.url, pool_size=1)
    async with flow.db:
        await flow.table.acount()
        task = asyncio.create_task(create(flow))
        await cancel_late(task)
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        assert getattr(cancelled.value, "outcome", None) == "committed"
        assert oracle.stored()[7].total() == 1


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
