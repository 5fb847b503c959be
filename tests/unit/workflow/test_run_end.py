"""A run is told to have ended when all that belongs to it has ended, its transaction too."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dataflow import LocalRuntime, RunEvent, WorkflowBuilder, node
from dataflow.errors import InvalidOptionError, WorkflowTimeoutError
from dataflow.workflow import drive
from dataflow.workflow.execution import Execution


@node
def nothing() -> None:
    pass


def one_node() -> Any:
    workflow = WorkflowBuilder()
    workflow.add_node(nothing, "a")
    return workflow.build()


def test_a_run_whose_commit_fails_is_told_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = RuntimeError("the answer to the commit")

    @contextmanager
    def transaction(*_: object) -> Iterator[None]:
        yield
        raise lost

    events: list[RunEvent] = []
    monkeypatch.setattr(drive, "new_transaction", transaction)
    with pytest.raises(RuntimeError, match="the answer"):
        LocalRuntime().execute(one_node(), transaction=True, on_event=events.append)
    assert [event.kind for event in events] == ["run_started", "node_started", "node_finished", "run_failed"]
    assert events[-1].error is lost


def test_a_run_that_cannot_begin_tells_nothing() -> None:
    events: list[RunEvent] = []
    with pytest.raises(InvalidOptionError, match="no database"):
        LocalRuntime().execute(one_node(), transaction=True, on_event=events.append)
    assert events == []


def test_a_run_whose_time_is_up_before_it_begins_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Execution.begin

    def late(execution: Execution, *args: Any, **options: Any) -> None:
        execution.stop(WorkflowTimeoutError("the run took longer than 1 s"))
        begin(execution, *args, **options)

    events: list[RunEvent] = []
    monkeypatch.setattr(Execution, "begin", late)
    with pytest.raises(WorkflowTimeoutError):
        LocalRuntime().execute(one_node(), on_event=events.append)
    assert [event.kind for event in events] == ["run_started", "run_failed"]
