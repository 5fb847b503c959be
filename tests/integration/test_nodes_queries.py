"""The nodes that look at many rows: `List` and `Count`."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import polars as pl
import pyarrow as pa
import pytest

from dataflow import DataFlow, LocalRuntime, MaxLength, Records, Table, WorkflowBuilder, errors
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes

Given = Mapping[str, Any]


class Item:
    __dataflow__ = {"soft_delete": True}  # noqa: RUF012
    name: Annotated[str, MaxLength(20)]
    kind: int
    note: str | None = None


class Place:
    __dataflow__ = {"key": ["hall", "no"]}  # noqa: RUF012
    hall: Annotated[str, MaxLength(10)]
    no: int


@pytest.fixture
def items(db: DataFlow, awaited: bool) -> Nodes:
    """Five live rows a to e, and f, which is deleted."""
    table = fresh(db, Item)
    table.bulk_create(
        [
            {"id": at, "name": name, "kind": at % 2, "note": name if at > 2 else None}
            for at, name in enumerate("abcdef", 1)
        ]
    )
    table.delete(6)
    return Nodes(table, awaited)


def names(found: Mapping[str, Any]) -> str:
    return "".join(record["name"] for record in found["records"])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, "abcde"),
        ({"filter": {}}, "abcde"),
        ({"filter": None}, "abcde"),
        ({"filter": {"kind": 1}}, "ace"),
        ({"conditions": {"kind": 1}}, "ace"),
        ({"filter": {"$or": [{"name": "a"}, {"note": {"$in": ["d", "e"]}}]}}, "ade"),
        ({"order_by": "-name"}, "edcba"),
        ({"order_by": ["kind", "-name"]}, "dbeca"),
        ({"limit": 2}, "ab"),
        ({"limit": None}, "abcde"),
        ({"limit": 0}, ""),
        ({"limit": 2, "offset": 3}, "de"),
        ({"offset": 4}, "e"),
        ({"include_deleted": True}, "abcdef"),
        ({"filter": {"kind": 0}, "include_deleted": True, "order_by": "-id", "limit": 1}, "f"),
        ({"fields": ["name"]}, "abcde"),
    ],
    ids=str,
)
def test_list_gives_the_rows_that_match(items: Nodes, given: Given, wanted: str) -> None:
    found = items.run("List", given)
    assert (names(found), found["count"]) == (wanted, len(wanted))
    assert set(found) == {"records", "count", "next", "previous"}


def test_the_cursors_of_a_page_lead_to_those_around_it(items: Nodes) -> None:
    first = items.run("List", {"order_by": "-name", "limit": 2})
    assert (names(first), first["previous"]) == ("ed", None)
    second = items.run("List", {"order_by": "-name", "limit": 2, "after": first["next"], "total": "exact"})
    assert (names(second), second["total"]) == ("cb", 5)
    assert items.run("List", {"order_by": "-name", "limit": 2, "after": second["next"]})["next"] is None
    assert names(items.run("List", {"order_by": "-name", "limit": 2, "before": second["previous"]})) == "ed"
    assert names(items.run("List", {"fields": ["kind"], "distinct": True} | {"filter": {"name": "x"}})) == ""


def test_the_total_is_of_all_that_match(items: Nodes) -> None:
    found = items.run("List", {"filter": {"kind": 1}, "limit": 1, "offset": 1, "total": True})
    assert (names(found), found["count"], found["total"]) == ("c", 1, 3)
    assert items.run("List", {"limit": 1, "total": True, "include_deleted": True})["total"] == 6


def test_records_are_dicts_arrow_and_frames(items: Nodes) -> None:
    records = items.run("List", {"filter": {"kind": 0}, "fields": ["id", "note"]})["records"]
    rows = [{"id": 2, "note": None}, {"id": 4, "note": "d"}]
    assert isinstance(records, Records)
    assert (records, list(records), records[1], len(records)) == (rows, rows, rows[1], 2)
    assert pa.table(records).to_pylist() == rows
    assert pl.DataFrame(records).to_dicts() == rows
    assert records.to_pandas()["id"].tolist() == [2, 4]


def test_records_of_nothing_are_none(items: Nodes) -> None:
    found = items.run("List", {"filter": {"name": "x"}})
    assert (found["records"], found["count"]) == ([], 0)
    assert pa.table(found["records"]).column_names == ["id", "name", "kind", "note", "deleted_at"]


def test_list_orders_by_a_key_of_several_fields(db: DataFlow, awaited: bool) -> None:
    places = Nodes(fresh(db, Place), awaited)
    places.table.bulk_create([{"hall": hall, "no": no} for no in (2, 1) for hall in "ba"])
    found = places.run("List")["records"]
    assert [(record["hall"], record["no"]) for record in found] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, 5),
        ({"filter": None}, 5),
        ({"filter": {"kind": 1}}, 3),
        ({"conditions": {"kind": 1}}, 3),
        ({"filter": {"note": None}}, 2),
        ({"include_deleted": True}, 6),
        ({"filter": {"name": "f"}}, 0),
    ],
    ids=str,
)
def test_count_gives_their_number(items: Nodes, given: Given, wanted: int) -> None:
    assert items.run("Count", given) == {"count": wanted}


@pytest.mark.parametrize("operation", ["List", "Count"])
@pytest.mark.parametrize(
    ("given", "error", "path"),
    [
        ({"filter": {"knid": 1}}, errors.UnknownFieldError, "filter.knid"),
        ({"filter": {"kind": {"$gtt": 1}}}, errors.UnknownOperatorError, "filter.kind.$gtt"),
        ({"filter": {"kind": "one"}}, errors.WrongTypeError, "filter.kind"),
        ({"filter": {}, "conditions": {}}, errors.InvalidParameterError, "node.conditions"),
        ({"kind": 1}, errors.UnknownParameterError, "node.kind"),
        ({"where": {"kind": 1}}, errors.UnknownParameterError, "node.where"),
        ({"include_deleted": "yes"}, errors.InvalidParameterError, "node.include_deleted"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(
    items: Nodes, operation: str, given: Given, error: type[errors.DataFlowError], path: str
) -> None:
    refused = items.refuse(operation, given)
    assert (type(refused), refused.path) == (error, path)


@pytest.mark.parametrize(
    ("given", "error", "path"),
    [
        ({"order_by": "nmae"}, errors.UnknownFieldError, "order_by"),
        ({"order_by": 5}, errors.InvalidFilterError, "order_by"),
        ({"order_by": [5]}, errors.InvalidFilterError, "order_by"),
        ({"limit": -1}, errors.InvalidFilterError, "limit"),
        ({"limit": "10"}, errors.InvalidParameterError, "node.limit"),
        ({"limit": True}, errors.InvalidFilterError, "limit"),
        ({"offset": -1}, errors.InvalidFilterError, "offset"),
        ({"fields": "name"}, errors.InvalidFilterError, "fields"),
        ({"fields": ["nmae"]}, errors.UnknownFieldError, "fields"),
        ({"after": "x"}, errors.InvalidCursorError, "after"),
        ({"before": "x", "after": "x"}, errors.InvalidFilterError, "before"),
        ({"total": "all"}, errors.InvalidFilterError, "total"),
        ({"page": 2}, errors.UnknownParameterError, "node.page"),
    ],
    ids=str,
)
def test_list_refuses(items: Nodes, given: Given, error: type[errors.DataFlowError], path: str) -> None:
    refused = items.refuse("List", given)
    assert type(refused) is error
    assert (refused.path or "").startswith(path)


def test_a_connection_from_a_total_that_is_not_asked_for_is_refused(items: Nodes) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(items.name("List"), "list")
    workflow.add_node("MergeNode", "merge")
    workflow.add_connection("list", "total", "merge", "total")
    with pytest.raises(errors.InvalidConnectionError) as caught:
        workflow.build()
    assert caught.value.path == "list.total"


def test_a_filter_may_come_from_another_node(items: Nodes) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node("MergeNode", "choice", {"kind": 1})
    workflow.add_node(items.name("Read"), "one", {"id": 3})
    workflow.add_node(items.name("Count"), "count", {"filter": {"kind": 1}})
    workflow.add_node(items.name("List"), "list")
    workflow.add_connection("one", "name", "list", "order_by")
    workflow.add_connection("count", "count", "list", "limit")
    with pytest.raises(errors.NodeExecutionError) as caught:
        LocalRuntime().execute(workflow.build())
    assert isinstance(caught.value.__cause__, errors.UnknownFieldError)
    items.table.update(3, {"name": "note"})
    results, _ = LocalRuntime().execute(workflow.build())
    assert results["list"]["count"] == 3


CALLS: Mapping[str, tuple[Given, Callable[[Table[Any]], Any]]] = {
    "all": ({}, lambda table: table.list()),
    "some": (
        {"filter": {"kind": 1}, "order_by": ["-id"], "limit": 2, "offset": 1},
        lambda table: table.list({"kind": 1}, order_by=["-id"], limit=2, offset=1),
    ),
    "fields": ({"fields": ["note", "id"]}, lambda table: table.list(fields=["note", "id"])),
    "deleted": ({"include_deleted": True}, lambda table: table.list(include_deleted=True)),
}


@pytest.mark.parametrize("call", CALLS)
def test_list_gives_what_the_call_gives(items: Nodes, call: str) -> None:
    given, ask = CALLS[call]
    found, rows = items.run("List", given)["records"], ask(items.table)
    assert found == rows.records()
    assert found.to_arrow().equals(rows.to_arrow())


@pytest.mark.parametrize("filter", [None, {}, {"kind": 1}, {"note": None}, {"name": {"$gt": "c"}}], ids=str)
def test_count_gives_what_the_call_gives(items: Nodes, filter: Given | None) -> None:
    assert items.run("Count", {"filter": filter})["count"] == items.table.count(filter)


def test_filters_of_columns_are_taken_too(items: Nodes) -> None:
    kind = items.table.c.kind
    assert names(items.run("List", {"filter": kind == 1})) == "ace"
    assert items.run("Count", {"filter": ~(kind == 1)}) == {"count": 2}
