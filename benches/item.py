"""The standard table in a database of its own, with DataFlow and an administrator connected to it."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from dataflow import DataFlow
from tests.servers import PostgreSQL

COLUMNS = "id, sku, name, price, qty, tags, created_at, active"


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
    """An empty table `item` on PostgreSQL.

    Attributes:
        url: The database.
        model: Its class in DataFlow.
        table: Its table in DataFlow.
        admin: A connection beside it.
    """

    def __init__(self, url: str, db: DataFlow, admin: psycopg.Connection, directory: Path) -> None:
        self.url = url
        self.model = declare(db)
        self.table = db.table(self.model)
        self.admin = admin
        self._copy = directory / f"{url.rpartition('/')[2]}.copy"

    def encode(self, rows: pa.Table) -> None:
        """Writes the rows into a file that the server can read by itself."""
        self.table.bulk_create(rows)
        self.admin.execute(f"COPY item ({COLUMNS}) TO '{self._copy}' (FORMAT binary)")
        self.clear()

    def limit(self) -> None:
        """The server's own load of that file: nobody is faster on one connection."""
        self.admin.execute(f"COPY item ({COLUMNS}) FROM '{self._copy}' (FORMAT binary)")

    def clear(self) -> None:
        self.admin.execute("TRUNCATE item")
        self.admin.execute("CHECKPOINT")

    def check(self, rows: pa.Table) -> None:
        """That exactly these rows are stored, by their number and the sum of a column."""
        stored = self.admin.execute("SELECT count(*), sum(qty)::int8 FROM item").fetchone()
        assert stored == (rows.num_rows, rows["qty"].to_numpy().sum()), stored


@contextmanager
def postgres_items(postgres: PostgreSQL) -> Iterator[Items]:
    url = postgres.create_database()
    admin_url = f"{postgres.admin_url.rpartition('/')[0]}/{url.rpartition('/')[2]}"
    with DataFlow(url) as db, psycopg.connect(admin_url, autocommit=True) as admin:
        items = Items(url, db, admin, Path(postgres.directory))
        items.table.count()  # makes the table
        yield items
