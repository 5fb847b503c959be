"""B2: a million rows of a pandas and of a polars DataFrame into an existing PostgreSQL table."""

from collections.abc import Callable
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pytest

from benches.items import items_on
from benches.peers import compare
from tests.servers import PostgreSQL

ROUNDS = 5


@pytest.mark.benchmark(group="B2 PostgreSQL create, frames")
@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_million_rows_of_a_frame(benchmark: Any, postgres: PostgreSQL, rows: pa.Table, kind: str) -> None:
    with items_on(postgres) as items:
        items.keep(rows)
        frame, own_way = (pandas_way if kind == "pandas" else polars_way)(rows, items.adbc)
        jobs = {"dataflow": lambda: items.table.bulk_create(frame), kind: own_way, "limit": items.limit}
        medians = compare(benchmark, jobs, items.clear, ROUNDS, check=lambda: items.check(rows))
    assert medians[kind].wall / medians["dataflow"].wall >= 1


def pandas_way(rows: pa.Table, peer: adbc.Connection) -> tuple[Any, Callable[[], object]]:
    """The frame, and `DataFrame.to_sql` on an ADBC connection."""
    frame = rows.to_pandas()

    def to_sql() -> None:
        frame.to_sql("item", peer, if_exists="append", index=False)
        peer.commit()

    return frame, to_sql


def polars_way(rows: pa.Table, peer: adbc.Connection) -> tuple[Any, Callable[[], object]]:
    """The frame, and `DataFrame.write_database` on an ADBC connection."""
    import polars

    frame = polars.DataFrame(rows)

    def write() -> None:
        frame.write_database("item", peer, if_table_exists="append", engine="adbc")
        peer.commit()

    return frame, write
