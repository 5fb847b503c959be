"""Results, timings and the errors of a run: what they hold, also after a copy."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from dataflow import DataFlow, LocalRuntime, Results, Timing, errors, node
from dataflow.errors import DataFlowError
from tests.unit.workflow.building import build

COPIES = [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]


def filled() -> Results:
    results = Results("run-1")
    results["a"] = {"rows": [1, 2]}
    results.seconds = 1.5
    results.timings = [Timing("a", "echo", "finished", 0.5, 2), Timing("b", "echo", "skipped", attempts=0)]
    return results


def test_a_node_that_was_skipped_is_told_apart():
    results = filled()
    assert results.skipped == ["b"]
    with pytest.raises(KeyError, match="b was skipped"):
        results["b"]
    with pytest.raises(KeyError, match="'c'"):
        results["c"]
    assert "b" not in results


@pytest.mark.parametrize("copied", COPIES)
def test_results_survive_a_copy(copied: Callable[[Any], Any]):
    results = copied(filled())
    assert (type(results), results) == (Results, {"a": {"rows": [1, 2]}})
    assert (results.run_id, results.seconds, results.timings) == ("run-1", 1.5, filled().timings)


@node
def broken(data: int) -> None:
    raise ValueError("secret")


@node
def seven() -> dict[str, int]:
    return {"x": 7}


def failure() -> errors.NodeExecutionError:
    with pytest.raises(errors.NodeExecutionError) as caught:
        LocalRuntime().execute(build({"a": seven, "b": broken}, [("a", "x", "b", "data")]))
    return caught.value


def test_a_failure_tells_the_node_its_cause_and_what_was_done():
    error = failure()
    assert (error.node, error.path, error.results, error.stands) == ("b", "b", {"a": {"x": 7}}, ())
    assert isinstance(error.__cause__, ValueError)
    assert error.message.startswith("`b` (added at tests/unit/workflow/building.py:")
    assert error.message.endswith(") failed: ValueError")
    assert "secret" not in str(error)


@pytest.mark.parametrize("copied", COPIES)
def test_a_failure_survives_a_copy(copied: Callable[[Any], Any]):
    error = failure()
    again = copied(error)
    assert str(again) == str(error)
    assert (again.node, again.run_id, again.results, again.stands) == ("b", error.run_id, {"a": {"x": 7}}, ())
    assert again.results.run_id == error.run_id


@pytest.mark.parametrize("copied", COPIES)
def test_a_run_out_of_time_survives_a_copy(copied: Callable[[Any], Any]):
    error = errors.WorkflowTimeoutError("the run took longer than 1 s", path="timeout")
    error.run_id, error.results, error.stands = "run-1", filled(), ("a",)
    again = copied(error)
    assert (str(again), again.run_id, again.results, again.stands) == (str(error), "run-1", filled(), ("a",))


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("kind", [errors.NodeExecutionError, errors.WorkflowTimeoutError])
def test_an_error_without_a_run_survives_a_copy(copied: Callable[[Any], Any], kind: type[DataFlowError]):
    again = copied(kind("x"))
    assert (again.results, again.run_id, again.stands) == ({}, "", ())


@pytest.mark.parametrize("copied", COPIES)
def test_records_in_results_survive_a_copy(copied: Callable[[Any], Any]):
    with DataFlow("sqlite:///:memory:") as db:
        goods = db.table(db.model(type("Good", (), {"__annotations__": {"name": str}})))
        goods.bulk_create([{"name": "a"}])
        results, _ = LocalRuntime().execute(build({"a": "GoodListNode"}, source=db))
    assert list(copied(results)["a"]["records"]) == [{"id": 1, "name": "a"}]
