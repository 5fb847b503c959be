"""The disk of the server is full: the write that met it leaves nothing, and all goes on when there is room."""

import random
from collections.abc import Iterator
from contextlib import closing, nullcontext
from typing import Any

import psycopg
import pytest

from dataflow import DataFlow, errors
from tests.integration.fresh import fresh
from tests.runtime.server import in_use
from tests.servers import PostgreSQL

# In the middle of a page: PostgreSQL writes the half of it that it can, and takes that for a full disk.
FILE_BYTES = 20 * 2**20 + 4096
ROW_BYTES = 7_000  # one row a page
FITTING, TOO_MANY = 500, 3_000


class Blob:
    data: bytes


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL(max_file_bytes=FILE_BYTES) as server:
        yield server


@pytest.fixture
def url(server: PostgreSQL) -> str:
    return server.create_database()


@pytest.fixture
def db(url: str) -> Iterator[DataFlow]:
    with closing(DataFlow(url)) as db:
        yield db


@pytest.fixture
def blobs(db: DataFlow, url: str) -> Any:
    """A table with some rows; its bytes are in it as they are, not compressed beside it."""
    table: Any = fresh(db, Blob)
    table.count()
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(f"ALTER TABLE {table._model.table} ALTER data SET STORAGE PLAIN".encode())
    table.bulk_create(rows(FITTING))
    return table


def rows(count: int) -> list[dict[str, Any]]:
    return [{"data": random.randbytes(ROW_BYTES)} for _ in range(count)]


def create_many(table: Any) -> None:
    for row in rows(TOO_MANY):
        table.create(**row)


WRITES: dict[str, Any] = {
    "bulk_create": lambda table: table.bulk_create(rows(TOO_MANY)),
    "bulk_upsert": lambda table: table.bulk_upsert([{"id": at + 1, **row} for at, row in enumerate(rows(TOO_MANY))]),
    "create": create_many,
    "bulk_update": lambda table: [table.bulk_update({}, {"data": rows(1)[0]["data"]}, all_rows=True) for _ in range(9)],
}


EACH = [(write, True) for write in WRITES] + [("bulk_create", False), ("bulk_upsert", False)]


@pytest.mark.parametrize(("write", "inside"), EACH)
def test_a_full_disk_is_told_and_leaves_nothing_behind(
    url: str, db: DataFlow, blobs: Any, write: str, inside: bool
) -> None:
    """Inside of a transaction, and where one call is all of it."""
    before = blobs.list(limit=None).records()
    with pytest.raises(errors.DatabaseFailureError) as caught, db.transaction() if inside else nullcontext():
        WRITES[write](blobs)
    assert (caught.value.sqlstate, caught.value.outcome) == ("53100", "rolled back")
    assert not caught.value.retryable
    assert blobs.list(limit=None).records() == before
    assert in_use(db) == 0
    make_room(url)
    blobs.bulk_create(rows(FITTING))
    blobs.create(data=b"x")
    assert blobs.count() == 2 * FITTING + 1


def make_room(url: str) -> None:
    """What was undone takes room until it is swept away."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("VACUUM")
