"""Writes of one model are put in order, or warned of; those that exclude each other need none."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from dataflow import DataFlow, NodeRegistry, SwitchNode
from dataflow.errors import UnorderedWritesWarning
from tests.unit.workflow.building import HERE, builder, echo


@pytest.fixture
def db() -> Iterator[DataFlow]:
    with DataFlow("sqlite:///:memory:") as flow:
        for name in ("Good", "Offer"):
            flow.model(type(name, (), {"__annotations__": {"name": str}}))
        yield flow


Links = list[tuple[str, ...]]
WRITE = ("GoodBulkCreateNode", {})
SWITCH = (SwitchNode, {"data": 1, "value": 1})
CASES = (SwitchNode, {"data": 1, "cases": {"x": 1, "y": 2}})


def pairs(db: DataFlow, nodes: dict[str, Any], links: Links) -> list[str]:
    """Those that were warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        builder(nodes, links, db).build()
    assert all(warning.category is UnorderedWritesWarning for warning in caught)
    texts = [str(warning.message) for warning in caught]
    end = " both write Good, and no connection says which goes first"
    assert all(text.endswith(end) for text in texts)
    return [text.removesuffix(end).replace("`", "").replace(" and ", "") for text in texts]


UNORDERED: list[tuple[str, Links, list[str]]] = [
    ("ab", [], ["ab"]),
    ("ab", [("a", "b")], []),
    ("ab", [("b", "a")], []),
    ("ab", [("a", "e"), ("e", "f"), ("f", "b")], []),
    ("ab", [("e", "a"), ("e", "b")], ["ab"]),
    ("abc", [], ["ab", "bc"]),
    ("abc", [("a", "b"), ("a", "c")], ["bc"]),
    ("abc", [("a", "c"), ("b", "c")], ["ab"]),
    ("abc", [("a", "b"), ("b", "c")], []),
    ("abc", [("b", "c")], ["ab", "ac"]),
]


@pytest.mark.parametrize(("writers", "links", "expected"), UNORDERED, ids=str)
def test_two_writes_without_an_order_are_warned_of_once(db: DataFlow, writers: str, links: Links, expected: list[str]):
    assert pairs(db, {**dict.fromkeys(writers, WRITE), "e": echo, "f": echo}, links) == expected


def test_reads_and_writes_of_other_models_need_no_order(db: DataFlow):
    nodes = {"a": WRITE, "b": "GoodListNode", "c": "OfferBulkCreateNode", "d": "GoodCountNode"}
    assert pairs(db, nodes, []) == []


def test_the_same_model_in_two_databases_is_two():
    with DataFlow("sqlite:///:memory:") as one, DataFlow("sqlite:///:memory:") as other:
        for flow in (one, other):
            flow.model(type("Good", (), {"__annotations__": {"name": str}}))
        nodes = {"a": NodeRegistry.get(WRITE[0], one), "b": NodeRegistry.get(WRITE[0], other)}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            builder(nodes).build()


EXCLUDED: list[tuple[Links, list[str]]] = [
    ([("s", "true_output", "a", "data"), ("s", "false_output", "b", "data")], []),
    ([("s", "true_output", "a"), ("s", "false_output", "b")], []),
    ([("s", "true_output", "e", "x"), ("e", "a"), ("s", "false_output", "b", "data")], []),
    ([("s", "true_output", "a", "data"), ("s", "true_output", "b", "data")], ["ab"]),
    ([("s", "true_output", "a", "data"), ("s", "b")], ["ab"]),
    # What comes from elsewhere lets `b` run in both cases.
    ([("s", "true_output", "a", "data"), ("s", "false_output", "b", "data"), ("e", "x", "b", "filter")], ["ab"]),
    # A branch without a value decides whatever else comes.
    ([("s", "true_output", "a"), ("s", "false_output", "b"), ("e", "x", "b", "data")], []),
    ([("s", "true_output", "a", "data"), ("t", "case_x", "b", "data")], ["ab"]),
    ([("t", "case_x", "a", "data"), ("t", "case_y", "b", "data")], []),
    ([("t", "case_x", "a", "data"), ("t", "default", "b", "data")], []),
]


@pytest.mark.parametrize(("links", "expected"), EXCLUDED, ids=str)
def test_writes_on_branches_that_exclude_each_other_need_no_order(db: DataFlow, links: Links, expected: list[str]):
    update = ("GoodBulkUpdateNode", {})
    nodes = {"s": SWITCH, "t": CASES, "e": echo, "a": WRITE, "b": update if "filter" in str(links) else WRITE}
    assert pairs(db, nodes, links) == expected


def test_a_third_write_beside_two_branches_is_warned_of(db: DataFlow):
    links: Links = [("s", "true_output", "a", "data"), ("s", "false_output", "b", "data"), ("b", "c")]
    nodes = {"s": SWITCH, "e": echo, **dict.fromkeys("abc", WRITE)}
    # After `b` alone it is skipped with `b`; after `e` it runs beside `a` too.
    assert pairs(db, nodes, links) == []
    assert pairs(db, nodes, [*links, ("e", "c")]) == ["ac"]


def test_the_warning_names_the_line_that_builds(db: DataFlow):
    workflow = builder(dict.fromkeys("ab", WRITE), source=db)
    with pytest.warns(UnorderedWritesWarning) as caught:
        workflow.build()
    assert [warning.filename for warning in caught] == [__file__]
    assert HERE not in caught[0].filename
