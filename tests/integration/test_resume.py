"""Loads in chunks under a load id go on where an earlier run ended, and each row is written once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataflow import BulkResult, DataFlow, MaxLength, Table, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes

Row = dict[str, Any]
COUNT = 30


class Item:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(20)]
    size: int | None = None


class Numbered:
    code: str
    size: int | None = None


class Shared:
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
    code: str


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    """A table with a key of the caller's: a row that is written twice is an error."""
    table = fresh(db, Item)
    table.count()
    return table


@pytest.fixture
def numbered(db: DataFlow) -> Table[Any]:
    """A table that takes every row: one that is written twice is there twice."""
    table = fresh(db, Numbered)
    table.count()
    return table


def rows(count: int = COUNT, start: int = 0) -> list[Row]:
    return [{"code": f"c{n:03}", "size": None if n % 7 == 0 else n} for n in range(start, count)]


def torn(data: list[Row], at: int) -> Iterator[Row]:
    """The source fails after so many rows."""
    yield from data[:at]
    raise LookupError("torn")


def stored(table: Table[Any]) -> Counter[tuple[str, int | None]]:
    return Counter((row.code, row.size) for row in table.list(limit=None))


def wanted(data: list[Row]) -> Counter[tuple[str, int | None]]:
    return Counter((row["code"], row["size"]) for row in data)


def entry(database: Database, table: Table[Any]) -> tuple[Any, ...]:
    """Status and rows of the only load of a table."""
    name = table._model.table
    query = f'SELECT "status", "rows_done" FROM "dataflow_ledger" WHERE "scope" = \'{name}\''
    (found,) = bare.execute(database, query)
    return tuple(found)


def tear(table: Table[Any], data: list[Row], at: int, **options: Any) -> int | None:
    """A run that fails after so many rows; the rows of the load that stand then."""
    with pytest.raises(LookupError) as caught:
        table.bulk_create(torn(data, at), atomic=False, load_id="x", **options)
    done: int | None = getattr(caught.value, "rows_done", None)
    assert getattr(caught.value, "outcome", None) == ("committed" if done else "rolled back")
    return done


@pytest.mark.parametrize("at", range(0, COUNT + 1, 5))
def test_a_rerun_goes_on_after_the_committed_rows(numbered: Table[Any], database: Database, at: int) -> None:
    tear(numbered, rows(), at, chunk_rows=5)
    assert stored(numbered) == wanted(rows(at))
    if at:
        assert entry(database, numbered) == ("running", at)
    result = numbered.bulk_create(rows(), chunk_rows=5, atomic=False, load_id="x")
    assert (result.inserted, result.resumed_at, result.replayed) == (COUNT, at, False)
    assert stored(numbered) == wanted(rows())
    assert entry(database, numbered) == ("done", COUNT)
    again = numbered.bulk_create(rows(), chunk_rows=5, atomic=False, load_id="x")
    assert (again.inserted, again.resumed_at, again.replayed) == (COUNT, 0, True)
    assert stored(numbered) == wanted(rows())


def test_chunks_of_another_size_are_cut_at_the_border(numbered: Table[Any]) -> None:
    for at, size in [(11, 3), (14, 14), (25, 4), (29, 1), (20, 100), (30, 7)]:
        tear(numbered, rows(), at, chunk_rows=size)
    assert stored(numbered) == wanted(rows(29))
    result = numbered.bulk_create(rows(), chunk_rows=1_000, atomic=False, load_id="x")
    assert (result.inserted, result.resumed_at) == (COUNT, 29)
    assert stored(numbered) == wanted(rows())


def test_an_error_tells_the_rows_that_stand_of_all_runs(numbered: Table[Any]) -> None:
    told = [tear(numbered, rows(), at, chunk_rows=size) for at, size in [(12, 5), (13, 3), (29, 4), (9, 20)]]
    # The last one read no piece to its end: the ledger was not asked.
    assert told == [10, 12, 28, None]
    assert stored(numbered) == wanted(rows(28))


FORMS: dict[str, Callable[[list[Row]], Any]] = {
    "list": list,
    "generator": iter,
    "table": lambda data: pa.Table.from_pylist(data),
    "reader": lambda data: pa.Table.from_pylist(data).to_reader(max_chunksize=7),
    "frames": lambda data: iter([pa.Table.from_pylist(data[:13]), pa.Table.from_pylist(data[13:])]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_load_goes_on_in_another_form(numbered: Table[Any], form: str) -> None:
    tear(numbered, rows(), 17, chunk_rows=6)
    result = numbered.bulk_create(FORMS[form](rows()), chunk_rows=9, atomic=False, load_id="x")
    assert (result.inserted, result.resumed_at) == (COUNT, 12)
    assert stored(numbered) == wanted(rows())
    assert numbered.bulk_create(rows(), load_id="x").replayed


def test_rows_of_one_piece_that_commits_by_itself_are_a_load_too(numbered: Table[Any]) -> None:
    tear(numbered, rows(), 10, chunk_rows=10)
    result = numbered.bulk_create(rows(), atomic=False, load_id="x")
    assert (result.inserted, result.resumed_at, stored(numbered)) == (COUNT, 10, wanted(rows()))
    assert numbered.bulk_create(rows(), atomic=False, load_id="x").replayed
    assert not numbered.bulk_create([], atomic=False, load_id="nothing").replayed
    assert numbered.bulk_create([], atomic=False, load_id="nothing").replayed


def test_a_file_is_loaded_in_runs(numbered: Table[Any], tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows()), path, row_group_size=8)
    tear(numbered, rows(), 13, chunk_rows=5)
    result = numbered.bulk_create(path, chunk_rows=5, atomic=False, load_id="x")
    assert (result.inserted, result.resumed_at, stored(numbered)) == (COUNT, 10, wanted(rows()))


def test_an_awaited_load_goes_on_too(numbered: Table[Any]) -> None:
    async def source(end: int) -> AsyncIterator[Row]:
        for row in rows(end):
            yield row
        if end < COUNT:
            raise LookupError("torn")

    async def load() -> BulkResult:
        for end in (7, 22):
            with pytest.raises(LookupError):
                await numbered.abulk_create(source(end), chunk_rows=5, atomic=False, load_id="x")
        return await numbered.abulk_create(source(COUNT), chunk_rows=4, atomic=False, load_id="x")

    result = asyncio.run(load())
    assert (result.inserted, result.resumed_at, stored(numbered)) == (COUNT, 20, wanted(rows()))


@pytest.mark.parametrize("awaited", [False, True])
def test_a_node_goes_on_too(numbered: Table[Any], awaited: bool) -> None:
    tear(numbered, rows(), 22, chunk_rows=5)
    options = {"data": rows(), "chunk_rows": 5, "atomic": False, "load_id": "x"}
    result: Any = Nodes(numbered, awaited).run("BulkCreate", options)
    assert (result["inserted"], stored(numbered)) == (COUNT, wanted(rows()))


Call = Callable[[Table[Any], Any], BulkResult]
CHUNKS: dict[str, Any] = {"chunk_rows": 4, "atomic": False, "load_id": "x"}
OPERATIONS: dict[str, tuple[Call, dict[str, int], int]] = {
    "create": (lambda t, data: t.bulk_create(data, **CHUNKS), {"inserted": COUNT}, COUNT),
    "upsert": (lambda t, data: t.bulk_upsert(data, **CHUNKS), {"inserted": 20, "updated": 8, "unchanged": 2}, COUNT),
    "ignore": (
        lambda t, data: t.bulk_create(data, on_conflict="ignore", **CHUNKS),
        {"inserted": 20, "ignored": 10},
        COUNT,
    ),
    "update": (
        lambda t, data: t.bulk_update(data=data, on_missing="skip", **CHUNKS),
        {"updated": 8, "unchanged": 2, "missing": 20},
        10,
    ),
    "delete": (
        lambda t, data: t.bulk_delete(keys=(row["code"] for row in data), **CHUNKS),
        {"deleted": 10, "missing": 20},
        0,
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("at", [3, 12, 25])
def test_every_operation_goes_on(items: Table[Any], operation: str, at: int) -> None:
    call, counts, left = OPERATIONS[operation]
    if operation != "create":
        items.bulk_create([{"code": row["code"]} for row in rows(10)])
    with pytest.raises(LookupError):
        call(items, torn(rows(), at))
    result = call(items, iter(rows()))
    assert {name: result[name] for name in counts} == counts
    assert (result.resumed_at, items.count()) == (at // 4 * 4, left)
    assert sum(result[name] for name in ("inserted", "updated", "unchanged", "ignored", "deleted", "missing")) == COUNT
    if operation in ("create", "upsert"):
        assert stored(items) == wanted(rows())
    again = call(items, iter(rows()))
    assert (again.replayed, {name: again[name] for name in counts}) == (True, counts)


@pytest.mark.parametrize("operation", ["upsert", "update", "delete"])
def test_a_row_repeats_one_of_the_run_before(items: Table[Any], operation: str) -> None:
    if operation != "upsert":
        items.bulk_create(rows())
    data = [{"code": row["code"], "size": 100} for row in rows(20)]
    data += [{"code": row["code"], "size": 200} for row in rows(20)]

    def call(source: Iterator[Row]) -> BulkResult:
        if operation == "delete":
            return items.bulk_delete(keys=(row["code"] for row in source), **CHUNKS)
        if operation == "update":
            return items.bulk_update(data=source, duplicates="first", **CHUNKS)
        return items.bulk_upsert(source, duplicates="first", **CHUNKS)

    with pytest.raises(LookupError):
        call(torn(data, 15))
    result = call(iter(data))
    assert (result.duplicate, result.resumed_at) == (20, 12)
    sizes = {row.size for row in items.list(limit=None) if row.code < "c020"}
    assert sizes == (set() if operation == "delete" else {100})


def test_a_repetition_that_is_refused_names_both_rows(items: Table[Any]) -> None:
    data = [*rows(10), rows(1)[0]]
    with pytest.raises(LookupError):
        items.bulk_upsert(torn(data, 8), **CHUNKS)
    with pytest.raises(errors.DuplicateRowError, match="rows 0 and 10 ") as caught:
        items.bulk_upsert(iter(data), **CHUNKS)
    assert (caught.value.path, caught.value.rows_done, items.count()) == ("data[10]", 8, 8)


def test_a_refused_row_is_named_by_its_number_in_the_whole(items: Table[Any]) -> None:
    tear(items, rows(), 13, chunk_rows=6)
    items.create(code="c020")
    with pytest.raises(errors.UniqueViolationError) as caught:
        items.bulk_create(rows(), chunk_rows=4, atomic=False, load_id="x")
    assert (caught.value.rows_done, caught.value.outcome) == (20, "committed")
    data = rows()
    data[17]["size"] = "wrong"
    table = pa.table({"code": [row["code"] for row in data], "size": [str(row["size"]) for row in data]})
    with pytest.raises(errors.DataError) as mistyped:
        items.bulk_create(table, chunk_rows=100, atomic=False, load_id="y")
    assert mistyped.value.path is not None
    assert mistyped.value.path.startswith("data[0]")


OTHER: dict[str, Callable[[list[Row]], list[Row]]] = {
    "a changed value": lambda data: [*data[:3], {**data[3], "size": -1}, *data[4:]],
    "another order": lambda data: [data[1], data[0], *data[2:]],
    "a row less among them": lambda data: data[1:],
    "fewer rows than are committed": lambda data: data[:9],
    "no rows": lambda data: [],
}


@pytest.mark.parametrize("size", [3, 5, 100])
@pytest.mark.parametrize("change", OTHER)
def test_other_rows_before_the_border_are_refused(numbered: Table[Any], change: str, size: int) -> None:
    tear(numbered, rows(), 13, chunk_rows=5)
    with pytest.raises(errors.LoadMismatchError, match="10 rows are committed") as caught:
        numbered.bulk_create(OTHER[change](rows()), chunk_rows=size, atomic=False, load_id="x")
    assert (caught.value.path, caught.value.rows_done, caught.value.outcome) == ("load_id", 10, "committed")
    assert stored(numbered) == wanted(rows(10))
    assert numbered.bulk_create(rows(), chunk_rows=size, atomic=False, load_id="x").resumed_at == 10
    assert stored(numbered) == wanted(rows())


def test_rows_after_the_border_are_those_of_the_rerun(numbered: Table[Any]) -> None:
    """Nobody has seen them before."""
    tear(numbered, rows(), 13, chunk_rows=5)
    data = [*rows(10), {"code": "other", "size": 1}]
    assert numbered.bulk_create(data, chunk_rows=5, atomic=False, load_id="x").inserted == 11
    assert stored(numbered) == wanted(data)


def test_other_options_are_refused(items: Table[Any]) -> None:
    tear(items, rows(), 13, chunk_rows=5)
    with pytest.raises(errors.LoadMismatchError):
        items.bulk_upsert(rows(), chunk_rows=5, atomic=False, load_id="x")
    assert stored(items) == wanted(rows(10))


@pytest.mark.parametrize("change", OTHER)
@pytest.mark.parametrize("atomic", [True, False])
def test_a_rerun_of_what_is_done_has_the_same_rows(numbered: Table[Any], change: str, atomic: bool) -> None:
    numbered.bulk_create(rows(), chunk_rows=5, atomic=False, load_id="x")
    for data in (OTHER[change](rows()), [*rows(), {"code": "more", "size": 1}]):
        with pytest.raises(errors.LoadMismatchError, match="done with other input") as caught:
            numbered.bulk_create(data, chunk_rows=4, atomic=atomic, load_id="x")
        assert caught.value.path == "load_id"
    assert stored(numbered) == wanted(rows())


@pytest.mark.parametrize("chunk_rows", [None, 5])
def test_what_is_half_committed_can_be_neither_all_nor_nothing(
    db: DataFlow, numbered: Table[Any], chunk_rows: int | None
) -> None:
    tear(numbered, rows(), 13, chunk_rows=5)
    with pytest.raises(errors.LoadMismatchError, match="neither all nor nothing") as caught:
        numbered.bulk_create(rows(), chunk_rows=chunk_rows, load_id="x")
    assert "atomic=False" in str(caught.value.hint)
    assert (caught.value.path, caught.value.outcome) == ("load_id", "rolled back")
    with pytest.raises(errors.LoadMismatchError), db.transaction():
        numbered.bulk_create(rows(), chunk_rows=chunk_rows, load_id="x")
    assert stored(numbered) == wanted(rows(10))


@pytest.mark.parametrize("form", FORMS)
def test_pieces_of_one_transaction_are_one_load(numbered: Table[Any], database: Database, form: str) -> None:
    with pytest.raises(LookupError) as caught:
        numbered.bulk_create(torn(rows(), 22), chunk_rows=5, load_id="x")
    assert (getattr(caught.value, "outcome", None), numbered.count()) == ("rolled back", 0)
    for again in (False, True):
        result = numbered.bulk_create(FORMS[form](rows()), chunk_rows=5, load_id="x")
        assert (result.inserted, result.replayed, result.resumed_at) == (COUNT, again, 0)
    assert stored(numbered) == wanted(rows())
    assert entry(database, numbered) == ("done", COUNT)


def test_a_load_in_pieces_ends_with_the_transaction_around_it(db: DataFlow, numbered: Table[Any]) -> None:
    def load() -> bool:
        return numbered.bulk_create(iter(rows()), chunk_rows=5, load_id="x").replayed

    with pytest.raises(ZeroDivisionError), db.transaction():
        assert [load(), load()] == [False, True]
        raise ZeroDivisionError
    with db.transaction():
        assert [load(), load()] == [False, True]
        numbered.create(code="more")
    assert load()
    assert numbered.count() == COUNT + 1


def test_tenants_have_loads_of_their_own(db: DataFlow) -> None:
    table = fresh(db, Shared)
    data = [{"code": f"{n}"} for n in range(10)]
    for tenant in ("a", "b"):
        with db.tenant(tenant), pytest.raises(LookupError):
            table.bulk_create(torn(data, 7), chunk_rows=3, atomic=False, load_id="x")
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            result = table.bulk_create(data, chunk_rows=4, atomic=False, load_id="x")
            assert (result.inserted, result.resumed_at, table.count()) == (10, 6, 10)


def test_progress_counts_the_rows_of_earlier_runs(numbered: Table[Any]) -> None:
    tear(numbered, rows(), 12, chunk_rows=5)
    told: list[int] = []
    numbered.bulk_create(rows(), chunk_rows=6, atomic=False, load_id="x", progress=lambda at: told.append(at.rows))
    assert told[:5] == [6, 12, 18, 24, 30]


def test_a_load_that_did_not_end_is_forgotten_only_on_demand(db: DataFlow, database: Database) -> None:
    from datetime import timedelta

    table = fresh(db, Numbered)
    tear(table, rows(), 12, chunk_rows=5)
    db.ledger.prune(timedelta())
    assert entry(database, table) == ("running", 10)
    assert db.ledger.prune(timedelta(), unfinished=True) >= 1
    assert table.bulk_create(rows(), chunk_rows=5, atomic=False, load_id="x").resumed_at == 0
    assert table.count() == 10 + COUNT


def test_a_load_whose_entry_is_taken_away_stops(db: DataFlow, numbered: Table[Any]) -> None:
    from datetime import timedelta

    def source() -> Iterator[Row]:
        yield from rows(12)
        db.ledger.prune(timedelta(), unfinished=True)
        yield from rows(start=12)

    with pytest.raises(errors.LoadMismatchError, match="taken away") as caught:
        numbered.bulk_create(source(), chunk_rows=5, atomic=False, load_id="x")
    assert (caught.value.rows_done, stored(numbered)) == (10, wanted(rows(10)))
