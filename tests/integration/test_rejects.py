"""Rows that are refused are left out and told; all others are written as they would be without them."""

from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Unique, errors
from dataflow.query.result import OUTCOMES
from tests.conftest import FaultScale
from tests.database import Database
from tests.integration.bad_rows import BADS, TAKEN, good, mixed, sales
from tests.integration.fresh import fresh
from tests.integration.triggers import forbid


def told(result: Any) -> list[tuple[int, str, str | None]]:
    return [(reject.row, reject.kind, reject.column) for reject in result.rejects]


def codes(table: Any) -> set[str]:
    return {row["code"] for row in table.list(limit=None).records()} - {TAKEN}


def as_arrow(rows: list[dict[str, Any]]) -> Any:
    """As a file of text has them: our own reading makes values of it."""
    pyarrow: Any = pytest.importorskip("pyarrow")
    names = rows[0]
    texts = {name: [None if row[name] is None else str(row[name]) for row in rows] for name in names}
    return pyarrow.table(texts)


FORMS: dict[str, Any] = {
    "dicts": lambda rows: rows,
    "generator": iter,
    "arrow": as_arrow,
    "pandas": lambda rows: as_arrow(rows).to_pandas(),
}


@pytest.mark.parametrize("kind", BADS)
@pytest.mark.parametrize("form", FORMS)
def test_a_bad_row_is_left_out(db: DataFlow, kind: str, form: str) -> None:
    table, _, shop = sales(db)
    rows, bad = [good(number, shop) for number in range(9)], BADS[kind]
    rows[4] |= bad.changes
    result = table.bulk_create(FORMS[form](rows), on_error="skip")
    assert (result.inserted, result.rejected) == (8, 1)
    ((row, found, column),) = told(result)
    assert (row, found) == (4, bad.kind)
    assert bad.column is None or column == bad.column
    assert codes(table) == {f"c{number}" for number in range(9) if number != 4}


def test_a_reject_names_the_constraint_and_no_value(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(0, shop), good(1, shop) | {"code": TAKEN}, good(2, shop) | {"shop_id": 10**6}]
    unique, reference = table.bulk_create(rows, on_error="skip").rejects
    name = table._model.table
    assert (unique.constraint, reference.constraint) == (f"uq_{name}_code", f"fk_{name}_shop_id")
    assert not any(value in repr([unique, reference]) for value in (TAKEN, str(10**6)))


@pytest.mark.parametrize("form", FORMS)
def test_many_bad_rows_of_all_kinds_are_left_out(db: DataFlow, form: str) -> None:
    table, _, shop = sales(db)
    rows, bad = mixed(20_000, 100, shop)
    result = table.bulk_create(FORMS[form](rows), on_error="skip")
    assert (result.inserted, result.rejected) == (19_800, 200)
    assert [(reject.row, reject.kind) for reject in result.rejects] == [(row, bad[row].kind) for row in bad]
    assert codes(table) == {row["code"] for at, row in enumerate(rows) if at not in bad}


def test_nothing_is_rejected_of_good_rows(db: DataFlow) -> None:
    table, _, shop = sales(db)
    result = table.bulk_create([good(0, shop)], on_error="skip")
    assert (result.inserted, result.rejected, list(result.rejects)) == (1, 0, [])
    assert table.bulk_create([], on_error="skip").rejected == 0
    assert list(table.bulk_create([good(1, shop)]).rejects) == []


def test_of_two_rows_that_exclude_each_other_the_first_is_stored(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(0, shop), good(1, shop) | {"code": "c0"}, good(2, shop) | {"code": "c0"}, good(3, shop)]
    result = table.bulk_create(rows, on_error="skip")
    assert [(reject.row, reject.kind) for reject in result.rejects] == [(1, "UniqueViolation"), (2, "UniqueViolation")]
    assert {row.code: row.qty for row in table.list({"code": "c0"})} == {"c0": 1}


def test_a_bad_row_makes_room_for_the_next_of_its_value(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(0, shop) | {"shop_id": 10**6}, good(1, shop) | {"code": "c0"}]
    result = table.bulk_create(rows, on_error="skip")
    assert [(reject.row, reject.kind) for reject in result.rejects] == [(0, "ForeignKeyViolation")]
    assert codes(table) == {"c0"}


def test_a_field_that_no_model_has_is_the_fault_of_a_dict_and_of_a_whole_frame(db: DataFlow) -> None:
    table, _, shop = sales(db)
    result = table.bulk_create([good(0, shop), good(1, shop) | {"colour": "red"}], on_error="skip")
    assert told(result) == [(1, "UnknownField", "colour")]
    with pytest.raises(errors.UnknownFieldError):
        table.bulk_create(as_arrow([good(2, shop) | {"colour": "red"}]), on_error="skip")


def test_an_upsert_leaves_out_what_it_cannot_write(db: DataFlow) -> None:
    table, _, shop = sales(db)
    table.bulk_create([good(number, shop) for number in range(4)])
    rows = [good(number, shop) | {"qty": 50} for number in range(6)]
    rows[1]["qty"], rows[2]["shop_id"], rows[5]["price"] = 0, 10**6, "x"
    result = table.bulk_upsert(rows, conflict_on="code", on_error="skip")
    assert (result.updated, result.inserted, result.rejected) == (2, 1, 3)
    kinds = [(reject.row, reject.kind) for reject in result.rejects]
    assert kinds == [(1, "CheckViolation"), (2, "ForeignKeyViolation"), (5, "WrongType")]
    assert table.count({"qty": 50}) == 3


def test_of_rows_of_an_upsert_that_are_the_same_the_first_is_stored(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(0, shop) | {"qty": qty} for qty in (0, 5, 6)]
    result = table.bulk_upsert(rows, conflict_on="code", on_error="skip")
    assert [(reject.row, reject.kind) for reject in result.rejects] == [(0, "CheckViolation"), (2, "DuplicateRow")]
    assert table.list({"code": "c0"})[0].qty == 5
    rows = [good(1, shop) | {"qty": qty} for qty in (4, 5, 0)]
    result = table.bulk_upsert(rows, conflict_on="code", duplicates="last", on_error="skip")
    assert (result.inserted, result.duplicate, result.rejected) == (1, 1, 1)
    assert table.list({"code": "c1"})[0].qty == 5


class Kept:
    __dataflow__ = {"versioned": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(12), Unique()]
    size: int = 0


def test_an_update_leaves_out_rows_that_are_not_there_or_stale(db: DataFlow) -> None:
    table = fresh(db, Kept)
    a, b, c = (table.create(code=code).id for code in "abc")
    rows: list[Any] = [
        {"id": a, "size": 1},
        {"id": 10**6, "size": 2},
        {"id": b, "size": 3, "version": 7},
        {"size": 4},
        {"id": c, "size": 5},
        {"id": a, "size": 6},
    ]
    result = table.bulk_update(data=rows, on_error="skip")
    kinds = [(reject.row, reject.kind) for reject in result.rejects]
    assert kinds == [(1, "NotFound"), (2, "StaleRow"), (3, "MissingValue"), (5, "DuplicateRow")]
    assert (result.updated, result.rejected) == (2, 4)
    assert [row.size for row in table.list(order_by="code")] == [1, 0, 5]


def test_a_delete_leaves_out_rows_that_others_refer_to(db: DataFlow) -> None:
    table, shops, shop = sales(db)
    table.create(**good(0, shop))
    free = shops.create(name="second").id
    result = shops.bulk_delete(keys=[free, shop, "x"], on_error="skip")
    kinds = [(reject.row, reject.kind) for reject in result.rejects]
    assert (result.deleted, kinds) == (1, [(1, "ForeignKeyViolation"), (2, "WrongType")])
    assert shops.count() == 1


def test_the_transaction_around_it_goes_on(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows, bad = mixed(300, 10, shop)
    with db.transaction():
        result = table.bulk_create(rows, on_error="skip")
        table.create(code="after", qty=1)
    assert result.rejected == len(bad)
    assert table.count() == 300 - len(bad) + 2


def test_a_rolled_back_transaction_keeps_nothing(db: DataFlow) -> None:
    table, _, shop = sales(db)
    with pytest.raises(ZeroDivisionError), db.transaction():
        table.bulk_create([good(0, shop), good(1, shop) | {"qty": 0}], on_error="skip")
        _ = 1 / 0
    assert codes(table) == set()


@pytest.mark.parametrize("limit", [2, 0.3])
@pytest.mark.parametrize("form", ["dicts", "generator", "arrow"])
def test_more_than_the_limit_fails_and_keeps_nothing(db: DataFlow, limit: float, form: str) -> None:
    table, _, shop = sales(db)
    rows = [good(number, shop) for number in range(8)]
    rows[2]["qty"], rows[5]["code"] = 0, TAKEN
    assert table.bulk_create(FORMS[form](rows), on_error="skip", reject_limit=limit).rejected == 2
    table.bulk_delete({"code": {"$ne": TAKEN}})
    rows[7]["qty"] = "x"
    with pytest.raises(errors.TooManyRejectsError) as caught:
        table.bulk_create(FORMS[form](rows), on_error="skip", reject_limit=limit)
    assert {reject.row for reject in caught.value.rejects} <= {2, 5, 7}
    assert len(caught.value.rejects) == 3
    assert (caught.value.code, caught.value.path) == ("DF-3015", "reject_limit")
    assert codes(table) == set()


@pytest.mark.parametrize("form", ["dicts", "generator"])
def test_a_share_is_counted_as_it_is_written(db: DataFlow, form: str) -> None:
    """0.29 is a little less in binary, and 29 of 100 rows are that share."""
    table, _, shop = sales(db)
    rows = [good(number, shop) | ({"qty": 0} if number < 29 else {}) for number in range(100)]
    options: Any = {"on_error": "skip", "reject_limit": 0.29} | ({"chunk_rows": 10} if form == "generator" else {})
    assert table.bulk_create(FORMS[form](rows), **options).rejected == 29
    table.bulk_delete({"code": {"$ne": TAKEN}})
    rows[29]["qty"] = 0
    with pytest.raises(errors.TooManyRejectsError, match="30 rows were refused, and at most 29 may be") as caught:
        table.bulk_create(FORMS[form](rows), **options)
    assert len(caught.value.rejects) == 30


@pytest.mark.parametrize("limit", [5, 0.13])
def test_chunks_before_the_limit_stay(db: DataFlow, limit: float) -> None:
    table, _, shop = sales(db)
    rows = [good(number, shop) | ({"qty": 0} if number % 7 == 6 else {}) for number in range(70)]
    with pytest.raises(errors.TooManyRejectsError) as caught:
        table.bulk_create(rows, on_error="skip", reject_limit=limit, chunk_rows=10, atomic=False)
    rejects = [reject.row for reject in caught.value.rejects]
    assert rejects == [number for number in range(70) if number % 7 == 6][: len(rejects)]
    assert caught.value.rows_done == (40 if limit == 5 else 70)
    assert table.count() == 1 + (35 if limit == 5 else 60)


def test_rows_in_pieces_are_numbered_through(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows, bad = mixed(95, 6, shop)
    result = table.bulk_create(rows, on_error="skip", chunk_rows=10)
    assert [(reject.row, reject.kind) for reject in result.rejects] == [(row, bad[row].kind) for row in bad]
    assert (result.inserted, result.rejected) == (95 - len(bad), len(bad))


def test_an_upsert_in_pieces_knows_what_earlier_pieces_have_stored(db: DataFlow) -> None:
    table, _, shop = sales(db)
    first, second = good(0, shop) | {"qty": 0}, good(1, shop)
    rows = [first, second, good(0, shop), good(2, shop), good(0, shop) | {"qty": 9}, good(1, shop)]
    result = table.bulk_upsert(rows, conflict_on="code", on_error="skip", chunk_rows=2)
    kinds = [(reject.row, reject.kind) for reject in result.rejects]
    assert kinds == [(0, "CheckViolation"), (4, "DuplicateRow"), (5, "DuplicateRow")]
    assert {row.code: row.qty for row in table.list({"code": {"$ne": TAKEN}})} == {"c0": 1, "c1": 2, "c2": 3}


def test_rows_come_back_without_the_refused_ones(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(number, shop) for number in range(5)]
    rows[1]["code"], rows[3]["qty"] = TAKEN, 0
    result = table.bulk_create(rows, on_error="skip", return_rows=True)
    assert [row.code for row in result.rows] == ["c0", "c2", "c4"]


def told_of_keys(db: DataFlow, operation: str, **options: Any) -> tuple[Any, ...]:
    """What a fresh table tells of rows that have a key several times: rows, outcomes, counts."""
    table = fresh(db, Kept)
    keys = {code: table.create(code=code).id for code in "abc"}
    rows: list[Any] = [{"id": keys[code], "size": at} for at, code in enumerate("abacbbac", 1)]
    rows += [{"id": 10**6, "size": 20}, {"id": 10**6, "size": 21}]
    if operation == "delete":
        result = table.bulk_delete(keys=[{"id": row["id"]} for row in rows], **options)
    elif operation == "update":
        result = table.bulk_update(data=rows, duplicates="first", on_missing="skip", **options)
    else:
        rows = [row | {"code": f"c{row['id']}"} for row in rows]
        result = table.bulk_upsert(rows, duplicates="first", **options)
    assert result.rows is not None
    assert result.outcomes is not None
    first = keys["a"]
    ends = [(row["row"], row["status"], row["key"]["id"] - first, row["first_row"]) for row in result.outcomes]
    stored = [(row.id - first, row.size) for row in result.rows if row.id < 10**6]
    return stored, len(result.rows), ends, {name: result[name] for name in OUTCOMES}


@pytest.mark.parametrize("size", [None, 2, 3, 100])
@pytest.mark.parametrize("operation", ["upsert", "update", "delete"])
def test_rows_of_one_key_come_back_as_they_do_without_refused_rows(
    db: DataFlow, operation: str, size: int | None
) -> None:
    plain = told_of_keys(db, operation, return_rows=True, chunk_rows=size)
    assert told_of_keys(db, operation, return_rows=True, chunk_rows=size, on_error="skip") == plain
    assert len(plain[0]) == (3 if operation == "delete" else 8)


def test_a_load_happens_once_with_its_rejects(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(0, shop), good(1, shop) | {"qty": 0}, good(2, shop) | {"qty": "x"}]
    first = table.bulk_create(rows, on_error="skip", load_id="a")
    again = table.bulk_create(rows, on_error="skip", load_id="a")
    assert (first.inserted, first.rejected, first.replayed) == (1, 2, False)
    assert (again.inserted, again.rejected, again.replayed) == (1, 2, True)
    rows[2]["qty"] = 3
    with pytest.raises(errors.LoadMismatchError):
        table.bulk_create(rows, on_error="skip", load_id="a")


def test_what_is_no_fault_of_a_row_still_fails(db: DataFlow) -> None:
    table, _, shop = sales(db)
    without = as_arrow([{"qty": 1}, {"qty": 2}])
    with pytest.raises(errors.MissingValueError):
        table.bulk_create(without, on_error="skip")
    with pytest.raises(errors.InvalidOptionError):
        table.bulk_create([good(0, shop)], reject_limit=3)
    for limit in (-1, 1.0, 0.0, True, "3"):
        with pytest.raises(errors.InvalidOptionError):
            table.bulk_create([good(0, shop)], on_error="skip", reject_limit=limit)


def test_rejects_are_arrow_and_a_sequence(db: DataFlow) -> None:
    table, _, shop = sales(db)
    result = table.bulk_create([good(0, shop) | {"qty": "x"}], on_error="skip")
    (row,) = result.rejects.to_arrow().to_pylist()
    assert list(row) == ["row", "kind", "sqlstate", "constraint", "column", "message"]
    assert result["rejects"] is result.rejects
    assert "rejects" not in list(result)


async def test_an_awaited_load_leaves_out_the_same_rows(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows, bad = mixed(200, 9, shop)
    result = await table.abulk_create(rows, on_error="skip")
    assert [reject.row for reject in result.rejects] == list(bad)


@pytest.mark.slow
def test_a_thousand_bad_rows_of_a_million(db: DataFlow, fault_scale: FaultScale) -> None:
    """At the full scale of the fault tests; a twentieth of it otherwise."""
    count = fault_scale.pick(fast=50_000, full=1_000_000)
    table, _, shop = sales(db)
    rows, bad = mixed(count, 1_000, shop)
    result = table.bulk_create(as_arrow(rows), on_error="quarantine")
    assert (result.inserted, result.rejected) == (count - len(bad), len(bad))
    assert [(reject.row, reject.kind) for reject in result.rejects] == [(row, bad[row].kind) for row in bad]
    assert codes(table) == {row["code"] for at, row in enumerate(rows) if at not in bad}
    assert db.rejects(result.load_id).count() == len(bad)


@pytest.mark.parametrize("operation", ["create", "upsert", "update"])
def test_what_a_trigger_refuses_is_left_out(db: DataFlow, database: Database, operation: str) -> None:
    table, _, shop = sales(db)
    rows = [good(number, shop) for number in range(60)]
    if operation == "update":
        table.bulk_create(rows)
        keys = {row.code: row.id for row in table.list(limit=None)}
        rows = [{"id": keys[row["code"]], "code": f"d{row['code']}"} for row in rows]
    forbid(database, table._model.table, "code", rows[37]["code"])
    write = {
        "create": lambda: table.bulk_create(rows, on_error="skip"),
        "upsert": lambda: table.bulk_upsert(rows, conflict_on="code", on_error="skip"),
        "update": lambda: table.bulk_update(data=rows, on_error="skip"),
    }[operation]
    result = write()
    assert [reject.row for reject in result.rejects] == [37]
    assert result.rejects[0].kind in ("DatabaseFailure", "CheckViolation")
    assert result.inserted + result.updated == 59


def test_outcomes_tell_of_every_row(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(number, shop) for number in range(6)]
    rows[1]["code"], rows[3]["qty"], rows[4]["code"] = TAKEN, "x", "c0"
    result = table.bulk_create(rows, on_error="skip", return_rows=True)
    status = ["inserted", "rejected", "inserted", "rejected", "rejected", "inserted"]
    assert [row["status"] for row in result.outcomes] == status
    assert [row["row"] for row in result.outcomes] == list(range(6))
    kinds = [None, "UniqueViolation", None, "WrongType", "UniqueViolation", None]
    assert [row["kind"] for row in result.outcomes] == kinds
    keys = [row.id for row in result.rows]
    assert [row["key"]["id"] for row in result.outcomes if row["status"] == "inserted"] == keys
    rows = [good(number, shop) | {"qty": qty} for number, qty in ((0, 9), (7, 1), (0, 8), (8, 0))]
    result = table.bulk_upsert(rows, conflict_on="code", duplicates="first", on_error="skip", return_rows=True)
    told = [(row["status"], row["first_row"]) for row in result.outcomes]
    assert told == [("updated", None), ("inserted", None), ("duplicate", 0), ("rejected", None)]


@pytest.mark.parametrize("form", ["dicts", "generator"])
def test_a_load_goes_on_after_one_that_stopped(db: DataFlow, form: str) -> None:
    table, _, shop = sales(db)
    rows = [good(number, shop) | ({"qty": 0 if number % 2 else "x"} if number % 7 == 6 else {}) for number in range(70)]
    name = f"stopped {table._model.table}"

    def stopping(rows: list[dict[str, Any]]) -> Any:
        yield from rows[:35]
        raise ZeroDivisionError

    options: Any = {"on_error": "quarantine", "load_id": name, "atomic": False, "chunk_rows": 10}
    with pytest.raises(ZeroDivisionError):
        table.bulk_create(stopping(rows), **options)
    result = table.bulk_create(FORMS[form](rows), **{**options, "chunk_rows": 8})
    assert (result.resumed_at, result.inserted, result.rejected) == (30, 60, 10)
    assert codes(table) == {row["code"] for at, row in enumerate(rows) if at % 7 != 6}
    assert [row["row"] for row in db.rejects(name).list()] == list(range(6, 70, 7))
    again = table.bulk_create(FORMS[form](rows), **options)
    assert (again.replayed, again.inserted, again.rejected) == (True, 60, 10)
