"""R6: one row of PostgreSQL by its key: blocking, awaited, and from 32 tasks."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import asyncpg
import psycopg
import pyarrow as pa
from psycopg.rows import dict_row

from benches.items import COLUMNS, Items, items_on
from benches.peers import awaiting_turns, report, taking_turns
from tests.servers import PostgreSQL

CALLS, TASKS, EACH, TURNS = 2_000, 32, 100, 7
QUERY = f"SELECT {', '.join(COLUMNS)} FROM item WHERE id = {{}}"


def fill(items: Items, rows: pa.Table) -> None:
    items.table.bulk_create(rows.slice(0, 10_000))
    items.admin.execute("VACUUM ANALYZE item")


def test_a_blocking_read(postgres: PostgreSQL, rows: pa.Table) -> None:
    with items_on(postgres) as items, psycopg.connect(items.url, autocommit=True, row_factory=dict_row) as peer:
        fill(items, rows)
        cursor = peer.cursor()
        query = QUERY.format("%s")

        def theirs() -> object:
            return cursor.execute(query, (77,), prepare=True).fetchone()

        assert vars(items.table.read(77)) == theirs()
        medians = taking_turns({"dataflow": lambda: items.table.read(77), "psycopg": theirs}, CALLS)
    print()
    report("one row, blocking", medians)
    # 1.1 is what it should be: the answer comes through another thread than the one that waits for it.
    assert medians["dataflow"] <= 1.6 * medians["psycopg"]


def test_an_awaited_read(postgres: PostgreSQL, rows: pa.Table) -> None:
    with items_on(postgres) as items:
        fill(items, rows)
        medians = asyncio.run(awaited(items))
    print()
    report("one row, awaited", medians)
    assert medians["dataflow"] <= medians["asyncpg"]


def test_reads_from_many_tasks(postgres: PostgreSQL, rows: pa.Table) -> None:
    with items_on(postgres) as items:
        fill(items, rows)
        medians = asyncio.run(many_tasks(items))
    print()
    report(f"one row from {TASKS} tasks", medians)
    assert medians["asyncpg"] / medians["dataflow"] >= 1.3


async def awaited(items: Items) -> dict[str, float]:
    async with asyncpg.create_pool(items.url, min_size=1) as pool:
        return await awaiting_turns(jobs_of(items, pool), CALLS)


async def many_tasks(items: Items) -> dict[str, float]:
    """Median seconds a read, of all tasks together."""
    times: dict[str, list[float]] = {"dataflow": [], "asyncpg": []}
    async with asyncpg.create_pool(items.url, min_size=10, max_size=10) as pool:
        jobs = jobs_of(items, pool)
        for turn in range(TURNS + 1):
            for name in list(jobs)[:: 1 if turn % 2 else -1]:
                times[name].append(await together(jobs[name]))
    return {name: statistics.median(taken[1:]) for name, taken in times.items()}


async def together(job: Callable[[], Awaitable[object]]) -> float:
    async def some() -> None:
        for _ in range(EACH):
            await job()

    started = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(TASKS)))
    return (time.perf_counter() - started) / (TASKS * EACH)


def jobs_of(items: Items, pool: asyncpg.Pool) -> dict[str, Callable[[], Awaitable[object]]]:
    query = QUERY.format("$1")

    async def ours() -> object:
        return await items.table.aread(77)

    async def theirs() -> object:
        return dict(await pool.fetchrow(query, 77))

    return {"dataflow": ours, "asyncpg": theirs}
