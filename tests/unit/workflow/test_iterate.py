"""The events of a run as an iterator: the same run, read in a loop."""

import asyncio
import signal
import threading
from collections.abc import Generator
from contextlib import aclosing, closing
from contextvars import ContextVar
from typing import Any

import pytest

from dataflow import AsyncLocalRuntime, LocalRuntime, RunEvent, Workflow, WorkflowBuilder, node
from dataflow.errors import CancelledError, NodeExecutionError, UnknownNodeError, WorkflowTimeoutError
from tests.threads import threads_of_runs

here: ContextVar[str] = ContextVar("here", default="nowhere")
ORDER = ["run_started", "node_started", "node_finished", "node_started", "node_finished", "run_finished"]


@node
def give() -> Any:
    return {"where": here.get()}


@node
def take(where: str) -> Any:
    return {"taken": where}


@node
def fail() -> None:
    raise ValueError("no")


def chain(*kinds: Any) -> Workflow:
    """Nodes `0`, `1`, …, each after the one before."""
    workflow = WorkflowBuilder()
    for at, kind in enumerate(kinds):
        workflow.add_node(kind, str(at))
        if at:
            workflow.add_connection(str(at - 1), str(at))
    return workflow.build()


def data_chain() -> Workflow:
    workflow = WorkflowBuilder()
    workflow.add_node(give, "give")
    workflow.add_node(take, "take")
    workflow.add_connection("give", "where", "take", "where")
    return workflow.build()


class Blocked:
    """A node that tells when it runs, and goes on when it is let; in a thread or on the loop."""

    def __init__(self) -> None:
        self.runs, self.let, self.ended = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        self.runs.set()
        try:
            assert self.let.wait(30)
        finally:
            self.ended.set()

    async def arun(self) -> None:
        self.runs.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


def kinds(events: list[RunEvent]) -> list[str]:
    return [event.kind for event in events]


def test_every_event_comes_in_order_and_the_last_has_the_results() -> None:
    told: list[RunEvent] = []
    events = list(LocalRuntime().iterate(data_chain(), on_event=told.append))
    assert kinds(events) == ORDER
    assert events == told
    assert events[-1].results == {"give": {"where": "nowhere"}, "take": {"taken": "nowhere"}}
    assert threads_of_runs() == []


async def test_awaited_events_are_the_same() -> None:
    told: list[RunEvent] = []
    events = [event async for event in AsyncLocalRuntime().iterate(data_chain(), on_event=told.append)]
    assert kinds(events) == ORDER
    assert events == told
    assert events[-1].results == {"give": {"where": "nowhere"}, "take": {"taken": "nowhere"}}


def test_parameters_are_taken() -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(take, "take")
    (*_, last) = LocalRuntime().iterate(workflow.build(), {"take": {"where": "given"}})
    assert last.results["take"] == {"taken": "given"}


def test_events_come_while_the_run_goes_on() -> None:
    blocked = Blocked()
    events = LocalRuntime().iterate(chain(node(blocked.run)))
    assert kinds([next(events), next(events)]) == ["run_started", "node_started"]
    assert blocked.runs.wait(30)
    blocked.let.set()
    assert kinds(list(events)) == ["node_finished", "run_finished"]


def test_a_failure_is_raised_after_the_last_event() -> None:
    events = []
    with pytest.raises(NodeExecutionError) as caught:
        for event in LocalRuntime().iterate(chain(fail, give)):
            events.append(event)
    assert kinds(events) == ["run_started", "node_started", "node_failed", "run_failed"]
    assert caught.value.__cause__ is events[-1].error
    assert caught.value.node == "0"


async def test_an_awaited_failure_is_raised_after_the_last_event() -> None:
    events = []
    with pytest.raises(NodeExecutionError) as caught:
        async for event in AsyncLocalRuntime().iterate(chain(fail, give)):
            events.append(event)
    assert kinds(events) == ["run_started", "node_started", "node_failed", "run_failed"]
    assert caught.value.__cause__ is events[-1].error


@pytest.mark.parametrize("runtime", [LocalRuntime(), AsyncLocalRuntime()])
def test_wrong_parameters_are_told_at_once(runtime: Any) -> None:
    with pytest.raises(UnknownNodeError):
        runtime.iterate(data_chain(), {"nobody": {}})


def test_nothing_runs_before_the_first_event_is_asked_for() -> None:
    blocked = Blocked()
    with closing(LocalRuntime().iterate(chain(node(blocked.run)))):
        assert threads_of_runs() == []
    assert not blocked.runs.is_set()


async def test_nothing_awaited_runs_before_the_first_event_is_asked_for() -> None:
    blocked = Blocked()
    async with aclosing(AsyncLocalRuntime().iterate(chain(node(blocked.arun)))):
        assert len(asyncio.all_tasks()) == 1
    assert not blocked.runs.is_set()


def leave_at_first_node(events: Generator[RunEvent, None, None], blocked: Blocked) -> None:
    for event in events:
        if event.kind == "node_started":
            assert blocked.runs.wait(30)
            # The run cannot end before its node does.
            threading.Timer(0.05, blocked.let.set).start()
            break


def test_leaving_the_loop_cancels_the_run_and_waits_for_it() -> None:
    blocked, told = Blocked(), list[RunEvent]()
    leave_at_first_node(LocalRuntime().iterate(chain(node(blocked.run), give), on_event=told.append), blocked)
    assert blocked.ended.is_set()
    assert threads_of_runs() == []
    assert kinds(told) == ["run_started", "node_started", "node_finished", "run_failed"]
    assert isinstance(told[-1].error, CancelledError)


def test_an_error_in_the_loop_cancels_the_run() -> None:
    blocked = Blocked()
    with pytest.raises(ZeroDivisionError), closing(LocalRuntime().iterate(chain(node(blocked.run)))) as events:
        for _ in events:
            assert blocked.runs.wait(30)
            blocked.let.set()
            raise ZeroDivisionError
    assert threads_of_runs() == []


def test_ctrl_c_cancels_the_run() -> None:
    blocked, told = Blocked(), list[RunEvent]()

    def interrupt() -> None:
        assert blocked.runs.wait(30)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        list(LocalRuntime().iterate(chain(node(blocked.arun)), on_event=told.append))
    assert blocked.ended.is_set()
    assert kinds(told)[-2:] == ["node_cancelled", "run_failed"]
    assert threads_of_runs() == []


async def test_leaving_the_awaited_loop_cancels_the_run_and_waits_for_it() -> None:
    blocked, told = Blocked(), list[RunEvent]()
    workflow = chain(node(blocked.arun), give)
    async with aclosing(AsyncLocalRuntime().iterate(workflow, on_event=told.append)) as events:
        async for event in events:
            if event.kind == "node_started":
                break
    assert blocked.ended.is_set()
    assert len(asyncio.all_tasks()) == 1
    assert kinds(told) == ["run_started", "node_started", "node_cancelled", "run_failed"]


async def test_an_awaited_loop_that_is_cancelled_cancels_the_run() -> None:
    blocked, told = Blocked(), list[RunEvent]()

    async def read() -> None:
        async for _ in AsyncLocalRuntime().iterate(chain(node(blocked.arun)), on_event=told.append):
            pass

    reader = asyncio.create_task(read())
    await asyncio.to_thread(blocked.runs.wait, 30)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert blocked.ended.is_set()
    assert kinds(told)[-1] == "run_failed"
    assert len(asyncio.all_tasks()) == 1


def test_a_run_that_has_ended_stays_so_when_the_loop_is_left() -> None:
    told: list[RunEvent] = []
    for event in LocalRuntime().iterate(data_chain(), on_event=told.append):
        if event.kind == "run_finished":
            break
    assert kinds(told) == ORDER


def test_the_context_of_the_call_holds_in_the_run() -> None:
    token = here.set("caller")
    events = LocalRuntime().iterate(data_chain())
    here.reset(token)
    (*_, last) = events
    assert last.results["take"] == {"taken": "caller"}


async def test_the_context_of_the_call_holds_in_the_awaited_run() -> None:
    token = here.set("caller")
    events = AsyncLocalRuntime().iterate(data_chain())
    here.reset(token)
    *_, last = [event async for event in events]
    assert last.results["take"] == {"taken": "caller"}


def test_the_time_of_the_run_is_limited() -> None:
    events, blocked = [], Blocked()
    with pytest.raises(WorkflowTimeoutError):
        for event in LocalRuntime().iterate(chain(node(blocked.arun)), timeout=0.05):
            events.append(event)
    assert kinds(events) == ["run_started", "node_started", "node_cancelled", "run_failed"]


def test_a_node_may_read_the_events_of_another_run() -> None:
    @node
    def inner() -> Any:
        return {"kinds": kinds(list(LocalRuntime().iterate(data_chain())))}

    (*_, last) = LocalRuntime().iterate(chain(inner))
    assert last.results["0"] == {"kinds": ORDER}
