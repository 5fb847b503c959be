"""The nodes of a model before a run: what they take, what they lack, and what a subclass may change."""

from collections.abc import Iterator
from typing import Any

import pytest

from dataflow import DataFlow, LocalRuntime, Node, NodeRegistry, Records, WorkflowBuilder, errors
from dataflow.nodes.bulk import BulkCreateNode
from dataflow.nodes.generated import OPERATIONS


class Item:
    sku: str
    qty: int = 0


class Seat:
    row: int
    place: int
    fields: str | None = None
    __dataflow__ = {"key": ["row", "place"]}  # noqa: RUF012


@pytest.fixture
def db() -> Iterator[DataFlow]:
    with DataFlow("sqlite:///:memory:") as flow:
        flow.model(type("Item", (), {"__annotations__": Item.__annotations__, "qty": 0}))
        flow.model(type("Seat", (), dict(vars(Seat))))
        yield flow


def kind(db: DataFlow, name: str) -> type[Any]:
    found = NodeRegistry.get(name, db)
    assert isinstance(found, type)
    return found


def make(db: DataFlow, operation: str, model: str = "Item") -> Node:
    made: Node = kind(db, f"{model}{operation}Node")()
    return made


def execute(db: DataFlow, cls: Any, **parameters: Any) -> dict[str, Any]:
    workflow = WorkflowBuilder(db)
    workflow.add_node(cls, "a", parameters)
    return dict(LocalRuntime().execute(workflow.build())[0]["a"])


NEEDS = [
    ("Create", [], ["sku"]),
    ("Create", ["sku"], []),
    ("Create", ["data"], []),
    ("Read", [], ["id"]),
    ("Read", ["include_deleted"], ["id"]),
    ("Read", ["key"], []),
    ("Read", ["id"], []),
    ("Update", ["updates"], ["id"]),
    ("Update", ["filter"], []),
    ("Update", ["conditions"], []),
    ("Update", ["data"], []),
    ("Delete", ["hard"], ["id"]),
    ("Delete", ["conditions"], []),
    ("Delete", ["key"], []),
    ("List", [], []),
    ("Count", [], []),
    ("Aggregate", [], ["pipeline"]),
    ("Aggregate", ["pipeline"], []),
    ("BulkCreate", [], ["data"]),
    ("BulkUpsert", [], ["data"]),
    ("BulkUpdate", ["filter"], ["updates"]),
    ("BulkUpdate", ["fields"], []),
    ("BulkUpdate", ["data"], []),
]


@pytest.mark.parametrize(("operation", "given", "missing"), NEEDS)
def test_what_a_node_cannot_do_without_is_known(db: DataFlow, operation: str, given: list[str], missing: list[str]):
    assert make(db, operation).missing_parameters(given) == missing


def test_all_fields_of_a_key_are_needed(db: DataFlow):
    assert make(db, "Read", "Seat").missing_parameters([]) == ["row", "place"]
    assert make(db, "Delete", "Seat").missing_parameters(["place"]) == ["row"]
    assert make(db, "Create", "Seat").missing_parameters(["row"]) == ["place"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_signature_of_a_kind_is_read_once(db: DataFlow, operation: str):
    cls = kind(db, f"Item{operation}Node")
    assert cls().signature() is cls().signature()
    assert not cls().signature().open


def test_a_parameter_wins_over_a_field_of_its_name(db: DataFlow):
    parameters = make(db, "Update", "Seat").signature().parameters
    assert parameters["fields"] == parameters["updates"]
    assert "fields" in make(db, "Create", "Seat").signature().parameters


@pytest.mark.parametrize(
    ("operation", "given", "names"),
    [
        ("List", ["filter", "conditions"], "`filter` and `conditions`"),
        ("List", ["conditions", "filter"], "`conditions` and `filter`"),
        ("Update", ["update", "fields"], "`update` and `fields`"),
        ("BulkCreate", ["conflict_resolution", "on_conflict"], "`conflict_resolution` and `on_conflict`"),
    ],
)
def test_two_names_of_one_parameter_are_refused(db: DataFlow, operation: str, given: list[str], names: str):
    with pytest.raises(errors.InvalidParameterError) as caught:
        make(db, operation).check_parameters(dict.fromkeys(given[:1]), given[1:])
    assert (caught.value.message, caught.value.path) == (f"{names} are names of one parameter", given[1])


@pytest.mark.parametrize(
    ("given", "kind", "path"),
    [
        ({"on_conflict": "explode"}, errors.InvalidOptionError, "on_conflict"),
        ({"duplicates": "some"}, errors.InvalidOptionError, "duplicates"),
        ({"parallel": 4}, errors.InvalidOptionError, "parallel"),
        ({"batch_size": 4}, errors.NotBuiltError, "batch_size"),
    ],
)
def test_an_option_that_cannot_be_is_found_before_the_run(
    db: DataFlow, given: dict[str, Any], kind: type[errors.DataFlowError], path: str
):
    with pytest.raises(kind) as caught:
        make(db, "BulkCreate").check_parameters({"data": [], **given}, ())
    assert caught.value.path == path


@pytest.mark.parametrize("word", ["ignore", "skip", "update", "upsert", "error"])
def test_words_of_others_for_a_conflict_are_known(db: DataFlow, word: str):
    make(db, "BulkCreate").check_parameters({"conflict_resolution": word}, ["data"])


def test_a_total_is_an_output_where_it_is_asked_for(db: DataFlow):
    node = make(db, "List")
    page = ["records", "count", "next", "previous"]
    assert node.signature().outputs == {"records": Records, "count": int, "next": str, "previous": str, "total": int}
    for unasked in ({}, {"total": False}, {"total": "none"}):
        assert list(node.possible_outputs(unasked, ()) or ()) == page
    for asked in (True, "exact"):
        assert list(node.possible_outputs({"total": asked}, ()) or ()) == [*page, "total"]
    assert list(node.possible_outputs({}, ["total"]) or ()) == [*page, "total"]


def test_a_shipped_class_without_a_model_says_where_to_take_it():
    with pytest.raises(errors.InvalidParameterError) as caught:
        BulkCreateNode()
    assert caught.value.message == "BulkCreateNode belongs to no model"
    assert caught.value.hint == 'take it by its name, e.g. "ProductListNode", or from NodeRegistry.get(name)'


# --- subclasses ---


def test_a_run_of_ones_own_adds_parameters(db: DataFlow):
    class Audited(kind(db, "ItemCreateNode")):  # type: ignore[misc]
        def run(self, reason: str, **given: Any) -> Any:
            return {**super().run(**given), "reason": reason}

    parameters = Audited().signature().parameters
    assert {"reason", "sku", "qty", "data"} <= set(parameters)
    assert Audited().missing_parameters([]) == ["reason"]
    assert execute(db, Audited, reason="test", sku="a") == {"id": 1, "sku": "a", "qty": 0, "reason": "test"}


def test_a_run_of_ones_own_may_fill_what_is_needed(db: DataFlow):
    class Filled(kind(db, "ItemCreateNode")):  # type: ignore[misc]
        def run(self, **given: Any) -> Any:
            return super().run(sku="filled", **given)

    assert execute(db, Filled)["sku"] == "filled"


def test_a_run_of_ones_own_without_more_names_takes_those_alone(db: DataFlow):
    class Mock(kind(db, "ItemBulkCreateNode")):  # type: ignore[misc]
        def run(self, data: list[dict[str, Any]]) -> Any:
            return {"stored": len(data)}

    assert list(Mock().signature().parameters) == ["data"]
    assert execute(db, Mock, data=[{}, {}]) == {"stored": 2}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_other_outputs_have_no_rows_to_count(db: DataFlow, operation: str):
    def run(self: Any, **given: Any) -> Any:
        return {"other": 1}

    mock = type("Mock", (kind(db, f"Item{operation}Node"),), {"run": run})
    assert execute(db, mock) == {"other": 1}
