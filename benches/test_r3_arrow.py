"""R3: a million rows of PostgreSQL into Arrow."""

import os

import pyarrow as pa
import pytest

from benches.items import COLUMNS, Items, items_on
from benches.peers import compare
from tests.servers import PostgreSQL

ROUNDS = 7
QUERY = f"SELECT {', '.join(COLUMNS)} FROM item"
ORDER = " ORDER BY id"  # as a list of DataFlow has it


def through_adbc(items: Items, order: str = "") -> pa.Table:
    with items.adbc.cursor() as cursor:
        cursor.execute(QUERY + order)
        table = cursor.fetch_arrow_table()
    items.adbc.commit()
    return table


@pytest.mark.benchmark(group="R3 PostgreSQL to Arrow")
def test_read(benchmark: pytest.FixtureRequest, postgres: PostgreSQL, rows: pa.Table) -> None:
    with items_on(postgres) as items:
        items.keep(rows)
        items.fill()

        def ours() -> pa.Table:
            return items.table.list(limit=None).to_arrow()

        assert ours().equals(rows.cast(ours().schema))
        assert through_adbc(items).num_rows == rows.num_rows
        medians = compare(
            benchmark,
            {
                "dataflow": ours,
                "stream": lambda: pa.RecordBatchReader.from_stream(items.table.stream()).read_all(),
                "adbc": lambda: through_adbc(items),
                "adbc ordered": lambda: through_adbc(items, ORDER),
                "limit ordered": lambda: items.admin.execute(
                    f"COPY ({QUERY}{ORDER}) TO '{os.devnull}' (FORMAT binary)"
                ),
                "limit": lambda: items.admin.execute(f"COPY ({QUERY}) TO '{os.devnull}' (FORMAT binary)"),
            },
            lambda: None,
            ROUNDS,
        )
    assert medians["limit"].wall / medians["dataflow"].wall >= 0.65
    assert medians["dataflow"].cpu <= 0.6 * rows.num_rows / 1_000_000
