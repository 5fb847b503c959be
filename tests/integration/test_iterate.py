"""Reading the events of a run in a loop: its transaction and tenant hold, and leaving the loop undoes what it may."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from contextvars import Context
from itertools import pairwise
from typing import Any

import pytest

from dataflow import AsyncLocalRuntime, DataFlow, LocalRuntime, RunEvent, Table, Workflow, WorkflowBuilder
from dataflow.errors import NodeExecutionError, UniqueViolationError
from tests.integration.fresh import fresh
from tests.threads import threads_of_runs


class Item:
    name: str


class Owned:
    name: str
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012


def loading(db: DataFlow, table: Table[Any], *ids: int) -> Workflow:
    """A node for every id, one after the other, each creating its row; then a count."""
    model = table._cls.__name__
    workflow = WorkflowBuilder(db)
    for id in ids:
        workflow.add_node(f"{model}CreateNode", f"create {id}", {"id": id, "name": "a"})
    workflow.add_node(f"{model}CountNode", "count")
    order = [f"create {id}" for id in ids] + ["count"]
    for before, after in pairwise(order):
        workflow.add_connection(before, after)
    return workflow.build()


def stored(table: Table[Any]) -> int:
    """What others see: outside of every transaction of the caller."""
    return Context().run(table.count)


@contextmanager
def all_given_back(db: DataFlow) -> Iterator[None]:
    """No connection is in use and no thread of a run is there when it ends, and the database still works."""
    yield
    status = db.pool_status()
    assert status["open"] == status["idle"]
    assert threads_of_runs() == []


def leave(events: Iterator[RunEvent], node: str) -> None:
    for event in events:
        if (event.kind, event.node) == ("node_finished", node):
            break


async def aleave(db: DataFlow, workflow: Workflow, node: str, **options: Any) -> None:
    async with aclosing(AsyncLocalRuntime().iterate(workflow, **options)) as events:
        async for event in events:
            if (event.kind, event.node) == ("node_finished", node):
                break


def test_the_results_are_there_when_the_loop_ends(db: DataFlow) -> None:
    table = fresh(db, Item)
    with all_given_back(db):
        (*_, last) = LocalRuntime().iterate(loading(db, table, 1, 2))
    assert last.results["count"] == {"count": 2}
    assert stored(table) == 2


async def test_the_results_are_there_when_the_awaited_loop_ends(db: DataFlow) -> None:
    table = fresh(db, Item)
    *_, last = [event async for event in AsyncLocalRuntime().iterate(loading(db, table, 1, 2), transaction=True)]
    assert last.results["count"] == {"count": 2}
    assert stored(table) == 2


@pytest.mark.parametrize("node", ["create 1", "create 2", "count"])
def test_leaving_the_loop_commits_nothing_of_its_transaction(db: DataFlow, node: str) -> None:
    table = fresh(db, Item)
    table.count()
    with all_given_back(db):
        leave(LocalRuntime().iterate(loading(db, table, 1, 2), transaction=True), node)
    assert stored(table) == 0
    LocalRuntime().execute(loading(db, table, 1, 2), transaction=True)
    assert stored(table) == 2


@pytest.mark.parametrize("node", ["create 1", "create 2", "count"])
async def test_leaving_the_awaited_loop_commits_nothing_of_its_transaction(db: DataFlow, node: str) -> None:
    table = fresh(db, Item)
    await table.acount()
    with all_given_back(db):
        await aleave(db, loading(db, table, 1, 2), node, transaction=True)
        assert len(asyncio.all_tasks()) == 1
    assert stored(table) == 0
    await AsyncLocalRuntime().execute_workflow_async(loading(db, table, 1, 2), transaction=True)
    assert stored(table) == 2


def test_the_last_event_comes_when_the_transaction_is_committed(db: DataFlow) -> None:
    table, seen = fresh(db, Item), []
    table.count()
    for event in LocalRuntime().iterate(loading(db, table, 1), transaction=True):
        seen.append((event.kind, stored(table)))
    assert seen[-2:] == [("node_finished", 0), ("run_finished", 1)]


async def test_the_last_awaited_event_comes_when_the_transaction_is_committed(db: DataFlow) -> None:
    table, seen = fresh(db, Item), []
    await table.acount()
    async for event in AsyncLocalRuntime().iterate(loading(db, table, 1), transaction=True):
        seen.append((event.kind, stored(table)))
    assert seen[-2:] == [("node_finished", 0), ("run_finished", 1)]


def test_a_failure_in_the_transaction_leaves_nothing(db: DataFlow) -> None:
    table, told = fresh(db, Item), list[str]()
    with all_given_back(db), pytest.raises(NodeExecutionError) as caught:
        for event in LocalRuntime().iterate(twice(db, table), transaction=True):
            told.append(event.kind)
    assert isinstance(caught.value.__cause__, UniqueViolationError)
    assert told[-2:] == ["node_failed", "run_failed"]
    assert stored(table) == 0


def twice(db: DataFlow, table: Table[Any]) -> Workflow:
    """The second node fails: its row is there."""
    name = f"{table._cls.__name__}CreateNode"
    workflow = WorkflowBuilder(db)
    workflow.add_node(name, "one", {"id": 1, "name": "a"})
    workflow.add_node(name, "other", {"id": 1, "name": "b"})
    workflow.add_connection("one", "other")
    return workflow.build()


def test_the_run_joins_the_transaction_of_the_caller(db: DataFlow) -> None:
    table = fresh(db, Item)
    with all_given_back(db):
        with pytest.raises(ZeroDivisionError), db.transaction():
            table.create(id=9, name="caller's")
            (*_, last) = LocalRuntime().iterate(loading(db, table, 1))
            assert last.results["count"] == {"count": 2}
            raise ZeroDivisionError
        assert stored(table) == 0


async def test_the_awaited_run_joins_the_transaction_of_the_caller(db: DataFlow) -> None:
    table = fresh(db, Item)
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await table.acreate(id=9, name="caller's")
            *_, last = [event async for event in AsyncLocalRuntime().iterate(loading(db, table, 1))]
            assert last.results["count"] == {"count": 2}
            raise ZeroDivisionError
    assert stored(table) == 0


def test_leaving_the_loop_keeps_the_transaction_of_the_caller(db: DataFlow) -> None:
    table = fresh(db, Item)
    table.count()
    with db.transaction():
        table.create(id=9, name="caller's")
        leave(LocalRuntime().iterate(loading(db, table, 1), transaction=True), "count")
        assert table.count() == 1
    assert stored(table) == 1


def test_the_tenant_of_the_caller_holds_in_the_run(db: DataFlow) -> None:
    table = fresh(db, Owned)
    with db.tenant("a"):
        (*_, last) = LocalRuntime().iterate(loading(db, table, 1))
        assert last.results["count"] == {"count": 1}
        (*_, last) = LocalRuntime().iterate(loading(db, table), tenant_id="b")
        assert last.results["count"] == {"count": 0}
        assert table.count() == 1


async def test_the_tenant_of_the_caller_holds_in_the_awaited_run(db: DataFlow) -> None:
    table = fresh(db, Owned)
    with db.tenant("a"):
        *_, last = [event async for event in AsyncLocalRuntime().iterate(loading(db, table, 1))]
        assert last.results["count"] == {"count": 1}
        *_, last = [event async for event in AsyncLocalRuntime().iterate(loading(db, table), tenant_id="b")]
        assert last.results["count"] == {"count": 0}


def test_leaving_the_loop_ends_a_statement_that_waits(db: DataFlow) -> None:
    """A row that the caller's own transaction holds: only a cancel ends the wait."""
    table, told = fresh(db, Item), list[RunEvent]()
    table.create(id=1, name="a")
    workflow = WorkflowBuilder(db)
    workflow.add_node(f"{table._cls.__name__}UpdateNode", "wait", {"key": 1, "updates": {"name": "b"}})
    with all_given_back(db):
        with db.transaction():
            table.update(1, {"name": "held"})
            runtime = LocalRuntime(on_event=told.append)
            Context().run(leave_when_started, runtime.iterate, workflow.build())
        assert [event.kind for event in told][-2:] == ["node_cancelled", "run_failed"]
    assert table.read(1).name == "held"


def leave_when_started(iterate: Any, workflow: Workflow) -> None:
    for event in iterate(workflow):
        if event.kind == "node_started":
            break
