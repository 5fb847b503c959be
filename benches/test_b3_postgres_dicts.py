"""B3: a million dicts, and a million model instances, into an existing PostgreSQL table."""

import asyncio
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import asyncpg
import psycopg
import pyarrow as pa
import pytest

from benches.item import COLUMNS, postgres_items
from benches.peers import compare, peak_growth
from tests.servers import PostgreSQL

ROUNDS = 5
NAMES = COLUMNS.split(", ")
# The types by which psycopg encodes a binary COPY: it does not ask the table.
TYPES = ["int8", "text", "text", "float8", "int8", "text", "timestamptz", "bool"]


@pytest.mark.benchmark(group="B3 PostgreSQL create, dicts and instances")
@pytest.mark.parametrize("kind", ["dicts", "instances"])
def test_a_million_objects(benchmark: Any, postgres: PostgreSQL, rows: pa.Table, kind: str) -> None:
    with postgres_items(postgres) as items, asyncio.Runner() as runner, psycopg.connect(items.url) as sync:
        items.encode(rows)
        dicts = rows.to_pylist()
        data = dicts if kind == "dicts" else [items.model(**row) for row in dicts]
        pick = itemgetter(*NAMES)
        take: Callable[[Any], tuple[Any, ...]] = (
            pick if kind == "dicts" else lambda row: tuple(getattr(row, name) for name in NAMES)
        )
        connection = runner.run(asyncpg.connect(items.url))

        def through_asyncpg() -> None:
            records = map(take, data)
            runner.run(connection.copy_records_to_table("item", records=records, columns=NAMES))

        def through_psycopg() -> None:
            with sync.cursor().copy(f"COPY item ({COLUMNS}) FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(TYPES)
                for row in data:
                    copy.write_row(take(row))
            sync.commit()

        jobs = {
            "dataflow": lambda: items.table.bulk_create(data),
            "asyncpg": through_asyncpg,
            "psycopg": through_psycopg,
            "limit": items.limit,
        }
        medians = compare(benchmark, jobs, items.clear, ROUNDS, check=lambda: items.check(rows))
        items.clear()
        print(f"  memory grows by {peak_growth(jobs['dataflow']) / 2**20:.0f} MiB at its peak")
        runner.run(connection.close())
    assert medians["asyncpg"].wall / medians["dataflow"].wall >= 1
