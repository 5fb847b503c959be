"""B6: rows updated and deleted by their keys on PostgreSQL, 100,000 and a million of a million."""

import numpy as np
import pyarrow as pa
import pytest

from benches.items import Items, items_on
from benches.peers import compare
from tests.servers import PostgreSQL

ROUNDS = 3
SHARES = [0.1, 1.0]


def chosen(rows: pa.Table, share: float) -> pa.Table:
    """The keys of some of the rows in no order, with a new price and quantity for each."""
    rng = np.random.default_rng(6)
    keys = rng.permutation(rows["id"].to_numpy())[: int(rows.num_rows * share)]
    return pa.table({"id": keys, "price": rng.random(len(keys)), "qty": rng.integers(10_000, 1 << 40, len(keys))})


def total(rows: pa.Table) -> int:
    return int(rows["qty"].to_numpy().sum())


def untouched(rows: pa.Table, given: pa.Table) -> int:
    """The sum of `qty` of the rows that are not given."""
    quantities = rows["qty"].to_numpy()
    return int(quantities.sum() - quantities[given["id"].to_numpy() - 1].sum())


class Turns:
    """Fills the table before each turn, and checks it after."""

    def __init__(self, items: Items, expected: tuple[int, int]) -> None:
        self.items, self.expected, self.begun = items, expected, False

    def prepare(self) -> None:
        assert not self.begun or self.items.totals() == self.expected
        self.begun = True
        self.items.fill()


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.benchmark(group="B6 PostgreSQL update by keys")
def test_update(benchmark: pytest.FixtureRequest, postgres: PostgreSQL, rows: pa.Table, share: float) -> None:
    given = chosen(rows, share)
    change = "UPDATE item SET price = s.price, qty = s.qty FROM {} AS s WHERE item.id = s.id"
    with items_on(postgres) as items:
        items.keep(rows)
        items.admin.execute("CREATE UNLOGGED TABLE incoming (id bigint, price float8, qty bigint)")
        with items.admin.cursor().copy("COPY incoming FROM STDIN") as copy:
            for row in zip(*given.to_pydict().values(), strict=True):
                copy.write_row(row)
        items.admin.execute("VACUUM ANALYZE incoming")
        turns = Turns(items, (rows.num_rows, untouched(rows, given) + total(given)))
        print(f"\n  {given.num_rows:,} rows")
        medians = compare(
            benchmark,
            {
                "dataflow": lambda: items.table.bulk_update(data=given),
                "adbc": lambda: items.through_adbc(given, change.format("staged")),
                "limit": lambda: items.admin.execute(change.format("(SELECT * FROM incoming ORDER BY id)")),
            },
            turns.prepare,
            ROUNDS,
        )
        turns.prepare()
    assert medians["adbc"].wall / medians["dataflow"].wall >= 1.2


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.benchmark(group="B6 PostgreSQL delete by keys")
def test_delete(benchmark: pytest.FixtureRequest, postgres: PostgreSQL, rows: pa.Table, share: float) -> None:
    given = chosen(rows, share).select(["id"])
    keys = given["id"].to_pylist()
    with items_on(postgres) as items:
        items.keep(rows)
        turns = Turns(items, (rows.num_rows - given.num_rows, untouched(rows, given)))
        print(f"\n  {given.num_rows:,} rows")
        medians = compare(
            benchmark,
            {
                "dataflow": lambda: items.table.bulk_delete(keys=given),
                "any": lambda: items.wait(items.asyncpg.execute("DELETE FROM item WHERE id = ANY($1)", keys)),
                "adbc": lambda: items.through_adbc(given, "DELETE FROM item USING staged WHERE item.id = staged.id"),
            },
            turns.prepare,
            ROUNDS,
        )
        turns.prepare()
    assert medians["any"].wall / medians["dataflow"].wall >= 0.5
