"""The time of a node, of a run, and a cancel: they reach the database, and nothing runs afterwards."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from dataflow import AsyncLocalRuntime, DataFlow, LocalRuntime, errors, node
from tests.database import Database
from tests.integration import bare
from tests.integration.flows import BOTH, LONG_S, Gate, Told, awaiting, blocking, execute, flow
from tests.integration.fresh import fresh
from tests.runtime.server import in_use, is_busy, locked, sessions, wait_until
from tests.threads import threads_of_runs

COLOURS = pytest.mark.parametrize("coloured", [blocking, awaiting])
# How long a run may go on after its time: the server's cancel, then half a second, on a loaded machine.
UNWOUND_S = 3


class Item:
    name: str


class Scene:
    """A table that nobody can write to while `locked`, and the runs that try it."""

    def __init__(self, database: Database, db: DataFlow) -> None:
        self.database, self.db = database, db
        self.table = fresh(db, Item)
        self.table.count()
        self.name = self.table._cls.__tablename__

    def locked(self) -> Any:
        return locked(self.database, self.name)

    def blocked(self) -> bool:
        """Whether a statement waits for the lock; on SQLite, whether a connection is in use while it is there."""
        return in_use(self.db) > 0 if self.database.kind == "sqlite" else is_busy(self.database)

    def node(self, operation: str) -> str:
        return f"{self.table._cls.__name__}{operation}Node"

    def rows(self) -> int:
        return int(bare.execute(self.database, f'SELECT count(*) FROM "{self.name}"')[0][0])

    def check_quiet(self) -> None:
        """Nothing runs, in this process or on the server; no connection is in use; all works as before."""
        check_no_threads()
        wait_until(lambda: not any(sessions(self.database).values()), "no statement runs on the server", 2)
        wait_until(lambda: in_use(self.db) == 0, "no connection is in use", 2)
        assert open_transactions(self.database) == 0


def open_transactions(database: Database) -> int:
    if database.kind == "sqlite":
        bare.execute(database, "BEGIN IMMEDIATE")  # would wait, and fail
        return 0
    queries = {
        "postgres": "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND state LIKE 'idle in transaction%'",
        "mariadb": """
            SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist
            ON trx_mysql_thread_id = id WHERE db = '{}' AND user = 'dataflow'""",
    }
    query = queries[database.kind].format(bare.name_of(database))
    return int(bare.execute(database, query, admin=True)[0][0])


def check_no_threads() -> None:
    assert threads_of_runs() == []


@pytest.fixture
def scene(database: Database, db: DataFlow) -> Scene:
    return Scene(database, db)


def write_node(scene: Scene, kind: str) -> Any:
    """A node that writes one row: a generated one, or one of a user's, blocking, awaited, or in a thread."""

    def create() -> None:
        scene.table.create(name="x")

    async def acreate() -> None:
        await scene.table.acreate(name="x")

    async def in_thread() -> None:
        await asyncio.to_thread(scene.table.create, name="x")

    def in_transaction() -> None:
        with scene.db.transaction():
            scene.table.create(name="x")

    return {
        "generated": (scene.node("Create"), {"name": "x"}),
        "blocking": node(create),
        "awaited": node(acreate),
        "to_thread": node(in_thread),
        "transaction": node(in_transaction),
    }[kind]


WRITERS = pytest.mark.parametrize("kind", ["generated", "blocking", "awaited", "to_thread", "transaction"])


@BOTH
@WRITERS
def test_the_time_of_a_node_ends_its_statement(scene: Scene, runtime: str, kind: str) -> None:
    told = Told()
    with scene.locked():
        began = time.monotonic()
        with pytest.raises(errors.NodeExecutionError) as caught:
            execute(runtime, flow({"write": write_node(scene, kind)}, timeout=0.3), on_event=told)
        assert 0.3 <= time.monotonic() - began < 0.3 + UNWOUND_S
        wait_until(lambda: not scene.blocked(), "the statement is gone", 2)
    cause = caught.value.__cause__
    assert isinstance(cause, errors.NodeTimeoutError)
    assert (cause.path, caught.value.outcome, caught.value.stands) == ("write", cause.outcome, ())
    # What a node of the user left to a thread, the thread alone was told.
    assert cause.outcome == (None if kind == "to_thread" else "rolled back")
    assert told.lines()[-2:] == [("node_failed", "write"), ("run_failed", None)]
    scene.check_quiet()
    assert scene.rows() == 0
    execute(runtime, flow({"write": write_node(scene, kind)}, timeout=30))
    assert scene.rows() == 1


@BOTH
def test_a_run_in_a_transaction_of_the_caller_has_a_time_too(scene: Scene, runtime: str) -> None:
    """Its part of the transaction is taken back; the caller's goes on."""
    store, slow = write_node(scene, "blocking"), node(lambda: threading.Event().wait(0.5))
    with scene.db.transaction():
        execute(runtime, flow({"write": store}, source=scene.db), timeout=LONG_S, transaction=True)
        workflow = flow({"write": store, "slow": slow}, ("write", "slow"), source=scene.db)
        with pytest.raises(errors.WorkflowTimeoutError):
            execute(runtime, workflow, timeout=0.3, transaction=True)
        assert scene.table.count() == 1
        scene.table.create(name="usable")
    assert scene.table.count() == 2


@BOTH
@WRITERS
@pytest.mark.parametrize("transaction", [False, True], ids=["alone", "in_one"])
def test_the_time_of_a_run_ends_its_statements(scene: Scene, runtime: str, kind: str, transaction: bool) -> None:
    kinds = {"write": write_node(scene, kind), "never": node(lambda: None)}
    workflow = flow(kinds, ("write", "never"), source=scene.db)
    told = Told()
    with scene.locked():
        began = time.monotonic()
        with pytest.raises(errors.WorkflowTimeoutError) as caught:
            execute(runtime, workflow, timeout=0.3, transaction=transaction, on_event=told)
        assert 0.3 <= time.monotonic() - began < 0.3 + UNWOUND_S
        wait_until(lambda: not scene.blocked(), "the statement is gone", 2)
    assert (caught.value.stands, caught.value.results) == ((), {})
    # SQLite locks when a transaction begins: no node began then.
    before = ("run_started", None) if transaction and scene.database.kind == "sqlite" else ("node_cancelled", "write")
    assert told.lines()[-2:] == [before, ("run_failed", None)]
    assert told.events[-1].error is caught.value
    assert told.events[-1].run_id == caught.value.run_id
    scene.check_quiet()
    assert scene.rows() == 0


@BOTH
def test_what_stands_is_told_when_the_time_is_up(scene: Scene, runtime: str) -> None:
    kinds = {
        "first": (scene.node("Create"), {"name": "x"}),
        "wait": node(lambda: ended.wait(LONG_S)),
        "never": node(lambda: None),
    }
    ended = threading.Event()
    timer = threading.Timer(0.6, ended.set)
    timer.start()
    with pytest.raises(errors.WorkflowTimeoutError) as caught:
        execute(runtime, flow(kinds, ("first", "wait"), ("wait", "never")), timeout=0.3)
    timer.join()
    assert (caught.value.stands, set(caught.value.results)) == (("first",), {"first", "wait"})
    assert scene.rows() == 1


@BOTH
@COLOURS
def test_no_time_at_all_lets_nothing_begin_or_ends_it(runtime: str, coloured: Callable[..., Any]) -> None:
    calls: list[int] = []
    kinds = {f"n{number}": coloured(lambda: calls.append(1)) for number in range(2000)}
    links = [(f"n{number}", f"n{number + 1}") for number in range(1999)]
    with pytest.raises(errors.WorkflowTimeoutError):
        execute(runtime, flow(kinds, *links), timeout=1e-6)
    assert len(calls) < 2000
    check_no_threads()


@BOTH
@COLOURS
def test_nothing_begins_when_the_time_is_up_already(runtime: str, coloured: Callable[..., Any]) -> None:
    """Here while a listener hears of the start."""
    calls: list[int] = []

    def dawdle(event: Any) -> None:
        if event.kind == "run_started":
            time.sleep(0.3)

    with pytest.raises(errors.WorkflowTimeoutError):
        execute(runtime, flow({"a": coloured(lambda: calls.append(1))}), timeout=0.05, on_event=dawdle)
    assert calls == []


@BOTH
def test_the_time_of_a_node_is_not_up_for_one_that_ends_in_time(runtime: str) -> None:
    workflow = flow({"a": node(lambda: 1), "b": awaiting(lambda: {"x": 2})}, timeout=LONG_S)
    assert execute(runtime, workflow, timeout=LONG_S) == {"a": {"result": 1}, "b": {"x": 2}}


@BOTH
def test_a_blocking_node_that_does_not_look_is_waited_for_and_too_late(runtime: str) -> None:
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, flow({"slow": node(lambda: threading.Event().wait(0.3))}, timeout=0.05))
    assert isinstance(caught.value.__cause__, errors.NodeTimeoutError)


@BOTH
@WRITERS
def test_a_failure_ends_the_statements_of_the_others(scene: Scene, runtime: str, kind: str) -> None:
    def fail() -> None:
        wait_until(lambda: ("node_started", "write") in told.lines() and scene.blocked(), "the other waits")
        raise ValueError("now")

    told = Told()
    with scene.locked():
        with pytest.raises(errors.NodeExecutionError) as caught:
            execute(runtime, flow({"write": write_node(scene, kind), "fail": node(fail)}), on_event=told)
        wait_until(lambda: not scene.blocked(), "the statement is gone", 2)
    assert isinstance(caught.value.__cause__, ValueError)
    assert (caught.value.node, caught.value.stands) == ("fail", ())
    assert told.lines()[-3:] == [("node_failed", "fail"), ("node_cancelled", "write"), ("run_failed", None)]
    scene.check_quiet()
    assert scene.rows() == 0


# --- a task that is cancelled ----------------------------------------------------------------------------------------


@WRITERS
@pytest.mark.parametrize("transaction", [False, True], ids=["alone", "in_one"])
async def test_a_cancelled_run_leaves_nothing_behind(scene: Scene, kind: str, transaction: bool) -> None:
    runtime, told = AsyncLocalRuntime(), Told()
    begun = asyncio.Event()

    async def begin() -> None:
        begun.set()

    kinds = {"write": write_node(scene, kind), "begin": node(begin), "never": node(lambda: None)}
    workflow, before = flow(kinds, ("write", "never"), source=scene.db), asyncio.all_tasks()
    with scene.locked():
        task = asyncio.create_task(runtime.execute_workflow_async(workflow, transaction=transaction, on_event=told))
        if transaction and scene.database.kind == "sqlite":
            # It locks when a transaction begins: no node has begun.
            await asyncio.to_thread(wait_until, scene.blocked, "the transaction waits")
        else:
            await begun.wait()
            waits = lambda: ("node_started", "write") in told.lines() and scene.blocked()  # noqa: E731
            await asyncio.to_thread(wait_until, waits, "the statement waits")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # At once: what has not settled by now would have outlived the run.
        assert asyncio.all_tasks() == before
        check_no_threads()
        wait_until(lambda: not scene.blocked(), "the statement is gone", 2)
    assert task.cancelled()
    before = ("run_started", None) if transaction and scene.database.kind == "sqlite" else ("node_cancelled", "write")
    assert told.lines()[-2:] == [before, ("run_failed", None)]
    scene.check_quiet()
    assert scene.rows() == 0
    results, _ = await runtime.execute_workflow_async(workflow, transaction=transaction)
    assert set(results) == {"write", "begin", "never"}
    assert scene.rows() == 1


def slow(id: str, gate: asyncio.Barrier, cleaned: list[str], turns: int) -> Any:
    """A node that waits to be cancelled, and takes so many turns of the loop to clean up."""

    async def run() -> None:
        await gate.wait()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(turns):
                await asyncio.sleep(0)
            cleaned.append(id)

    return node(run)


async def test_a_cancel_waits_for_what_cleans_up_and_cancels_it_once() -> None:
    gate, cleaned = asyncio.Barrier(6), list[str]()

    task = asyncio.create_task(
        AsyncLocalRuntime().execute_workflow_async(flow({id: slow(id, gate, cleaned, 10) for id in "abcde"}))
    )
    await gate.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(cleaned) == list("abcde")


async def test_a_failure_cancels_the_others_once() -> None:
    gate, cleaned = asyncio.Barrier(5), list[str]()

    async def fail() -> None:
        await gate.wait()
        raise ValueError

    others = {id: slow(id, gate, cleaned, ord(id) - ord("a")) for id in "ckpz"}
    with pytest.raises(errors.NodeExecutionError) as caught:
        await AsyncLocalRuntime().execute_workflow_async(flow({**others, "fail": node(fail)}))
    assert caught.value.node == "fail"
    assert cleaned == list("ckpz")


@pytest.mark.parametrize("coloured", [blocking, awaiting])
@pytest.mark.parametrize("steps", range(12))
async def test_a_cancel_is_never_swallowed(coloured: Callable[..., Any], steps: int) -> None:
    """At whatever step of the loop it comes: either all was done before, or CancelledError is raised."""
    workflow = flow({"a": coloured(lambda: 1), "b": coloured(lambda: 2)}, ("a", "b"))
    task = asyncio.create_task(AsyncLocalRuntime().execute_workflow_async(workflow))
    for _ in range(steps):
        await asyncio.sleep(0)
    asked = task.cancel()
    done, _ = await asyncio.wait([task], timeout=LONG_S)
    assert done, "the run hangs"
    assert task.cancelled() == asked


@pytest.mark.parametrize("coloured", [blocking, awaiting])
@pytest.mark.parametrize("steps", range(6))
async def test_a_run_ends_when_all_tasks_are_cancelled(coloured: Callable[..., Any], steps: int) -> None:
    """As asyncio.run does in the end, and many a service: nodes that have not taken their first step too."""
    workflow = flow({id: coloured(lambda: 1) for id in "abc"})
    before = asyncio.all_tasks()
    task = asyncio.create_task(AsyncLocalRuntime().execute_workflow_async(workflow))
    for _ in range(steps):
        await asyncio.sleep(0)
    running = asyncio.all_tasks() - before
    for one in running:
        one.cancel()
    done, _ = await asyncio.wait([task], timeout=LONG_S)
    assert done, "the run hangs"
    assert task.cancelled() == (task in running)


async def test_a_cancel_while_a_failed_run_ends_is_raised() -> None:
    failed, leave = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        raise ValueError

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            failed.set()
            with suppress(asyncio.CancelledError):
                await leave.wait()
            raise

    task = asyncio.create_task(
        AsyncLocalRuntime().execute_workflow_async(flow({"linger": node(linger), "fail": node(fail)}))
    )
    await failed.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert task.cancelled()
    assert isinstance(caught.value, asyncio.CancelledError)


async def test_the_time_of_asyncio_ends_a_run() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await AsyncLocalRuntime().execute_workflow_async(flow({"a": node(forever)}))
    check_no_threads()


@BOTH
def test_nothing_begins_while_a_listener_hears_of_a_failure(runtime: str) -> None:
    """Two at a time: one fails, the other ends, and what was queued stays where it is."""
    told, failed, ended = Told(), threading.Event(), threading.Event()
    gate = Gate()

    def listen(event: Any) -> None:
        told(event)
        if event.kind == "node_failed":
            failed.set()
            # The other one ends now, and its thread would take the next step.
            ended.wait(0.2)

    def fail() -> None:
        gate.stay(2)
        raise ValueError

    def end() -> None:
        gate.stay(2)
        assert failed.wait(LONG_S)

    kinds = {"fail": node(fail), "end": node(end), **{f"next{at}": node(ended.set) for at in range(3)}}
    with pytest.raises(errors.NodeExecutionError):
        execute(runtime, flow(kinds), max_parallel=2, on_event=listen)
    assert not ended.is_set()
    assert not [event for event in told.of("node_started") if event.node not in ("fail", "end")]


def test_one_runtime_goes_on_after_every_kind_of_end(scene: Scene) -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    runtime = LocalRuntime()
    write = flow({"write": (scene.node("Create"), {"name": "x"})})
    for timeout in (1e-6, None, 1e-6, None):
        if timeout is None:
            runtime.execute(write)
        else:
            with pytest.raises(errors.WorkflowTimeoutError):
                runtime.execute(flow({"wait": node(forever)}), timeout=timeout)
    scene.check_quiet()
    assert scene.rows() == 2


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    yield
    check_no_threads()
