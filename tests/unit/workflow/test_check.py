"""What is certain to fail is refused before a run: exact texts with the picture of the place, path and hint."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest.mock import MagicMock

import pytest

from dataflow import DataFlow, LocalRuntime, Node, SwitchNode, Workflow, errors, node
from dataflow.errors import DataFlowError
from dataflow.workflow.check import make_node, read_parameters
from tests.unit.workflow.building import build, builder, count, echo, refused, shout, text

VALUE = {"data": 1, "value": 1}
CASES = {"data": 1, "cases": {"cheap": 1}}


class Empty(Node):
    pass


class Argued(Node):
    def __init__(self, rows: int) -> None:
        self.rows_read = rows

    def run(self) -> dict[str, Any]:
        return {"rows": self.rows_read}


class Broken(Node):
    def __init__(self) -> None:
        raise ValueError("not to be told")

    def run(self) -> dict[str, Any]:
        return {}


@node
def nothing() -> None: ...


@pytest.fixture
def db() -> Iterator[DataFlow]:
    with DataFlow("sqlite:///:memory:") as flow:
        flow.model(type("Good", (), {"__annotations__": {"sku": str, "price": int | None}, "price": None}))
        yield flow


REFUSED: list[tuple[dict[str, Any], list[tuple[str, ...]], type[DataFlowError], str, str, str | None]] = [
    (
        {"a": "GoodLisstNode"},
        [],
        errors.UnknownNodeError,
        "there is no node `GoodLisstNode`, which `a` is to be (added)",
        "a",
        "did you mean `GoodListNode`?",
    ),
    (
        {"a": "CacheNode"},
        [],
        errors.NotBuiltError,
        "`CacheNode` is not built yet, which `a` is to be (added)",
        "CacheNode",
        "the feature table of the README tells what is built",
    ),
    (
        {"a": Empty},
        [],
        errors.InvalidNodeError,
        "Empty has no method `run` (added)",
        "Empty",
        "write `def run(self, ...)` or `async def run(self, ...)`",
    ),
    (
        {"a": Argued},
        [],
        errors.InvalidNodeError,
        "the node `a` cannot be made: TypeError (added)",
        "a",
        "a class is made without arguments; an object with some may be given to add_node",
    ),
    ({"a": Broken}, [], errors.InvalidNodeError, "the node `a` cannot be made: ValueError (added)", "a", None),
    (
        {"a": (count, {"data": [], "frist": 1})},
        [],
        errors.UnknownParameterError,
        "count has no parameter `frist` (added)\n    a {'frist': …}\n       ^^^^^^^",
        "a.frist",
        "did you mean `first`?",
    ),
    (
        {"a": ("GoodCreateNode", {"skuu": "x"})},
        [],
        errors.UnknownParameterError,
        "GoodCreateNode has no parameter `skuu` (added)\n    a {'skuu': …}\n       ^^^^^^",
        "a.skuu",
        "did you mean `sku`?",
    ),
    (
        {"a": (nothing, {"x\n": 1})},
        [],
        errors.UnknownParameterError,
        "nothing has no parameter `x\n` (added)\n    a {'x\\n': …}\n       ^^^^^",
        "a.x\n",
        "it takes none",
    ),
    (
        {"a": echo, "b": count},
        [("a", "dat", "b", "dat")],
        errors.UnknownParameterError,
        "count has no parameter `dat` (added)\n    a.dat ──▶ b.dat\n                ^^^",
        "b.dat",
        "did you mean `data`?",
    ),
    (
        {"a": (echo, {5: 1})},
        [],
        errors.InvalidParameterError,
        "parameters have names, `a` was given one by int (added)",
        "a",
        None,
    ),
    (
        {"a": echo, "b": (count, {"data": []})},
        [("a", "rows", "b", "data")],
        errors.InvalidConnectionError,
        "`data` of `b` is given and connected (added)\n    a.rows ──▶ b.data",
        "b.data",
        "take one of them out: neither should silently win",
    ),
    (
        {"a": echo, "b": echo, "c": count},
        [("a", "x", "c", "data"), ("b", "y", "c", "data")],
        errors.InvalidConnectionError,
        "two connections lead into `data` of `c`:\n    a.x ──▶ c.data\n    b.y ──▶ c.data",
        "c.data",
        "branches come together in a MergeNode, each under a name of its own",
    ),
    (
        {"data": shout, "b": count},
        [("data", "data", "b", "data")],
        errors.InvalidConnectionError,
        "shout has no output `data`\n    data.data ──▶ b.data\n         ^^^^",
        "data.data",
        "known are result",
    ),
    (
        {"a": nothing, "b": echo},
        [("a", "result", "b", "x")],
        errors.InvalidConnectionError,
        "nothing has no output `result`\n    a.result ──▶ b.x\n      ^^^^^^",
        "a.result",
        "it has none",
    ),
    (
        {"a": "GoodListNode", "b": echo},
        [("a", "total", "b", "x")],
        errors.InvalidConnectionError,
        "GoodListNode has no output `total`\n    a.total ──▶ b.x\n      ^^^^^",
        "a.total",
        "known are count, next, previous, records",
    ),
    (
        {"a": (SwitchNode, VALUE), "b": echo},
        [("a", "true_outptu", "b", "x")],
        errors.UnreachableNodeError,
        "SwitchNode never takes the branch `true_outptu`\n    a.true_outptu ──▶ b.x\n      ^^^^^^^^^^^",
        "a.true_outptu",
        "did you mean `true_output`?",
    ),
    (
        {"a": (SwitchNode, CASES), "b": echo},
        [("a", "case_chaep", "b")],
        errors.UnreachableNodeError,
        "SwitchNode never takes the branch `case_chaep`\n    a.case_chaep ──▶ b\n      ^^^^^^^^^^",
        "a.case_chaep",
        "did you mean `case_cheap`?",
    ),
    (
        {"a": (SwitchNode, {"data": 1}), "b": echo, "c": echo},
        [("c", "x", "a", "value"), ("a", "case_x", "b", "x")],
        errors.UnreachableNodeError,
        "SwitchNode never takes the branch `case_x`\n    a.case_x ──▶ b.x\n      ^^^^^^",
        "a.case_x",
        "known are false_output, true_output",
    ),
    (
        {"a": (SwitchNode, {"data": 1, "value": 1, "operator": "=<"})},
        [],
        errors.InvalidParameterError,
        "there is no such operator (added)",
        "a.operator",
        "did you mean `<`?",
    ),
    (
        {"a": (count, {"data": [], "first": "1"})},
        [],
        errors.InvalidParameterError,
        "`first` of count is int, got str (added)",
        "a.first",
        None,
    ),
    (
        {"a": ("GoodListNode", {"limit": "10"})},
        [],
        errors.InvalidParameterError,
        "`limit` of GoodListNode is None or int, got str (added)",
        "a.limit",
        None,
    ),
    (
        {"a": shout, "b": count},
        [("a", "result", "b", "data")],
        errors.InvalidParameterError,
        "`result` is str, `data` of count takes list\n    a.result ──▶ b.data",
        "b.data",
        None,
    ),
    (
        {"a": ("GoodBulkCreateNode", {"data": [], "on_conflict": "explode"})},
        [],
        errors.InvalidOptionError,
        "on_conflict must be one of error, update, ignore (added)",
        "a.on_conflict",
        None,
    ),
]


@pytest.mark.parametrize(("nodes", "links", "kind", "message", "path", "hint"), REFUSED)
def test_what_cannot_work_is_refused(
    db: DataFlow,
    nodes: dict[str, Any],
    links: list[tuple[str, ...]],
    kind: type[DataFlowError],
    message: str,
    path: str,
    hint: str | None,
):
    error = refused(builder(nodes, links, db), kind)
    assert (text(error), error.path, error.hint) == (message, path, hint)


def test_a_failure_while_a_node_is_made_is_the_cause_and_its_text_is_not_told():
    error = refused(builder({"a": Broken}), errors.InvalidNodeError)
    assert isinstance(error.__cause__, ValueError)
    assert "not to be told" not in str(error)


def test_a_model_of_two_databases_says_which_node_meant_it(db: DataFlow):
    with DataFlow("sqlite:///:memory:") as other:
        other.model(type("Good", (), {"__annotations__": {"name": str}}))
        error = refused(builder({"a": "GoodListNode"}), errors.AmbiguousNodeError)
        assert text(error) == "two open DataFlow have the model of `GoodListNode`, which `a` is to be (added)"
        assert build({"a": "GoodListNode"}, source=other).steps["a"].kind.database is other


COULD: list[tuple[Any, Mapping[str, Any]]] = [
    (count, {"data": [], "first": True}),
    (count, {"data": MagicMock(spec=list)}),
    (count, {}),
    (SwitchNode, {"data": 1}),
    (SwitchNode, {}),
    (echo, {"anything": object()}),
    (Argued(5), {}),
    ("GoodReadNode", {}),
    ("GoodListNode", {"filter": {}, "limit": None}),
]


@pytest.mark.parametrize(("kind", "parameters"), COULD, ids=str)
def test_what_could_work_is_built(db: DataFlow, kind: Any, parameters: Mapping[str, Any]):
    assert list(build({"a": (kind, parameters)}, source=db).steps) == ["a"]


# --- parameters of a run ---


def read(workflow: Workflow, parameters: Any) -> dict[str, dict[str, Any]]:
    return read_parameters(workflow, parameters, map(make_node, workflow.steps.values()))


def given(nodes: dict[str, Any], links: list[tuple[str, ...]], parameters: Any) -> dict[str, dict[str, Any]]:
    return read(build(nodes, links), parameters)


def fails(call: Callable[[], object], kind: type[DataFlowError]) -> DataFlowError:
    with pytest.raises(DataFlowError) as caught:
        call()
    assert type(caught.value) is kind
    return caught.value


def test_a_run_may_give_what_is_missing_and_change_what_is_given():
    workflow = build({"a": (count, {"first": 1}), "b": echo})
    found = read(workflow, {"a": {"data": [1], "first": 0}})
    assert found == {"a": {"first": 0, "data": [1]}, "b": {}}
    assert workflow.steps["a"].given == {"first": 1}


def test_what_is_still_missing_is_shown():
    error = fails(lambda: given({"a": count}, [], None), errors.MissingParameterError)
    assert text(error) == "count needs `data` (added)\n    a {'data': ?}\n       ^^^^^^"
    assert (error.path, error.hint) == (
        "a.data",
        'give it in add_node, connect it, or execute(…, parameters={"a": {"data": …}})',
    )


def test_all_that_a_node_needs_is_named_at_once():
    error = fails(lambda: given({"a": SwitchNode}, [], {"a": {"operator": "<"}}), errors.MissingParameterError)
    assert text(error).startswith("SwitchNode needs `data`, `value` (added)\n")


def test_what_is_connected_is_not_missing():
    assert given({"a": echo, "b": count}, [("a", "rows", "b", "data")], {}) == {"a": {}, "b": {}}


def test_a_switch_may_get_its_value_for_the_run():
    workflow = build({"a": (SwitchNode, {"data": 5})})
    results, _ = LocalRuntime().execute(workflow, {"a": {"value": 5}})
    assert results["a"] == {"true_output": 5}


WRONG: list[tuple[Any, type[DataFlowError], str, str]] = [
    ([1], errors.InvalidParameterError, "parameters are a dict by the ids of nodes, got list", "parameters"),
    ({"laod": {}}, errors.UnknownNodeError, "parameters names `laod`, which is no node of the workflow", "laod"),
    ({5: {}}, errors.UnknownNodeError, "parameters names `5`, which is no node of the workflow", "5"),
    ({"load": [1]}, errors.InvalidParameterError, "the parameters of `load` are a dict, got list", "load"),
    (
        {"load": {"frist": 1}},
        errors.UnknownParameterError,
        "count has no parameter `frist` (added)\n    load {'frist': …}\n          ^^^^^^^",
        "load.frist",
    ),
    (
        {"load": {"data": []}},
        errors.InvalidConnectionError,
        "`data` of `load` is given and connected (added)\n    a.x ──▶ load.data",
        "load.data",
    ),
    ({"load": {"first": "1"}}, errors.InvalidParameterError, "`first` of count is int, got str (added)", "load.first"),
    (
        {"load": {5: 1}},
        errors.InvalidParameterError,
        "parameters have names, `load` was given one by int (added)",
        "load",
    ),
]


@pytest.mark.parametrize(("parameters", "kind", "message", "path"), WRONG, ids=str)
def test_parameters_of_a_run_are_checked_as_others(parameters: Any, kind: type[DataFlowError], message: str, path: str):
    error = fails(lambda: given({"a": echo, "load": count}, [("a", "x", "load", "data")], parameters), kind)
    assert (text(error), error.path) == (message, path)


def test_a_node_that_was_meant_is_suggested():
    error = fails(lambda: given({"load": echo}, [], {"laod": {}}), errors.UnknownNodeError)
    assert error.hint == "did you mean `load`?"


def test_cases_of_a_run_must_have_the_branches_that_are_connected():
    workflow = build({"a": (SwitchNode, CASES), "b": echo}, [("a", "case_cheap", "b", "x")])
    assert read(workflow, {"a": {"cases": {"cheap": 5, "dear": 6}}})
    error = fails(lambda: read(workflow, {"a": {"cases": {"dear": 5}}}), errors.UnreachableNodeError)
    assert error.message == "SwitchNode never takes the branch `case_cheap`\n    a.case_cheap ──▶ b.x\n      ^^^^^^^^^^"


def test_cases_that_are_connected_are_not_known_before():
    links = [("c", "x", "a", "cases"), ("a", "case_any", "b", "x")]
    assert build({"a": (SwitchNode, {"data": 1}), "b": echo, "c": echo}, links).missing == {}


def test_a_total_that_is_connected_may_be_an_output(db: DataFlow):
    links = [("c", "x", "a", "total"), ("a", "total", "b", "x")]
    assert build({"a": "GoodListNode", "b": echo, "c": echo}, links, db)
