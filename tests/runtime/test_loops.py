"""One DataFlow in many event loops, one after the other and at once, and beside blocking calls."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from tests.conftest import FaultScale
from tests.database import Database
from tests.runtime.child import Child, run
from tests.runtime.programs.stage import Item, open_database
from tests.runtime.server import in_use, is_busy, locked, sessions, wait_until

Runner = Callable[[Coroutine[Any, Any, Any]], Any]


def run_by_uvloop(work: Coroutine[Any, Any, Any]) -> Any:
    uvloop = pytest.importorskip("uvloop")
    return uvloop.run(work)


RUNNERS = [asyncio.run] if sys.platform == "win32" else [asyncio.run, run_by_uvloop]
each_runner = pytest.mark.parametrize("runner", RUNNERS, ids=["asyncio", "uvloop"][: len(RUNNERS)])


@pytest.fixture
def opened(database: Database) -> Iterator[tuple[DataFlow, Table[Item]]]:
    db, items = open_database(database.url, pool_size=5)
    with closing(db):
        yield db, items


@pytest.fixture
def items(opened: tuple[DataFlow, Table[Item]]) -> Table[Item]:
    return opened[1]


async def write_and_read(items: Table[Item], name: str) -> None:
    made = await asyncio.gather(*(items.acreate(name=f"{name} {number}") for number in range(4)))
    for item in made:
        assert await items.aread(item.id) == item


@each_runner
def test_many_loops_one_after_the_other(items: Table[Item], fault_scale: FaultScale, runner: Runner) -> None:
    cycles = fault_scale.pick(fast=50, full=200)
    for cycle in range(cycles):
        runner(write_and_read(items, f"cycle {cycle}"))
    assert items.count() == 4 * cycles


@each_runner
def test_two_loops_at_once(items: Table[Item], runner: Runner) -> None:
    def work(thread: int) -> None:
        for cycle in range(10):
            runner(write_and_read(items, f"thread {thread}, cycle {cycle}"))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, range(2)))
    assert items.count() == 80


def test_transaction_keeps_to_its_loop(opened: tuple[DataFlow, Table[Item]]) -> None:
    db, items = opened
    inside, counted = threading.Event(), threading.Event()
    items.create(name="first")

    async def hold() -> None:
        async with db.transaction():
            await items.aread(1)
            inside.set()
            await asyncio.to_thread(counted.wait, 10)

    async def count() -> int:
        return await items.acount()

    with ThreadPoolExecutor(1) as threads:
        holding = threads.submit(asyncio.run, hold())
        assert inside.wait(10)
        assert asyncio.run(count()) == 1
        counted.set()
        holding.result(10)


@each_runner
def test_blocking_call_inside_a_loop_works(items: Table[Item], runner: Runner) -> None:
    async def main() -> int:
        waiting = [asyncio.create_task(items.acreate(name="awaited")) for _ in range(8)]
        await asyncio.sleep(0)
        for _ in range(8):
            items.create(name="blocking")
        await asyncio.gather(*waiting)
        return items.count()

    assert runner(asyncio.wait_for(main(), 20)) == 16


@each_runner
def test_timeout_ends_the_wait_and_the_statement(database: Database, items: Table[Item], runner: Runner) -> None:
    items.create(name="first")

    async def main() -> float:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(items.acreate(name="late"), 0.2)
        return time.monotonic() - began

    with locked(database):
        assert runner(main()) < 0.2 + 0.5 + 0.5  # the timeout, the grace of a cancel, a loaded machine
        wait_until(lambda: not is_busy(database), "the server's statement is gone", 1)
    assert items.count() == 1


@each_runner
def test_task_group_cancels_the_siblings(
    database: Database, opened: tuple[DataFlow, Table[Item]], runner: Runner
) -> None:
    """Those that wait for the lock, and those that wait for a connection."""
    db, items = opened
    items.create(name="first")

    async def fail() -> None:
        await asyncio.to_thread(wait_until, all_wait, "all siblings wait")
        raise RuntimeError("on purpose")

    def all_wait() -> bool:
        busy = in_use(db) if database.kind == "sqlite" else sum(sessions(database).values())
        return busy + db.pool_status()["waiting"] == 8

    async def main() -> list[str | None]:
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                siblings = [group.create_task(create(items)) for _ in range(8)]
                group.create_task(fail())
        return [sibling.result() for sibling in siblings]

    with locked(database):
        assert runner(main()) == ["rolled back"] * 8
    assert items.count() == 1


async def create(items: Table[Item]) -> str | None:
    """How a cancelled create says that it ended."""
    try:
        await items.acreate(name="sibling")
    except asyncio.CancelledError as cancelled:
        return cancelled.outcome  # type: ignore[attr-defined,no-any-return]
    return "not cancelled"


def test_loop_closed_in_flight_gives_its_connection_back(database: Database) -> None:
    with Child("looping", "close_loop_in_flight", database.url) as program:
        program.wait_for("used")
        with locked(database):
            program.tell("call")
            program.wait_for("closed")
        program.tell("again")
        story = program.end().check().story
    assert story["open"] == story["idle"]
    assert 1 <= story["count"] <= 21


def test_observers_that_call_back_stall_nobody(database: Database, fault_scale: FaultScale) -> None:
    seconds = fault_scale.pick(fast=3, full=60)
    story = run("looping", "calls_back", database.url, seconds, timeout_s=seconds + 20).check().story
    assert story["alive"] == 0
    assert story["longest_s"] < 2
    assert story["turns"] > 8
    assert story["told"] > 20


def test_closed_database_refuses_in_every_loop(opened: tuple[DataFlow, Table[Item]]) -> None:
    db, items = opened
    asyncio.run(items.acreate(name="first"))
    asyncio.run(db.aclose())
    for use in (items.count, lambda: asyncio.run(items.acount())):
        with pytest.raises(errors.ClosedError):
            use()
