"""A run that fails says where, why and what stands, and that is what the database has."""

import asyncio
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypedDict

import pytest

from dataflow import DataFlow, LocalRuntime, Node, errors, node
from tests.database import Database
from tests.integration import bare
from tests.integration.flows import BOTH, Kind, Told, execute, flow
from tests.integration.fresh import fresh
from tests.runtime.server import locked, sessions, wait_until


class Item:
    __dataflow__ = {"unique": [["size"]]}  # noqa: RUF012
    name: str
    size: int | None = None


class Scene:
    """A table whose rows are named by the node that wrote them."""

    def __init__(self, database: Database, db: DataFlow) -> None:
        self.database, self.db = database, db
        self.table = fresh(db, Item)
        self.table.count()

    def stored(self) -> list[str]:
        rows = bare.execute(self.database, f'SELECT "name" FROM "{self.table._cls.__tablename__}" ORDER BY "id"')
        return [name for (name,) in rows]

    def writer(self, way: str, name: str, then: Callable[[], object] = lambda: None) -> Any:
        """Writes a row in one of the ways a node can, and goes on with `then` where that is a user's code."""

        def direct() -> None:
            self.table.create(name=name)
            then()

        async def awaited() -> None:
            await self.table.acreate(name=name)
            then()

        def transaction() -> None:
            with self.db.transaction():
                self.table.create(name=name)
                with self.db.transaction():
                    then()

        async def awaited_transaction() -> None:
            async with self.db.transaction():
                await self.table.acreate(name=name)
                then()

        async def thread() -> None:
            await asyncio.to_thread(self.table.create, name=name)
            then()

        users = {one.__name__: one for one in (direct, awaited, transaction, awaited_transaction, thread)}
        model = self.table._cls.__name__
        generated = {
            "Create": (f"{model}CreateNode", {"name": name}),
            "BulkCreate": (f"{model}BulkCreateNode", {"data": [{"name": name}]}),
        }
        return generated[way] if way in generated else node(users[way])


WAYS = ["Create", "BulkCreate", "direct", "awaited", "transaction", "awaited_transaction", "thread"]


@pytest.fixture
def scene(database: Database, db: DataFlow) -> Scene:
    return Scene(database, db)


def fail() -> None:
    raise ValueError("secret value")


def chained(scene: Scene, kinds: dict[str, Kind | tuple[Kind, dict[str, Any]]]) -> Any:
    ids = list(kinds)
    return flow(kinds, *pairwise(ids), source=scene.db)


@BOTH
@pytest.mark.parametrize("way", WAYS)
def test_what_stands_is_what_the_database_has(scene: Scene, runtime: str, way: str) -> None:
    """After nodes that wrote in every way, one fails; the one after it never begins."""
    kinds = {
        "first": scene.writer("Create", "first"),
        "reads": (f"{scene.table._cls.__name__}ListNode", {}),
        "writes": scene.writer(way, "writes"),
        "fails": node(fail),
        "never": scene.writer("Create", "never"),
    }
    told = Told()
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, chained(scene, kinds), on_event=told)
    error = caught.value
    assert list(error.stands) == scene.stored() == ["first", "writes"]
    assert (error.node, error.path, error.outcome) == ("fails", "fails", None)
    assert isinstance(error.__cause__, ValueError)
    assert list(error.results) == ["first", "reads", "writes"]
    assert error.results["first"]["name"] == "first"
    assert {event.run_id for event in told.events} == {error.run_id}
    assert "first, writes" in str(error)
    assert "secret" not in str(error)
    assert scene.table.count() == 2


@BOTH
@pytest.mark.parametrize("way", WAYS[2:])
def test_what_a_failing_node_wrote_stands_where_it_was_committed(scene: Scene, runtime: str, way: str) -> None:
    kinds = {"first": scene.writer("Create", "first"), "fails": scene.writer(way, "fails", fail)}
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, chained(scene, kinds))
    kept = [] if "transaction" in way else ["fails"]
    assert list(caught.value.stands) == scene.stored() == ["first", *kept]


@BOTH
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("transaction", [False, True], ids=["alone", "in_one"])
def test_a_write_that_is_refused_tells_its_outcome(scene: Scene, runtime: str, way: str, transaction: bool) -> None:
    scene.table.create(name="before", size=1)

    def double() -> None:
        with scene.db.transaction():
            scene.table.create(name="lost")
            scene.table.create(name="double", size=1)

    kinds = {"first": scene.writer(way, "first"), "double": node(double)}
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, chained(scene, kinds), transaction=transaction)
    assert isinstance(caught.value.__cause__, errors.UniqueViolationError)
    assert caught.value.outcome == caught.value.__cause__.outcome == "rolled back"
    assert ["before", *caught.value.stands] == scene.stored() == (["before"] if transaction else ["before", "first"])


@BOTH
@pytest.mark.parametrize("way", WAYS)
def test_one_transaction_leaves_nothing(scene: Scene, runtime: str, way: str) -> None:
    kinds = {"writes": scene.writer(way, "writes"), "fails": scene.writer("direct", "fails", fail)}
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, chained(scene, kinds), transaction=True)
    assert (caught.value.stands, scene.stored()) == ((), [])
    execute(runtime, chained(scene, {"writes": kinds["writes"]}), transaction=True)
    assert scene.stored() == ["writes"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", ["commits", "rolls back", "fails"])
@pytest.mark.parametrize("inner", [False, True], ids=["alone", "in_one"])
def test_a_run_inside_a_transaction_joins_it(scene: Scene, way: str, end: str, inner: bool) -> None:
    kinds = {"writes": scene.writer(way, "writes"), **({"fails": node(fail)} if end == "fails" else {})}

    def run() -> None:
        with scene.db.transaction():
            scene.table.create(name="outer")
            execute("local", chained(scene, kinds), transaction=inner)
            # Of another connection nothing is seen before the commit.
            assert scene.table.count() == 2
            if end == "rolls back":
                raise KeyError

    if end == "commits":
        run()
    else:
        with pytest.raises((KeyError, errors.NodeExecutionError)) as caught:
            run()
        assert getattr(caught.value, "stands", ()) == ()
    assert scene.stored() == (["outer", "writes"] if end == "commits" else [])


class Promise(TypedDict):
    count: int


class Listing(Node):
    def run(self) -> Any:
        return [1]


class Promising(Node):
    def run(self) -> Promise:
        return {"counts": 1}  # type: ignore[typeddict-item]


def promises_another() -> Promise:
    return {"count": "one"}  # type: ignore[typeddict-item]


def returns_int() -> int:
    return "one"  # type: ignore[return-value]


async def returns_int_later() -> int:
    return "one"  # type: ignore[return-value]


@BOTH
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Listing, "bad"),
        (Promising, "bad.count"),
        (node(promises_another), "bad.count"),
        (node(returns_int), "bad.result"),
        (node(returns_int_later), "bad.result"),
        (node(lambda: {"other": 1}), "bad.wanted"),
    ],
)
def test_what_is_not_as_declared_is_refused(runtime: str, kind: Any, path: str) -> None:
    calls: list[object] = []
    kinds = {"bad": kind, "next": node(lambda given=None: calls.append(given))}
    link = ("bad", "wanted", "next", "given") if path == "bad.wanted" else ("bad", "next")
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, flow(kinds, link))
    assert isinstance(caught.value.__cause__, errors.InvalidOutputError)
    assert (caught.value.__cause__.path, caught.value.results, calls) == (path, {}, [])


@BOTH
def test_what_is_not_as_declared_still_tells_what_it_wrote(scene: Scene, runtime: str) -> None:
    def write() -> int:
        scene.table.create(name="write")
        return "one"  # type: ignore[return-value]

    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, flow({"write": node(write)}))
    assert list(caught.value.stands) == scene.stored() == ["write"]


@BOTH
@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
@pytest.mark.parametrize("transaction", [False, True], ids=["alone", "in_one"])
def test_a_connection_killed_in_mid_run_is_told_and_forgotten(scene: Scene, runtime: str, transaction: bool) -> None:
    other = fresh(scene.db, Item)
    other.count()
    blocked = (f"{other._cls.__name__}CreateNode", {"name": "x"})

    def kill() -> None:
        wait_until(lambda: any(sessions(scene.database).values()), "a statement waits")
        end = "SELECT pg_terminate_backend({})" if scene.database.kind == "postgres" else "KILL {}"
        for number, busy in sessions(scene.database).items():
            if busy:
                bare.execute(scene.database, end.format(number), admin=True)

    kinds = {"first": scene.writer("Create", "first"), "waits": blocked, "kill": node(kill)}
    workflow = flow(kinds, ("first", "waits"), ("first", "kill"), source=scene.db)
    with (
        locked(scene.database, other._cls.__tablename__),
        pytest.raises(errors.NodeExecutionError, match="waits") as caught,
    ):
        execute(runtime, workflow, transaction=transaction)
    # Alone, the insert is its own commit: nobody can know.
    expected = errors.ConnectionLostError if transaction else errors.CommitOutcomeUnknownError
    assert isinstance(caught.value.__cause__, expected)
    assert caught.value.outcome == ("rolled back" if transaction else "unknown")
    assert other.count() == 0
    assert list(caught.value.stands) == scene.stored() == ([] if transaction else ["first"])
    execute(runtime, flow({"again": scene.writer("Create", "again")}, source=scene.db), transaction=transaction)
    assert scene.stored()[-1] == "again"


@BOTH
def test_what_the_caller_must_hear_is_not_wrapped(runtime: str) -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        execute(runtime, flow({"leave": node(leave)}))
    assert caught.value.code == 3


@BOTH
def test_a_node_that_is_cancelled_by_itself_failed(runtime: str) -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        await task

    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, flow({"a": node(cancelled)}))
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)


@BOTH
def test_a_run_inside_a_node_ends_with_that_node(database: Database, db: DataFlow, runtime: str) -> None:
    """Its work in the database is cancelled; what it has committed stands in the name of the node."""
    scene, begun = Scene(database, db), threading.Event()

    def look_for_ever() -> None:
        begun.set()
        while True:
            scene.table.count()

    kinds = {"store": (f"{scene.table._cls.__name__}CreateNode", {"name": "x"}), "look": node(look_for_ever)}
    inner = flow(kinds, ("store", "look"), source=db)
    outer = flow({"outer": node(lambda: LocalRuntime().execute(inner))}, timeout=1)
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, outer)
    assert begun.is_set()
    assert isinstance(caught.value.__cause__, errors.NodeTimeoutError)
    assert (caught.value.stands, caught.value.outcome) == (("outer",), "committed")
    assert scene.stored() == ["x"]
