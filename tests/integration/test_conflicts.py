"""Two at once: deadlocks, locks, serialization, timeouts and connections that end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier, Thread
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.runtime.server import sessions, wait_until

SERVERS = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)


class Seat:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(20)]


def ready(db: DataFlow) -> Any:
    table = fresh(db, Seat)
    table.count()
    return table


def insert(table: Any, code: str) -> str:
    return f"INSERT INTO {table._model.table} (code) VALUES ('{code}')"


def failures_of(*functions: Callable[[], object]) -> list[BaseException]:
    """Runs functions in a thread each and gives back what they raised."""
    raised: list[BaseException] = []

    def run(function: Callable[[], object]) -> None:
        try:
            function()
        except errors.DataFlowError as error:
            raised.append(error)

    threads = [Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    return raised


@SERVERS
def test_a_deadlock_ends_one_of_the_two(database: Database, db: DataFlow) -> None:
    table, barrier = ready(db), Barrier(2, timeout=10)

    def take(first: str, second: str) -> None:
        with db.transaction():
            table.create(code=first)
            barrier.wait()
            table.create(code=second)

    raised = failures_of(lambda: take("a", "b"), lambda: take("b", "a"))
    assert [type(error) for error in raised] == [errors.DeadlockError]
    assert raised[0].retryable
    assert raised[0].sqlstate == ("40P01" if database.kind == "postgres" else "40001")
    assert [seat.code for seat in table.list()] == ["a", "b"]


def test_two_transactions_on_one_file_take_turns(database: Database, db: DataFlow) -> None:
    table = ready(db)

    def take(first: str, second: str) -> None:
        with db.transaction():
            table.create(code=first)
            table.create(code=second)

    assert failures_of(lambda: take("a", "b"), lambda: take("c", "d")) == []
    assert table.count() == 4


@SERVERS
def test_a_write_skew_is_refused_when_serializable(database: Database, db: DataFlow) -> None:
    table, barrier = ready(db), Barrier(2, timeout=10)

    def take(code: str) -> None:
        with db.transaction(isolation="serializable"):
            seats = table.count()
            barrier.wait()
            table.create(code=f"{code}{seats}")

    raised = failures_of(lambda: take("a"), lambda: take("b"))
    expected = errors.SerializationFailureError if database.kind == "postgres" else errors.DeadlockError
    assert [type(error) for error in raised] == [expected]
    assert (raised[0].retryable, raised[0].sqlstate) == (True, "40001")
    assert table.count() == 1


@SERVERS
def test_a_lock_that_stays_taken_times_out(database: Database, db: DataFlow) -> None:
    table = ready(db)
    with impatient(database) as other:
        twin = other.table(other.model(table._cls))
        twin.count()
        with bare.held(database, insert(table, "taken")):
            started = time.monotonic()
            with pytest.raises(errors.LockTimeoutError) as caught:
                twin.create(code="taken")
            assert time.monotonic() - started < 5
        assert caught.value.retryable
        assert caught.value.kind == "LockTimeout"
        assert twin.create(code="taken").code == "taken"


@contextmanager
def impatient(database: Database) -> Iterator[DataFlow]:
    """A `DataFlow` whose statements wait for a lock a second at most."""
    if database.kind == "postgres":
        with DataFlow(f"{database.url}?options=-c%20lock_timeout%3D300") as db:
            yield db
        return
    bare.execute(database, "SET GLOBAL innodb_lock_wait_timeout = 1", admin=True)
    with DataFlow(database.url) as db:
        yield db
    bare.execute(database, "SET GLOBAL innodb_lock_wait_timeout = 50", admin=True)


@pytest.mark.parametrize("form", ["row", "bulk"])
def test_a_transaction_ends_at_its_timeout(database: Database, db: DataFlow, form: str) -> None:
    table = ready(db)
    started = time.monotonic()
    with bare.held(database, insert(table, "taken")):
        with pytest.raises(errors.StatementTimeoutError) as caught, db.transaction(timeout=0.5):
            write(table, form)
        assert time.monotonic() - started < 3
    assert (caught.value.code, caught.value.retryable) == ("DF-6104", False)
    assert caught.value.outcome == "rolled back"
    assert table.count() == 0
    write(table, form)


def write(table: Any, form: str) -> None:
    if form == "row":
        table.create(code="taken")
    else:
        table.bulk_create([{"code": "free"}, {"code": "taken"}])


def test_a_transaction_that_idles_past_its_timeout_keeps_nothing(db: DataFlow) -> None:
    table = ready(db)
    with pytest.raises(errors.DataFlowError), db.transaction(timeout=0.2):
        table.create(code="a")
        time.sleep(0.4)
        table.create(code="b")
    assert table.count() == 0


@SERVERS
@pytest.mark.parametrize("form", ["row", "bulk"])
def test_a_connection_ended_by_the_server_is_told(database: Database, db: DataFlow, form: str) -> None:
    table = ready(db)
    with pytest.raises(errors.ConnectionLostError) as caught, db.transaction():
        table.create(code="before")
        bare.end_connections(database)
        write(table, form)
    assert caught.value.retryable
    assert caught.value.outcome == "rolled back"
    assert table.count() == 0
    write(table, form)


@SERVERS
def test_a_commit_on_a_lost_connection_keeps_nothing_secret(database: Database, db: DataFlow) -> None:
    table = ready(db)
    with pytest.raises(errors.CommitOutcomeUnknownError) as caught, db.transaction():
        table.create(code="before")
        bare.end_connections(database)
        wait_until(lambda: sessions(database) == {}, "the connection is gone")
    assert caught.value.outcome == "unknown"
    assert table.count() == 0


@SERVERS
def test_idle_connections_ended_by_the_server_are_replaced(database: Database, db: DataFlow) -> None:
    table = ready(db)
    bare.end_connections(database)
    wait_until(lambda: sessions(database) == {}, "the connection is gone")
    for _ in range(2):  # the first may find out; the next must not
        try:
            found = table.count()
        except errors.ConnectionLostError:
            continue
        assert found == 0
        break
    else:
        pytest.fail("a dead connection was given out twice")
