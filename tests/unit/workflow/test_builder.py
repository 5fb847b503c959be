"""Putting a workflow together: what is refused at once, what is remembered, what a built workflow is not touched by."""

import sys
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from dataflow import DataFlow, NodeRegistry, Workflow, WorkflowBuilder, errors, node
from dataflow.errors import DataFlowError
from dataflow.workflow.graph import Link
from dataflow.workflow.retry import NEVER, Retry
from tests.unit.workflow.building import build, builder, count, echo


def refused(call: Callable[[WorkflowBuilder], object], kind: type[DataFlowError]) -> DataFlowError:
    workflow = WorkflowBuilder()
    workflow.add_node(echo, "a")
    with pytest.raises(DataFlowError) as caught:
        call(workflow)
    assert type(caught.value) is kind
    return caught.value


IDS: list[tuple[Any, str]] = [
    ("", "the id of a node is a text that is not empty"),
    (5, "the id of a node is a text that is not empty"),
    (None, "the id of a node is a text that is not empty"),
    ("\ud800", "the id of a node is a text that is not empty"),
    ("a", "there is a node `a` already"),
]


@pytest.mark.parametrize(("id", "message"), IDS, ids=repr)
def test_an_id_is_a_text_that_no_other_node_has(id: Any, message: str):
    assert refused(lambda workflow: workflow.add_node(echo, id), errors.InvalidNodeError).message == message


KINDS: list[tuple[Any, str]] = [
    (None, "NoneType"),
    (len, "builtin_function_or_method"),
    (int, "the class int"),
    (lambda: None, "function"),
]


@pytest.mark.parametrize(("kind", "got"), KINDS, ids=str)
def test_a_kind_is_a_name_or_a_node(kind: Any, got: str):
    error = refused(lambda workflow: workflow.add_node(kind, "b"), errors.InvalidNodeError)
    assert error.message == f"a node is a subclass of Node, or what @node made; got {got}"
    assert error.hint == "derive the class from `Node`, or write `@node` above the function"


@pytest.mark.parametrize("parameters", [[1], 5, "x"], ids=str)
def test_parameters_are_a_dict(parameters: Any):
    error = refused(lambda workflow: workflow.add_node(echo, "b", parameters), errors.InvalidNodeError)
    assert (error.message, error.path) == (f"the parameters of `b` are a dict, got {type(parameters).__name__}", "b")


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True, "5", 10**6])
def test_a_timeout_is_a_number_of_seconds(timeout: Any):
    error = refused(lambda workflow: workflow.add_node(echo, "b", timeout=timeout), errors.InvalidOptionError)
    assert error.path == "b.timeout"


@pytest.mark.parametrize("source", ["sqlite://", 5, object()], ids=str)
def test_a_builder_is_made_for_a_database(source: Any):
    with pytest.raises(errors.InvalidOptionError) as caught:
        WorkflowBuilder(source)
    assert caught.value.message == f"a builder is made for a DataFlow, got {type(source).__name__}"


@pytest.mark.parametrize(
    "names", [(None, "a"), ("a", 5), ("a", "x", 5, "y"), ("a", "x", "b", 5), (["a"], "b")], ids=str
)
def test_a_connection_is_made_of_names(names: tuple[Any, ...]):
    error = refused(lambda workflow: workflow.add_connection(*names), errors.InvalidConnectionError)
    assert error.message == "a connection is made of names"


def test_an_input_needs_its_node():
    def connect(workflow: WorkflowBuilder) -> None:
        workflow.add_connection("a", "x", input="y")

    assert refused(connect, errors.InvalidConnectionError).path == "add_connection"


def test_a_step_keeps_what_it_was_added_with():
    workflow = WorkflowBuilder()
    line = sys._getframe().f_lineno + 1
    given = workflow.add_node(count, "a", {"first": 1}, retry={"attempts": 2}, timeout=5)
    step = workflow.build().steps["a"]
    assert (given, step.id, step.kind, step.given) == ("a", "a", count, {"first": 1})
    assert (step.retry, step.timeout) == (Retry(2, 0.1, None), 5.0)
    assert step.where == f"tests/unit/workflow/test_builder.py:{line}"
    assert build(["b"]).steps["b"].retry is NEVER


def test_steps_are_in_an_order_they_can_run_in():
    workflow = build("cab", [("a", "x", "b", "y"), ("b", "c")])
    assert list(workflow.steps) == ["a", "b", "c"]
    assert workflow.links == (Link("a", "b", "x", "y"), Link("b", "c"))
    assert repr(workflow) == "<Workflow of 3 nodes>"


def test_a_workflow_may_be_empty():
    assert (build([]).steps, build([]).links) == ({}, ())


def test_what_a_run_must_give_is_known():
    assert build({"a": count, "b": echo, "c": count}, [("b", "x", "c", "data")]).missing == {"a": ["data"]}


def test_one_kind_is_looked_up_once(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    found = NodeRegistry.get

    def get(name: str, source: Any = None) -> Any:
        asked.append(name)
        return found(name, source)

    monkeypatch.setattr(NodeRegistry, "get", get)
    build(dict.fromkeys("abc", "MergeNode"))
    assert asked == ["MergeNode"]


def test_a_model_may_be_declared_until_the_workflow_is_built():
    with DataFlow("sqlite:///:memory:") as db:
        workflow = WorkflowBuilder(db)
        workflow.add_node("LateListNode", "a")
        with pytest.raises(errors.UnknownNodeError):
            workflow.build()
        db.model(type("Late", (), {"__annotations__": {"name": str}}))
        assert list(workflow.build().steps) == ["a"]


# --- a built workflow stands by itself ---


def state(workflow: Workflow) -> Any:
    return {id: dict(step.given) for id, step in workflow.steps.items()}, workflow.links, dict(workflow.metadata)


def test_a_built_workflow_is_not_touched_by_its_builder():
    made = builder({"a": (count, {"first": 1})})
    made.metadata["user_id"] = "ann"
    first = made.build()
    before = state(first)
    made.metadata["user_id"] = "bob"
    made.add_node(echo, "b")
    made.add_connection("a", "b")
    assert state(first) == before
    assert state(made.build()) != before


def test_parameters_are_copied_when_a_node_is_added():
    given: dict[str, Any] = {"first": 1}
    workflow = builder({"a": (count, given)})
    given["first"] = 2
    given["frist"] = 3
    assert workflow.build().steps["a"].given == {"first": 1}


def test_data_is_handed_over_as_it_is():
    rows = [{"id": 1}]
    assert build({"a": (count, {"data": rows})}).steps["a"].given["data"] is rows


def test_a_workflow_can_be_built_twice():
    made = builder("ab", [("a", "b")])
    one, other = made.build(), made.build()
    assert one is not other
    assert (one.steps is other.steps, one.metadata is other.metadata) == (False, False)
    assert state(one) == state(other)


# --- size ---


def chain(kind: Any, parameters: dict[str, Any], size: int, source: DataFlow | None = None) -> WorkflowBuilder:
    workflow = WorkflowBuilder(source)
    for at in range(size):
        workflow.add_node(kind, f"n{at}", parameters)
    for at in range(size - 1):
        workflow.add_connection(f"n{at}", f"n{at + 1}")
    return workflow


@node
def empty() -> None: ...


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [(empty, {}), ("GoodListNode", {}), ("GoodCreateNode", {"name": "a"}), ("GoodBulkCreateNode", {"data": []})],
    ids=str,
)
def test_ten_thousand_nodes_are_built_in_two_seconds(kind: Any, parameters: dict[str, Any]):
    with DataFlow("sqlite:///:memory:") as db:
        db.model(type("Good", (), {"__annotations__": {"name": str}}))
        workflow = chain(kind, parameters, 10_000, db)
        started = process_time()
        assert len(workflow.build().steps) == 10_000
        assert process_time() - started < 2


def test_an_error_in_a_big_workflow_stays_short():
    workflow = chain(empty, {}, 10_000)
    workflow.add_connection("n9999", "n0")
    with pytest.raises(errors.WorkflowCycleError) as cycle:
        workflow.build()
    assert len(str(cycle.value)) < 500
    workflow = chain(empty, {}, 10_000)
    workflow.add_connection("zzzzzzzzz", "n0")
    with pytest.raises(errors.UnknownNodeError) as unknown:
        workflow.build()
    assert len(str(unknown.value)) < 1000
    assert str(unknown.value.hint).endswith(", and 9960 more")


def test_nothing_of_a_built_workflow_can_be_changed() -> None:
    builder = WorkflowBuilder()
    builder.add_node(node(lambda x=1: x), "a", {"x": 2})
    built: Any = builder.build()
    for mapping in (built.steps, built.metadata, built.steps["a"].given):
        with pytest.raises(TypeError, match="does not support item assignment"):
            mapping["b"] = 1
    with pytest.raises(AttributeError):
        built.steps = {}
