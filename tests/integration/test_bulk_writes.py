"""`bulk_create`, `bulk_update` and what all bulk writes share: counts, order, events, atomicity."""

from typing import Annotated, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dataflow import BulkResult, DataFlow, MaxLength, Unique, errors
from tests.integration.fresh import fresh
from tests.integration.test_events import Log

OUTCOMES = ("inserted", "updated", "unchanged", "deleted", "ignored", "duplicate", "missing", "rejected")


class Item:
    code: Annotated[str, MaxLength(20), Unique()]
    name: str = "a"
    size: int | None = None


class Reserved:
    __tablename__ = "group"
    __dataflow__ = {"key": ["order", "select"], "unique": [["user", "index"]], "versioned": True}  # noqa: RUF012
    order: int
    select: Annotated[str, MaxLength(10)]
    user: int
    index: int | None = None
    table: str = "a"
    values: str | None = None


class Entry:
    __dataflow__ = {"append_only": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(20), Unique()]
    text: str = "a"


class Place:
    __dataflow__ = {"key": ["region", "no"]}  # noqa: RUF012
    region: Annotated[str, MaxLength(10)]
    no: int
    name: str = ""


class Named:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(20)]
    name: str = ""


@pytest.fixture
def items(db: DataFlow) -> Any:
    table = fresh(db, Item)
    table.bulk_create([{"id": n, "code": f"c{n}", "size": n} for n in (1, 2, 3, 4)])
    return table


def counts(result: Any) -> dict[str, int]:
    """The outcomes that are not 0."""
    return {name: count for name, count in result.items() if count and "second" not in name}


def test_rows_that_match_get_the_same_values(items: Any) -> None:
    items.update(1, {"name": "b"})
    result = items.bulk_update({"size": {"$lt": 4}}, {"name": "b"})
    assert counts(result) == {"updated": 2, "unchanged": 1, "matched": 3}
    assert [row.name for row in items.list()] == ["b", "b", "b", "a"]


async def test_the_awaited_twin_does_the_same(items: Any) -> None:
    assert (await items.abulk_update({"size": {"$lt": 4}}, {"name": "b"})).updated == 3
    assert counts(await items.abulk_update(data=[{"id": 4, "name": "c"}, {"id": 1}])) == {"updated": 1, "unchanged": 1}
    assert [row.name for row in await items.alist()] == ["b", "b", "b", "c"]


def test_null_and_values_are_told_apart_in_matching_rows(items: Any) -> None:
    items.update(1, {"size": None})
    assert counts(items.bulk_update({"id": {"$lt": 3}}, {"size": None})) == {"updated": 1, "unchanged": 1, "matched": 2}
    assert counts(items.bulk_update({"size": None}, {"size": 7})) == {"updated": 2, "matched": 2}
    assert counts(items.bulk_update({"size": 99}, {"size": 7})) == {}
    assert [row.size for row in items.list()] == [7, 7, 3, 4]


@pytest.mark.parametrize("filter", [None, {}, {"$and": []}, {"$or": [{}]}, {"$and": [{"$or": [{"id": 1}, {}]}]}])
def test_an_empty_filter_updates_nothing_unless_all_rows_are_meant(items: Any, filter: Any) -> None:
    with pytest.raises(errors.UnfilteredWriteError):
        items.bulk_update(filter, {"name": "b"})
    assert items.count({"name": "b"}) == 0
    assert counts(items.bulk_update(filter, {"name": "b"}, all_rows=True)) == {"updated": 4, "matched": 4}


@pytest.mark.parametrize(
    ("updates", "kind"),
    [
        (None, errors.InvalidOptionError),
        ({}, errors.InvalidFilterError),
        ({"id": 9}, errors.KeyMismatchError),
        ({"nmae": "b"}, errors.UnknownFieldError),
        ({"name": None}, errors.NullValueError),
        ({"size": "many"}, errors.WrongTypeError),
        ({"code": "x"}, errors.UniqueViolationError),
    ],
)
def test_a_bad_update_of_many_changes_nothing(items: Any, updates: Any, kind: type[Exception]) -> None:
    before = items.list().records()
    with pytest.raises(kind):
        items.bulk_update({"id": {"$gt": 0}}, updates)
    assert items.list().records() == before


def test_each_row_gets_its_own_values(items: Any) -> None:
    rows = [{"id": 3, "name": "x"}, {"id": 1, "size": None}, {"id": 2, "name": "y", "size": 9}, {"id": 4, "name": "a"}]
    result = items.bulk_update(data=rows, return_rows=True)
    assert counts(result) == {"updated": 3, "unchanged": 1}
    assert [(row.id, row.name, row.size) for row in result.rows] == [
        (3, "x", 3),
        (1, "a", None),
        (2, "y", 9),
        (4, "a", 4),
    ]
    assert [(row.name, row.size) for row in items.list()] == [("a", None), ("y", 9), ("x", 3), ("a", 4)]


FORMS = {
    "generator": lambda rows: (row for row in rows),
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "arrow": pa.Table.from_pylist,
}


@pytest.mark.parametrize("form", FORMS)
def test_updates_come_in_every_form(items: Any, form: str) -> None:
    rows = [{"id": 4, "name": "x"}, {"id": 2, "name": "y"}]
    result = items.bulk_update(data=FORMS[form](rows), return_rows=True)
    assert [(row.id, row.name, row.size) for row in result.rows] == [(4, "x", 4), (2, "y", 2)]


def test_instances_update_themselves(items: Any) -> None:
    rows = items.list({"id": {"$in": [2, 3]}})
    rows[0].name, rows[1].size = "x", None
    assert counts(items.bulk_update(data=[rows[1], rows[0]])) == {"updated": 2}
    assert [(row.name, row.size) for row in items.list()] == [("a", 1), ("x", 2), ("a", None), ("a", 4)]


def test_a_missing_row_refuses_all_unless_it_is_skipped(items: Any) -> None:
    rows = [{"id": 1, "name": "x"}, {"id": 9, "name": "x"}, {"id": 2, "name": "x"}]
    with pytest.raises(errors.NotFoundError) as caught:
        items.bulk_update(data=rows)
    assert (caught.value.path, items.count({"name": "x"})) == ("data[1]", 0)
    result = items.bulk_update(data=rows, on_missing="skip", return_rows=True)
    assert counts(result) == {"updated": 2, "missing": 1}
    assert [row.id for row in result.rows] == [1, 2]
    assert items.count() == 4


@pytest.mark.parametrize(("rule", "name"), [("first", "x"), ("last", "z")])
def test_duplicate_keys_are_an_error_or_the_first_or_last(items: Any, rule: Any, name: str) -> None:
    rows = [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}, {"id": 1, "name": "z"}]
    with pytest.raises(errors.DuplicateRowError) as caught:
        items.bulk_update(data=rows)
    assert caught.value.path == "data[2]"
    result = items.bulk_update(data=rows, duplicates=rule, return_rows=True)
    assert counts(result) == {"updated": 2, "duplicate": 1}
    assert [row.name for row in result.rows] == [name, "y", name]


@pytest.mark.parametrize("row", [{"name": "x"}, {"id": None, "name": "x"}])
def test_a_row_without_its_key_is_refused(items: Any, row: dict[str, Any]) -> None:
    with pytest.raises(errors.MissingValueError) as caught:
        items.bulk_update(data=[{"id": 1, "name": "x"}, row])
    assert (caught.value.path, items.count({"name": "x"})) == ("data[1].id", 0)


def test_rows_of_a_composite_key_are_found_by_all_of_it(db: DataFlow) -> None:
    places = fresh(db, Place)
    places.bulk_create([{"region": region, "no": no} for region in ("a", "ab") for no in (1, 2)])
    rows = [{"region": "ab", "no": 1, "name": "x"}, {"region": "a", "no": 2, "name": "y"}]
    assert counts(places.bulk_update(data=rows)) == {"updated": 2}
    assert counts(places.bulk_upsert([{"region": "a", "no": 1, "name": "z"}, {"region": "b", "no": 1}])) == {
        "updated": 1,
        "inserted": 1,
    }
    assert [row.name for row in places.list()] == ["z", "y", "x", "", ""]


def test_data_and_filter_exclude_each_other(items: Any) -> None:
    for arguments in (({"id": 1},), (None, {"name": "x"}), ({"id": 1}, {"name": "x"})):
        with pytest.raises(errors.InvalidOptionError):
            items.bulk_update(*arguments, data=[{"id": 1, "name": "x"}])
    assert items.count({"name": "x"}) == 0


def test_unknown_options_and_keywords_are_refused(items: Any) -> None:
    rows = [{"code": "x"}]
    calls: list[Any] = [
        lambda: items.bulk_create(rows, on_conflikt="update"),
        lambda: items.bulk_create(rows, update_fields=["name"]),
        lambda: items.bulk_upsert(rows, on_missing="skip"),
        lambda: items.bulk_update(data=rows, hard=True),
        lambda: items.bulk_delete({"id": 1}, duplicates="first"),
    ]
    for call in calls:
        with pytest.raises(errors.UnknownOptionError):
            call()
    assert items.count() == 4


@pytest.mark.parametrize("keyword", ["records", "rows", "items", "objects"])
def test_data_under_another_keyword_is_no_success(items: Any, keyword: str) -> None:
    for write in (items.bulk_create, items.bulk_upsert, items.bulk_update):
        with pytest.raises((TypeError, errors.DataFlowError)):
            write(**{keyword: [{"id": 9, "code": "x"}]})
    assert items.count() == 4


@pytest.mark.parametrize(
    ("option", "value"),
    [("batch_size", 5)],
)
def test_a_flag_without_code_behind_it_is_refused(items: Any, option: str, value: Any) -> None:
    rows = [{"id": 1, "code": "x"}]
    for write in (items.bulk_create, items.bulk_upsert, lambda data, **o: items.bulk_update(data=data, **o)):
        with pytest.raises(errors.NotBuiltError):
            write(rows, **{option: value})
    with pytest.raises(errors.NotBuiltError):
        items.bulk_delete({"id": 1}, **{option: value})
    assert [row.code for row in items.list()] == ["c1", "c2", "c3", "c4"]


def test_a_result_is_a_mapping_whose_outcomes_sum_to_the_rows(items: Any) -> None:
    rows = [{"code": f"c{n}", "size": 4} for n in (9, 4, 3, 3)]
    result = items.bulk_upsert(rows, conflict_on="code", duplicates="last")
    assert isinstance(result, BulkResult)
    assert {name: result[name] for name in OUTCOMES if result[name]} == {
        "inserted": 1,
        "updated": 1,
        "unchanged": 1,
        "duplicate": 1,
    }
    assert sum(result[name] for name in OUTCOMES) == len(rows)
    assert set(dict(result)) == {*OUTCOMES, "matched", "load_id", "seconds", "rows_per_second"}
    assert (result.rows, result.seconds > 0, result.rows_per_second > 0) == (None, True, True)


@pytest.mark.parametrize("form", ["dicts", "arrow"])
def test_created_rows_come_back_in_the_order_given(db: DataFlow, form: str) -> None:
    table = fresh(db, Item)
    rows: Any = [{"code": f"{n * 7919 % 2_003}", "size": n} for n in range(2_000)]
    result = table.bulk_create(pa.Table.from_pylist(rows) if form == "arrow" else rows, return_rows=True)
    assert result.rows is not None
    assert result.rows.to_arrow().select(["code", "size"]).to_pylist() == rows
    assert result.rows.records() == table.list(order_by="size", limit=None).records()


def test_every_row_after_the_first_batch_is_updated(db: DataFlow) -> None:
    table = fresh(db, Item)
    table.bulk_create([{"id": n, "code": str(n)} for n in range(1, 2_501)])
    result = table.bulk_update(data=[{"id": n, "name": f"n{n}"} for n in range(2_500, 0, -1)])
    assert counts(result) == {"updated": 2_500}
    assert [row.name for row in table.list(limit=None)] == [f"n{n}" for n in range(1, 2_501)]


def test_fields_of_later_rows_are_not_lost(items: Any) -> None:
    rows = [{"id": 1, "name": "x"}, {"id": 2, "size": 9}, {"id": 9, "code": "c9", "size": 8}]
    items.bulk_upsert(rows)
    assert [(row.name, row.size) for row in items.list()] == [("x", 1), ("a", 9), ("a", 3), ("a", 4), ("a", 8)]


@pytest.mark.parametrize("verb", ["bulk_create", "bulk_upsert", "bulk_update"])
def test_an_error_in_the_last_of_thousands_of_rows_keeps_none(db: DataFlow, verb: str) -> None:
    table = fresh(db, Item)
    table.create(id=9_999, code="taken")
    table.bulk_create([{"id": n, "code": str(n)} for n in range(1, 2_001)] if verb == "bulk_update" else [])
    rows = [{"id": n, "code": f"x{n}"} for n in range(1, 2_001)] + [
        {"id": 2_000 + (verb != "bulk_update"), "code": "taken"}
    ]
    write: Any = (
        (lambda data: table.bulk_update(data=data, duplicates="last"))
        if verb == "bulk_update"
        else getattr(table, verb)
    )
    with pytest.raises(errors.UniqueViolationError):
        write(rows)
    assert table.count({"code": {"$startsWith": "x"}}) == 0


def test_a_table_of_forty_columns_takes_thousands_of_rows(db: DataFlow) -> None:
    wide = type("Wide", (), {"__annotations__": {f"f{n}": int for n in range(40)}})
    table = fresh(db, wide)
    rows = [{"id": row, **{f"f{n}": row * n for n in range(40)}} for row in range(1, 2_001)]
    assert counts(table.bulk_upsert(rows)) == {"inserted": 2_000}
    changed = [{**row, "f39": -1} for row in rows]
    assert counts(table.bulk_upsert(changed)) == {"updated": 2_000}
    assert counts(table.bulk_update(data=rows)) == {"updated": 2_000}
    assert counts(table.bulk_delete(keys=changed)) == {"deleted": 2_000}


def test_reserved_names_are_quoted_in_every_write(db: DataFlow) -> None:
    table = fresh(db, Reserved)
    rows = [{"order": n, "select": "x", "user": n, "index": 1} for n in (1, 2, 3)]
    assert counts(table.bulk_create(rows)) == {"inserted": 3}
    assert table.update({"user": 1, "index": 1}, {"values": "v"}).values == "v"
    assert table.upsert({"user": 2, "index": 1, "table": "b"}, conflict_on=["user", "index"]).table == "b"
    assert counts(table.bulk_upsert([{**rows[0], "table": "c"}, {**rows[0], "order": 4, "user": 4}])) == {
        "updated": 1,
        "inserted": 1,
    }
    assert table.bulk_update({"order": {"$gt": 2}}, {"table": "d"}).updated == 2
    assert table.bulk_update(data=[{"order": 1, "select": "x", "index": None}]).updated == 1
    assert (table.delete((1, "x")), table.bulk_delete(keys=[(2, "x")]).deleted) == (1, 1)
    assert table.bulk_delete({"table": "d", "values": None}).deleted == 2


def test_a_key_of_any_name_serves_every_operation(db: DataFlow) -> None:
    table = fresh(db, Named)
    assert table.create(code="a").code == "a"
    assert table.update("a", {"name": "x"}).name == "x"
    assert table.upsert({"code": "b", "name": "y"}).created
    assert counts(table.bulk_upsert([{"code": "a", "name": "z"}, {"code": "c"}])) == {"updated": 1, "inserted": 1}
    assert counts(table.bulk_update(data=[{"code": "b", "name": "z"}])) == {"updated": 1}
    assert (table.delete("a"), counts(table.bulk_delete(keys=["b", "b", "z"]))) == (
        1,
        {"deleted": 1, "duplicate": 1, "missing": 1},
    )
    assert [row.code for row in table.list()] == ["c"]


def test_text_is_stored_byte_for_byte_by_every_write(items: Any) -> None:
    text = "please select from the menu; drop table x -- '\"`\\ %s ?1 $1 \t trailing "
    items.bulk_update({"id": 1}, {"name": text})
    items.bulk_update(data=[{"id": 2, "name": text}])
    items.bulk_upsert([{"id": 3, "name": text}, {"id": 9, "code": "c9", "name": text}])
    items.upsert({"id": 4, "name": text})
    assert {row.name for row in items.list()} == {text}
    assert items.bulk_delete({"name": text}).deleted == 5


def test_an_append_only_model_takes_nothing_but_new_rows(db: DataFlow) -> None:
    entries = fresh(db, Entry)
    entries.create(code="a")
    entries.bulk_create([{"code": "b"}])
    writes: list[Any] = [
        lambda: entries.update(1, {"text": "x"}),
        lambda: entries.delete(1),
        lambda: entries.upsert({"id": 1, "text": "x"}),
        lambda: entries.upsert({"code": "c"}, conflict_on="code"),
        lambda: entries.bulk_update({"id": 1}, {"text": "x"}),
        lambda: entries.bulk_update(data=[{"id": 1, "text": "x"}]),
        lambda: entries.bulk_delete({"id": 1}),
        lambda: entries.bulk_delete(keys=[1]),
        lambda: entries.bulk_delete(all_rows=True, hard=True),
        lambda: entries.bulk_upsert([{"code": "c"}], conflict_on="code"),
        lambda: entries.bulk_create([{"code": "c"}], conflict_on="code", on_conflict="update"),
    ]
    for write in writes:
        with pytest.raises(errors.AppendOnlyError):
            write()
    assert [(row.code, row.text) for row in entries.list()] == [("a", "a"), ("b", "a")]


def test_an_append_only_model_may_ignore_what_it_has(db: DataFlow) -> None:
    entries = fresh(db, Entry)
    entries.create(code="a")
    rows = [{"code": "a", "text": "x"}, {"code": "b", "text": "x"}]
    assert counts(entries.bulk_create(rows, conflict_on="code", on_conflict="ignore")) == {"ignored": 1, "inserted": 1}
    assert [(row.code, row.text) for row in entries.list()] == [("a", "a"), ("b", "x")]


WRITES: dict[str, tuple[Any, list[tuple[str, int, list[str]]]]] = {
    "create": (lambda t: t.create(id=9, code="x"), [("insert", 1, ["9"])]),
    "update": (lambda t: t.update({"code": "c2"}, {"name": "x"}), [("update", 1, ["2"])]),
    "update of nothing new": (lambda t: t.update(2, {"name": "a"}), []),
    "delete": (lambda t: t.delete({"code": "c2"}), [("delete", 1, ["2"])]),
    "upsert that inserts": (lambda t: t.upsert({"id": 9, "code": "x"}), [("insert", 1, ["9"])]),
    "upsert that updates": (lambda t: t.upsert({"id": 2, "name": "x"}), [("update", 1, ["2"])]),
    "bulk_create": (lambda t: t.bulk_create([{"code": "x"}, {"code": "y"}]), [("insert", 2, [])]),
    "bulk_update by filter": (lambda t: t.bulk_update({"size": {"$lt": 3}}, {"name": "x"}), [("update", 2, [])]),
    "bulk_update by data": (
        lambda t: t.bulk_update(data=[{"id": 3, "name": "x"}, {"id": 1, "name": "x"}, {"id": 2}]),
        [("update", 2, ["3", "1"])],
    ),
    "bulk_delete by filter": (lambda t: t.bulk_delete({"size": {"$lt": 3}}), [("delete", 2, [])]),
    "bulk_delete by keys": (lambda t: t.bulk_delete(keys=[3, 9, 1]), [("delete", 2, ["1", "3"])]),
    "bulk_delete of nothing": (lambda t: t.bulk_delete(keys=[9]), []),
    "dry run": (lambda t: t.bulk_delete({"size": {"$lt": 3}}, dry_run=True), []),
    "bulk_upsert": (
        lambda t: t.bulk_upsert([{"id": 9, "code": "x"}, {"id": 2, "name": "x"}, {"id": 1}], return_rows=True),
        [("update", 1, ["2"]), ("insert", 1, ["9"])],
    ),
    "bulk_upsert that ignores": (lambda t: t.bulk_upsert([{"id": 2, "name": "x"}], on_conflict="ignore"), []),
}


@pytest.mark.parametrize("write", WRITES)
def test_every_kind_of_write_tells_of_its_rows(db: DataFlow, items: Any, write: str) -> None:
    call, expected = WRITES[write]
    log = Log(db, "rows_changed")
    call(items)
    events = log.settled(lambda events: len(events) >= max(1, len(expected)) or not expected)
    assert [(event["operation"], event["rows"]) for event in events] == [told[:2] for told in expected]
    assert [sorted(event["keys"]) for event in events] == [sorted(keys) for _, _, keys in expected]
    assert [event["model"] for event in events] == [items._cls.__name__] * len(expected)


def test_a_refused_write_tells_of_no_rows(db: DataFlow, items: Any) -> None:
    log = Log(db, "rows_changed")
    with pytest.raises(errors.UniqueViolationError):
        items.bulk_upsert([{"id": 1, "name": "x"}, {"id": 2, "code": "c1"}])
    with pytest.raises(errors.LimitExceededError):
        items.bulk_delete({"id": {"$gt": 0}}, max_affected=1)
    with pytest.raises(RuntimeError), db.transaction():
        items.bulk_update({"id": 1}, {"name": "x"})
        items.delete(2)
        raise RuntimeError
    items.delete(3)
    assert [(event["operation"], event["keys"]) for event in log.settled()] == [("delete", ["3"])]
