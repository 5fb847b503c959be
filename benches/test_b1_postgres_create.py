"""B1: a million Arrow rows into an existing PostgreSQL table, one stream, one transaction."""

from typing import Any

import pyarrow as pa
import pytest

from benches.items import items_on
from benches.peers import compare
from tests.servers import PostgreSQL

ROUNDS = 7


@pytest.mark.benchmark(group="B1 PostgreSQL create, Arrow")
def test_a_million_arrow_rows(benchmark: Any, postgres: PostgreSQL, rows: pa.Table) -> None:
    with items_on(postgres) as items:
        items.keep(rows)

        def through_adbc() -> None:
            with items.adbc.cursor() as cursor:
                cursor.adbc_ingest("item", rows, mode="append")
            items.adbc.commit()

        jobs = {"dataflow": lambda: items.table.bulk_create(rows), "adbc": through_adbc, "limit": items.limit}
        medians = compare(benchmark, jobs, items.clear, ROUNDS, check=lambda: items.check(rows))
    assert medians["adbc"].wall / medians["dataflow"].wall >= 0.8
