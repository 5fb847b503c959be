"""`return_rows=True` tells of every row of a bulk write how it ended, in the order given."""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Precision, Table, Unique, auto, errors
from dataflow.query.result import OUTCOMES, BulkResult, Outcomes
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes, counts
from tests.runtime.server import wait_until

COLUMNS = ["row", "status", "key", "first_row", "kind", "sqlstate", "constraint", "column", "message"]
REASONS = COLUMNS[4:]
End = tuple[int, str, object, int | None]


class Item:
    code: Annotated[str, MaxLength(10), Unique()]
    size: int = 0


class Grade(Enum):
    LOW = "low"
    HIGH = "high"


class Place:
    __dataflow__ = {"key": ["grade", "no", "share"]}  # noqa: RUF012
    grade: Grade
    no: UUID
    share: Annotated[Decimal, Precision(6, 2)]
    note: str = ""


class Note:
    id: UUID = auto()
    text: str


class Deleted:
    __dataflow__ = {"soft_delete": True, "versioned": True}  # noqa: RUF012
    size: int = 0


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    table = fresh(db, Item)
    table.bulk_create([{"id": n, "code": f"c{n}", "size": n} for n in (1, 2, 3, 4)])
    return table


def ends(result: BulkResult) -> list[End]:
    """Row, status, key and other row of every outcome; they agree with the counts."""
    assert result.outcomes is not None
    told = result.outcomes.records()
    assert Counter(outcome["status"] for outcome in told) == {name: result[name] for name in OUTCOMES if result[name]}
    assert all(outcome[name] is None for outcome in told for name in REASONS)
    keys = [outcome["key"] for outcome in told]
    shown = [next(iter(key.values())) if len(key) == 1 else tuple(key.values()) for key in keys]
    return [(end["row"], end["status"], key, end["first_row"]) for end, key in zip(told, shown, strict=True)]


def sizes(result: BulkResult) -> list[tuple[str, int]]:
    """The rows given back."""
    assert result.rows is not None
    return [(row.code, row.size) for row in result.rows]


UPSERTS = [{"code": "c3", "size": 9}, {"code": "n", "size": 5}, {"code": "c1", "size": 1}, {"code": "n", "size": 6}]


def test_an_upsert_tells_what_became_of_each_row(items: Table[Any]) -> None:
    result = items.bulk_upsert(UPSERTS, conflict_on="code", duplicates="last", return_rows=True)
    assert sizes(result) == [("c3", 9), ("n", 6), ("c1", 1), ("n", 6)]
    new = items.list({"code": "n"})[0].id
    told: list[End] = [(0, "updated", 3, None), (1, "duplicate", new, 3), (2, "unchanged", 1, None)]
    assert ends(result) == [*told, (3, "inserted", new, None)]


def test_ignored_rows_are_told_too(items: Table[Any]) -> None:
    result = items.bulk_create(UPSERTS[:3], conflict_on="code", on_conflict="ignore", return_rows=True)
    assert [end[1] for end in ends(result)] == ["ignored", "inserted", "ignored"]
    assert sizes(result) == [("c3", 3), ("n", 5), ("c1", 1)]


def test_an_update_tells_what_is_missing(items: Table[Any]) -> None:
    data = [{"id": 4, "size": 9}, {"id": 99, "size": 1}, {"id": 1, "size": 1}, {"id": 4, "size": 9}]
    result = items.bulk_update(data=data, on_missing="skip", duplicates="first", return_rows=True)
    told: list[End] = [(0, "updated", 4, None), (1, "missing", 99, None), (2, "unchanged", 1, None)]
    assert ends(result) == [*told, (3, "duplicate", 4, 0)]
    assert sizes(result) == [("c4", 9), ("c1", 1), ("c4", 9)]


def test_a_delete_by_key_gives_the_rows_as_they_were(items: Table[Any]) -> None:
    result = items.bulk_delete(keys=[3, 99, 1, 3], return_rows=True)
    told: list[End] = [(0, "deleted", 3, None), (1, "missing", 99, None), (2, "deleted", 1, None)]
    assert ends(result) == [*told, (3, "duplicate", 3, 0)]
    assert sizes(result) == [("c3", 3), ("c1", 1)]
    assert [row.id for row in items.list()] == [2, 4]


def test_a_soft_deleted_row_is_given_back_alive(db: DataFlow) -> None:
    table = fresh(db, Deleted)
    table.bulk_create([{"id": n, "size": n} for n in (1, 2, 3)])
    by_key = table.bulk_delete(keys=[2], return_rows=True)
    by_filter = table.bulk_delete({"size": {"$gt": 1}}, return_rows=True)
    assert by_key.rows is not None
    assert by_filter.rows is not None
    assert [(row.id, row.version, row.deleted_at) for row in (*by_key.rows, *by_filter.rows)] == [
        (2, 1, None),
        (3, 1, None),
    ]
    assert [ends(by_key), ends(by_filter)] == [[(0, "deleted", 2, None)], [(0, "deleted", 3, None)]]
    assert [row.version for row in table.list(include_deleted=True)] == [1, 2, 2]


def test_a_write_by_filter_tells_its_rows_in_the_order_of_their_keys(items: Table[Any]) -> None:
    result = items.bulk_update({"id": {"$gt": 1}}, {"size": 3}, return_rows=True)
    assert ends(result) == [(0, "updated", 2, None), (1, "unchanged", 3, None), (2, "updated", 4, None)]
    assert sizes(result) == [("c2", 3), ("c3", 3), ("c4", 3)]
    assert counts(result) == counts(items.bulk_update({"id": {"$gt": 1}}, {"size": 3})) | {"updated": 2, "unchanged": 1}
    result = items.bulk_delete({"size": 3}, return_rows=True)
    assert ends(result) == [(0, "deleted", 2, None), (1, "deleted", 3, None), (2, "deleted", 4, None)]
    assert (sizes(result), result.matched) == ([("c2", 3), ("c3", 3), ("c4", 3)], 3)
    assert [row.id for row in items.list()] == [1]


def test_a_write_by_filter_with_many_rows_is_told_whole(db: DataFlow) -> None:
    table = fresh(db, Item)
    table.bulk_create([{"id": n, "code": str(n), "size": n % 2} for n in range(1, 1_602)])
    updated = table.bulk_update(None, {"size": 1}, all_rows=True, return_rows=True)
    assert counts(updated) == {"updated": 800, "unchanged": 801, "matched": 1_601}
    assert [end[2] for end in ends(updated)] == list(range(1, 1_602))
    deleted = table.bulk_delete({"id": {"$ne": 5}}, return_rows=True)
    assert len(ends(deleted)) == deleted.deleted == 1_600
    assert table.count() == 1


FORMS: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "list": list,
    "generator": iter,
    "table": pa.Table.from_pylist,
    "reader": lambda rows: pa.Table.from_pylist(rows).to_reader(max_chunksize=3),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("atomic", [True, False])
def test_rows_that_come_in_pieces_are_numbered_through(items: Table[Any], form: str, atomic: bool) -> None:
    rows = [{"code": f"c{n}", "size": n} for n in (9, 1, 9, 8, 2, 8, 1)]
    options: dict[str, Any] = {"chunk_rows": 2, "atomic": atomic, "return_rows": True}
    upserted = items.bulk_upsert(FORMS[form](rows), conflict_on="code", duplicates="first", **options)
    nine, eight = (items.list({"code": code})[0].id for code in ("c9", "c8"))
    assert ends(upserted) == [
        (0, "inserted", nine, None),
        (1, "unchanged", 1, None),
        (2, "duplicate", nine, 0),
        (3, "inserted", eight, None),
        (4, "unchanged", 2, None),
        (5, "duplicate", eight, 3),
        (6, "duplicate", 1, 1),
    ]
    created = items.bulk_create(FORMS[form]([{"code": f"n{n}"} for n in range(5)]), **options)
    assert [(end[0], end[1]) for end in ends(created)] == [(n, "inserted") for n in range(5)]
    keys = [{"id": key} for key in (nine, 99, nine, 1, 1)]
    deleted = items.bulk_delete(keys=FORMS[form](keys), **options)
    told = [(0, "deleted", nine, None), (1, "missing", 99, None), (2, "duplicate", nine, 0), (3, "deleted", 1, None)]
    assert ends(deleted) == [*told, (4, "duplicate", 1, 3)]
    assert sizes(deleted) == [("c9", 9), ("c1", 1)]


@pytest.mark.parametrize("given", [[], [7, 50]])
def test_automatic_keys_come_back_in_the_order_of_the_data(db: DataFlow, database: Database, given: list[int]) -> None:
    table, statements = fresh(db, Item), list[str]()
    db.on("statement", lambda event: statements.append(event["sql"]))
    rows: list[dict[str, Any]] = [{"code": f"x{n}", "size": -n} for n in range(2_000)]
    for n, key in enumerate(given):
        rows[n * 700 + 3]["id"] = key
    result = table.bulk_create(rows, return_rows=True)
    stored = {row.code: row.id for row in table.list(limit=None)}
    assert [end[2] for end in ends(result)] == [stored[row["code"]] for row in rows]
    assert sizes(result) == [(row["code"], row["size"]) for row in rows]
    wait_until(lambda: any(sql.startswith("/* " + table._model.name + ".read") for sql in statements), "all are told")
    appends = [sql for sql in statements if ".append" in sql]
    assert appends
    assert all("COPY" in sql for sql in appends) == (database.kind == "postgres")
    assert table.create(code="next").id > max(stored.values())


def test_made_keys_are_those_that_are_stored(db: DataFlow) -> None:
    table = fresh(db, Note)
    result = table.bulk_create([{"text": str(n)} for n in range(300)], return_rows=True)
    stored = {row.text: row.id for row in table.list(limit=None)}
    assert [end[2] for end in ends(result)] == [stored[str(n)] for n in range(300)]


def test_a_key_of_several_fields_is_told_as_the_model_has_it(db: DataFlow) -> None:
    table = fresh(db, Place)
    key = {"grade": Grade.HIGH, "no": UUID(int=7), "share": Decimal("1.50")}
    result = table.bulk_upsert([{**key, "note": "x"}], return_rows=True)
    assert result.outcomes is not None
    assert result.outcomes[0]["key"] == key
    arrow = result.outcomes.to_arrow()
    assert arrow.schema.field("key").type.names == ["grade", "no", "share"]
    assert (len(result.outcomes.to_pandas()), result.outcomes.to_polars().height) == (1, 1)


def test_outcomes_have_every_form(items: Table[Any]) -> None:
    outcomes = items.bulk_delete(keys=[1, 9], return_rows=True).outcomes
    assert isinstance(outcomes, Outcomes)
    records = outcomes.records()
    assert (len(outcomes), list(outcomes), outcomes == records) == (2, records, True)
    assert [list(record) for record in records] == [COLUMNS, COLUMNS]
    arrow = outcomes.to_arrow()
    assert (arrow.column_names, arrow.to_pylist()) == (COLUMNS, records)
    types = {name: str(arrow.schema.field(name).type) for name in COLUMNS}
    assert types == dict.fromkeys(COLUMNS, "string") | {"row": "int64", "first_row": "int64"} | {"key": types["key"]}
    assert pa.table(outcomes) == arrow
    frame = outcomes.to_pandas()
    assert (list(frame["status"]), list(frame["row"])) == (["deleted", "missing"], [0, 1])
    assert outcomes.to_polars()["status"].to_list() == ["deleted", "missing"]
    assert "2" in repr(outcomes)


@pytest.mark.parametrize(
    "data", [[], iter(()), pa.table({"id": pa.array([], pa.int64()), "code": pa.array([], pa.string())})]
)
@pytest.mark.parametrize("verb", ["bulk_create", "bulk_upsert", "bulk_update", "bulk_delete"])
def test_no_rows_have_no_outcomes_but_the_columns(items: Table[Any], verb: str, data: Any) -> None:
    name = {"bulk_update": {"data": data}, "bulk_delete": {"keys": data}}
    given = () if verb in name else (data,)
    result = getattr(items, verb)(*given, **name.get(verb, {}), return_rows=True)
    assert result.outcomes.records() == result.rows.records() == []
    assert result.outcomes.to_arrow().column_names == COLUMNS


def test_outcomes_are_there_only_when_asked_for(items: Table[Any]) -> None:
    silent = items.bulk_update({"id": 1}, {"size": 5})
    assert (silent.rows, silent.outcomes) == (None, None)
    with pytest.raises(KeyError):
        silent["outcomes"]
    told = items.bulk_update({"id": 1}, {"size": 6}, return_rows=True)
    assert told["outcomes"] is told.outcomes
    assert "outcomes" not in list(told)


def test_a_refused_write_tells_the_number_of_its_row_in_the_load(items: Table[Any]) -> None:
    rows: Iterator[dict[str, Any]] = ({"code": "c1" if n == 5 else f"n{n}"} for n in range(7))
    with pytest.raises(errors.UniqueViolationError):
        items.bulk_create(rows, chunk_rows=2, return_rows=True)
    assert items.count() == 4


@pytest.mark.parametrize("awaited", [False, True])
def test_a_node_gives_them_too(items: Table[Any], awaited: bool) -> None:
    nodes = Nodes(items, awaited)
    result = nodes.run("BulkUpdate", {"filter": {"id": {"$gt": 2}}, "updates": {"size": 3}, "return_rows": True})
    assert [end[1] for end in ends(result)] == ["unchanged", "updated"]
    result = nodes.run("BulkDelete", {"keys": [1, 9], "return_rows": True})
    assert [end[1] for end in ends(result)] == ["deleted", "missing"]


async def test_the_awaited_twins_tell_the_same(items: Table[Any]) -> None:
    assert ends(await items.abulk_update({"id": 1}, {"size": 7}, return_rows=True)) == [(0, "updated", 1, None)]
    assert ends(await items.abulk_delete({"id": 1}, return_rows=True)) == [(0, "deleted", 1, None)]
    assert ends(await items.abulk_delete(keys=[2], return_rows=True)) == [(0, "deleted", 2, None)]
