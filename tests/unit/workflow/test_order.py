"""The order of steps, the circle where there is none, and what comes before what."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.errors import UnknownNodeError, WorkflowCycleError
from dataflow.workflow.graph import Link
from dataflow.workflow.order import ancestors, sort_steps


def sort(ids: str, *pairs: str) -> list[str]:
    """Steps of one letter, connections of two."""
    return sort_steps(dict.fromkeys(ids), [Link(*pair) for pair in pairs])


def circle(ids: list[str], links: list[tuple[str, str]]) -> WorkflowCycleError:
    with pytest.raises(WorkflowCycleError) as caught:
        sort_steps(dict.fromkeys(ids), [Link(*pair) for pair in links])
    return caught.value


def test_without_connections_the_order_is_that_of_adding():
    assert sort("cab") == ["c", "a", "b"]
    assert sort("") == []


def test_every_step_comes_after_those_it_waits_for():
    assert sort("dcba", "ab", "bc", "cd", "ad") == ["a", "b", "c", "d"]


def test_a_connection_may_be_there_twice():
    assert sort("ba", "ab", "ab") == ["a", "b"]


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_any_graph_without_a_circle_has_an_order(seed: int, size: int):
    draw = random.Random(seed)
    ids = [f"n{at}" for at in range(size)]
    links = [Link(ids[one], ids[draw.randrange(one + 1, size)]) for one in range(size - 1) if draw.random() < 0.8]
    added = draw.sample(ids, size)
    order = sort_steps(dict.fromkeys(added), links)
    assert sorted(order) == sorted(ids)
    at = {id: position for position, id in enumerate(order)}
    assert all(at[link.origin] < at[link.target] for link in links)
    before = ancestors(order, links)
    assert all(before[link.target] >> at[link.origin] & 1 for link in links)


# --- circles ---

CIRCLES = [
    ("a", ["aa"], "a node waits for itself:\n    a ──▶ a"),
    ("ab", ["ab", "ba"], "2 nodes wait for each other:\n    a ──▶ b ──▶ a"),
    ("xabc", ["xa", "ab", "bc", "ca"], "3 nodes wait for each other:\n    a ──▶ b ──▶ c ──▶ a"),
    ("tuvab", ["ab", "ba", "bt", "tu", "uv"], "2 nodes wait for each other:\n    a ──▶ b ──▶ a"),
    ("abz", ["ab", "bz", "zb"], "2 nodes wait for each other:\n    b ──▶ z ──▶ b"),
]


@pytest.mark.parametrize(("ids", "links", "message"), CIRCLES)
def test_a_circle_is_shown_from_the_node_that_was_added_first(ids: str, links: list[str], message: str):
    error = circle(list(ids), [(one, other) for one, other in links])
    assert error.message == message
    assert error.path == message.partition("    ")[2][0]
    assert error.hint == "take one of these connections out"


def test_a_circle_behind_a_long_tail_is_shown_without_the_tail():
    ids = [f"n{at}" for at in range(1000)]
    error = circle([*ids, "x", "y"], [*pairwise(ids), ("x", "y"), ("y", "x"), ("y", "n0")])
    assert error.message == "2 nodes wait for each other:\n    x ──▶ y ──▶ x"


def test_the_middle_of_a_long_circle_is_left_out():
    ids = [f"n{at}" for at in range(300)]
    error = circle(ids, [(id, ids[(at + 1) % 300]) for at, id in enumerate(ids)])
    picture = "n0 ──▶ n1 ──▶ n2 ──▶ n3 ──▶ (293 more) ──▶ n297 ──▶ n298 ──▶ n299 ──▶ n0"
    assert error.message == f"300 nodes wait for each other:\n    {picture}"


@pytest.mark.parametrize("size", [8, 9])
def test_a_picture_shows_eight_nodes_at_most(size: int):
    ids = list("abcdefghi"[:size])
    picture = circle(ids, [(id, ids[(at + 1) % size]) for at, id in enumerate(ids)]).message.splitlines()[1]
    assert picture.count(" ──▶ ") == 8
    assert ("more" in picture) == (size == 9)


def test_a_way_out_of_a_circle_is_no_part_of_it():
    error = circle(list("abcd"), [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")])
    assert error.message.splitlines()[1] == "    b ──▶ c ──▶ b"


# --- names ---


@pytest.mark.parametrize(("link", "id"), [(Link("zebr", "b"), "zebr"), (Link("zebra", "bb", "x", "y"), "bb")])
def test_a_connection_to_a_node_that_was_not_added_is_refused(link: Link, id: str):
    with pytest.raises(UnknownNodeError) as caught:
        sort_steps({"zebra": None, "b": None}, [link])
    assert caught.value.message == f"a connection names `{id}`, which is no node:\n    {link}"
    assert caught.value.path == id
    assert (caught.value.hint or "").startswith(("did you mean `zebra`?", "did you mean `b`?", "known are"))


def test_a_workflow_without_nodes_says_what_to_do_first():
    with pytest.raises(UnknownNodeError) as caught:
        sort_steps({}, [Link("a", "b")])
    assert caught.value.hint == "add the nodes first"


def test_a_link_is_drawn_with_what_it_hands_over():
    drawn = [str(Link("a", "b")), str(Link("a", "b", "x")), str(Link("a", "b", "x", "y"))]
    assert drawn == ["a ──▶ b", "a.x ──▶ b", "a.x ──▶ b.y"]
