"""B5: upserts on PostgreSQL: a million rows of which half are there, and batches of 1 to 100,000 into a million."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from benches.items import COLUMNS, Items, arrays, items_on, lists, upsert_from
from benches.peers import compare
from benches.rows import standard_rows
from tests.servers import PostgreSQL

LARGE_ROUNDS = 3
# Calls of one turn by batch size: a commit's time varies more than the work of a small batch.
CALLS = {1: 101, 10: 101, 100: 51, 1_000: 21, 10_000: 7, 100_000: 3}


def with_quantities(rows: pa.Table, rng: np.random.Generator) -> pa.Table:
    """The rows with new quantities: each of them differs from what is stored."""
    at = rows.schema.get_field_index("qty")
    return rows.set_column(at, "qty", pa.array(rng.integers(10_000, 1 << 40, rows.num_rows)))


def total(rows: pa.Table) -> int:
    return int(rows["qty"].to_numpy().sum())


@pytest.mark.benchmark(group="B5 PostgreSQL upsert, half existing")
def test_half_of_the_rows_are_there(benchmark: pytest.FixtureRequest, postgres: PostgreSQL, rows: pa.Table) -> None:
    rng = np.random.default_rng(5)
    given = with_quantities(rows, rng).take(rng.permutation(rows.num_rows))
    expected = (given.num_rows, total(given))
    with items_on(postgres) as items:
        items.keep(given, "incoming")
        items.admin.execute("CREATE UNLOGGED TABLE incoming (LIKE item)")
        items.fill("incoming")
        items.keep(rows.take(np.arange(0, rows.num_rows, 2)))
        turns = 0

        def prepare() -> None:
            nonlocal turns
            assert turns == 0 or items.totals() == expected
            turns += 1
            items.fill()

        medians = compare(
            benchmark,
            {
                "dataflow": lambda: items.table.bulk_upsert(given),
                "two ranges": lambda: items.table.bulk_upsert(given, atomic=False, parallel=2),
                "adbc": lambda: items.through_adbc(given, upsert_from("staged")),
                "limit": lambda: items.admin.execute(upsert_from("(SELECT * FROM incoming ORDER BY id) AS sorted")),
            },
            prepare,
            LARGE_ROUNDS,
        )
        prepare()
    assert medians["adbc"].wall / medians["dataflow"].wall >= 0.9


class Batches:
    """Batches of one size, half of them of stored rows; none comes twice."""

    def __init__(self, items: Items, rows: pa.Table, size: int) -> None:
        self.items, self.rows, self.size = items, rows, size
        self.rng = np.random.default_rng(size)
        self.next_id = rows.num_rows + 1
        self.batch = rows.slice(0, 0)
        self.lists = list[list[object]]()

    def prepare(self) -> None:
        """Checks the batch that was written, and makes the next one."""
        if self.batch.num_rows:
            stored = self.items.admin.execute(
                "SELECT count(*), coalesce(sum(qty), 0)::int8 FROM item WHERE id = ANY(%s)",
                [self.batch["id"].to_pylist()],
            )
            assert stored.fetchone() == (self.size, total(self.batch))
        there = self.rows.take(self.rng.choice(self.rows.num_rows, (self.size + 1) // 2, replace=False))
        new = standard_rows(self.size // 2)
        ids = pa.array(np.arange(self.next_id, self.next_id + new.num_rows))
        self.next_id += new.num_rows
        both = pa.concat_tables([there, new.set_column(0, "id", ids)])
        self.batch = with_quantities(both, self.rng).take(self.rng.permutation(self.size)).combine_chunks()
        self.lists = lists(self.batch)


@pytest.fixture(scope="module")
def filled(postgres: PostgreSQL, rows: pa.Table) -> Iterator[Items]:
    """The standard rows, stored."""
    with items_on(postgres) as items:
        items.keep(rows)
        items.fill()
        items.wait(
            items.asyncpg.execute("CREATE TEMP TABLE staged (LIKE public.item) ON COMMIT DELETE ROWS"),
        )
        yield items


@pytest.mark.parametrize("size", CALLS)
@pytest.mark.benchmark(group="B5 PostgreSQL upsert, batches")
def test_batches(benchmark: pytest.FixtureRequest, filled: Items, rows: pa.Table, size: int) -> None:
    items, batches = filled, Batches(filled, rows, size)
    from_arrays, from_staged = upsert_from(arrays()), upsert_from("staged")

    async def through_staging() -> None:
        async with items.asyncpg.transaction():
            records = zip(*batches.lists, strict=True)
            await items.asyncpg.copy_records_to_table("staged", records=records, columns=COLUMNS)
            await items.asyncpg.execute(from_staged)

    print(f"\n  {size:,} rows")
    medians = compare(
        benchmark,
        {
            "dataflow": lambda: items.table.bulk_upsert(batches.batch),
            "unnest": lambda: items.wait(items.asyncpg.execute(from_arrays, *batches.lists)),
            "staging": lambda: items.wait(through_staging()),
        },
        batches.prepare,
        CALLS[size],
    )
    batches.prepare()
    best = min(median.wall for name, median in medians.items() if name != "dataflow")
    assert best / medians["dataflow"].wall >= 0.5  # small ones do more in their statement: README.md
