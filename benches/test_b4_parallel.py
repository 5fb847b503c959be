"""B4: a million Arrow rows into a PostgreSQL table by two connections, and into an empty one with its indexes after."""

from typing import Any

import pyarrow as pa
import pytest

from benches.items import items_on
from benches.peers import compare
from tests.servers import PostgreSQL

ROUNDS = 7


@pytest.mark.benchmark(group="B4 PostgreSQL create, two connections")
def test_two_connections(benchmark: Any, postgres: PostgreSQL, rows: pa.Table) -> None:
    with items_on(postgres) as items:
        items.keep(rows)
        jobs = {
            "dataflow": lambda: items.table.bulk_create(rows, atomic=False, parallel=2),
            "one by one": lambda: items.table.bulk_create(rows, atomic=False),
            "limit": items.limit,
        }
        medians = compare(benchmark, jobs, items.clear, ROUNDS, check=lambda: items.check(rows))
    assert medians["limit"].wall / medians["dataflow"].wall >= 0.9


@pytest.mark.benchmark(group="B4 PostgreSQL create, indexes after")
def test_indexes_after(benchmark: Any, postgres: PostgreSQL, rows: pa.Table) -> None:
    with items_on(postgres) as items:
        items.keep(rows)

        def at_the_server() -> None:
            """The limit of this way: the key is dropped, the ready file read, and the key made again."""
            with items.admin.transaction():
                items.admin.execute("ALTER TABLE item DROP CONSTRAINT pk_item_key")
                items.limit()
                items.admin.execute("ALTER TABLE item ADD CONSTRAINT pk_item_key PRIMARY KEY (id)")

        jobs = {
            "dataflow": lambda: items.table.bulk_create(rows, defer_indexes=True),
            "limit": items.limit,
            "limit, after": at_the_server,
        }
        medians = compare(benchmark, jobs, items.clear, ROUNDS, check=lambda: items.check(rows))
    assert medians["limit"].wall / medians["dataflow"].wall >= 0.9
