"""The standard table on a PostgreSQL server: the model, the rows that are there, and the peers' ways to stage rows."""

import asyncio
import datetime as dt
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import asyncpg
import psycopg
import pyarrow as pa

from dataflow import DataFlow
from tests.servers import PostgreSQL

COLUMNS = ("id", "sku", "name", "price", "qty", "tags", "created_at", "active")
TYPES = dict(zip(COLUMNS, ["int8", "text", "text", "float8", "int8", "text", "timestamptz", "bool"], strict=True))


def declare(db: DataFlow) -> type[Any]:
    @db.model
    class Item:
        id: int
        sku: str
        name: str
        price: float
        qty: int
        tags: str | None
        created_at: dt.datetime
        active: bool

    return Item


class Items:
    """The table in DataFlow's hands and in those of its peers, each on a connection of its own."""

    def __init__(self, server: PostgreSQL, db: DataFlow, url: str) -> None:
        self.server, self.url = server, url
        self.model = declare(db)
        self.table = db.table(self.model)
        admin_url = server.admin_url.rpartition("/")[0] + "/" + url.rpartition("/")[2]
        self.admin = psycopg.connect(admin_url, autocommit=True)
        self.adbc = adbc.connect(url)
        self.loop = asyncio.new_event_loop()
        self.asyncpg = self.wait(asyncpg.connect(url))

    def close(self) -> None:
        self.wait(self.asyncpg.close())
        self.loop.close()
        self.adbc.close()
        self.admin.close()

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    def keep(self, rows: pa.Table, table: str = "item") -> None:
        """Writes rows to a file from which [`fill`] reads them; leaves the table empty."""
        self.table.bulk_create(rows)
        self.admin.execute(f"COPY item ({', '.join(COLUMNS)}) TO '{self._file(table)}' (FORMAT binary)")
        self.admin.execute("TRUNCATE item")

    def fill(self, table: str = "item") -> None:
        """The table as it is before a turn: the kept rows, vacuumed, and nothing left for a checkpoint."""
        self.admin.execute(f"TRUNCATE {table}")
        self.admin.execute(f"COPY {table} ({', '.join(COLUMNS)}) FROM '{self._file(table)}' (FORMAT binary)")
        self.admin.execute(f"VACUUM ANALYZE {table}")
        self.admin.execute("CHECKPOINT")

    def _file(self, table: str) -> Path:
        return Path(self.server.directory) / f"{table}.copy"

    def limit(self) -> None:
        """The server's own load of the kept rows: nobody is faster on one connection."""
        self.admin.execute(f"COPY item ({', '.join(COLUMNS)}) FROM '{self._file('item')}' (FORMAT binary)")

    def clear(self) -> None:
        self.admin.execute("TRUNCATE item")
        self.admin.execute("CHECKPOINT")

    def check(self, rows: pa.Table) -> None:
        """That exactly these rows are stored, by their number and the sum of a column."""
        assert self.totals() == (rows.num_rows, rows["qty"].to_numpy().sum())

    def totals(self) -> tuple[int, int]:
        """How many rows are stored, and the sum of `qty`."""
        row = self.admin.execute("SELECT count(*), coalesce(sum(qty), 0)::int8 FROM item").fetchone()
        assert row is not None
        return row[0], row[1]

    def through_adbc(self, rows: pa.Table, statement: str) -> None:
        """Arrow into a temporary table, and one statement from there, in one transaction."""
        with self.adbc.cursor() as cursor:
            cursor.adbc_ingest("staged", rows, mode="create", temporary=True)
            cursor.execute(statement)
            cursor.execute("DROP TABLE staged")
        self.adbc.commit()


@contextmanager
def items_on(server: PostgreSQL) -> Iterator[Items]:
    url = server.create_database()
    with DataFlow(url) as db:
        items = Items(server, db, url)
        try:
            items.table.count()
            yield items
        finally:
            items.close()


def upsert_from(source: str) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
    names = ", ".join(COLUMNS)
    return f"INSERT INTO item ({names}) SELECT {names} FROM {source} ON CONFLICT (id) DO UPDATE SET {changes}"


def arrays(columns: tuple[str, ...] = COLUMNS) -> str:
    """Rows that come as one array a column."""
    parameters = ", ".join(f"${at}::{TYPES[name]}[]" for at, name in enumerate(columns, start=1))
    return f"unnest({parameters}) AS v ({', '.join(columns)})"


def lists(rows: pa.Table) -> list[list[Any]]:
    """The columns as Python lists, which asyncpg takes."""
    return [rows[name].to_pylist() for name in rows.column_names]
