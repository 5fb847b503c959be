"""Chunks written by several connections at the same time: counts, order, errors, cancels, and what they may take."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Table, Unique, WorkflowBuilder, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.nodes import counts, execute
from tests.integration.test_events import Log
from tests.runtime.server import is_busy, wait_until, wait_until_waiting

Rows = Iterator[dict[str, Any]]
SIDE_BY_SIDE = {"atomic": False, "parallel": 3, "chunk_rows": 10}


class Item:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(20)]
    sku: Annotated[int | None, Unique()] = None
    note: str = "-"


class Numbered:
    id: int
    name: str = "-"


class Shared:
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
    name: str


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    table = fresh(db, Item)
    table.count()
    return table


def rows(count: int = 95, bad: int | None = None) -> Rows:
    return ({"code": f"c{n:03}", "sku": "bad" if n == bad else n} for n in range(count))


def stored(table: Table[Any]) -> list[tuple[Any, ...]]:
    return [(row.code, row.sku, row.note) for row in table.list(limit=None)]


def writers(database: Database) -> int:
    """Of two that may write at the same time."""
    return 1 if database.kind == "sqlite" else 2


# --- new rows ---


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("form", ["generator", "list", "table", "reader"])
def test_rows_come_back_in_the_order_given(items: Table[Any], form: str, awaited: bool) -> None:
    table = pa.Table.from_pylist(list(rows()))
    data = {"generator": rows(), "list": list(rows()), "table": table, "reader": table.to_reader(max_chunksize=7)}
    options: Any = {**SIDE_BY_SIDE, "return_rows": True}
    if awaited:
        result = asyncio.run(items.abulk_create(data[form], **options))
    else:
        result = items.bulk_create(data[form], **options)
    assert counts(result) == {"inserted": 95}
    assert result.rows is not None
    assert result.outcomes is not None
    assert [row.sku for row in result.rows] == list(range(95))
    assert [outcome["row"] for outcome in result.outcomes] == list(range(95))
    assert [sku for _, sku, _ in stored(items)] == list(range(95))


def test_an_asynchronous_source_is_read_while_chunks_are_written(items: Table[Any]) -> None:
    async def source() -> AsyncIterator[dict[str, Any]]:
        for row in rows():
            yield row

    result = asyncio.run(items.abulk_create(source(), atomic=False, parallel=2, chunk_rows=10))
    assert (counts(result), items.count()) == ({"inserted": 95}, 95)


def test_no_rows_are_checked_too(items: Table[Any]) -> None:
    assert counts(items.bulk_create(iter([]), **SIDE_BY_SIDE)) == {}
    with pytest.raises(errors.UnknownFieldError):
        items.bulk_create(pa.table({"cod": pa.array([], pa.string())}), **SIDE_BY_SIDE)


def test_generated_keys_stay_above_given_ones(db: DataFlow) -> None:
    table = fresh(db, Numbered)
    for turn in range(1, 6):
        # The largest first: whoever is late must not turn the generator back.
        ids = range(turn * 100_000 + 40_000, turn * 100_000, -2_000)
        table.bulk_create(({"id": n} for n in ids), atomic=False, parallel=4, chunk_rows=1)
        assert table.create(name="new").id > turn * 100_000 + 40_000
    result = table.bulk_create(({"name": "auto"} for _ in range(50)), **SIDE_BY_SIDE, return_rows=True)
    assert result.rows is not None
    assert len({row.id for row in result.rows}) == 50


def test_progress_tells_rows_as_they_are_written(items: Table[Any]) -> None:
    told: list[tuple[int, int, bool]] = []
    items.bulk_create(rows(), **SIDE_BY_SIDE, progress=lambda at: told.append((at.rows, at.pieces, at.done)))
    assert [pieces for _, pieces, _ in told] == [*range(1, 11), 10]
    assert [done for _, _, done in told] == [False] * 10 + [True]
    assert told == sorted(told)
    assert told[-1][0] == 95


def test_every_chunk_is_told_as_an_event(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "rows_changed")
    table.bulk_create(rows(), **SIDE_BY_SIDE)
    told = log.settled(lambda events: len(events) == 10)
    assert sorted(event["rows"] for event in told) == [5, *[10] * 9]


def test_rows_belong_to_the_tenant_of_the_caller(db: DataFlow) -> None:
    table = fresh(db, Shared)
    with db.tenant("a"):
        table.bulk_create(({"name": f"n{n}"} for n in range(40)), **SIDE_BY_SIDE)
    with db.tenant("b"):
        assert table.count() == 0
        table.bulk_create(({"name": f"n{n}"} for n in range(20)), **SIDE_BY_SIDE)
        keys = [row.id for row in table.list(limit=None)]
    with db.tenant("a"):
        assert counts(table.bulk_delete(keys=keys, **SIDE_BY_SIDE)) == {"missing": 20}
        assert table.count() == 40


@pytest.mark.parametrize("awaited", [False, True])
def test_a_node_loads_side_by_side(items: Table[Any], awaited: bool) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(f"{items._model.name}BulkCreateNode", "load", {"data": list(rows()), **SIDE_BY_SIDE})
    results = execute(workflow.build(), awaited=awaited)
    assert (counts(results["load"]), items.count()) == ({"inserted": 95}, 95)


# --- stored rows, by ranges of the key ---


def change(table: Table[Any], operation: str, options: Any) -> Any:
    # Not in order, some keys twice, and some of no stored row.
    data = [{"code": f"c{n * 37 % 120:03}", "note": f"n{n}"} for n in range(130)]
    match operation:
        case "upsert":
            return table.bulk_upsert(data, duplicates="last", **options)
        case "upsert table":
            return table.bulk_upsert(pa.Table.from_pylist(data), duplicates="first", **options)
        case "create or not":
            return table.bulk_create(data, on_conflict="ignore", duplicates="first", **options)
        case "update":
            return table.bulk_update(data=data, duplicates="last", on_missing="skip", **options)
    return table.bulk_delete(keys=[row["code"] for row in data], **options)


@pytest.mark.parametrize("operation", ["upsert", "upsert table", "create or not", "update", "delete"])
def test_stored_rows_end_as_by_one_writer(db: DataFlow, operation: str) -> None:
    one, several = fresh(db, Item), fresh(db, Item)
    for table in (one, several):
        table.bulk_create(rows())
    expected = change(one, operation, {})
    result = change(several, operation, SIDE_BY_SIDE)
    assert counts(result) == counts(expected)
    assert sum(counts(result).values()) == 130
    assert stored(several) == stored(one)


def test_rows_without_a_value_to_be_found_by_are_inserted(items: Table[Any]) -> None:
    items.bulk_create(rows(20))
    data = [{"code": f"x{n}", "sku": None} if n % 2 else {"code": f"c{n:03}", "sku": n} for n in range(40)]
    result = items.bulk_upsert(data, conflict_on="sku", **SIDE_BY_SIDE)
    assert counts(result) == {"inserted": 30, "unchanged": 10}


def test_an_error_names_the_row_by_its_number_in_the_data(items: Table[Any]) -> None:
    items.bulk_create(rows())
    data = [{"code": f"c{94 - n:03}" if n != 17 else "none", "note": "x"} for n in range(95)]
    with pytest.raises(errors.NotFoundError) as caught:
        items.bulk_update(data=data, **SIDE_BY_SIDE)
    assert caught.value.path == "data[17]"
    assert caught.value.rows_done == items.count({"note": "x"})
    with pytest.raises(errors.DuplicateRowError) as twice:
        items.bulk_upsert([*data, data[3]], **SIDE_BY_SIDE)
    assert (twice.value.path, twice.value.rows_done) == ("data[95]", 0)
    with pytest.raises(errors.WrongTypeError) as wrong:
        items.bulk_delete(keys=["c001", 5], **SIDE_BY_SIDE)
    assert wrong.value.path == "keys[1].code"


# --- errors ---


@pytest.mark.parametrize("bad", [0, 5, 55, 94])
def test_an_error_stops_the_load_and_tells_how_many_rows_stand(items: Table[Any], bad: int) -> None:
    with pytest.raises(errors.WrongTypeError) as caught:
        items.bulk_create(rows(bad=bad), **SIDE_BY_SIDE)
    assert caught.value.path == f"data[{bad}].sku"
    assert caught.value.rows_done == items.count()
    assert caught.value.outcome == ("committed" if items.count() else "rolled back")


def test_a_refusal_of_the_database_leaves_whole_chunks(db: DataFlow, items: Table[Any]) -> None:
    items.create(code="old", sku=55)
    with pytest.raises(errors.UniqueViolationError) as caught:
        items.bulk_create(rows(400), **SIDE_BY_SIDE)
    assert caught.value.rows_done == items.count() - 1
    by_chunk = {row.sku // 10 for row in items.list({"code": {"$ne": "old"}}, limit=None)}
    assert (len(by_chunk) * 10, 5 in by_chunk) == (caught.value.rows_done, False)
    # What came long after the error was not begun.
    assert max(by_chunk, default=0) < 12
    assert items.bulk_create(({"code": f"d{n}"} for n in range(95)), **SIDE_BY_SIDE).inserted == 95
    assert db.pool_status()["waiting"] == 0


def test_an_error_of_the_source_or_of_a_listener_tells_it_too(items: Table[Any]) -> None:
    def torn() -> Rows:
        yield from rows(25)
        raise LookupError("torn")

    def fail(_: object) -> None:
        raise LookupError("told")

    with pytest.raises(LookupError, match="torn") as caught:
        items.bulk_create(torn(), **SIDE_BY_SIDE)
    assert getattr(caught.value, "rows_done", None) == items.count()
    items.bulk_delete(all_rows=True)
    with pytest.raises(LookupError, match="told") as failed:
        items.bulk_create(rows(), **SIDE_BY_SIDE, progress=fail)
    assert getattr(failed.value, "rows_done", None) == items.count() >= 10


def test_refused_rows_are_told_in_the_order_given(items: Table[Any]) -> None:
    data = [{"code": f"c{n:03}", "sku": "bad" if n % 20 == 3 else n} for n in range(95)]
    result = items.bulk_create(iter(data), **SIDE_BY_SIDE, on_error="skip")
    assert counts(result) == {"inserted": 90, "rejected": 5}
    assert [reject.row for reject in result.rejects] == [3, 23, 43, 63, 83]


@pytest.mark.parametrize("limit", [2, 0.03])
def test_no_more_rows_may_be_refused_than_the_limit_says(items: Table[Any], limit: float) -> None:
    data = ({"code": f"c{n:03}", "sku": "bad" if n % 20 == 3 else n} for n in range(95))
    with pytest.raises(errors.TooManyRejectsError) as caught:
        items.bulk_create(data, **SIDE_BY_SIDE, on_error="skip", reject_limit=limit)
    assert caught.value.rows_done is not None
    refused = len(caught.value.rejects)
    assert refused > 95 * limit if limit < 1 else refused > limit
    # A chunk whose rows were over the limit by themselves is counted among the refused, and was not written.
    assert items.count() <= caught.value.rows_done <= items.count() + refused


# --- at the same time ---


@contextlib.contextmanager
def taken(database: Database, table: Table[Any]) -> Iterator[None]:
    """Rows 0, 10, 20, … are being written by somebody else, who takes them back in the end."""
    name = table._model.table
    values = ", ".join(f"('c{n:03}', {n}, '-')" for n in range(0, 100, 10))
    with bare.held(database, f'INSERT INTO "{name}" ("code", "sku", "note") VALUES {values}'):
        yield


def test_several_write_at_the_same_time_and_one_more_chunk_is_read(
    database: Database, db: DataFlow, items: Table[Any]
) -> None:
    read: list[int] = []

    def source() -> Rows:
        for row in rows():
            read.append(row["sku"])
            yield row

    with ThreadPoolExecutor(1) as pool:
        with taken(database, items):
            load = pool.submit(items.bulk_create, source(), atomic=False, parallel=2, chunk_rows=10)
            wait_until_waiting(database, db, writers(database))
            wait_until(lambda: len(read) == 10 * (writers(database) + 1), "one more chunk is read")
            assert not load.done()
        assert load.result(60).inserted == 95
    assert len(read) == 95


@pytest.mark.parametrize("operation", ["create", "upsert"])
def test_a_cancel_stops_all_of_them(database: Database, db: DataFlow, items: Table[Any], operation: str) -> None:
    async def main() -> asyncio.CancelledError:
        write: Callable[..., Any] = items.abulk_create if operation == "create" else items.abulk_upsert
        load = asyncio.create_task(write(list(rows()), atomic=False, parallel=2, chunk_rows=10))
        await asyncio.to_thread(wait_until_waiting, database, db, writers(database))
        load.cancel()
        async with asyncio.timeout(5):
            started = asyncio.get_running_loop().time()
            with pytest.raises(asyncio.CancelledError) as caught:
                await load
            assert asyncio.get_running_loop().time() - started < 2
        return caught.value

    with taken(database, items):
        cancelled = asyncio.run(main())
        wait_until(lambda: not is_busy(database), "no statement runs")
    assert getattr(cancelled, "outcome", None) == "rolled back"
    assert getattr(cancelled, "rows_done", None) == items.count() == 0
    assert items.bulk_create(rows(), **SIDE_BY_SIDE).inserted == 95


def test_ctrl_c_stops_all_of_them(database: Database, db: DataFlow, items: Table[Any]) -> None:
    def press() -> None:
        wait_until_waiting(database, db, writers(database))
        signal.raise_signal(signal.SIGINT)

    with taken(database, items):
        presser = threading.Thread(target=press)
        presser.start()
        try:
            with pytest.raises(KeyboardInterrupt) as caught:
                items.bulk_create(rows(), atomic=False, parallel=2, chunk_rows=10)
        finally:
            presser.join()
        wait_until(lambda: not is_busy(database), "no statement runs")
    assert getattr(caught.value, "rows_done", None) == items.count() == 0
    assert items.bulk_create(rows(), **SIDE_BY_SIDE).inserted == 95


def test_a_node_that_is_out_of_time_stops_all_of_them(database: Database, items: Table[Any]) -> None:
    workflow = WorkflowBuilder()
    options = {"data": list(rows()), "atomic": False, "parallel": 2, "chunk_rows": 10}
    workflow.add_node(f"{items._model.name}BulkCreateNode", "load", options, timeout=0.5)
    with taken(database, items), pytest.raises(errors.NodeExecutionError) as caught:
        execute(workflow.build(), awaited=False)
    assert isinstance(caught.value.__cause__, errors.NodeTimeoutError)
    wait_until(lambda: not is_busy(database), "no statement runs")
    assert items.count() == 0


# --- what cannot be meant ---


def test_what_cannot_be_side_by_side_is_refused(db: DataFlow, items: Table[Any]) -> None:
    data = list(rows())
    refused: list[tuple[Callable[[], Any], str]] = [
        (lambda: items.bulk_create(data, parallel=2), "parallel"),
        (lambda: items.bulk_create(data, atomic=False, parallel=0), "parallel"),
        (lambda: items.bulk_create(data, atomic=False, parallel=2, load_id="x"), "parallel"),
        (lambda: items.bulk_create(data, atomic=False, parallel=11), "parallel"),
        (lambda: items.bulk_upsert(rows(), atomic=False, parallel=2), "parallel"),
        (lambda: items.bulk_upsert(data, atomic=False, parallel=2, return_rows=True), "return_rows"),
        (lambda: items.bulk_update({"code": "x"}, {"note": "y"}, atomic=False, parallel=2), "atomic"),
    ]
    for call, path in refused:
        with pytest.raises(errors.InvalidOptionError) as caught:
            call()
        assert caught.value.path == path
    with pytest.raises(errors.NotBuiltError) as later:
        items.bulk_upsert(data, atomic=False, parallel=2, on_error="skip")
    assert later.value.path == "on_error"
    with db.transaction(), pytest.raises(errors.TransactionStateError):
        items.bulk_create(data, atomic=False, parallel=2)
    assert items.count() == 0


def test_no_more_connections_than_the_pool_has(database: Database) -> None:
    with contextlib.closing(DataFlow(database.url, pool_size=2)) as db:
        table = fresh(db, Item)
        with pytest.raises(errors.InvalidOptionError, match="the 2 connections of the pool"):
            table.bulk_create(rows(), atomic=False, parallel=3)
        assert table.bulk_create(rows(), atomic=False, parallel=2, chunk_rows=5).inserted == 95
        assert db.pool_status()["open"] <= 2 + (database.kind == "sqlite")
