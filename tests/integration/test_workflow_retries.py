"""When a node is tried again, and when it must not be."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from dataflow import DataFlow, WorkflowBuilder, errors, node
from tests.database import Database
from tests.integration import bare
from tests.integration.flows import BOTH, Told, awaiting, blocking, execute, flow
from tests.integration.fresh import fresh
from tests.runtime.server import locked

# The two ways through the scheduler; the other two pairs are the same code.
WAYS = pytest.mark.parametrize(("runtime", "coloured"), [("local", blocking), ("async", awaiting)])
COLOURS = pytest.mark.parametrize("coloured", [blocking, awaiting])
KINDS = sorted(name for name in errors.__all__ if name.endswith("Error"))
SERVERS = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)


class Item:
    name: str
    size: int = 0


class Failing:
    """Raises these errors, one a call, and then succeeds."""

    def __init__(self, *raised: BaseException) -> None:
        self.raised = list(raised)
        self.calls = 0

    def __call__(self) -> dict[str, int]:
        self.calls += 1
        if self.raised:
            raise self.raised.pop(0)
        return {"calls": self.calls}


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which take no time here."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    class Stopped(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0)
            return self.is_set()

    async def pause(seconds: float) -> None:
        if seconds > 0:
            pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("dataflow.workflow.execution.Event", Stopped)
    monkeypatch.setattr("dataflow.workflow.attempt.asyncio.sleep", pause)
    return pauses


def run(runtime: str, kind: Any, retry: dict[str, Any] | None, **options: Any) -> Any:
    workflow = WorkflowBuilder()
    workflow.add_node(kind, "a", retry=retry)
    return execute(runtime, workflow.build(), **options)


@WAYS
@pytest.mark.parametrize("name", KINDS)
def test_by_default_what_is_retryable_is_tried_again(
    waited: list[float], runtime: str, coloured: Callable[..., Any], name: str
) -> None:
    cls = getattr(errors, name)
    failing = Failing(cls("first"), cls("second"))
    if cls.retryable:
        assert run(runtime, coloured(failing), {"attempts": 3})["a"] == {"calls": 3}
    else:
        with pytest.raises(errors.NodeExecutionError) as caught:
            run(runtime, coloured(failing), {"attempts": 3})
        assert isinstance(caught.value.__cause__, cls)
        assert failing.calls == 1


def test_something_is_retryable() -> None:
    kinds = {name for name in KINDS if getattr(errors, name).retryable}
    assert {"DeadlockError", "SerializationFailureError", "ConnectionLostError"} <= kinds < set(KINDS)


@WAYS
@pytest.mark.parametrize(
    ("on", "raised", "again"),
    [
        ("Deadlock", errors.DeadlockError("x"), True),
        (["DeadlockError"], errors.DeadlockError("x"), True),
        (["Deadlock"], errors.LockTimeoutError("x"), False),
        ([errors.ConflictError], errors.LockTimeoutError("x"), True),
        ([ValueError, "Deadlock"], ValueError("x"), True),
        ([ValueError], UnicodeError("x"), True),
        ([ValueError], KeyError("x"), False),
        ([TimeoutError], TimeoutError("x"), True),
        (["UniqueViolation"], errors.UniqueViolationError("x"), True),
        ([Exception], KeyboardInterrupt("x"), False),
    ],
)
def test_on_says_by_kind_and_class_what_is_tried_again(
    waited: list[float], runtime: str, coloured: Callable[..., Any], on: Any, raised: BaseException, again: bool
) -> None:
    if coloured is awaiting and isinstance(raised, KeyboardInterrupt):
        return  # asyncio takes it for itself
    failing = Failing(raised)
    if again:
        assert run(runtime, coloured(failing), {"on": on})["a"] == {"calls": 2}
    else:
        with pytest.raises((errors.NodeExecutionError, KeyboardInterrupt)):
            run(runtime, coloured(failing), {"on": on})
        assert failing.calls == 1


@WAYS
def test_the_last_error_is_the_cause_when_all_attempts_fail(
    waited: list[float], runtime: str, coloured: Callable[..., Any]
) -> None:
    raised, told = [ValueError(number) for number in range(4)], Told()
    failing = Failing(*raised)
    with pytest.raises(errors.NodeExecutionError) as caught:
        run(runtime, coloured(failing), {"attempts": 4, "on": [ValueError]}, on_event=told)
    assert caught.value.__cause__ is raised[3]
    assert [event.error for event in told.of("node_retried")] == raised[:3]
    assert [event.attempt for event in told.of("node_retried", "node_failed")] == [1, 2, 3, 4]


@WAYS
@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.5), (0.5, 1.0), (0.75, 1.25)])
def test_pauses_double_up_to_thirty_seconds_and_are_spread(
    waited: list[float],
    monkeypatch: pytest.MonkeyPatch,
    runtime: str,
    coloured: Callable[..., Any],
    chance: float,
    factor: float,
) -> None:
    monkeypatch.setattr("dataflow.workflow.retry.random", lambda: chance)
    failing, told = Failing(*[ValueError() for _ in range(7)]), Told()
    run(runtime, coloured(failing), {"attempts": 8, "backoff_ms": 1000, "on": [ValueError]}, on_event=told)
    assert waited == [seconds * factor for seconds in (1, 2, 4, 8, 16, 30, 30)]
    assert [event.seconds for event in told.of("node_retried")] == waited


@WAYS
def test_two_nodes_that_failed_together_do_not_come_back_together(
    waited: list[float], runtime: str, coloured: Callable[..., Any]
) -> None:
    kinds = {id: coloured(Failing(ValueError())) for id in "abcdefgh"}
    execute(runtime, flow(kinds, retry={"on": [ValueError]}))
    assert len(set(waited)) == 8


@BOTH
@pytest.mark.parametrize("outcome", ["committed", "unknown", "rolled back", None])
@pytest.mark.parametrize("on", [None, ["Deadlock"]])
def test_an_error_that_tells_what_may_be_kept_is_not_tried_again(
    waited: list[float], runtime: str, outcome: str | None, on: Any
) -> None:
    error = errors.DeadlockError("x")
    error.outcome = outcome
    failing = Failing(error)
    if outcome in ("rolled back", None):
        assert run(runtime, blocking(failing), {"on": on})["a"] == {"calls": 2}
    else:
        with pytest.raises(errors.NodeExecutionError) as caught:
            run(runtime, blocking(failing), {"on": on})
        assert (failing.calls, caught.value.outcome) == (1, outcome)


def writer(db: DataFlow, table: Any, coloured: Callable[..., Any], *, undone: bool, calls: list[int]) -> Any:
    """A node that writes, blocking or awaited, and fails twice: after the commit, or before it."""

    def fail() -> None:
        calls.append(len(calls))
        if len(calls) < 3:
            raise ValueError("later")

    def write() -> None:
        if undone:
            with db.transaction():
                table.create(name="row")
                fail()
        else:
            table.create(name="row")
            fail()

    async def awrite() -> None:
        if undone:
            async with db.transaction():
                await table.acreate(name="row")
                fail()
        else:
            await table.acreate(name="row")
            fail()

    return node(write) if coloured is blocking else node(awrite)


@BOTH
@COLOURS
def test_a_node_that_committed_something_is_not_tried_again(
    database: Database, db: DataFlow, runtime: str, coloured: Callable[..., Any]
) -> None:
    table, calls = fresh(db, Item), list[int]()
    table.count()
    kind = writer(db, table, coloured, undone=False, calls=calls)
    with pytest.raises(errors.NodeExecutionError) as caught:
        run(runtime, kind, {"attempts": 5, "backoff_ms": 0, "on": [ValueError]})
    assert (calls, caught.value.stands) == ([0], ("a",))
    assert bare.execute(database, f'SELECT count(*) FROM "{table._cls.__tablename__}"') == [(1,)]


@BOTH
@COLOURS
def test_a_node_whose_writes_were_rolled_back_is_tried_again(
    database: Database, db: DataFlow, runtime: str, coloured: Callable[..., Any]
) -> None:
    table, calls = fresh(db, Item), list[int]()
    table.count()
    kind = writer(db, table, coloured, undone=True, calls=calls)
    run(runtime, kind, {"attempts": 5, "backoff_ms": 0, "on": [ValueError]})
    assert calls == [0, 1, 2]
    assert bare.execute(database, f'SELECT count(*) FROM "{table._cls.__tablename__}"') == [(1,)]


@BOTH
@pytest.mark.parametrize("operation", ["Create", "BulkCreate", "Upsert"])
def test_a_write_that_was_rolled_back_is_tried_again(
    database: Database, db: DataFlow, runtime: str, operation: str
) -> None:
    """Its time is up while it waits for a lock; when it is tried again there is none any more."""
    table = fresh(db, Item)
    table.count()
    told, lock = Told(), ExitStack()

    def unlock(event: Any) -> None:
        told(event)
        if event.kind == "node_retried":
            lock.close()

    row = {"id": 1, "name": "row"} if operation != "BulkCreate" else [{"name": "row"}]
    workflow = WorkflowBuilder()
    retry = {"attempts": 2, "backoff_ms": 0, "on": ["NodeTimeout"]}
    workflow.add_node(f"{table._cls.__name__}{operation}Node", "a", {"data": row}, retry=retry, timeout=0.5)
    with lock:
        lock.enter_context(locked(database, table._cls.__tablename__))
        execute(runtime, workflow.build(), on_event=unlock)
    (retried,) = told.of("node_retried")
    assert isinstance(retried.error, errors.NodeTimeoutError)
    assert retried.error.outcome == "rolled back"
    assert bare.execute(database, f'SELECT count(*) FROM "{table._cls.__tablename__}"') == [(1,)]


@SERVERS
@BOTH
@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_a_deadlock_between_two_nodes_is_tried_again_and_ends_well(
    database: Database, db: DataFlow, runtime: str, awaited: bool
) -> None:
    table = fresh(db, Item)
    table.bulk_create([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}])
    meeting = threading.Barrier(2, timeout=20)
    met: set[str] = set()

    def meet(id: str) -> None:
        if id not in met:
            met.add(id)
            meeting.wait()

    def crossing(id: str, first: int, second: int) -> Any:
        def cross() -> None:
            with db.transaction():
                table.update(first, {"name": id})
                meet(id)
                table.update(second, {"name": id})
                table.create(name=id)

        async def across() -> None:
            async with db.transaction():
                await table.aupdate(first, {"name": id})
                await asyncio.to_thread(meet, id)
                await table.aupdate(second, {"name": id})
                await table.acreate(name=id)

        return node(across) if awaited else node(cross)

    told = Told()
    kinds = {"ab": crossing("ab", 1, 2), "ba": crossing("ba", 2, 1)}
    execute(runtime, flow(kinds, retry={"backoff_ms": 1}), on_event=told)
    (retried,) = told.of("node_retried")
    assert isinstance(retried.error, errors.DeadlockError)
    assert retried.error.outcome == "rolled back"
    one, other, *both = [row.name for row in table.list()]
    # The one that was tried again came last.
    assert (one, other, sorted(both)) == (retried.node, retried.node, ["ab", "ba"])


@BOTH
def test_retry_and_one_transaction_for_all_is_refused(db: DataFlow, runtime: str) -> None:
    table = fresh(db, Item)
    workflow = WorkflowBuilder()
    workflow.add_node(f"{table._cls.__name__}CreateNode", "load", {"name": "x"}, retry={"attempts": 2})
    told = Told()
    with pytest.raises(errors.InvalidOptionError, match="retry") as caught:
        execute(runtime, workflow.build(), transaction=True, on_event=told)
    assert (caught.value.path, told.events) == ("load.retry", [])
    assert table.count() == 0


@BOTH
@COLOURS
def test_a_node_in_its_pause_is_not_tried_again_when_the_run_ends(runtime: str, coloured: Callable[..., Any]) -> None:
    """And nobody waits for the pause."""
    failing, told = Failing(ValueError("first")), Told()
    pausing = threading.Event()

    def listen(event: Any) -> None:
        told(event)
        if event.kind == "node_retried":
            pausing.set()

    def fail() -> None:
        assert pausing.wait(20)
        raise KeyError("other")

    workflow = WorkflowBuilder()
    workflow.add_node(coloured(failing), "again", retry={"backoff_ms": 30_000, "on": [ValueError]})
    workflow.add_node(node(fail), "fail")
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, workflow.build(), on_event=listen)
    assert caught.value.node == "fail"
    assert failing.calls == 1
    assert [event.node for event in told.of("node_cancelled")] == ["again"]
