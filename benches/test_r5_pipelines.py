"""R5: a million rows of PostgreSQL filtered and grouped."""

import pyarrow as pa
import pytest

from benches.items import items_on
from benches.peers import compare
from tests.servers import PostgreSQL

ROUNDS = 9
PIPELINE = [
    {"$match": {"price": {"$lt": 900}}},
    {"$group": {"_id": "$active", "rows": {"$count": {}}, "worth": {"$sum": "$price"}, "most": {"$max": "$qty"}}},
]
QUERY = """
SELECT active, count(*), coalesce(sum(price), 0), max(qty) FROM item WHERE price < $1 GROUP BY active ORDER BY active
"""


@pytest.mark.benchmark(group="R5 PostgreSQL pipeline")
def test_a_pipeline(benchmark: pytest.FixtureRequest, postgres: PostgreSQL, rows: pa.Table) -> None:
    with items_on(postgres) as items:
        items.keep(rows)
        items.fill()
        found = [tuple(row.values()) for row in items.table.aggregate(PIPELINE)]
        expected = [tuple(row) for row in items.wait(items.asyncpg.fetch(QUERY, 900.0))]
        assert [row[:2] for row in found] == [row[:2] for row in expected]
        medians = compare(
            benchmark,
            {
                "dataflow": lambda: items.table.aggregate(PIPELINE).records(),
                "by hand": lambda: items.wait(items.asyncpg.fetch(QUERY, 900.0)),
            },
            lambda: None,
            ROUNDS,
        )
    assert medians["dataflow"].wall / medians["by hand"].wall <= 1.03
