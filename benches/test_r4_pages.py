"""R4: pages of 100 rows at the begin and at the end of a million, by their cursors."""

import pyarrow as pa
import pytest

from benches.items import items_on
from benches.peers import report, taking_turns
from tests.servers import PostgreSQL

CALLS = 300


@pytest.mark.parametrize("order", ["id", "-qty"])
def test_a_deep_page(postgres: PostgreSQL, rows: pa.Table, order: str) -> None:
    with items_on(postgres) as items:
        items.keep(rows)
        items.fill()
        items.admin.execute("CREATE INDEX item_qty ON item (qty DESC, id)")
        items.admin.execute("VACUUM ANALYZE item")
        first = items.table.list(order_by=order, limit=1).next
        deep = items.table.list(order_by=order, limit=1, offset=rows.num_rows - 200).next
        assert first is not None
        assert deep is not None
        assert len(items.table.list(order_by=order, limit=100, after=deep)) == 100
        medians = taking_turns(
            {
                "dataflow": lambda: items.table.list(order_by=order, limit=100, after=deep),
                "first": lambda: items.table.list(order_by=order, limit=100, after=first),
            },
            CALLS,
        )
    print()
    report(f"a page in the order {order}, the last beside the first", medians)
    assert medians["dataflow"] / medians["first"] <= 1.1
