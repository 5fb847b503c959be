"""Rows one after the other: all of them once, of one moment, and a connection that is free again however it ends."""

import asyncio
from contextlib import closing
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from dataflow import DataFlow, Table, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.runtime.server import wait_until

COUNT = 3_000


class Item:
    name: str
    size: int | None = None


class Shared:
    __dataflow__ = {"multi_tenant": True, "soft_delete": True}  # noqa: RUF012
    name: str


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    table = fresh(db, Item)
    table.bulk_create([{"name": f"{at % 7}", "size": None if at % 5 == 0 else at % 11} for at in range(COUNT)])
    return table


def idle(db: DataFlow) -> bool:
    """Whether every open connection is in the pool."""
    status = db.pool_status()
    return status["open"] == status["idle"]


def test_a_stream_is_the_list_in_one_read(db: DataFlow, items: Table[Any]) -> None:
    for filter, order in ((None, None), ({"size": {"$gt": 3}}, "-name"), (None, ["-size", "name"]), ({"id": -1}, None)):
        expected = items.list(filter, order_by=order, limit=None)
        assert [row.id for row in items.stream(filter, order_by=order)] == [row.id for row in expected]
        assert idle(db)
    chunks = [len(rows) for rows in items.stream().chunks()]
    assert len(chunks) > 2
    assert sum(chunks) == COUNT
    (row, *_) = items.stream(fields=["name"], order_by="-size")
    with pytest.raises(errors.FieldNotLoadedError):
        _ = row.size


async def test_a_stream_is_awaited(db: DataFlow, items: Table[Any]) -> None:
    expected = [row.id for row in await items.alist(order_by="-name", limit=None)]
    assert [row.id async for row in items.astream(order_by="-name")] == expected
    async with items.astream() as stream:
        assert sum([len(rows) async for rows in stream.chunks()]) == COUNT
    assert idle(db)


def test_a_stream_is_of_one_moment(db: DataFlow, database: Database, items: Table[Any]) -> None:
    rows = iter(items.stream(order_by="id"))
    first = next(rows)
    with closing(DataFlow(database.url)) as other:
        table = other.table(other.model(items._cls))
        table.bulk_delete({"id": {"$gt": COUNT - 5}})
        table.create(name="new")
        table.update(COUNT - 10, {"name": "changed"})
    rest = list(rows)
    assert len(rest) == COUNT - 1
    assert first.id + COUNT - 1 == rest[-1].id
    assert all(row.name not in ("new", "changed") for row in rest)
    assert idle(db)


def test_rows_are_changed_while_they_are_read(items: Table[Any]) -> None:
    for row in items.stream({"size": 3}):
        items.update(row.id, {"name": "seen"})
    assert items.count({"name": "seen"}) == items.count({"size": 3}) > 200


@pytest.mark.parametrize("leave", ["break", "raise", "close", "with", "drop"])
def test_a_stream_that_is_left_gives_its_connection_back(db: DataFlow, items: Table[Any], leave: str) -> None:
    opened = db.pool_status()["open"]
    for _ in range(5):
        stream = items.stream()
        match leave:
            case "break":
                for _row in stream:
                    break
            case "raise":
                with pytest.raises(KeyError):
                    for row in stream:
                        raise KeyError(row.id)
            case "close":
                rows = iter(stream)
                next(rows)
                stream.close()
                # What came with the chunk is still there.
                with pytest.raises(errors.TransactionStateError):
                    list(rows)
            case "with":
                with stream:
                    next(iter(stream))
            case "drop":
                rows = iter(stream)
                next(rows)
                del rows, stream
        assert idle(db)
    assert db.pool_status()["open"] <= opened + 1
    assert items.count() == COUNT


async def test_an_async_stream_that_is_left_gives_its_connection_back(db: DataFlow, items: Table[Any]) -> None:
    async with items.astream() as stream:
        async for _ in stream:
            break
    assert idle(db)
    rows = aiter(items.astream())
    await anext(rows)
    await rows.aclose()
    assert idle(db)
    assert await items.acount() == COUNT


async def test_a_cancelled_reader_leaves_nothing_behind(db: DataFlow, items: Table[Any]) -> None:
    for _ in range(5):
        seen = asyncio.Event()

        async def read(seen: asyncio.Event = seen) -> None:
            async with items.astream() as stream:
                async for _ in stream.chunks():
                    seen.set()

        task = asyncio.create_task(read())
        await seen.wait()
        task.cancel()
        await asyncio.wait([task])
        assert idle(db)
    assert await items.acount() == COUNT


def test_a_stream_in_a_transaction_leaves_it_as_it_is(db: DataFlow, items: Table[Any]) -> None:
    with db.transaction():
        items.create(name="own")
        rows = iter(items.stream({"name": {"$in": ["own", "1"]}}, order_by="-name"))
        assert next(rows).name == "own"
        inner = iter(items.stream())
        next(inner)
        items.create(name="another")
        assert next(rows).name == "1"
        rows.close()
        assert sum(1 for _ in inner) >= COUNT
        items.create(name="last")
    assert items.count() == COUNT + 3
    assert idle(db)


def test_a_stream_outlives_no_transaction(db: DataFlow, items: Table[Any]) -> None:
    with db.transaction():
        rows = items.stream().chunks()
        next(rows)
    with pytest.raises(errors.TransactionStateError):
        list(rows)
    assert idle(db)


def test_a_stream_is_of_its_tenant(db: DataFlow) -> None:
    table = fresh(db, Shared)
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            table.bulk_create([{"name": f"{tenant}{at}"} for at in range(600)])
    with db.tenant("a"):
        table.bulk_delete({"name": "a5"})
        stream, deleted = table.stream(), table.stream(include_deleted=True)
    with db.tenant("b"):
        assert {row.name[0] for row in stream} == {"a"}
        assert sum(1 for _ in deleted) == 600
    with pytest.raises(errors.MissingTenantError):
        list(table.stream())


def test_arrow_takes_a_stream_batch_by_batch(db: DataFlow, items: Table[Any]) -> None:
    expected = items.list(order_by="-name", limit=None).to_arrow()
    reader = pa.RecordBatchReader.from_stream(items.stream(order_by="-name"))
    first = reader.read_next_batch()
    assert 0 < first.num_rows < COUNT
    assert not idle(db)
    rest = reader.read_all()
    assert idle(db)
    assert pa.concat_tables([pa.Table.from_batches([first]), rest]).equals(expected)
    assert pl.DataFrame(items.stream(order_by="-name")).equals(pl.DataFrame(expected))
    assert pa.table(items.stream(order_by="-name")).equals(expected)
    assert idle(db)


def test_an_arrow_reader_that_is_dropped_leaves_no_connection(db: DataFlow, items: Table[Any]) -> None:
    reader = pa.RecordBatchReader.from_stream(items.stream())
    reader.read_next_batch()
    del reader
    wait_until(lambda: idle(db), "the connection is closed")
    assert items.count() == COUNT


@pytest.mark.parametrize("given", [{"order_by": "nmae"}, {"fields": ["nmae"]}, {"filter": {"nmae": 1}}])
def test_what_cannot_be_read_is_refused_at_once(items: Table[Any], given: Any) -> None:
    for make in (items.stream, items.astream):
        with pytest.raises(errors.UnknownFieldError):
            make(**given)


KILLS = {
    "postgres": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mariadb": "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
}


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
def test_a_connection_that_is_lost_in_the_middle_is_told(database: Database, db: DataFlow) -> None:
    table = fresh(db, Item)
    table.bulk_create([{"name": "x" * 2_000} for _ in range(20_000)])
    chunks = table.stream().chunks()
    seen = len(next(chunks))
    for (number,) in bare.execute(database, KILLS[database.kind]):
        if database.kind == "mariadb":
            bare.execute(database, f"KILL {number}")
    with pytest.raises(errors.ConnectionLostError):
        for rows in chunks:
            seen += len(rows)
    assert seen < 20_000
    assert idle(db)
    assert sum(len(rows) for rows in table.stream().chunks()) == 20_000
