"""R2: lists of 100 and of 1,000 rows from PostgreSQL, as dicts and as instances."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pyarrow as pa
import pytest

from benches.items import COLUMNS, Items, items_on
from benches.peers import awaiting_turns, report
from tests.servers import PostgreSQL

CALLS = 300
QUERY = f"SELECT {', '.join(COLUMNS)} FROM item ORDER BY id LIMIT {{}}"


@pytest.mark.parametrize(("size", "least"), [(100, 0.9), (1_000, 1.2)])
def test_a_list(postgres: PostgreSQL, rows: pa.Table, size: int, least: float) -> None:
    with items_on(postgres) as items:
        items.table.bulk_create(rows.slice(0, 10_000))
        items.admin.execute("VACUUM ANALYZE item")
        medians = asyncio.run(lists(items, size))
    print()
    report(f"{size} rows", medians)
    assert medians["asyncpg"] / medians["dataflow"] >= least


async def lists(items: Items, size: int) -> dict[str, float]:
    query = QUERY.format(size)
    async with asyncpg.create_pool(items.url, min_size=1) as pool:

        async def ours() -> list[object]:
            return (await items.table.alist(limit=size)).records()

        async def instances() -> list[object]:
            return list(await items.table.alist(limit=size))

        async def all_columns() -> list[object]:
            return (await items.table.alist(limit=None, filter={"id": {"$lte": size}})).records()

        async def theirs() -> list[object]:
            return [dict(row) for row in await pool.fetch(query)]

        jobs: dict[str, Callable[[], Awaitable[list[object]]]] = {
            "dataflow": ours,
            "instances": instances,
            "no cursors": all_columns,
            "asyncpg": theirs,
        }
        assert [len(await job()) for job in jobs.values()] == [size] * 4
        assert await ours() == await theirs()
        return await awaiting_turns(jobs, CALLS)
