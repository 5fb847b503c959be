"""The nodes that write many rows: data in every form, options, counts, what they refuse."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dataflow import BulkResult, DataFlow, MaxLength, Table, Unique, WorkflowBuilder, errors, node
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes, counts, execute

Given = Mapping[str, Any]


class Item:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]
    sku: Annotated[str, MaxLength(20), Unique()]
    qty: int = 5
    note: str | None = None


ITEMS = [{"code": code, "sku": f"s{at}", "qty": at, "note": f"n{at}"} for at, code in enumerate("abc", 1)]
NEW = [{"code": "x", "sku": "s8", "qty": 8, "note": None}, {"code": "y", "sku": "s9", "qty": 9, "note": "n"}]
EMPTY: list[Given] = []
FORMS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "dicts": lambda cls, rows: rows,
    "tuple": lambda cls, rows: tuple(rows),
    "generator": lambda cls, rows: (row for row in rows),
    "instances": lambda cls, rows: [cls(**row) for row in rows],
    "pandas": lambda cls, rows: pd.DataFrame(rows),
    "polars": lambda cls, rows: pl.DataFrame(rows),
    "arrow": lambda cls, rows: pa.Table.from_pylist(rows),
}
each_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def items(db: DataFlow, awaited: bool) -> Nodes:
    table = fresh(db, Item)
    table.bulk_create(ITEMS)
    return Nodes(table, awaited)


# --- data in every form ---


@each_form
def test_bulk_create_takes_rows_in_every_form(items: Nodes, form: str) -> None:
    result = items.run("BulkCreate", {"data": FORMS[form](items.table._cls, NEW)})
    assert isinstance(result, BulkResult)
    assert counts(result) == {"inserted": 2}
    assert items.records() == ITEMS + NEW


@each_form
def test_bulk_update_takes_rows_in_every_form(items: Nodes, form: str) -> None:
    rows = [{**ITEMS[1], "qty": 9}, ITEMS[0]]
    assert counts(items.run("BulkUpdate", {"data": FORMS[form](items.table._cls, rows)})) == {
        "updated": 1,
        "unchanged": 1,
    }
    assert items.records() == [ITEMS[0], {**ITEMS[1], "qty": 9}, ITEMS[2]]


@each_form
def test_bulk_upsert_takes_rows_in_every_form(items: Nodes, form: str) -> None:
    rows = [NEW[1], {**ITEMS[1], "qty": 9}, ITEMS[0]]
    result = items.run("BulkUpsert", {"data": FORMS[form](items.table._cls, rows)})
    assert counts(result) == {"inserted": 1, "updated": 1, "unchanged": 1}
    assert items.records() == [ITEMS[0], {**ITEMS[1], "qty": 9}, ITEMS[2], NEW[1]]


@pytest.mark.parametrize(
    "keys", [["a", "x", "c"], [{"code": "a"}, {"code": "x"}, {"code": "c"}], pa.table({"code": ["a", "x", "c"]})]
)
def test_bulk_delete_takes_keys(items: Nodes, keys: Any) -> None:
    assert counts(items.run("BulkDelete", {"keys": keys})) == {"deleted": 2, "missing": 1}
    assert items.records() == [ITEMS[1]]


def test_keys_of_several_fields_are_tuples(hall_nodes: Nodes) -> None:
    assert counts(hall_nodes.run("BulkDelete", {"keys": [("a", 1), ("c", 1)]})) == {"deleted": 1, "missing": 1}
    changed = hall_nodes.run("BulkUpdate", {"data": [{"hall": "b", "no": 2, "label": "x"}]})
    merged = hall_nodes.run("BulkUpsert", {"data": [{"hall": "b", "no": 2, "label": "y"}, {"hall": "c", "no": 1}]})
    assert (counts(changed), counts(merged)) == ({"updated": 1}, {"updated": 1, "inserted": 1})
    assert [(row["hall"], row["label"]) for row in hall_nodes.records()] == [
        ("a", "a2"),
        ("b", "b1"),
        ("b", "y"),
        ("c", "-"),
    ]


# --- filters ---


@pytest.mark.parametrize(
    "given",
    [
        {"filter": {"qty": {"$gt": 1}}, "updates": {"note": "x"}},
        {"conditions": {"qty": {"$gt": 1}}, "update": {"note": "x"}},
        {"filter": {"qty": {"$gt": 1}}, "fields": {"note": "x"}},
        {"conditions": {"qty": {"$gt": 1}}, "updates": {"note": "x"}},
    ],
    ids=lambda given: "-".join(given),
)
def test_bulk_update_by_filter_tells_what_matched(items: Nodes, given: Given) -> None:
    items.table.update("c", {"note": "x"})
    assert counts(items.run("BulkUpdate", given)) == {"matched": 2, "updated": 1, "unchanged": 1}
    assert [row["note"] for row in items.records()] == ["n1", "x", "x"]


@pytest.mark.parametrize("name", ["filter", "conditions"])
def test_bulk_delete_by_filter_tells_what_matched(items: Nodes, name: str) -> None:
    assert counts(items.run("BulkDelete", {name: {"qty": {"$lt": 3}}})) == {"matched": 2, "deleted": 2}
    assert items.records() == ITEMS[2:]


@pytest.mark.parametrize("operation", ["BulkUpdate", "BulkDelete"])
@pytest.mark.parametrize("filter", [{"filter": {}}, {"conditions": {}}, {}], ids=str)
def test_all_rows_are_meant_only_where_it_is_said(items: Nodes, operation: str, filter: Given) -> None:
    given = {**filter, **({"updates": {"qty": 0}} if operation == "BulkUpdate" else {})}
    assert type(items.refuse(operation, given)) is errors.UnfilteredWriteError
    assert items.records() == ITEMS
    assert items.run(operation, {**given, "all_rows": True})["matched"] == 3


def test_bulk_delete_may_be_bounded_or_only_counted(items: Nodes) -> None:
    some = {"filter": {"qty": {"$gt": 1}}}
    assert counts(items.run("BulkDelete", {**some, "dry_run": True})) == {"matched": 2}
    assert type(items.refuse("BulkDelete", {**some, "max_affected": 1})) is errors.LimitExceededError
    assert items.records() == ITEMS
    assert items.run("BulkDelete", {**some, "max_affected": 2})["deleted"] == 2


@pytest.mark.parametrize("given", [{"filter": {"hall": "a"}}, {"keys": [("a", 1), ("a", 2)]}], ids=str)
def test_a_soft_delete_keeps_the_rows_unless_it_is_hard(hall_nodes: Nodes, given: Given) -> None:
    assert hall_nodes.run("BulkDelete", given)["deleted"] == 2
    assert (hall_nodes.table.count(), hall_nodes.table.count(include_deleted=True)) == (2, 4)
    assert hall_nodes.run("BulkDelete", {**given, "hard": True})["deleted"] == 2
    assert hall_nodes.table.count(include_deleted=True) == 2


# --- conflicts ---

CONFLICT = [{**ITEMS[0], "qty": 9}, NEW[0]]


@pytest.mark.parametrize("operation", ["BulkCreate", "BulkUpsert"])
@pytest.mark.parametrize(
    ("option", "answer", "qty"),
    [
        ({"on_conflict": "update"}, {"inserted": 1, "updated": 1}, 9),
        ({"conflict_resolution": "update"}, {"inserted": 1, "updated": 1}, 9),
        ({"conflict_resolution": "upsert"}, {"inserted": 1, "updated": 1}, 9),
        ({"on_conflict": "ignore"}, {"inserted": 1, "ignored": 1}, 1),
        ({"conflict_resolution": "ignore"}, {"inserted": 1, "ignored": 1}, 1),
        ({"conflict_resolution": "skip"}, {"inserted": 1, "ignored": 1}, 1),
    ],
    ids=str,
)
def test_a_conflict_ends_as_it_is_said(
    items: Nodes, operation: str, option: Given, answer: dict[str, int], qty: int
) -> None:
    assert counts(items.run(operation, {"data": CONFLICT, **option})) == answer
    assert (items.table.read("a").qty, items.table.count()) == (qty, 4)


@pytest.mark.parametrize("operation", ["BulkCreate", "BulkUpsert"])
@pytest.mark.parametrize("option", ["on_conflict", "conflict_resolution"])
def test_a_conflict_may_be_an_error_in_both(items: Nodes, operation: str, option: str) -> None:
    assert type(items.refuse(operation, {"data": CONFLICT, option: "error"})) is errors.UniqueViolationError
    assert items.records() == ITEMS


def test_an_upsert_finds_by_other_fields_and_changes_some(items: Nodes) -> None:
    rows = [{"sku": "s1", "qty": 9, "note": "x"}, {"sku": "s2", "qty": 2}]
    options = {"conflict_on": "sku", "update_fields": ["qty"]}
    assert counts(items.run("BulkUpsert", {"data": rows, **options})) == {"updated": 1, "unchanged": 1}
    assert items.records() == [{**ITEMS[0], "qty": 9}, *ITEMS[1:]]


@pytest.mark.parametrize("operation", ["BulkCreate", "BulkUpsert", "BulkUpdate"])
def test_rows_given_twice_are_counted_or_refused(items: Nodes, operation: str) -> None:
    code = "a" if operation == "BulkUpdate" else "x"
    rows = [{"code": code, "sku": "t", "qty": 8}, {"code": code, "sku": "t", "qty": 7}]
    # A plain insert looks for nothing: it is the database that meets the second row.
    expected = errors.UniqueViolationError if operation == "BulkCreate" else errors.DuplicateRowError
    assert type(items.refuse(operation, {"data": rows})) is expected
    assert items.records() == ITEMS
    assert items.run(operation, {"data": rows, "duplicates": "last"})["duplicate"] == 1
    assert items.table.read(code).qty == 7


def test_rows_that_are_not_there_are_counted_where_it_is_said(items: Nodes) -> None:
    rows = [{"code": "a", "qty": 9}, {"code": "x", "qty": 9}]
    assert type(items.refuse("BulkUpdate", {"data": rows})) is errors.NotFoundError
    assert counts(items.run("BulkUpdate", {"data": rows, "on_missing": "skip"})) == {"updated": 1, "missing": 1}


@pytest.mark.parametrize("operation", ["BulkCreate", "BulkUpdate", "BulkUpsert"])
def test_stored_rows_come_back_where_they_are_asked_for(items: Nodes, operation: str) -> None:
    rows = [{"code": "b", "qty": 9}] if operation == "BulkUpdate" else [{"code": "x", "sku": "s8"}]
    assert "rows" not in items.run(operation, {"data": NEW[1:]} if operation != "BulkUpdate" else {"data": rows})
    result = items.run(operation, {"data": rows, "return_rows": True})
    assert result["rows"].records() == [vars(items.table.read(rows[0]["code"]))]


# --- refusals ---


@pytest.mark.parametrize(
    ("operation", "given", "error", "path"),
    [
        ("BulkCreate", {}, errors.MissingParameterError, "node.data"),
        ("BulkUpsert", {}, errors.MissingParameterError, "node.data"),
        ("BulkCreate", {"records": NEW}, errors.UnknownParameterError, "node.records"),
        ("BulkCreate", {"data": NEW, "records": NEW}, errors.UnknownParameterError, "node.records"),
        ("BulkCreate", {"data": NEW, "on_conflcit": "update"}, errors.UnknownParameterError, "node.on_conflcit"),
        ("BulkCreate", {"data": NEW, "update_fields": "qty"}, errors.UnknownParameterError, "node.update_fields"),
        ("BulkCreate", {"data": NEW, "conflict_on": "sku"}, errors.InvalidOptionError, "conflict_on"),
        ("BulkCreate", {"data": NEW, "on_conflict": "replace"}, errors.InvalidOptionError, "node.on_conflict"),
        ("BulkCreate", {"data": NEW, "return_rows": 1}, errors.InvalidOptionError, "node.return_rows"),
        ("BulkCreate", {"data": NEW[0]}, errors.UnsupportedDataError, "data"),
        ("BulkCreate", {"data": None}, errors.UnsupportedDataError, "data"),
        ("BulkCreate", {"data": 5}, errors.UnsupportedDataError, "data"),
        ("BulkCreate", {"data": [{"code": "x", "skuu": "s"}]}, errors.UnknownFieldError, "data[0].skuu"),
        ("BulkCreate", {"data": [*NEW, {"code": "z"}]}, errors.MissingValueError, "data[2].sku"),
        ("BulkUpsert", {"data": NEW, "on_conflict": "ignore", "update_fields": "qty"}, errors.InvalidOptionError, None),
        (
            "BulkUpsert",
            {"data": NEW, "on_conflict": "update", "conflict_resolution": "update"},
            errors.InvalidParameterError,
            None,
        ),
        ("BulkUpdate", {}, errors.MissingParameterError, "node.updates"),
        ("BulkUpdate", {"filter": {"qty": 1}}, errors.MissingParameterError, "node.updates"),
        ("BulkUpdate", {"updates": {"qty": 1}}, errors.UnfilteredWriteError, None),
        ("BulkUpdate", {"data": ITEMS, "filter": {"qty": 1}}, errors.InvalidOptionError, "data"),
        ("BulkUpdate", {"data": ITEMS, "updates": {"qty": 1}}, errors.InvalidOptionError, "data"),
        (
            "BulkUpdate",
            {"filter": {"qty": 1}, "updates": {"qty": 2}, "on_missing": "skip"},
            errors.InvalidOptionError,
            None,
        ),
        ("BulkUpdate", {"filter": {"qty": 1}, "updates": {"qyt": 2}}, errors.UnknownFieldError, "updates.qyt"),
        ("BulkUpdate", {"filter": {"qyt": 1}, "updates": {"qty": 2}}, errors.UnknownFieldError, "filter.qyt"),
        (
            "BulkUpdate",
            {"filter": {"qty": 1}, "conditions": {"qty": 1}, "updates": {"qty": 2}},
            errors.InvalidParameterError,
            None,
        ),
        ("BulkUpdate", {"code": "a", "qty": 9}, errors.UnknownParameterError, None),
        ("BulkDelete", {}, errors.UnfilteredWriteError, None),
        ("BulkDelete", {"keys": ["a"], "filter": {"qty": 1}}, errors.InvalidOptionError, "keys"),
        ("BulkDelete", {"keys": ["a"], "conditions": {"qty": 1}}, errors.InvalidOptionError, "keys"),
        ("BulkDelete", {"keys": ["a"], "max_affected": 1}, errors.InvalidOptionError, "max_affected"),
        ("BulkDelete", {"filter": {"qyt": 1}}, errors.UnknownFieldError, "filter.qyt"),
        ("BulkDelete", {"data": ITEMS}, errors.UnknownParameterError, "node.data"),
        ("BulkDelete", {"filter": {"qty": 1}, "max_affected": -1}, errors.InvalidOptionError, "node.max_affected"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(
    items: Nodes, operation: str, given: Given, error: type[errors.DataFlowError], path: str | None
) -> None:
    refused = items.refuse(operation, given)
    assert (type(refused), refused.path) == (error, refused.path if path is None else path)
    assert items.records() == ITEMS


def test_a_connected_option_that_is_no_text_is_refused(items: Nodes) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(node(lambda: {"wanted": ["update"]}), "choice")
    workflow.add_node(items.name("BulkCreate"), "load", {"data": NEW})
    workflow.add_connection("choice", "wanted", "load", "conflict_resolution")
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(workflow.build(), awaited=items.awaited)
    assert isinstance(caught.value.__cause__, errors.InvalidOptionError)


@pytest.mark.parametrize("operation", ["BulkCreate", "BulkUpdate", "BulkDelete", "BulkUpsert"])
def test_options_that_cannot_be_say_so(db: DataFlow, operation: str) -> None:
    nodes = Nodes(fresh(db, Item))
    given = {"keys": ["a"]} if operation == "BulkDelete" else {"data": NEW}
    for name, kind in {"batch_size": errors.NotBuiltError, "parallel": errors.InvalidOptionError}.items():
        refused = nodes.refuse(operation, {**given, name: 10})
        assert (type(refused), refused.path) == (kind, f"node.{name}")
    assert nodes.records() == []


# --- the same as the call ---

CALLS: Mapping[str, tuple[str, Given, Callable[[Table[Any]], BulkResult]]] = {
    "create": ("BulkCreate", {"data": NEW}, lambda table: table.bulk_create(NEW)),
    "create or not": (
        "BulkCreate",
        {"data": CONFLICT, "on_conflict": "ignore", "return_rows": True},
        lambda table: table.bulk_create(CONFLICT, on_conflict="ignore", return_rows=True),
    ),
    "create nothing": ("BulkCreate", {"data": EMPTY}, lambda table: table.bulk_create([])),
    "update": (
        "BulkUpdate",
        {"filter": {"qty": {"$gt": 1}}, "updates": {"note": None}},
        lambda table: table.bulk_update({"qty": {"$gt": 1}}, {"note": None}),
    ),
    "update rows": (
        "BulkUpdate",
        {"data": CONFLICT, "on_missing": "skip", "return_rows": True},
        lambda table: table.bulk_update(data=CONFLICT, on_missing="skip", return_rows=True),
    ),
    "delete": ("BulkDelete", {"filter": {"qty": 2}}, lambda table: table.bulk_delete({"qty": 2})),
    "delete keys": ("BulkDelete", {"keys": ["a", "x"]}, lambda table: table.bulk_delete(keys=["a", "x"])),
    "upsert": (
        "BulkUpsert",
        {"data": CONFLICT, "return_rows": True},
        lambda table: table.bulk_upsert(CONFLICT, return_rows=True),
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_node_gives_what_the_call_gives(db: DataFlow, awaited: bool, call: str) -> None:
    operation, given, ask = CALLS[call]
    one, other = Nodes(fresh(db, Item), awaited), fresh(db, Item)
    for table in (one.table, other):
        table.bulk_create(ITEMS)
    given_back, answer = one.run(operation, given), ask(other)
    assert counts(given_back) == counts(answer)
    assert (given_back.rows is None) == (answer.rows is None)
    if given_back.rows is not None and answer.rows is not None:
        assert given_back["rows"].records() == answer.rows.records()
    assert one.records() == other.list(limit=None).records()
