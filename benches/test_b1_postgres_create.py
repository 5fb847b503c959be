"""B1: a million Arrow rows into an existing PostgreSQL table, one stream, one transaction."""

from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
import pytest

from benches.items import declare
from benches.peers import compare
from dataflow import DataFlow
from tests.servers import PostgreSQL

ROUNDS = 7
COLUMNS = "id, sku, name, price, qty, tags, created_at, active"


@pytest.mark.benchmark(group="B1 PostgreSQL create, Arrow")
def test_a_million_arrow_rows(benchmark: pytest.FixtureRequest, postgres: PostgreSQL, rows: pa.Table) -> None:
    url = postgres.create_database()
    admin = psycopg.connect(postgres.admin_url.rpartition("/")[0] + "/" + url.rpartition("/")[2], autocommit=True)
    with DataFlow(url) as db, adbc.connect(url) as peer, admin:
        items = db.table(declare(db))
        items.bulk_create(rows)
        expected = (rows.num_rows, rows["qty"].to_numpy().sum())
        encoded = Path(postgres.directory) / "item.copy"
        admin.execute(f"COPY item ({COLUMNS}) TO '{encoded}' (FORMAT binary)")

        def prepare() -> None:
            stored = admin.execute("SELECT count(*), sum(qty)::int8 FROM item").fetchone()
            assert stored in (expected, (0, None)), stored
            admin.execute("TRUNCATE item")
            admin.execute("CHECKPOINT")

        def through_adbc() -> None:
            with peer.cursor() as cursor:
                cursor.adbc_ingest("item", rows, mode="append")
            peer.commit()

        medians = compare(
            benchmark,
            {
                "dataflow": lambda: items.bulk_create(rows),
                "adbc": through_adbc,
                "limit": lambda: admin.execute(f"COPY item ({COLUMNS}) FROM '{encoded}' (FORMAT binary)"),
            },
            prepare,
            ROUNDS,
        )
        prepare()
    assert medians["adbc"].wall / medians["dataflow"].wall >= 0.8
