"""A stream that ends before its rows do says so to whoever reads on, and has one reader only."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from dataflow import DataFlow, RowStream, Table, errors
from tests.database import Database
from tests.integration.fresh import fresh

COUNT = 3_000


class Item:
    name: str


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    table = fresh(db, Item)
    table.bulk_create([{"name": f"{at % 7}"} for at in range(COUNT)])
    return table


READERS: list[Callable[[RowStream[Any]], Any]] = [
    iter,
    lambda stream: stream.chunks(),
    lambda stream: stream.__arrow_c_stream__(),
    pa.RecordBatchReader.from_stream,
    pl.DataFrame,
]


@pytest.mark.parametrize("second", READERS)
@pytest.mark.parametrize("first", READERS[:2])
def test_a_second_reader_is_refused_and_the_first_reads_on(
    items: Table[Any], first: Callable[[RowStream[Any]], Any], second: Callable[[RowStream[Any]], Any]
) -> None:
    stream = items.stream(order_by="id")
    rows = first(stream)
    found = [next(rows)]
    with pytest.raises(errors.TransactionStateError, match="reader"):
        second(stream)
    found += rows
    assert (len(found) if first is iter else sum(map(len, found))) == COUNT


def test_a_reader_beside_arrow_is_refused(items: Table[Any]) -> None:
    stream = items.stream()
    reader = pa.RecordBatchReader.from_stream(stream)
    first = reader.read_next_batch()
    with pytest.raises(errors.TransactionStateError, match="reader"):
        iter(stream)
    assert first.num_rows + reader.read_all().num_rows == COUNT


async def test_a_second_awaited_reader_is_refused_and_the_first_reads_on(items: Table[Any]) -> None:
    stream = items.astream()
    rows = aiter(stream)
    found = [await anext(rows)]
    for second in (stream.chunks, stream.__aiter__):
        with pytest.raises(errors.TransactionStateError, match="reader"):
            second()
    assert len(found + [row async for row in rows]) == COUNT


def test_a_stream_that_was_left_is_not_read_on(items: Table[Any]) -> None:
    stream = items.stream()
    for _ in stream:
        break
    with pytest.raises(errors.TransactionStateError):
        list(stream)


@pytest.mark.parametrize("end", ["stream.close", "with", "rows.close"])
def test_rows_behind_an_early_end_are_not_passed_over(items: Table[Any], end: str) -> None:
    for read in (iter, lambda stream: stream.chunks(), pa.RecordBatchReader.from_stream):
        stream = items.stream()
        rows: Any = read(stream)
        next(rows)
        match end:
            case "stream.close":
                stream.close()
            case "with":
                with stream:
                    pass
            case "rows.close" if not isinstance(rows, pa.RecordBatchReader):
                rows.close()
            case _:
                stream.close()
        for _ in range(2):
            with pytest.raises((errors.TransactionStateError, pa.ArrowException), match="closed before its end"):
                list(rows)


async def test_rows_behind_an_early_end_are_not_passed_over_by_a_loop(items: Table[Any]) -> None:
    for read in (aiter, lambda stream: stream.chunks()):
        async with items.astream() as stream:
            rows: Any = read(stream)
            await anext(rows)
        for _ in range(2):
            with pytest.raises(errors.TransactionStateError, match="closed before its end"):
                _ = [row async for row in rows]
        rows = read(items.astream())
        await anext(rows)
        await rows.aclose()
        with pytest.raises(errors.TransactionStateError, match="closed before its end"):
            await anext(rows)


async def test_a_reader_that_ran_out_of_time_loses_no_rows_silently(items: Table[Any]) -> None:
    for read in (aiter, lambda stream: stream.chunks()):
        rows: Any = read(items.astream())
        waiting = asyncio.ensure_future(anext(rows))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        for _ in range(2):
            with pytest.raises(errors.TransactionStateError, match="closed before its end"):
                await asyncio.wait_for(anext(rows), 10)


def test_a_failure_is_no_end(db: DataFlow, items: Table[Any]) -> None:
    with db.transaction():
        rows = items.stream().chunks()
        next(rows)
    for match in ("has ended", "closed before its end", "closed before its end"):
        with pytest.raises(errors.TransactionStateError, match=match):
            next(rows)


def test_a_stream_that_was_read_to_its_end_stays_at_it(items: Table[Any]) -> None:
    stream = items.stream()
    rows = iter(stream)
    assert sum(1 for _ in rows) == COUNT
    assert list(rows) == []
    stream.close()
    assert list(rows) == []
    with pytest.raises(errors.TransactionStateError, match="reader"):
        iter(stream)


def test_a_closed_database_ends_every_stream(database: Database, items: Table[Any]) -> None:
    with closing(DataFlow(database.url)) as other:
        table = other.table(other.model(items._cls))
        begun, new, whole = table.stream().chunks(), table.stream().chunks(), table.stream().chunks()
        assert sum(len(rows) for rows in whole) == COUNT
        next(begun)
    for rows in (begun, new):
        with pytest.raises(errors.ClosedError):
            next(rows)
    assert list(whole) == []


class UndoneError(Exception):
    pass


@pytest.mark.parametrize("leave", ["read", "close", "drop", "read to the end"])
def test_a_stream_of_an_undone_savepoint_leaves_the_transaction_usable(
    db: DataFlow, items: Table[Any], leave: str
) -> None:
    with db.transaction():
        items.create(name="outer")
        before = items.stream(order_by="id").chunks()
        seen = len(next(before))
        stream = items.stream()
        with pytest.raises(UndoneError), db.transaction():
            items.create(name="inner")
            rows = stream.chunks()
            next(rows)
            seen += len(next(before))
            raise UndoneError
        match leave:
            case "read":
                with pytest.raises(errors.TransactionStateError, match="savepoint"):
                    next(rows)
            case "read to the end":
                with pytest.raises(errors.TransactionStateError, match="savepoint"):
                    list(rows)
            case "close":
                stream.close()
            case "drop":
                rows.close()
                del rows, stream
        items.create(name="after")
        assert seen + sum(len(rows) for rows in before) >= COUNT + 1
    assert items.count({"name": {"$in": ["outer", "after"]}}) == 2
    assert items.count() == COUNT + 2


def test_a_stream_of_a_kept_savepoint_is_read_on(db: DataFlow, items: Table[Any]) -> None:
    with db.transaction():
        with db.transaction():
            rows = items.stream().chunks()
            seen = len(next(rows))
        with pytest.raises(UndoneError), db.transaction():
            seen += len(next(rows))
            raise UndoneError
        with pytest.raises(UndoneError), db.transaction():
            with db.transaction():
                inner = items.stream().chunks()
                next(inner)
            raise UndoneError
        with pytest.raises(errors.TransactionStateError, match="savepoint"):
            next(inner)
        assert seen + sum(len(chunk) for chunk in rows) == COUNT
