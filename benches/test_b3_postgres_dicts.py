"""B3: a million dicts, and a million model instances, into an existing PostgreSQL table."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from benches.items import COLUMNS, TYPES, items_on
from benches.peers import compare, peak_growth
from tests.servers import PostgreSQL

ROUNDS = 5


@pytest.mark.benchmark(group="B3 PostgreSQL create, dicts and instances")
@pytest.mark.parametrize("kind", ["dicts", "instances"])
def test_a_million_objects(benchmark: Any, postgres: PostgreSQL, rows: pa.Table, kind: str) -> None:
    with items_on(postgres) as items, psycopg.connect(items.url) as sync:
        items.keep(rows)
        dicts = rows.to_pylist()
        data = dicts if kind == "dicts" else [items.model(**row) for row in dicts]
        pick = itemgetter(*COLUMNS)
        take: Callable[[Any], tuple[Any, ...]] = (
            pick if kind == "dicts" else lambda row: tuple(getattr(row, name) for name in COLUMNS)
        )

        def through_asyncpg() -> None:
            records = map(take, data)
            items.wait(items.asyncpg.copy_records_to_table("item", records=records, columns=COLUMNS))

        def through_psycopg() -> None:
            with sync.cursor().copy(f"COPY item ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(list(TYPES.values()))
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
    assert medians["asyncpg"].wall / medians["dataflow"].wall >= 0.8
