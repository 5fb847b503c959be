"""The nodes that write or read one row: how it is named, what they give, what they refuse."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Table, Unique, errors
from tests.integration.fresh import fresh
from tests.integration.nodes import PLACES, Nodes

Given = Mapping[str, Any]


class Item:
    sku: Annotated[str, MaxLength(20), Unique()]
    name: str
    qty: int = 5
    note: str | None = None


ITEMS = [
    {"id": 1, "sku": "s1", "name": "tea", "qty": 1, "note": "n1"},
    {"id": 2, "sku": "s2", "name": "tea", "qty": 2, "note": None},
]


@pytest.fixture
def items(db: DataFlow, awaited: bool) -> Nodes:
    table = fresh(db, Item)
    table.bulk_create(ITEMS)
    return Nodes(table, awaited)


# --- create ---


@pytest.mark.parametrize("form", [lambda fields: fields, lambda fields: {"data": fields}], ids=["flat", "data"])
def test_create_gives_the_row_as_stored(items: Nodes, form: Callable[[Given], Given]) -> None:
    made = items.run("Create", form({"sku": "s3", "name": "milk"}))
    assert made == {"id": made["id"], "sku": "s3", "name": "milk", "qty": 5, "note": None}
    assert items.records() == [*ITEMS, made]


def test_create_takes_an_instance_and_a_given_key(items: Nodes) -> None:
    given = items.run("Create", {"id": 70, "sku": "s3", "name": "milk", "qty": 1, "note": "n"})
    assert given == {"id": 70, "sku": "s3", "name": "milk", "qty": 1, "note": "n"}
    made = items.run("Create", {"data": items.table._cls(sku="s4", name="pot")})
    assert (made["id"], made["qty"]) == (71, 5)
    assert items.records() == [*ITEMS, given, made]


def test_create_knows_a_key_of_several_fields(hall_nodes: Nodes) -> None:
    assert hall_nodes.run("Create", {"no": 3, "hall": "a"}) == {"hall": "a", "no": 3, "label": "-", "deleted_at": None}


@pytest.mark.parametrize(
    ("given", "error", "path"),
    [
        ({}, errors.MissingParameterError, "node.sku"),
        ({"sku": "s3"}, errors.MissingParameterError, "node.name"),
        ({"sku": "s3", "nmae": "x"}, errors.UnknownParameterError, "node.nmae"),
        ({"data": {"sku": "s3", "nmae": "x"}}, errors.UnknownFieldError, "nmae"),
        ({"data": {"sku": "s3"}}, errors.MissingValueError, "name"),
        ({"data": {"sku": "s3"}, "name": "x"}, errors.InvalidParameterError, "name"),
        ({"data": "s3"}, errors.UnsupportedDataError, "instance"),
        ({"sku": "s1", "name": "x"}, errors.UniqueViolationError, None),
        ({"sku": 3, "name": "x"}, errors.WrongTypeError, "sku"),
    ],
)
def test_create_refuses(items: Nodes, given: Given, error: type[errors.DataFlowError], path: str | None) -> None:
    refused = items.refuse("Create", given)
    assert (type(refused), refused.path) == (error, refused.path if path is None else path)
    assert items.records() == ITEMS


# --- read ---


@pytest.mark.parametrize("given", [{"key": 2}, {"id": 2}], ids=["key", "field"])
def test_read_gives_the_row(items: Nodes, given: Given) -> None:
    assert items.run("Read", given) == ITEMS[1]


@pytest.mark.parametrize("given", [{"key": ("b", 1)}, {"no": 1, "hall": "b"}], ids=["key", "fields"])
def test_read_knows_a_key_of_several_fields(hall_nodes: Nodes, given: Given) -> None:
    assert hall_nodes.run("Read", given) == {**PLACES[2], "deleted_at": None}


def test_read_of_nothing_raises_unless_told_otherwise(items: Nodes) -> None:
    missed = items.refuse("Read", {"id": 9})
    assert (type(missed), missed.path) == (errors.NotFoundError, "key")
    assert items.run("Read", {"id": 9, "raise_on_not_found": False}) == {"found": False}
    assert items.run("Read", {"id": 1, "raise_on_not_found": False}) == ITEMS[0]


def test_read_shows_a_deleted_row_where_asked(hall_nodes: Nodes) -> None:
    hall_nodes.table.delete(("a", 1))
    assert type(hall_nodes.refuse("Read", {"key": ("a", 1)})) is errors.NotFoundError
    shown = hall_nodes.run("Read", {"key": ("a", 1), "include_deleted": True})
    assert shown["label"] == "a1"
    assert shown["deleted_at"] is not None


# --- update ---


@pytest.mark.parametrize(
    "given",
    [
        {"filter": {"sku": "s2"}, "updates": {"qty": 9}},
        {"filter": {"id": 2}, "updates": {"qty": 9}},
        {"conditions": {"sku": "s2"}, "update": {"qty": 9}},
        {"filter": {"sku": "s2"}, "fields": {"qty": 9}},
        {"conditions": {"sku": "s2"}, "updates": {"qty": 9}},
        {"key": 2, "updates": {"qty": 9}},
        {"id": 2, "updates": {"qty": 9}},
        {"id": 2, "qty": 9},
        {"key": 2, "qty": 9},
        {"filter": {"sku": "s2"}, "qty": 9},
        {"data": {"id": 2, "qty": 9}},
        {"key": 2, "data": {"qty": 9}},
        {"filter": {"sku": "s2"}, "data": {"qty": 9}},
    ],
    ids=lambda given: "-".join(given),
)
def test_update_gives_the_row_as_stored(items: Nodes, given: Given) -> None:
    assert items.run("Update", given) == {**ITEMS[1], "qty": 9}
    assert items.records() == [ITEMS[0], {**ITEMS[1], "qty": 9}]


def test_update_takes_an_instance(items: Nodes) -> None:
    item = items.table.read(2)
    item.note = "new"
    assert items.run("Update", {"data": item}) == {**ITEMS[1], "note": "new"}


@pytest.mark.parametrize(
    "given",
    [
        {"key": ("b", 1), "updates": {"label": "x"}},
        {"hall": "b", "no": 1, "updates": {"label": "x"}},
        {"hall": "b", "no": 1, "label": "x"},
        {"data": {"hall": "b", "no": 1, "label": "x"}},
        {"filter": {"hall": "b", "no": {"$lt": 2}}, "updates": {"label": "x"}},
    ],
    ids=lambda given: "-".join(given),
)
def test_update_knows_a_key_of_several_fields(hall_nodes: Nodes, given: Given) -> None:
    assert hall_nodes.run("Update", given)["label"] == "x"
    assert [row["label"] for row in hall_nodes.records()] == ["a1", "a2", "x", "b2"]


@pytest.mark.parametrize(
    ("given", "error", "path"),
    [
        ({}, errors.MissingParameterError, "node.id"),
        ({"qty": 9}, errors.MissingParameterError, "node.id"),
        ({"updates": {"qty": 9}}, errors.MissingParameterError, "node.id"),
        ({"filter": {"id": 1}}, errors.UnsupportedDataError, "updates"),
        ({"id": 1}, errors.UnsupportedDataError, "updates"),
        ({"filter": {"id": 1}, "conditions": {"id": 2}, "updates": {"qty": 9}}, errors.InvalidParameterError, None),
        ({"filter": {"id": 1}, "updates": {"qty": 8}, "update": {"qty": 9}}, errors.InvalidParameterError, None),
        ({"filter": {"id": 1}, "update": {"qty": 8}, "fields": {"qty": 9}}, errors.InvalidParameterError, None),
        ({"filter": {"id": 1}, "key": 2, "updates": {"qty": 9}}, errors.InvalidParameterError, "key"),
        ({"filter": {"id": 1}, "key": 2, "qty": 9}, errors.InvalidParameterError, "key"),
        ({"id": 1, "updates": {"qty": 9}, "data": {"qty": 8}}, errors.InvalidParameterError, "data"),
        ({"id": 1, "qty": 9, "data": {"qty": 8}}, errors.InvalidParameterError, "id"),
        ({"id": 1, "note": "x", "updates": {"qty": 9}}, errors.InvalidParameterError, "note"),
        ({"filter": {"id": 1}, "note": "x", "updates": {"qty": 9}}, errors.InvalidParameterError, "note"),
        ({"id": 1, "qyt": 9}, errors.UnknownParameterError, "node.qyt"),
        ({"id": 1, "updates": {"qyt": 9}}, errors.UnknownFieldError, "updates.qyt"),
        ({"filter": {"di": 1}, "updates": {"qty": 9}}, errors.UnknownFieldError, "filter.di"),
        ({"id": 9, "updates": {"qty": 9}}, errors.NotFoundError, None),
        ({"filter": {"name": "tea"}, "updates": {"qty": 9}}, errors.MultipleRowsError, None),
        ({"filter": {}, "updates": {"qty": 9}}, errors.UnfilteredWriteError, None),
        ({"id": 1, "updates": [9]}, errors.UnsupportedDataError, "updates"),
    ],
    ids=str,
)
def test_update_refuses(items: Nodes, given: Given, error: type[errors.DataFlowError], path: str | None) -> None:
    refused = items.refuse("Update", given)
    assert (type(refused), refused.path) == (error, refused.path if path is None else path)
    assert items.records() == ITEMS


@pytest.mark.parametrize("other", [{"filter": {"id": 1}}, {"key": 1}, {"conditions": {"id": 1}}], ids=str)
def test_update_refuses_an_instance_beside_another_row(items: Nodes, other: Given) -> None:
    item = items.table.read(2)
    item.qty = 9
    refused = items.refuse("Update", {**other, "data": item})
    assert type(refused) is errors.InvalidParameterError
    assert items.records() == ITEMS


# --- delete ---


@pytest.mark.parametrize(
    "given", [{"key": 2}, {"id": 2}, {"filter": {"sku": "s2"}}, {"conditions": {"qty": {"$gt": 1}}}]
)
def test_delete_tells_how_many(items: Nodes, given: Given) -> None:
    assert items.run("Delete", given) == {"deleted": 1}
    assert items.records() == ITEMS[:1]


@pytest.mark.parametrize(
    "given", [{"key": ("b", 1)}, {"no": 1, "hall": "b"}, {"filter": {"label": "b1"}}], ids=lambda given: "-".join(given)
)
@pytest.mark.parametrize("hard", [False, True])
def test_delete_knows_a_key_of_several_fields(hall_nodes: Nodes, given: Given, hard: bool) -> None:
    assert hall_nodes.run("Delete", {**given, "hard": hard}) == {"deleted": 1}
    assert [row["label"] for row in hall_nodes.records()] == ["a1", "a2", "b2"]
    assert hall_nodes.table.count(include_deleted=True) == (3 if hard else 4)


@pytest.mark.parametrize(
    ("given", "error", "path"),
    [
        ({}, errors.MissingParameterError, "node.id"),
        ({"hard": True}, errors.MissingParameterError, "node.id"),
        ({"sku": "s1"}, errors.MissingParameterError, "node.id"),
        ({"id": 1, "sku": "s1"}, errors.InvalidParameterError, "sku"),
        ({"key": 1, "id": 1}, errors.InvalidParameterError, "id"),
        ({"filter": {"id": 1}, "sku": "s1"}, errors.InvalidParameterError, "sku"),
        ({"filter": {"id": 1}, "key": 1}, errors.InvalidParameterError, "key"),
        ({"filter": {"id": 1}, "conditions": {"id": 1}}, errors.InvalidParameterError, None),
        ({"data": {"id": 1}}, errors.UnknownParameterError, "node.data"),
        ({"filter": {"id": 9}}, errors.NotFoundError, None),
        ({"key": 9}, errors.NotFoundError, None),
        ({"filter": {"name": "tea"}}, errors.MultipleRowsError, None),
        ({"filter": {}}, errors.UnfilteredWriteError, None),
        ({"filter": {"skuu": "s1"}}, errors.UnknownFieldError, "filter.skuu"),
        ({"key": (1, 2)}, errors.InvalidFilterError, "key"),
    ],
    ids=str,
)
def test_delete_refuses(items: Nodes, given: Given, error: type[errors.DataFlowError], path: str | None) -> None:
    refused = items.refuse("Delete", given)
    assert (type(refused), refused.path) == (error, refused.path if path is None else path)
    assert items.records() == ITEMS


# --- upsert ---


@pytest.mark.parametrize("form", [lambda fields: fields, lambda fields: {"data": fields}], ids=["flat", "data"])
def test_upsert_gives_the_row_and_whether_it_was_created(items: Nodes, form: Callable[[Given], Given]) -> None:
    assert items.run("Upsert", form({"id": 2, "qty": 9})) == {**ITEMS[1], "qty": 9, "created": False}
    made = items.run("Upsert", form({"id": 7, "sku": "s7", "name": "pot"}))
    assert made == {"id": 7, "sku": "s7", "name": "pot", "qty": 5, "note": None, "created": True}
    assert items.table.count() == 3


def test_upsert_finds_by_other_fields_and_changes_some(items: Nodes) -> None:
    given = {"sku": "s2", "name": "milk", "qty": 9}
    assert items.run("Upsert", {**given, "conflict_on": "sku", "update_fields": "qty"})["name"] == "tea"
    changed = items.run("Upsert", {"data": given, "conflict_on": ["sku"], "update_fields": ["name"]})
    assert changed == {**ITEMS[1], "qty": 9, "name": "milk", "created": False}


def test_upsert_takes_an_instance(items: Nodes) -> None:
    item = items.table.read(1)
    item.qty = 9
    assert items.run("Upsert", {"data": item}) == {**ITEMS[0], "qty": 9, "created": False}


@pytest.mark.parametrize(
    ("given", "error", "path"),
    [
        ({"data": {"id": 1}, "qty": 9}, errors.InvalidParameterError, "qty"),
        ({"id": 1, "qyt": 9}, errors.UnknownParameterError, "node.qyt"),
        ({"data": {"id": 1, "qyt": 9}}, errors.UnknownFieldError, "qyt"),
        ({"id": 9, "qty": 9}, errors.MissingValueError, None),
        ({"id": 1, "sku": "s2"}, errors.UniqueViolationError, None),
        ({"sku": "s1", "qty": 9, "conflict_on": "name"}, errors.InvalidOptionError, "conflict_on"),
        ({"sku": "s1", "qty": 9, "conflict_on": "skuu"}, errors.UnknownFieldError, None),
        ({"id": 2, "sku": "s1", "conflict_on": "sku"}, errors.KeyMismatchError, None),
        ({"data": 5}, errors.UnsupportedDataError, "instance"),
    ],
    ids=str,
)
def test_upsert_refuses(items: Nodes, given: Given, error: type[errors.DataFlowError], path: str | None) -> None:
    refused = items.refuse("Upsert", given)
    assert (type(refused), refused.path) == (error, refused.path if path is None else path)
    assert items.records() == ITEMS


# --- the same as the call ---

CALLS: Mapping[str, tuple[str, Given, Callable[[Table[Any]], Any]]] = {
    "create": ("Create", {"sku": "s3", "name": "x"}, lambda table: table.create(sku="s3", name="x")),
    "read": ("Read", {"id": 2}, lambda table: table.read(2)),
    "update": ("Update", {"id": 2, "qty": 9}, lambda table: table.update(2, {"qty": 9})),
    "update by filter": (
        "Update",
        {"filter": {"qty": {"$gt": 1}}, "updates": {"note": None, "qty": 7}},
        lambda table: table.update({"qty": {"$gt": 1}}, {"note": None, "qty": 7}),
    ),
    "upsert": (
        "Upsert",
        {"sku": "s2", "note": "x", "conflict_on": "sku"},
        lambda table: table.upsert({"sku": "s2", "note": "x"}, "sku"),
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_node_gives_what_the_call_gives(db: DataFlow, awaited: bool, call: str) -> None:
    operation, given, ask = CALLS[call]
    one, other = Nodes(fresh(db, Item), awaited), fresh(db, Item)
    for table in (one.table, other):
        table.bulk_create(ITEMS)
    assert one.run(operation, given) == vars(ask(other))
    assert one.records() == other.list().records()


@pytest.mark.parametrize(
    ("operation", "given", "ask"),
    [
        ("Create", {"sku": "s1", "name": "x"}, lambda table: table.create(sku="s1", name="x")),
        ("Read", {"id": 9}, lambda table: table.read(9)),
        ("Update", {"id": 1, "qty": "x"}, lambda table: table.update(1, {"qty": "x"})),
        ("Update", {"id": 9, "qty": 1}, lambda table: table.update(9, {"qty": 1})),
        ("Delete", {"filter": {"name": "tea"}}, lambda table: table.delete({"name": "tea"})),
        ("Upsert", {"id": 9}, lambda table: table.upsert({"id": 9})),
    ],
)
def test_a_node_fails_as_the_call_fails(
    items: Nodes, operation: str, given: Given, ask: Callable[[Table[Any]], Any]
) -> None:
    with pytest.raises(errors.DataFlowError) as caught:
        ask(items.table)
    refused = items.refuse(operation, given)
    assert type(refused) is type(caught.value)
    assert refused.message == caught.value.message
