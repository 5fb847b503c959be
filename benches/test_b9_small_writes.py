"""B9: small writes into PostgreSQL: 1 to 1,000 rows a call, and one row a call from 32 tasks."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import psycopg
import pytest

from benches.items import COLUMNS, Items, items_on
from benches.peers import report
from benches.rows import standard_rows
from tests.servers import PostgreSQL

CALLS = 300
TASKS = 32
NAMES = ", ".join(COLUMNS)
INSERT = f"INSERT INTO item ({NAMES}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
NUMBERED = f"INSERT INTO item ({NAMES}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"


class Given:
    """Rows that were not given before, as often as they are asked for."""

    def __init__(self) -> None:
        self._rows = standard_rows(1000).to_pylist()
        self._next = 0
        self._qty = 0

    def take(self, count: int) -> list[dict[str, Any]]:
        self._next += count
        rows = [row | {"id": self._next - count + at} for at, row in enumerate(self._rows[:count])]
        self._qty += sum(row["qty"] for row in rows)
        return rows

    def check(self, items: Items, count: int) -> None:
        """That so many rows were taken, and just those are stored."""
        assert self._next == count
        assert items.totals() == (count, self._qty)
        ids = items.admin.execute("SELECT min(id), max(id), count(DISTINCT id) FROM item").fetchone()
        assert ids == (0, count - 1, count)


@pytest.mark.parametrize("size", [1, 10, 100, 1000])
def test_a_blocking_call(postgres: PostgreSQL, size: int) -> None:
    with items_on(postgres) as items, psycopg.connect(items.url) as peer:
        given = Given()

        def ours(rows: list[dict[str, Any]]) -> None:
            if size == 1:
                items.table.create(**rows[0])
            else:
                items.table.bulk_create(rows)

        def theirs(rows: list[dict[str, Any]]) -> None:
            peer.cursor().executemany(INSERT, [tuple(row.values()) for row in rows])
            peer.commit()

        times: dict[str, list[float]] = {"dataflow": [], "psycopg": []}
        ways = [("dataflow", ours), ("psycopg", theirs)]
        for turn in range(CALLS):
            for name, way in ways[:: 1 if turn % 2 else -1]:
                rows = given.take(size)
                started = time.perf_counter()
                way(rows)
                times[name].append(time.perf_counter() - started)
        given.check(items, 2 * CALLS * size)
    print()
    report(f"{size} rows, blocking", {name: statistics.median(taken) for name, taken in times.items()})


@pytest.mark.parametrize("size", [1, 10, 100, 1000])
def test_an_awaited_call(postgres: PostgreSQL, size: int) -> None:
    with items_on(postgres) as items:
        medians = asyncio.run(awaited(items, size))
    print()
    report(f"{size} rows, awaited", medians)


async def awaited(items: Items, size: int) -> dict[str, float]:
    given = Given()
    async with asyncpg.create_pool(items.url, min_size=1) as pool:
        times: dict[str, list[float]] = {"dataflow": [], "asyncpg": []}
        ways = [("dataflow", our_call(items, size)), ("asyncpg", their_call(pool, size))]
        for turn in range(CALLS):
            for name, way in ways[:: 1 if turn % 2 else -1]:
                rows = given.take(size)
                started = time.perf_counter()
                await way(rows)
                times[name].append(time.perf_counter() - started)
    given.check(items, 2 * CALLS * size)
    return {name: statistics.median(taken) for name, taken in times.items()}


def our_call(items: Items, size: int) -> Callable[[list[dict[str, Any]]], Awaitable[object]]:
    return items.table.abulk_create if size > 1 else lambda rows: items.table.acreate(**rows[0])


def their_call(pool: Any, size: int) -> Callable[[list[dict[str, Any]]], Awaitable[object]]:
    async def call(rows: list[dict[str, Any]]) -> None:
        async with pool.acquire() as connection:
            if size == 1:
                await connection.execute(NUMBERED, *rows[0].values())
            else:
                await connection.executemany(NUMBERED, [tuple(row.values()) for row in rows])

    return call


def test_one_row_a_call_from_many_tasks(postgres: PostgreSQL) -> None:
    with items_on(postgres) as items:
        medians = asyncio.run(many_tasks(items))
    print()
    report(f"one row, {TASKS} tasks", medians)


async def many_tasks(items: Items) -> dict[str, float]:
    """Seconds a call, where 32 tasks call at once; ten connections for everybody."""
    given = Given()
    async with asyncpg.create_pool(items.url, min_size=10, max_size=10) as pool:
        times: dict[str, list[float]] = {"dataflow": [], "asyncpg": []}
        ways = [("dataflow", our_call(items, 1)), ("asyncpg", their_call(pool, 1))]
        for turn in range(10):
            for name, way in ways[:: 1 if turn % 2 else -1]:
                rows = [[row] for row in (given.take(1)[0] for _ in range(TASKS * 20))]
                started = time.perf_counter()
                await asyncio.gather(*(one_after_another(way, rows[task::TASKS]) for task in range(TASKS)))
                times[name].append((time.perf_counter() - started) / len(rows))
    given.check(items, 2 * 10 * TASKS * 20)
    return {name: statistics.median(taken) for name, taken in times.items()}


async def one_after_another(
    way: Callable[[list[dict[str, Any]]], Awaitable[object]], rows: list[list[dict[str, Any]]]
) -> None:
    for row in rows:
        await way(row)
