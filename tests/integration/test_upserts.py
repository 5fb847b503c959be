"""`upsert`, `bulk_upsert` and `bulk_create(on_conflict=…)`: rows that meet stored rows."""

from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Unique, auto, errors
from tests.integration.fresh import fresh


class Item:
    __dataflow__ = {"unique": [["a", "b"]]}  # noqa: RUF012
    sku: Annotated[str, MaxLength(20), Unique()]
    a: int | None = None
    b: int | None = None
    name: str
    qty: int = 5
    note: str | None = None


@pytest.fixture
def items(db: DataFlow) -> Any:
    table = fresh(db, Item)
    rows: list[dict[str, Any]] = [{"sku": "s1", "a": 1, "b": 1}, {"sku": "s2", "a": 1, "b": None}, {"sku": "s3"}]
    table.bulk_create([{"id": at, "name": "tea", "note": "old", **row} for at, row in enumerate(rows, 1)])
    return table


def counts(result: Any) -> dict[str, int]:
    """The outcomes that are not 0."""
    return {name: count for name, count in result.items() if count and "second" not in name}


def test_an_upsert_tells_whether_it_created(items: Any) -> None:
    made = items.upsert({"sku": "s9", "name": "milk"}, conflict_on="sku")
    assert (made.created, made.qty, made.id > 3) == (True, 5, True)
    again = items.upsert({"sku": "s9", "name": "milk", "qty": 6}, conflict_on="sku")
    assert (again.created, again.qty, again.id) == (False, 6, made.id)
    same = items.upsert({"sku": "s9", "name": "milk"}, conflict_on="sku")
    assert (same.created, same.qty) == (False, 6)
    assert items.count() == 4


async def test_the_awaited_twins_do_the_same(items: Any) -> None:
    assert (await items.aupsert({"sku": "s1", "qty": 7}, conflict_on="sku")).created is False
    rows = [{"sku": "s1", "qty": 7}, {"sku": "s2", "qty": 7}, {"sku": "s9", "name": "x"}]
    result = await items.abulk_upsert(rows, conflict_on="sku")
    assert counts(result) == {"unchanged": 1, "updated": 1, "inserted": 1}
    assert [row.qty for row in await items.alist()] == [7, 7, 5, 5]


def test_an_upsert_finds_by_key_unless_told_otherwise(items: Any) -> None:
    assert items.upsert({"id": 2, "sku": "t2"}).sku == "t2"
    assert items.upsert({"id": 7, "sku": "s7", "name": "x"}).id == 7
    with pytest.raises(errors.UniqueViolationError):
        items.upsert({"id": 8, "sku": "t2", "name": "x"})
    assert [row.sku for row in items.list()] == ["s1", "t2", "s3", "s7"]


def test_an_instance_is_upserted_with_all_it_has(items: Any) -> None:
    item = items.read(1)
    item.qty = 8
    assert items.upsert(item).created is False
    made = items.upsert(items._cls(sku="s9", name="new"), conflict_on="sku")
    assert (made.created, items.read(1).qty, items.count()) == (True, 8, 4)


def test_an_absent_field_takes_its_default_only_when_inserted(items: Any) -> None:
    items.update(1, {"qty": 9})
    rows = [{"sku": "s1", "name": "x"}, {"sku": "s2", "qty": 1}, {"sku": "s9", "name": "y"}]
    items.bulk_upsert(rows, conflict_on="sku")
    found = [(row.sku, row.name, row.qty, row.note) for row in items.list() if row.sku != "s3"]
    assert found == [("s1", "x", 9, "old"), ("s2", "tea", 1, "old"), ("s9", "y", 5, None)]


def test_none_writes_null_and_an_absent_field_does_not(items: Any) -> None:
    items.bulk_upsert([{"sku": "s1", "note": None}, {"sku": "s2", "name": "x"}], conflict_on="sku")
    assert [(row.name, row.note) for row in items.list()] == [("tea", None), ("x", "old"), ("tea", "old")]


def test_only_update_fields_change_in_a_stored_row(items: Any) -> None:
    rows = [{"sku": "s1", "name": "x", "qty": 1}, {"sku": "s9", "name": "x", "qty": 1}]
    result = items.bulk_upsert(rows, conflict_on="sku", update_fields="qty", return_rows=True)
    assert [(row.name, row.qty) for row in result.rows] == [("tea", 1), ("x", 1)]
    assert items.upsert({"sku": "s1", "name": "y", "qty": 2}, "sku", ["name"]).qty == 1


def test_a_unique_set_with_null_finds_nothing(items: Any) -> None:
    rows = [{"sku": "s9", "name": "x", "a": 1, "b": None}, {"sku": "s8", "name": "x", "a": 1, "b": None}]
    assert counts(items.bulk_upsert(rows, conflict_on=["a", "b"])) == {"inserted": 2}
    assert counts(items.bulk_upsert([{"a": 1, "b": 1, "qty": 1}], conflict_on=["b", "a"])) == {"updated": 1}
    assert items.read(1).qty == 1


@pytest.mark.parametrize(
    ("target", "error", "path"),
    [
        ("name", errors.InvalidOptionError, "conflict_on"),
        (["sku", "a"], errors.InvalidOptionError, "conflict_on"),
        (["a"], errors.InvalidOptionError, "conflict_on"),
        ("skuu", errors.UnknownFieldError, "conflict_on[0]"),
        ([], errors.UnsupportedDataError, "conflict_on"),
        (5, errors.UnsupportedDataError, "conflict_on"),
    ],
    ids=str,
)
def test_a_target_that_is_no_unique_set_is_refused(
    items: Any, target: Any, error: type[errors.DataFlowError], path: str
) -> None:
    with pytest.raises(error) as caught:
        items.bulk_upsert([{"sku": "s1", "name": "x"}], conflict_on=target)
    assert (type(caught.value), caught.value.path) == (error, path)


def test_data_without_the_target_is_refused(items: Any) -> None:
    for options in ({}, {"conflict_on": ["a", "b"]}, {"on_conflict": "ignore"}):
        with pytest.raises(errors.InvalidOptionError) as caught:
            items.bulk_upsert([{"sku": "s1", "name": "x"}], **options)
        assert caught.value.path == "conflict_on"
    assert items.read(1).name == "tea"


def test_an_upsert_updates_by_default_and_never_skips(items: Any) -> None:
    rows = [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]
    assert counts(items.bulk_upsert(rows)) == {"updated": 2}
    assert [row.name for row in items.list()] == ["x", "y", "tea"]


def test_ignored_rows_are_counted_as_ignored(items: Any) -> None:
    rows = [{"sku": "s1", "name": "x"}, {"sku": "s9", "name": "x"}]
    for write, answer in [(items.bulk_upsert, {"inserted": 1, "ignored": 1}), (items.bulk_create, {"ignored": 2})]:
        result = write(rows, conflict_on="sku", on_conflict="ignore", return_rows=True)
        assert [row.sku for row in result.rows] == ["s1", "s9"]
        assert counts(result) == answer
    assert items.read(1).name == "tea"


def test_a_conflict_is_an_error_where_it_is_said(items: Any) -> None:
    rows = [{"sku": "s9", "name": "x"}, {"sku": "s1", "name": "x"}]
    for write in (items.bulk_upsert, items.bulk_create):
        with pytest.raises(errors.UniqueViolationError) as caught:
            write(rows, conflict_on="sku", on_conflict="error", duplicates="first")
        assert caught.value.path == "data[1]"
    assert items.count() == 3


def test_bulk_create_updates_where_it_is_said(items: Any) -> None:
    rows = [{"sku": "s9", "name": "x"}, {"sku": "s1", "name": "x"}]
    assert counts(items.bulk_create(rows, conflict_on="sku", on_conflict="update")) == {"inserted": 1, "updated": 1}
    assert items.read(1).name == "x"


@pytest.mark.parametrize(("rule", "names"), [("first", ["a", "b"]), ("last", ["c", "b"])])
def test_duplicates_leave_the_first_or_the_last(items: Any, rule: str, names: list[str]) -> None:
    rows = [{"sku": "s1", "name": "a"}, {"sku": "s9", "name": "b"}, {"sku": "s1", "name": "c"}]
    result = items.bulk_upsert(rows, conflict_on="sku", duplicates=rule, return_rows=True)
    assert counts(result) == {"updated": 1, "inserted": 1, "duplicate": 1}
    assert [row.name for row in result.rows] == [names[0], names[1], names[0]]


def test_duplicates_are_an_error_that_names_the_row(items: Any) -> None:
    rows = [{"sku": "s9", "name": "a"}, {"sku": "s8", "name": "b"}, {"sku": "s9", "name": "c"}]
    with pytest.raises(errors.DuplicateRowError) as caught:
        items.bulk_upsert(rows, conflict_on="sku")
    assert (caught.value.path, items.count()) == ("data[2]", 3)


def test_another_unique_value_never_overwrites_another_row(items: Any) -> None:
    before = items.list().records()
    for row in ({"id": 2, "sku": "s1"}, {"id": 9, "sku": "s1", "name": "x"}, {"id": 2, "b": 1}):
        with pytest.raises(errors.UniqueViolationError):
            items.upsert(row)
    with pytest.raises(errors.UniqueViolationError):
        items.upsert({"sku": "s9", "name": "x", "a": 1, "b": 1}, conflict_on="sku")
    assert items.list().records() == before


def test_a_found_row_keeps_its_key(items: Any) -> None:
    with pytest.raises(errors.KeyMismatchError) as caught:
        items.bulk_upsert([{"sku": "s2", "qty": 1}, {"id": 7, "sku": "s1", "qty": 1}], conflict_on="sku")
    assert (caught.value.path, [row.qty for row in items.list()]) == ("data[1].id", [5, 5, 5])
    assert items.upsert({"id": 1, "sku": "s1", "qty": 1}, conflict_on="sku").qty == 1


def test_unique_values_move_in_the_order_of_the_rows(items: Any) -> None:
    free_first = [{"id": 1, "sku": "t"}, {"id": 2, "sku": "s1"}, {"id": 1_000, "sku": "s2", "name": "x"}]
    assert counts(items.bulk_upsert(free_first)) == {"updated": 2, "inserted": 1}
    with pytest.raises(errors.UniqueViolationError) as caught:
        items.bulk_upsert([{"id": 3, "qty": 1}, {"id": 1, "sku": "s1"}, {"id": 2, "sku": "t"}])
    assert caught.value.path == "data[1]"
    assert [(row.sku, row.qty) for row in items.list()] == [("t", 5), ("s1", 5), ("s3", 5), ("s2", 5)]


def test_a_row_that_cannot_be_inserted_names_its_field(items: Any) -> None:
    with pytest.raises(errors.MissingValueError) as caught:
        items.bulk_upsert([{"sku": "s1", "qty": 1}, {"sku": "s9", "qty": 1}], conflict_on="sku")
    assert (caught.value.path, items.read(1).qty) == ("data[1].name", 5)
    with pytest.raises(errors.MissingValueError) as one:
        items.upsert({"sku": "s9"}, conflict_on="sku")
    assert one.value.path == "name"


def test_given_and_generated_keys_never_meet(items: Any) -> None:
    rows = [{"sku": f"n{at}", "name": "x", "id": key} for at, key in enumerate([None, 4, None, 6, 5, None])]
    result = items.bulk_upsert(rows, conflict_on="sku", return_rows=True)
    assert [row.sku for row in result.rows] == [f"n{at}" for at in range(6)]
    assert [row.id for row in result.rows][1::2] == [4, 6, result.rows[5].id]
    assert len({row.id for row in result.rows}) == 6
    assert min(row.id for row in result.rows) > 3


@pytest.mark.parametrize("form", ["dicts", "arrow"])
def test_thousands_of_rows_end_in_their_order(db: DataFlow, form: str) -> None:
    table: Any = fresh(db, Item)
    table.bulk_create([{"sku": f"s{n}", "name": "old"} for n in range(0, 3_000, 2)])
    rows: Any = [{"sku": f"s{n}", "name": "new" if n % 3 else "old"} for n in range(2_999, -1, -1)]
    result = table.bulk_upsert(
        pa.Table.from_pylist(rows) if form == "arrow" else rows, conflict_on="sku", return_rows=True
    )
    assert counts(result) == {"inserted": 1_500, "updated": 1_000, "unchanged": 500}
    assert result.rows.to_arrow().select(["sku", "name"]).to_pylist() == rows
    assert table.count() == 3_000


def test_an_upsert_of_no_rows_is_one_of_none(items: Any) -> None:
    result = items.bulk_upsert([], conflict_on="sku", return_rows=True)
    assert (counts(result), list(result.rows)) == ({}, [])


def test_an_upsert_inside_a_rolled_back_transaction_is_undone(db: DataFlow, items: Any) -> None:
    before = items.list().records()
    with pytest.raises(RuntimeError), db.transaction():
        items.upsert({"id": 1, "qty": 1})
        items.bulk_upsert([{"id": 2, "qty": 1}, {"id": 9, "sku": "s9", "name": "x"}])
        assert items.count({"qty": 1}) == 2
        raise RuntimeError
    assert items.list().records() == before


def test_a_failed_upsert_leaves_the_savepoint_around_it(db: DataFlow, items: Any) -> None:
    with db.transaction():
        items.upsert({"id": 1, "qty": 1})
        with pytest.raises(errors.UniqueViolationError), db.transaction():
            items.bulk_upsert([{"id": 2, "qty": 1}, {"id": 3, "sku": "s1"}])
        items.upsert({"id": 3, "qty": 1})
    assert [row.qty for row in items.list()] == [1, 5, 1]


class Reading:
    id: int = auto()
    ratio: Annotated[float, Unique()]
    note: str = ""


def test_a_unique_float_finds_its_row(db: DataFlow):
    readings = fresh(db, Reading)
    readings.bulk_create([{"ratio": ratio} for ratio in (-1.5, 0.0, 0.1, 1e300)])
    result = readings.bulk_upsert(
        [{"ratio": ratio, "note": "seen"} for ratio in (1e300, -0.0, 0.1, 2.5)], conflict_on="ratio"
    )
    assert (result.updated, result.inserted, readings.count()) == (3, 1, 5)


@pytest.mark.parametrize("fields", ["id", ["id", "sku"], "sku"])
def test_update_fields_that_could_not_change_are_refused(items: Any, fields: Any) -> None:
    for upsert in (items.bulk_upsert, items.upsert):
        rows = {"sku": "s", "name": "x"} if upsert == items.upsert else [{"sku": "s", "name": "x"}]
        with pytest.raises(errors.InvalidOptionError) as caught:
            upsert(rows, conflict_on="sku", update_fields=fields)
        assert caught.value.path == "update_fields"
