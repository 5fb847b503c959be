"""Tenant, user, trace, run and node reach every query, event and log line; listeners hear all of a run, in order."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dataflow import DataFlow, RunLogFilter, SwitchNode, errors, node, run_context
from tests.database import Database
from tests.integration.flows import BOTH, Told, execute, flow
from tests.integration.fresh import fresh
from tests.integration.test_events import Log

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
METADATA = {"tenant_id": "acme", "user_id": "ann", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


class Item:
    name: str


class Shared:
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
    name: str


@pytest.fixture
def tenants(database: Database) -> Iterator[DataFlow]:
    with closing(DataFlow(database.url, multi_tenant=True)) as flow:
        yield flow


def users_nodes(table: Any, said: list[Any]) -> dict[str, Any]:
    """Nodes that write a row named by themselves in three ways, and say where they are."""
    log = logging.getLogger("tests.user")

    def say(id: str) -> None:
        said.append((id, run_context()))
        log.warning("%s", id)

    def blocking() -> None:
        say("blocking")
        table.create(name="blocking")

    async def awaited() -> None:
        say("awaited")
        await table.acreate(name="awaited")

    async def threaded() -> None:
        await asyncio.to_thread(say, "threaded")
        await asyncio.to_thread(table.create, name="threaded")

    return {one.__name__: node(one) for one in (blocking, awaited, threaded)}


@BOTH
@pytest.mark.parametrize("given", [None, "other"])
def test_the_tenant_is_that_of_every_query(tenants: DataFlow, runtime: str, given: str | None) -> None:
    """`tenant_id` of the run counts more than that of the workflow."""
    table = fresh(tenants, Shared)
    kinds = {**users_nodes(table, []), "generated": (f"{table._cls.__name__}CreateNode", {"name": "generated"})}
    kinds["list"] = f"{table._cls.__name__}ListNode"
    links = [(id, "list") for id in kinds if id != "list"]
    results = execute(runtime, flow(kinds, *links, source=tenants, metadata=METADATA), tenant_id=given)
    expected = ["awaited", "blocking", "generated", "threaded"]
    assert sorted(row["name"] for row in results["list"]["records"]) == expected
    for tenant in ("acme", "other"):
        with tenants.tenant(tenant):
            assert sorted(row.name for row in table.list()) == (expected if tenant == (given or "acme") else [])
    with pytest.raises(errors.MissingTenantError):
        table.count()


@BOTH
def test_without_a_tenant_there_is_none(tenants: DataFlow, runtime: str) -> None:
    table = fresh(tenants, Shared)
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, flow({"count": f"{table._cls.__name__}CountNode"}, source=tenants))
    assert isinstance(caught.value.__cause__, errors.MissingTenantError)


@BOTH
@pytest.mark.parametrize("transaction", [False, True], ids=["alone", "in_one"])
def test_the_events_of_the_database_tell_run_node_user_and_trace(db: DataFlow, runtime: str, transaction: bool) -> None:
    table = fresh(db, Item)
    table.count()
    statements, changes = Log(db, "statement"), Log(db, "rows_changed")
    kinds = {**users_nodes(table, []), "generated": (f"{table._cls.__name__}CreateNode", {"name": "generated"})}
    metadata = {name: value for name, value in METADATA.items() if name != "tenant_id"}
    # One after the other: a transaction has one connection.
    links = [("blocking", "awaited"), ("awaited", "threaded"), ("threaded", "generated")]
    workflow = flow(kinds, *links, source=db, metadata=metadata)
    run_id = execute(runtime, workflow, transaction=transaction).run_id
    for log in (statements, changes):
        events = log.settled(lambda events: len(events) >= 4)
        told = [event for event in events if event.get("node_id")]
        assert sorted(event["node_id"] for event in told) == sorted(kinds)
        labels = {(event["run_id"], event["user"], event["trace_id"]) for event in told}
        assert labels == {(run_id, "ann", TRACE)}


@BOTH
def test_run_context_is_the_nodes_own(db: DataFlow, runtime: str) -> None:
    said: list[Any] = []
    table = fresh(db, Item)
    run_id = execute(runtime, flow(users_nodes(table, said), metadata={"user_id": "ann"}), tenant_id="acme").run_id
    assert {(id, one.run_id, one.node_id) for id, one in said} == {
        (id, run_id, id) for id in ("blocking", "awaited", "threaded")
    }
    assert all(one.metadata == {"user_id": "ann", "tenant_id": "acme"} for _, one in said)
    assert run_context() is None


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str, str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        found: Any = record
        self.lines.append((record.getMessage(), found.run_id, found.node_id, found.tenant_id))


@pytest.fixture
def lines() -> Iterator[list[tuple[str, str, str, str]]]:
    """What is logged while a test runs, as a handler with `RunLogFilter` sees it."""
    handler, root, ours = Lines(), logging.getLogger(), logging.getLogger("dataflow")
    handler.addFilter(RunLogFilter())
    before = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    yield handler.lines
    ours.setLevel(before)
    root.removeHandler(handler)


@BOTH
def test_log_lines_carry_run_node_and_tenant(
    db: DataFlow, runtime: str, lines: list[tuple[str, str, str, str]]
) -> None:
    table = fresh(db, Item)
    run_id = execute(runtime, flow(users_nodes(table, [])), tenant_id="acme").run_id
    users = [line for line in lines if line[0] in ("blocking", "awaited", "threaded")]
    assert sorted(users) == [(id, run_id, id, "acme") for id in ("awaited", "blocking", "threaded")]
    ours = [line for line in lines if line[0].startswith("node ")]
    assert {line[1] for line in ours} == {run_id}
    assert all(line[2] in line[0] for line in ours)
    assert len(ours) == 6
    assert [line[0].split(",")[0] for line in lines if line[0].startswith("run ")] == ["run started", "run finished"]
    logging.getLogger("tests.user").warning("outside")
    assert lines[-1] == ("outside", "", "", "")


@BOTH
@pytest.mark.parametrize(
    "given",
    ["", "x", f"00-{TRACE}", f"00-{TRACE.upper()}-00f067aa0ba902b7-01", f"00-{TRACE}-00f067aa0ba902b7-01\n", 3],
)
def test_a_traceparent_of_another_form_is_refused_before_anything_runs(runtime: str, given: Any) -> None:
    calls: list[int] = []
    with pytest.raises(errors.InvalidOptionError) as caught:
        execute(runtime, flow({"a": node(lambda: calls.append(1))}, metadata={"traceparent": given}))
    assert (caught.value.path, calls) == ("metadata.traceparent", [])


@BOTH
@pytest.mark.parametrize(("name", "value"), [("user_id", 3), ("user_id", "\ud800"), ("tenant_id", 3)])
def test_metadata_that_is_no_text_is_refused_before_anything_runs(
    db: DataFlow, runtime: str, name: str, value: Any
) -> None:
    calls: list[int] = []
    with pytest.raises(errors.DataFlowError):
        execute(runtime, flow({"a": node(lambda: calls.append(1))}, source=db, metadata={name: value}))
    assert calls == []


@BOTH
def test_the_events_of_a_run_that_finished(db: DataFlow, runtime: str) -> None:
    table, told = fresh(db, Item), Told()
    model = table._cls.__name__
    kinds = {
        "load": (f"{model}BulkCreateNode", {"data": [{"name": "a"}, {"name": "b"}]}),
        "count": f"{model}CountNode",
        "big": (SwitchNode, {"operator": ">", "value": 10}),
        "skipped": node(lambda data: data),
    }
    links = [("load", "count"), ("count", "count", "big", "data"), ("big", "true_output", "skipped", "data")]
    results = execute(runtime, flow(kinds, *links), on_event=told)
    assert told.lines() == [
        ("run_started", None),
        ("node_started", "load"),
        ("node_finished", "load"),
        ("node_started", "count"),
        ("node_finished", "count"),
        ("node_started", "big"),
        ("node_finished", "big"),
        ("node_skipped", "skipped"),
        ("run_finished", None),
    ]
    assert {event.run_id for event in told.events} == {results.run_id}
    assert [event.at for event in told.events] == sorted(event.at for event in told.events)
    load, count, _ = told.of("node_finished")
    assert (load.rows, load.attempt, load.error, count.rows) == (2, 1, None, None)
    assert all(event.seconds is not None and event.seconds >= 0 for event in told.of("node_finished"))
    assert told.events[-1].results is results
    assert told.events[-1].seconds == results.seconds
    timings = [(one.node, one.state, one.rows, one.attempts) for one in results.timings]
    skipped = ("skipped", "skipped", None, 0)
    assert timings == [
        ("load", "finished", 2, 1),
        ("count", "finished", None, 1),
        ("big", "finished", None, 1),
        skipped,
    ]


@BOTH
def test_the_events_of_a_run_that_failed(runtime: str) -> None:
    told, raised = Told(), [ValueError(), ValueError(), ValueError()]

    def fail() -> None:
        while ("node_started", "waits") not in told.lines():
            pass
        raise raised[len(told.of("node_retried"))]

    async def wait() -> None:
        await asyncio.Event().wait()

    kinds = {"fails": node(fail), "waits": node(wait), "never": node(lambda: None)}
    workflow = flow(kinds, ("fails", "never"), retry={"attempts": 3, "backoff_ms": 0, "on": [ValueError]})
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, workflow, on_event=told)
    assert sorted(told.lines()[1:3]) == [("node_started", "fails"), ("node_started", "waits")]
    assert told.lines()[3:] == [
        ("node_retried", "fails"),
        ("node_retried", "fails"),
        ("node_failed", "fails"),
        ("node_cancelled", "waits"),
        ("run_failed", None),
    ]
    _, _, failed, cancelled, over = told.events[3:]
    assert [event.error for event in told.events[3:6]] == raised
    assert (failed.attempt, over.error, caught.value.__cause__) == (3, raised[2], raised[2])
    assert isinstance(cancelled.error, asyncio.CancelledError)
    states = [(one.node, one.state, one.attempts) for one in caught.value.results.timings]  # type: ignore[attr-defined]
    assert states == [("fails", "failed", 3), ("waits", "cancelled", 1)]


@BOTH
def test_a_listener_that_raises_does_not_end_the_run(runtime: str, lines: list[tuple[str, str, str, str]]) -> None:
    told = Told()

    def listen(event: Any) -> None:
        told(event)
        raise RuntimeError(event.kind)

    with pytest.raises(errors.NodeExecutionError):
        execute(runtime, flow({"fails": node(lambda: 1 / 0)}), on_event=listen)
    assert execute(runtime, flow({"a": node(lambda: 1)}), on_event=listen) == {"a": {"result": 1}}
    assert [event.kind for event in told.events] == [
        *("run_started", "node_started", "node_failed", "run_failed"),
        *("run_started", "node_started", "node_finished", "run_finished"),
    ]
    assert len([line for line in lines if line[0].startswith("a listener of")]) == 8


@BOTH
def test_listeners_are_called_one_at_a_time(runtime: str) -> None:
    inside: list[int] = []
    most: list[int] = []

    def listen(event: Any) -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.0001)  # lets others in
        inside.pop()

    kinds = {f"n{number}": node(lambda: None) for number in range(200)}
    execute(runtime, flow(kinds), max_parallel=8, on_event=listen)
    assert set(most) == {1}
    assert len(most) == 402
