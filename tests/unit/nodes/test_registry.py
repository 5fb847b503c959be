"""Kinds of nodes by their names: registered, shipped, of models that are open, planned, unknown."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dataflow import DataFlow, MergeNode, Node, NodeRegistry, SwitchNode, errors, node
from dataflow.nodes.generated import OPERATIONS


def open_with(*models: str) -> DataFlow:
    """A database in memory that has these models."""
    db = DataFlow("sqlite:///:memory:")
    for name in models:
        db.model(type(name, (), {"__annotations__": {"id": int, "name": str}}))
    return db


def define(name: str = "StampNode", module: str = "shop") -> type[Node]:
    """A class as a cell of a notebook defines it."""
    return type(name, (Node,), {"run": lambda self, data: {"data": data}, "__module__": module})


@pytest.fixture(autouse=True)
def registered() -> Iterator[dict[str, Any]]:
    """What is registered, and forgotten after the test."""
    before = dict(NodeRegistry._registered)
    gc.collect()
    yield NodeRegistry._registered
    NodeRegistry._registered.clear()
    NodeRegistry._registered.update(before)


def refused(call: Callable[[], object], kind: type[errors.DataFlowError]) -> errors.DataFlowError:
    with pytest.raises(kind) as caught:
        call()
    return caught.value


# --- registered ---


def test_a_class_is_registered_under_its_name_or_another():
    stamp = define()
    assert NodeRegistry.register(stamp) is stamp
    assert NodeRegistry.register(stamp, "Other") is stamp
    assert [NodeRegistry.get("StampNode"), NodeRegistry.get("Other")] == [stamp, stamp]
    assert {"StampNode", "Other"} <= set(NodeRegistry.list())


def test_a_function_is_registered_by_decorators():
    @NodeRegistry.register
    @node(name="Trim")
    def trim(text: str) -> str:
        return text.strip()

    assert NodeRegistry.get("Trim") is trim
    assert trim(" a ") == "a"


def test_a_kind_can_be_taken_out():
    NodeRegistry.register(define())
    NodeRegistry.unregister("StampNode")
    assert "StampNode" not in NodeRegistry.list()
    error = refused(lambda: NodeRegistry.unregister("StampNode"), errors.UnknownNodeError)
    assert (error.message, error.path) == ("no node `StampNode` is registered", "StampNode")


def test_a_cell_that_runs_again_takes_the_place_of_the_one_before():
    first, second = define(), define()
    NodeRegistry.register(first)
    NodeRegistry.register(second)
    assert NodeRegistry.get("StampNode") is second


@pytest.mark.parametrize("name", ["StampNode", "SwitchNode", "MergeNode", "CacheNode"])
def test_a_name_that_another_kind_has_is_refused(name: str):
    NodeRegistry.register(define())
    error = refused(lambda: NodeRegistry.register(define(module="elsewhere"), name), errors.InvalidNodeError)
    assert (error.message, error.path) == (f"there is another kind of node called `{name}`", name)
    assert error.hint == "register it under another name: register(kind, name)"


def test_two_functions_of_one_name_are_told_apart():
    def make(module: str) -> Any:
        def tidy() -> None: ...

        tidy.__module__ = module
        return node(tidy)

    NodeRegistry.register(make("one"))
    NodeRegistry.register(make("one"))
    assert "tidy" in refused(lambda: NodeRegistry.register(make("two")), errors.InvalidNodeError).message


def test_an_attribute_of_a_class_says_nothing_of_its_origin():
    one, other = define("A", "one"), define("A", "two")
    one.function = other.function = "abs"  # type: ignore[attr-defined]
    NodeRegistry.register(one, "A")
    refused(lambda: NodeRegistry.register(other, "A"), errors.InvalidNodeError)


@pytest.mark.parametrize("name", [None, "Other"])
@pytest.mark.parametrize("kind", [len, int, None, "SwitchNode", object()], ids=str)
def test_what_is_no_node_is_refused_under_every_name(kind: Any, name: str | None):
    error = refused(lambda: NodeRegistry.register(kind, name), errors.InvalidNodeError)
    assert error.hint == "derive the class from `Node`, or write `@node` above the function"


@pytest.mark.parametrize("name", ["", 5])
def test_a_name_is_a_text(name: Any):
    assert refused(lambda: NodeRegistry.register(define(), name), errors.InvalidNodeError).path == "name"
    assert NodeRegistry.list() == sorted(NodeRegistry.list())


@pytest.mark.parametrize("name", [5, None, ["SwitchNode"]], ids=str)
def test_what_is_looked_up_is_a_text(name: Any):
    error = refused(lambda: NodeRegistry.get(name), errors.InvalidNodeError)
    assert error.message == f"the name of a kind of node is a text, got {type(name).__name__}"


# --- shipped, planned, unknown ---


def test_the_shipped_kinds_are_there():
    assert (NodeRegistry.get("SwitchNode"), NodeRegistry.get("MergeNode")) == (SwitchNode, MergeNode)


@pytest.mark.parametrize("name", ["CacheNode", "SagaCoordinatorNode", "GoodsWatchNode"])
def test_a_planned_kind_says_that_it_is_not_built(name: str):
    db = open_with("Goods")
    error = refused(lambda: NodeRegistry.get(name), errors.NotBuiltError)
    assert (error.message, error.path) == (f"`{name}` is not built yet", name)
    db.close()


def test_an_operation_of_later_needs_its_model():
    refused(lambda: NodeRegistry.get("NoSuchWatchNode"), errors.UnknownNodeError)


def test_an_unknown_kind_is_answered_with_the_one_meant():
    db = open_with("Goods")
    error = refused(lambda: NodeRegistry.get("GoodsCreatNode"), errors.UnknownNodeError)
    assert (error.message, error.path) == ("there is no node `GoodsCreatNode`", "GoodsCreatNode")
    assert error.hint == "did you mean `GoodsCreateNode`?"
    db.close()


def test_a_shipped_kind_is_suggested_without_any_model():
    assert refused(lambda: NodeRegistry.get("SwichNode"), errors.UnknownNodeError).hint == "did you mean `SwitchNode`?"


def test_the_names_of_another_database_are_not_suggested():
    db, other = open_with("Goods"), open_with("Extra")
    error = refused(lambda: NodeRegistry.get("GoodsListNode", other), errors.UnknownNodeError)
    assert error.hint is not None
    assert "GoodsListNode" not in error.hint
    db.close()
    other.close()


# --- of models ---


def test_a_model_has_twelve_kinds():
    db = open_with("Goods")
    names = [name for name in NodeRegistry.list() if name.startswith("Goods")]
    assert names == sorted(f"Goods{operation}Node" for operation in OPERATIONS)
    assert len(names) == 12
    for name in names:
        kind = NodeRegistry.get(name)
        assert isinstance(kind, type)
        assert (kind.__name__, kind.model_name, kind.database) == (name, "Goods", db)
    db.close()


def test_the_name_of_a_model_may_end_like_an_operation():
    db = open_with("Parcel", "ParcelBulk", "Bulk")
    found = {name: NodeRegistry.get(name) for name in ("ParcelBulkCreateNode", "ParcelBulkBulkCreateNode")}
    assert {name: kind.model_name for name, kind in found.items()} == {
        "ParcelBulkCreateNode": "Parcel",
        "ParcelBulkBulkCreateNode": "ParcelBulk",
    }
    assert NodeRegistry.get("ParcelBulkListNode").model_name == "ParcelBulk"
    assert NodeRegistry.get("BulkCreateNode").model_name == "Bulk"
    db.close()


def test_the_longer_model_is_meant_where_there_is_only_that():
    db = open_with("ParcelBulk")
    kind = NodeRegistry.get("ParcelBulkCreateNode")
    assert isinstance(kind, type)
    assert (kind.model_name, issubclass(kind, OPERATIONS["Create"])) == ("ParcelBulk", True)
    db.close()


def test_a_model_of_two_databases_must_be_told_apart():
    db, other = open_with("Goods"), open_with("Goods")
    error = refused(lambda: NodeRegistry.get("GoodsListNode"), errors.AmbiguousNodeError)
    assert (error.message, error.path) == ("two open DataFlow have the model of `GoodsListNode`", "GoodsListNode")
    assert error.hint == "WorkflowBuilder(db) decides; or close the other one"
    assert [NodeRegistry.get("GoodsListNode", one).database for one in (db, other)] == [db, other]
    assert NodeRegistry.list().count("GoodsListNode") == 1
    other.close()
    assert NodeRegistry.get("GoodsListNode").database is db
    db.close()


def test_closing_a_database_takes_its_kinds_out():
    db = open_with("Goods")
    db.close()
    assert not any(name.startswith("Goods") for name in NodeRegistry.list())
    refused(lambda: NodeRegistry.get("GoodsListNode"), errors.UnknownNodeError)


def test_a_database_that_nobody_uses_is_no_place_to_look():
    db = open_with("Goods")
    assert "GoodsListNode" in NodeRegistry.list()
    del db
    gc.collect()
    assert "GoodsListNode" not in NodeRegistry.list()


def test_a_kind_that_is_registered_and_generated_is_ambiguous():
    db = open_with("Goods")
    NodeRegistry.register(define("GoodsListNode"))
    error = refused(lambda: NodeRegistry.get("GoodsListNode"), errors.AmbiguousNodeError)
    assert error.message == "`GoodsListNode` is registered, and is a node of a model too"
    assert error.hint == "unregister it, or register it under another name"
    db.close()
