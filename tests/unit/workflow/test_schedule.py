"""Which steps may begin: what arrived, what is skipped, and what each is called with."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from dataflow.errors import InvalidOutputError
from dataflow.workflow.schedule import Schedule
from tests.unit.workflow.building import build

Links = list[tuple[str, ...]]


class Run:
    """A schedule by the ids of its steps."""

    def __init__(self, ids: str, links: Links, given: Mapping[str, dict[str, Any]] | None = None) -> None:
        workflow = build(ids, links)
        self.ids = list(workflow.steps)
        self.schedule = Schedule(workflow, {id: dict((given or {}).get(id, {})) for id in self.ids})

    def begin(self) -> str:
        return self._names(self.schedule.begin())

    def settle(self, id: str, outputs: Mapping[str, Any] | None = None, *, branching: bool = False) -> tuple[str, str]:
        """The ids that may begin, and those that are skipped."""
        turn = self.schedule.settle(self.ids.index(id), outputs or {}, branching=branching)
        return self._names(turn.ready), self._names(turn.skipped)

    def take(self, id: str) -> dict[str, Any]:
        return self.schedule.take(self.ids.index(id))

    def _names(self, positions: list[int]) -> str:
        return "".join(sorted(self.ids[position] for position in positions))


def test_steps_that_wait_for_nothing_begin():
    assert Run("abc", [("a", "c")]).begin() == "ab"
    assert Run("", []).schedule.left == 0


def test_a_step_begins_when_all_it_waits_for_has_ended():
    run = Run("abc", [("a", "c"), ("b", "c")])
    assert run.settle("a") == ("", "")
    assert run.settle("b") == ("c", "")
    assert run.schedule.left == 1


def test_values_arrive_beside_what_was_given():
    run = Run("ab", [("a", "x", "b", "data")], {"b": {"first": 1}})
    run.settle("a", {"x": 5, "y": 6})
    assert run.take("b") == {"first": 1, "data": 5}
    assert run.take("b") == {}


def test_inputs_come_in_the_order_of_the_connections():
    run = Run("abc", [("b", "x", "c", "second"), ("a", "x", "c", "first")])
    run.settle("a", {"x": 1})
    run.settle("b", {"x": 2})
    assert list(run.take("c").items()) == [("second", 2), ("first", 1)]


def test_one_output_may_go_to_many():
    run = Run("abc", [("a", "x", "b", "p"), ("a", "x", "b", "q"), ("a", "x", "c", "p")])
    assert run.settle("a", {"x": 1}) == ("bc", "")
    assert (run.take("b"), run.take("c")) == ({"p": 1, "q": 1}, {"p": 1})


def test_a_none_is_an_output():
    run = Run("ab", [("a", "x", "b", "data")])
    assert run.settle("a", {"x": None}) == ("b", "")
    assert run.take("b") == {"data": None}


def test_an_output_that_is_not_there_is_an_error():
    run = Run("ab", [("a", "x", "b", "data")])
    with pytest.raises(InvalidOutputError) as caught:
        run.settle("a", {"y": 1, "z": 2})
    assert caught.value.message == "`a` returned no `x`, which `b` waits for"
    assert (caught.value.path, caught.value.hint) == ("a.x", "it returned y, z")


def test_a_branch_not_taken_is_skipped_with_all_behind_it():
    run = Run("sabcd", [("s", "x", "a", "data"), ("s", "y", "b", "data"), ("b", "c"), ("c", "d")])
    assert run.settle("s", {"x": 1}, branching=True) == ("a", "bcd")
    assert run.schedule.left == 1


def test_branches_that_come_together_run_with_what_arrived():
    links: Links = [("s", "x", "a", "data"), ("s", "y", "b", "data"), ("a", "o", "m", "one"), ("b", "o", "m", "two")]
    run = Run("sabm", links)
    assert run.settle("s", {"y": 1}, branching=True) == ("b", "a")
    assert run.settle("b", {"o": 2}) == ("m", "")
    assert run.take("m") == {"two": 2}


def test_a_long_way_of_skipped_steps_is_no_recursion():
    ids = [f"n{at}" for at in range(5000)]
    links: Links = [("s", "x", "n0", "data"), *pairwise(ids)]
    workflow = build(["s", *ids], links)
    turn = Schedule(workflow, {id: {} for id in workflow.steps}).settle(0, {}, branching=True)
    assert (len(turn.skipped), turn.ready) == (5000, [])
