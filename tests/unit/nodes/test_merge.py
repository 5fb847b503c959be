"""Where branches come together."""

from typing import Any

from dataflow import MergeNode


def test_all_that_arrived_is_there_in_order():
    assert MergeNode().run(b=1, a=None) == {"first": 1, "merged": [1, None], "count": 2}


def test_nothing_that_arrived_is_nothing():
    assert MergeNode().run() == {"first": None, "merged": [], "count": 0}


def test_an_input_may_have_any_name():
    given: dict[str, Any] = {"self": 1, "inputs": 2}
    assert MergeNode().run(**given)["merged"] == [1, 2]


def test_its_outputs_are_promised():
    signature = MergeNode().signature()
    assert (signature.open, signature.promised) == (True, {"first", "merged", "count"})
