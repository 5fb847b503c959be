"""What observers are told: facts without values, and changed rows only after their commit."""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from dataflow import DataFlow, _core, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh

SECRET = "v4lue-of-a-row"
TOLD = _core.EVENT_KINDS


class Item:
    name: str
    size: int | None = None


class Tagged:
    id: uuid.UUID
    name: str | None = None


class Shared:
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
    name: str


class Log:
    """The events of one kind, waited for: they come from another thread."""

    def __init__(self, db: DataFlow, kind: str) -> None:
        self.events: list[dict[str, Any]] = []
        db.on(kind, self.events.append)

    def settled(self, wanted: Callable[[list[dict[str, Any]]], bool] = bool) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 5
        while not wanted(self.events) and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.05)  # what must not come would come now
        return self.events


def test_every_kind_is_told(db: DataFlow) -> None:
    logs = {kind: Log(db, kind) for kind in TOLD}
    table = fresh(db, Item)
    with db.transaction():
        table.create(name="a")
    for kind, log in logs.items():
        assert {event["kind"] for event in log.settled()} == {kind}
    assert set(TOLD) == {"statement", "transaction", "rows_changed", "pool", "span"}


def test_a_uuid_key_is_told_as_its_text(db: DataFlow) -> None:
    log = Log(db, "rows_changed")
    key = uuid.uuid4()
    fresh(db, Tagged).create(id=key)
    assert [event["keys"] for event in log.settled()] == [[str(key)]]


def test_spans_have_the_names_of_the_stations(db: DataFlow, database: Database) -> None:
    log = Log(db, "span")
    table = fresh(db, Item)
    table.bulk_create([{"name": "a"}, {"name": "b"}])
    write = "dataflow.copy" if database.kind == "postgres" else "dataflow.execute"
    expected = {"dataflow.acquire", "dataflow.schema", write}
    assert {event["name"] for event in log.settled(lambda events: len({e["name"] for e in events}) >= 3)} == expected
    assert all(isinstance(event["duration_us"], int) for event in log.events)


def test_an_unknown_kind_is_refused(db: DataFlow) -> None:
    for change in (db.on, db.off):
        with pytest.raises(errors.InvalidOptionError) as caught:
            change("statment", print)
        assert "statement" in (caught.value.hint or "")


def test_rows_changed_tells_table_keys_and_tenant(db: DataFlow) -> None:
    table, shared, log = fresh(db, Item), fresh(db, Shared), Log(db, "rows_changed")
    key = table.create(name="a").id
    table.bulk_create([{"name": "b"}, {"name": "c"}])
    with db.tenant("acme"):
        shared.create(name="d")
    one, many, tenant = log.settled(lambda events: len(events) == 3)
    assert (one["model"], one["table"], one["operation"]) == (table._cls.__name__, table._model.table, "insert")
    assert (one["rows"], one["keys"], one["tenant"]) == (1, [str(key)], None)
    assert (many["rows"], tenant["rows"], tenant["tenant"]) == (2, 1, "acme")


def test_rows_changed_waits_for_the_commit(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "rows_changed")
    table.count()
    with db.transaction():
        table.create(name="a")
        table.bulk_create([{"name": "b"}, {"name": "c"}])
        assert log.settled(lambda events: True) == []
    assert [event["rows"] for event in log.settled(lambda events: len(events) == 2)] == [1, 2]


async def test_a_rollback_tells_of_no_rows(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "rows_changed")
    await table.acount()
    with pytest.raises(RuntimeError):
        async with db.transaction():
            await table.acreate(name="a")
            await table.abulk_create([{"name": "b"}] * 3)
            raise RuntimeError
    with pytest.raises(errors.UniqueViolationError):
        await table.abulk_create([{"id": 1, "name": "x"}, {"id": 1, "name": "y"}])
    await table.acreate(name="kept")
    events = await asyncio.to_thread(log.settled)
    assert [event["rows"] for event in events] == [1]


def test_a_rolled_back_savepoint_tells_of_no_rows(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "rows_changed")
    table.count()
    with db.transaction():
        table.create(name="kept")
        with pytest.raises(RuntimeError), db.transaction():
            table.bulk_create([{"name": "undone"}] * 3)
            raise RuntimeError
    assert table.count() == 1
    assert [event["rows"] for event in log.settled()] == [1]


def test_transactions_tell_how_they_end(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "transaction")
    table.count()
    with db.transaction():
        with db.transaction():
            table.create(name="a")
        with pytest.raises(RuntimeError), db.transaction():
            raise RuntimeError
    with pytest.raises(RuntimeError), db.transaction():
        raise RuntimeError
    actions = [event["action"] for event in log.settled(lambda events: len(events) >= 8)]
    assert actions == ["begin", "savepoint", "release", "savepoint", "rollback_to", "commit", "begin", "rollback"]
    assert all(event["duration_us"] >= 0 for event in log.events)


def test_statements_tell_no_values(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "statement")
    table.create(id=31337, name=SECRET)
    table.bulk_create([{"name": SECRET, "size": 31337}] * 3)
    table.list({"name": {"$in": [SECRET]}, "size": {"$lt": 31337}})
    with pytest.raises(errors.UniqueViolationError):
        table.create(id=31337, name=SECRET)
    events = log.settled(lambda events: any(event["error"] for event in events))
    assert {event["operation"] for event in events} >= {"read"}
    assert {event["model"] for event in events} == {table._cls.__name__}
    assert "DF-6001" in {event["error"] for event in events}
    assert SECRET not in repr(events)
    assert "31337" not in repr([event["sql"] for event in events])


def test_an_observer_that_raises_breaks_nothing(db: DataFlow, caplog: pytest.LogCaptureFixture) -> None:
    def fail(event: dict[str, object]) -> None:
        raise RuntimeError("observer")

    table = fresh(db, Item)
    db.on("rows_changed", fail)
    log = Log(db, "rows_changed")
    for name in ("a", "b"):
        table.create(name=name)
    assert [event["rows"] for event in log.settled(lambda events: len(events) == 2)] == [1, 1]
    assert table.count() == 2
    told = [record for record in caplog.records if record.name == "dataflow"]
    assert [record.exc_info[0] for record in told if record.exc_info] == [RuntimeError] * 2


def test_an_observer_that_is_taken_off_hears_no_more(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "rows_changed")
    table.create(name="a")
    log.settled()
    observer = log.events.append
    db.off("rows_changed", observer)
    table.create(name="b")
    assert len(log.settled()) == 1


def test_a_slow_observer_blocks_no_operation(db: DataFlow) -> None:
    table, gate = fresh(db, Item), threading.Event()
    db.on("statement", lambda event: gate.wait(20))
    started = time.monotonic()
    for number in range(20):
        table.create(name=str(number))
    assert (table.count(), time.monotonic() - started < 10) == (20, True)
    gate.set()


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
def test_the_pool_tells_of_connections_that_ended(database: Database, db: DataFlow) -> None:
    log, table = Log(db, "pool"), fresh(db, Item)
    table.count()
    with pytest.raises(errors.ConnectionLostError), db.transaction():
        bare.end_connections(database)
        table.count()
    actions = [event["action"] for event in log.settled(lambda events: len(events) >= 2)]
    assert actions[0] == "open"
    assert {"discard", "close"} & set(actions)
