"""Streams are written piece by piece in one transaction: order, counts, errors, duplicates."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Table, Unique, errors, field
from tests.integration.fresh import fresh
from tests.integration.nodes import counts

Rows = Iterator[dict[str, Any]]
PIECE = 65_536
MANY = 3 * PIECE + 1


class Item:
    name: Annotated[str, MaxLength(20)]
    price: int | None = None


class Coded:
    __dataflow__ = {"key": "code", "versioned": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(20)]
    sku: Annotated[int | None, Unique()] = None
    note: str = "-"
    tags: list[str] = field(default_factory=lambda: ["new"])


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    return fresh(db, Item)


@pytest.fixture
def coded(db: DataFlow) -> Table[Any]:
    return fresh(db, Coded)


def rows(count: int) -> Rows:
    return ({"name": f"row {n}", "price": n} for n in range(count))


def torn(count: int) -> Rows:
    yield from rows(count)
    raise RuntimeError("torn")


def wrong(at: int, count: int) -> Rows:
    for row in rows(count):
        yield {**row, "price": "wrong"} if row["price"] == at else row


def reader(count: int, batch: int = 10_000) -> pa.RecordBatchReader:
    schema = pa.schema({"name": pa.string(), "price": pa.int64()})
    batches = (
        pa.record_batch({"name": [f"row {n}" for n in numbers], "price": list(numbers)}, schema)
        for at in range(0, count, batch)
        for numbers in [range(at, min(at + batch, count))]
    )
    return pa.RecordBatchReader.from_batches(schema, batches)


def prices(table: Table[Any]) -> list[int]:
    found: list[int] = table.list(limit=None, order_by="price", fields=["price"]).to_arrow()["price"].to_pylist()
    return found


# --- pieces ---


@pytest.mark.parametrize("count", [0, 1, PIECE - 1, PIECE, PIECE + 1, MANY])
def test_all_rows_of_a_generator_are_stored(items: Table[Any], count: int) -> None:
    seen: list[tuple[int, int]] = []
    result = items.bulk_create(rows(count), progress=lambda at: seen.append((at.rows, at.pieces)))
    assert counts(result) == ({"inserted": count} if count else {})
    assert prices(items) == list(range(count))
    pieces = max(1, -(-count // PIECE))
    full = [(n * PIECE, n) for n in range(1, pieces)]
    assert seen == [*full, (count, pieces), (count, pieces)]


def test_batches_are_cut_and_joined_to_pieces(items: Table[Any]) -> None:
    seen: list[int] = []
    for batch in (7, 10_000, MANY):
        seen.clear()
        count = 20_000 if batch == 7 else MANY
        assert items.bulk_create(reader(count, batch), progress=lambda at: seen.append(at.rows)).inserted == count
        assert seen == ([count] * 2 if batch == 7 else [PIECE, 2 * PIECE, 3 * PIECE, MANY, MANY])


class Large:
    text: str


def test_a_piece_ends_when_it_is_large(db: DataFlow) -> None:
    large = fresh(db, Large)
    seen: list[int] = []
    text = "x" * (1 << 20)
    large.bulk_create(({"text": text} for _ in range(40)), progress=lambda at: seen.append(at.rows))
    assert seen == [32, 40, 40]
    seen.clear()
    large.bulk_create(
        (pa.record_batch({"text": [text] * 10}) for _ in range(4)), progress=lambda at: seen.append(at.rows)
    )
    assert (len(seen) > 2, seen[-1], large.count()) == (True, 40, 80)


def test_a_piece_is_written_before_the_next_is_asked_for(items: Table[Any]) -> None:
    asked: list[int] = []
    told: list[tuple[int, int]] = []

    def source() -> Rows:
        for row in rows(25):
            asked.append(row["price"])
            yield row

    items.bulk_create(source(), chunk_rows=10, progress=lambda at: told.append((at.rows, len(asked))))
    assert told == [(10, 10), (20, 20), (25, 25), (25, 25)]


def test_a_piece_of_an_asynchronous_source_is_written_before_the_next_is_asked_for(items: Table[Any]) -> None:
    asked: list[int] = []
    told: list[tuple[int, int]] = []

    async def source() -> AsyncIterator[dict[str, Any]]:
        for row in rows(2_500):
            asked.append(row["price"])
            yield row

    asyncio.run(items.abulk_create(source(), chunk_rows=1_010, progress=lambda at: told.append((at.rows, len(asked)))))
    assert told == [(1_010, 1_010), (2_020, 2_020), (2_500, 2_500), (2_500, 2_500)]


def test_rows_come_back_in_the_order_given(items: Table[Any]) -> None:
    result = items.bulk_create(rows(250), chunk_rows=100, return_rows=True)
    assert result.rows is not None
    assert result.rows.to_arrow()["price"].to_pylist() == list(range(250))
    assert result.rows.records() == items.list(limit=None, order_by="price").records()
    again = items.bulk_upsert(result.rows, chunk_rows=100, return_rows=True)
    assert counts(again) == {"unchanged": 250}
    assert again.rows is not None
    assert again.rows.records() == result.rows.records()


def test_defaults_are_made_for_rows_of_every_piece(coded: Table[Any]) -> None:
    frames = [pa.record_batch({"code": ["b"]}), pa.record_batch({"code": ["c"], "tags": [["own"]]})]
    coded.bulk_create(iter([{"code": "a"}, *frames, {"code": "d", "note": "n"}]), chunk_rows=2)
    assert [(row.code, row.note, row.tags) for row in coded.list()] == [
        ("a", "-", ["new"]),
        ("b", "-", ["new"]),
        ("c", "-", ["own"]),
        ("d", "n", ["new"]),
    ]


# --- nothing or all ---


@pytest.mark.parametrize("count", [5, 65, 6 * PIECE + 5])
def test_a_generator_that_raises_stores_nothing(items: Table[Any], count: int) -> None:
    with pytest.raises(RuntimeError, match="torn") as caught:
        items.bulk_create(torn(count), chunk_rows=10 if count < PIECE else None)
    assert getattr(caught.value, "outcome", None) == (None if count < 10 else "rolled back")
    assert items.count() == 0


def test_a_wrong_value_in_a_later_piece_stores_nothing(items: Table[Any]) -> None:
    for at in (3, 131_075):
        with pytest.raises(errors.WrongTypeError) as caught:
            items.bulk_create(wrong(at, MANY))
        assert caught.value.path == f"data[{at}].price"
        assert items.count() == 0


@pytest.mark.parametrize("form", ["reader", "generator"])
def test_a_wrong_value_in_a_later_batch_is_found_by_its_number(items: Table[Any], form: str) -> None:
    schema = pa.schema({"name": pa.string(), "price": pa.string()})
    batches = (pa.record_batch({"name": ["n"] * 10, "price": ["1"] * 9 + [last]}, schema) for last in ("2", "3", "x"))
    data: Any = pa.RecordBatchReader.from_batches(schema, batches) if form == "reader" else batches
    with pytest.raises(errors.WrongTypeError) as caught:
        items.bulk_create(data, chunk_rows=7)
    assert caught.value.path == "data[29].price"
    assert items.count() == 0


def test_a_refusal_of_the_database_in_a_later_piece_stores_nothing(coded: Table[Any]) -> None:
    coded.create(code="old", sku=57)
    for write in (coded.bulk_create, coded.bulk_upsert):
        with pytest.raises(errors.UniqueViolationError) as caught:
            write(({"code": f"c{n}", "sku": n} for n in range(100)), chunk_rows=25)
        assert (caught.value.outcome, coded.count()) == ("rolled back", 1)


def test_an_awaited_load_that_is_cancelled_stores_nothing(items: Table[Any]) -> None:
    async def main() -> object:
        waiting = asyncio.Event()

        async def source() -> AsyncIterator[dict[str, Any]]:
            for row in rows(30):
                yield row
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(items.abulk_create(source(), chunk_rows=10))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return getattr(caught.value, "outcome", None)

    assert asyncio.run(main()) == "rolled back"
    assert items.count() == 0
    items.create(name="usable")


def test_a_load_inside_a_transaction_ends_with_it(db: DataFlow) -> None:
    items = fresh(db, Item)
    with db.transaction():
        items.create(name="first")
        with pytest.raises(RuntimeError, match="torn"):
            items.bulk_create(torn(25), chunk_rows=10)
        assert items.count() == 1
        items.bulk_create(rows(25), chunk_rows=10)
    assert items.count() == 26
    with pytest.raises(RuntimeError, match="undo"), db.transaction():
        items.bulk_create(rows(25), chunk_rows=10)
        raise RuntimeError("undo")
    assert items.count() == 26


def test_a_generator_may_read_the_same_database(db: DataFlow) -> None:
    source, target = fresh(db, Item), fresh(db, Item)
    source.bulk_create(rows(25))

    def pages() -> Iterator[Any]:
        for offset in range(0, 30, 10):
            yield source.list(limit=10, offset=offset, fields=["name", "price"])

    assert target.bulk_create(pages(), chunk_rows=7).inserted == 25
    assert prices(target) == prices(source)


def test_rows_of_a_tenant_stay_its_own(db: DataFlow) -> None:
    owned = fresh(db, type("Owned", (Item,), {"__dataflow__": {"multi_tenant": True}, "__annotations__": {}}))
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            owned.bulk_create(rows(25), chunk_rows=10)
    with db.tenant("a"):
        assert (owned.count(), prices(owned)) == (25, list(range(25)))


def test_versions_and_times_are_those_of_one_write(coded: Table[Any]) -> None:
    coded.bulk_create(({"code": f"c{n:02}"} for n in range(25)), chunk_rows=10)
    coded.bulk_update(data=({"code": f"c{n:02}", "note": "x"} for n in range(25)), chunk_rows=10)
    assert {row.version for row in coded.list(limit=None)} == {2}
    stale = ({"code": f"c{n:02}", "note": "y", "version": 1 if n == 21 else 2} for n in range(25))
    with pytest.raises(errors.StaleRowError) as caught:
        coded.bulk_update(data=stale, chunk_rows=10)
    assert caught.value.path == "data[21].version"
    assert {row.note for row in coded.list(limit=None)} == {"x"}


def test_a_key_that_is_missing_is_found_by_its_number(coded: Table[Any]) -> None:
    with pytest.raises(errors.MissingValueError) as caught:
        coded.bulk_delete(keys=({"code": "a"} if n < 21 else {"note": "a"} for n in range(25)), chunk_rows=10)
    assert caught.value.path == "keys[21].code"
    with pytest.raises(errors.WrongTypeError) as wrong_key:
        coded.bulk_delete(keys=("a" if n < 21 else 5 for n in range(25)), chunk_rows=10)
    assert wrong_key.value.path == "keys[21].code"


# --- duplicates ---


def twice(first: int, second: int, count: int = 30) -> Rows:
    """Rows of which two have the same key."""
    return ({"code": f"c{first if n == second else n:02}", "note": str(n)} for n in range(count))


@pytest.mark.parametrize(("first", "second"), [(2, 5), (2, 25), (9, 10)])
@pytest.mark.parametrize("operation", ["create", "upsert", "update"])
def test_rows_with_one_key_are_named_across_pieces(coded: Table[Any], operation: str, first: int, second: int) -> None:
    data = twice(first, second)
    with pytest.raises(errors.DuplicateRowError) as caught:
        if operation == "update":
            coded.bulk_update(data=data, on_missing="skip", chunk_rows=10)
        elif operation == "upsert":
            coded.bulk_upsert(data, chunk_rows=10)
        else:
            coded.bulk_create(data, on_conflict="ignore", chunk_rows=10)
    assert caught.value.path == f"data[{second}]"
    assert f"rows {first} and {second} " in caught.value.message
    assert coded.count() == 0


def test_the_first_of_rows_with_one_key_goes_across_pieces(coded: Table[Any]) -> None:
    result = coded.bulk_upsert(twice(2, 25), duplicates="first", chunk_rows=10, return_rows=True)
    assert counts(result) == {"inserted": 29, "duplicate": 1}
    assert result.rows is not None
    found = result.rows.records()
    assert (len(found), found[25]["code"], found[25]["note"]) == (30, "c02", "2")
    result = coded.bulk_update(data=twice(3, 25), duplicates="first", on_missing="skip", chunk_rows=10)
    assert counts(result) == {"unchanged": 29, "duplicate": 1}


def test_the_last_of_rows_with_one_key_is_refused_across_pieces(coded: Table[Any]) -> None:
    for write in (coded.bulk_upsert, lambda data, **options: coded.bulk_update(data=data, **options)):
        for atomic in (True, False):
            with pytest.raises(errors.InvalidOptionError, match="pieces") as caught:
                write(twice(2, 25), duplicates="last", chunk_rows=10, atomic=atomic)
            assert (caught.value.path, coded.count()) == ("duplicates", 0)
    assert counts(coded.bulk_upsert(twice(2, 25), duplicates="last")) == {"inserted": 29, "duplicate": 1}
    assert coded.read("c02").note == "25"
    assert counts(coded.bulk_upsert(twice(2, 5, 10), duplicates="last", chunk_rows=10)) == {"unchanged": 8} | {
        "updated": 1,
        "duplicate": 1,
    }


def test_rows_without_a_key_are_no_duplicates(db: DataFlow) -> None:
    coded = fresh(db, Coded)
    data = ({"code": f"c{n}", "sku": None} for n in range(30))
    assert counts(coded.bulk_upsert(data, chunk_rows=10)) == {"inserted": 30}


def test_generated_keys_go_on_from_piece_to_piece(items: Table[Any]) -> None:
    result = items.bulk_create(rows(30), chunk_rows=10, return_rows=True)
    assert result.rows is not None
    ids = [record["id"] for record in result.rows.records()]
    assert ids == sorted(set(ids))
    given = ({"id": 1_000 + n, "name": "g"} if n >= 10 else {"name": "m"} for n in range(30))
    assert items.bulk_create(given, chunk_rows=10).inserted == 30
    assert items.create(name="next").id > 1_029


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("operation", ["bulk_create", "bulk_upsert"])
def test_a_key_that_an_earlier_piece_may_have_been_given_is_refused(db: DataFlow, operation: str, atomic: bool) -> None:
    """All at once the rows are stored: keys that are given go before those that are generated."""
    items, whole = fresh(db, Item), fresh(db, Item)
    mixed = [{"id": 100, "name": "first"}, *({"name": f"m{n}"} for n in range(9)), {"id": 103, "name": "given"}]
    with pytest.raises(errors.UnsupportedDataError, match="earlier piece") as caught:
        getattr(items, operation)(iter(mixed), chunk_rows=10, atomic=atomic)
    assert (caught.value.path, items.count()) == ("data[10].id", 0 if atomic else 10)
    assert caught.value.hint is not None
    assert "keys first" in caught.value.hint
    assert getattr(whole, operation)(mixed).inserted == 11
    assert whole.read(103).name == "given"


def test_keys_that_no_piece_was_given_may_follow_generated_ones(items: Table[Any]) -> None:
    old = items.bulk_create(rows(5), return_rows=True).rows
    assert old is not None
    known = [record["id"] for record in old.records()]
    mixed = [{"name": "new"}, {"id": known[0], "name": "changed"}, {"name": "new"}, {"id": known[4], "name": "changed"}]
    assert counts(items.bulk_upsert(iter(mixed), chunk_rows=2)) == {"inserted": 2, "updated": 2}
    given = ({"id": known[4] + 1_000 * n, "name": "far"} if n % 2 else {"name": "new"} for n in range(6))
    assert items.bulk_create(given, chunk_rows=2).inserted == 6
    assert items.count({"name": "new"}) == 5
