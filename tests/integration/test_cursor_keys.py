"""The key that cursors are sealed with costs no page more than a look now and then, and fails none."""

import base64
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.test_events import Log


class Note:
    name: str


@pytest.fixture
def notes(database: Database, db: DataFlow) -> Table[Any]:
    """A table of the names a to j in a database that keeps no key."""
    table = fresh(db, Note)
    table.bulk_create([{"name": name} for name in "abcdefghij"])
    bare.execute(database, "DELETE FROM dataflow_meta WHERE \"key\" = 'cursor_key'")
    return table


@contextmanager
def another(database: Database, notes: Table[Any], **options: Any) -> Iterator[tuple[DataFlow, Table[Any]]]:
    with closing(DataFlow(database.url, **options)) as db:
        yield db, db.table(db.model(notes._cls))


def connections_taken(log: Log, wanted: int) -> int:
    def taken() -> list[Any]:
        return [event for event in log.events if event["name"] == "dataflow.acquire"]

    log.settled(lambda _: len(taken()) >= wanted)
    return len(taken())


@pytest.mark.parametrize("mode", ["off", "check"])
def test_pages_without_a_kept_key_take_one_connection_each(database: Database, notes: Table[Any], mode: Any) -> None:
    with another(database, notes, schema_mode=mode) as (db, table):
        page = table.list(order_by="name", limit=1)
        log = Log(db, "span")
        for _ in range(5):
            page = table.list(order_by="name", limit=1, after=page.next)
            assert page.previous is not None
        assert connections_taken(log, 5) == 5


def test_forged_cursors_have_one_look_made_for_a_key(database: Database, notes: Table[Any]) -> None:
    with another(database, notes, schema_mode="off") as (db, table):
        table.count()
        log = Log(db, "span")
        for _ in range(5):
            # Version 1, and a key that the database keeps.
            forged = base64.urlsafe_b64encode(bytes([1, 2]) + os.urandom(61)).rstrip(b"=").decode()
            with pytest.raises(errors.InvalidCursorError):
                table.list(order_by="name", after=forged)
        assert connections_taken(log, 1) == 1


@pytest.mark.parametrize("writer", ["of the same process", "of another process"])
def test_a_page_beside_a_writer_does_without_a_key(database: Database, notes: Table[Any], writer: str) -> None:
    """It waits a moment for the key to be kept, then has one of its own."""
    insert = f"INSERT INTO dataflow_meta (\"key\", \"value\") VALUES ('cursor_key', '{'5' * 64}')"
    with another(database, notes, acquire_timeout=8) as (db, table), ThreadPoolExecutor(1) as pool:
        table.count()
        with db.transaction() if writer == "of the same process" else bare.held(database, insert):
            if writer == "of the same process":
                table.create(name="new")
            # Another thread: it is in no transaction.
            page = pool.submit(table.list, order_by="name", limit=2).result(6)
            assert [row.name for row in page] == ["a", "b"]
            following = pool.submit(table.list, order_by="name", limit=2, after=page.next).result(6)
            assert [row.name for row in following] == ["c", "d"]
