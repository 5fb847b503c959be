"""Operations tell in whose name they run: the run and node of a workflow in events, the node in SQL comments."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dataflow import DataFlow, _core, errors
from dataflow.query.bridge import run
from dataflow.query.handle import Handle
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.test_events import Log

Labels = tuple[str, str, str | None, str | None]
LOAD: Labels = ("run-1", "load", "ann", "trace-1")
LOADED = {"run_id": "run-1", "node_id": "load", "user": "ann", "trace_id": "trace-1"}
PLAIN = {
    "statement": {"kind", "model", "operation", "sql", "rows", "duration_us", "error"},
    "transaction": {"kind", "action", "duration_us"},
    "rows_changed": {"kind", "model", "table", "operation", "tenant", "rows", "keys"},
    "pool": {"kind", "action", "reason"},
    "span": {"kind", "name", "duration_us"},
}


class Item:
    name: str


@contextmanager
def in_name_of(labels: Labels) -> Iterator[None]:
    """Operations inside are those of a node of a workflow."""
    here = Handle._here

    def labelled(handle: Handle[Any]) -> Any:
        transaction, tenant, now, _ = here(handle)
        return transaction, tenant, now, labels

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Handle, "_here", labelled)
        yield


def begin(db: DataFlow, labels: Labels | None) -> _core.Transaction:
    return run(db.transaction()._engine.begin(None, False, None, labels))


def labels_of(event: dict[str, Any]) -> dict[str, Any]:
    return {key: event[key] for key in event.keys() - PLAIN[event["kind"]]}


def test_outside_of_workflows_no_event_has_labels(db: DataFlow) -> None:
    logs = {kind: Log(db, kind) for kind in PLAIN}
    table = fresh(db, Item)
    with db.transaction():
        table.create(name="a")
    for kind, log in logs.items():
        assert log.settled()
        assert [event.keys() for event in log.events] == [PLAIN[kind]] * len(log.events)


def test_statements_spans_and_changes_of_a_node_tell_it(db: DataFlow, database: Database) -> None:
    logs = {kind: Log(db, kind) for kind in ("statement", "span", "rows_changed")}
    table = fresh(db, Item)
    with in_name_of(LOAD):
        key = table.create(name="a").id
        table.bulk_create([{"name": "b"}, {"name": "c"}])
        table.update(key, {"name": "d"})
        table.upsert({"id": key, "name": "e"})
        table.bulk_delete({"name": "b"})
        assert table.count() == len(table.list()) == 2
    logs["rows_changed"].settled(lambda events: len(events) == 5)
    for log in logs.values():
        assert log.settled()
        assert [labels_of(event) for event in log.events] == [LOADED] * len(log.events)
    write = "dataflow.copy" if database.kind == "postgres" else "dataflow.execute"
    assert {event["name"] for event in logs["span"].events} >= {"dataflow.acquire", "dataflow.schema", write}
    assert len(logs["rows_changed"].events) == 5


def test_a_refused_statement_tells_its_node(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "statement")
    with in_name_of(LOAD):
        table.create(id=1, name="a")
        with pytest.raises(errors.UniqueViolationError):
            table.create(id=1, name="b")
    events = log.settled(lambda events: any(event["error"] for event in events))
    assert [labels_of(event) for event in events if event["error"]] == [LOADED]


def test_only_known_labels_are_told(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "rows_changed")
    for labels in (("r", "n", None, None), ("r", "n", "ann", None), ("r", "n", None, "t")):
        with in_name_of(labels):
            table.create(name="a")
    told = [labels_of(event) for event in log.settled(lambda events: len(events) == 3)]
    node = {"run_id": "r", "node_id": "n"}
    assert told == [node, {**node, "user": "ann"}, {**node, "trace_id": "t"}]


def test_labels_end_with_their_operation(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "statement")
    with in_name_of(LOAD):
        table.count()
    table.count()
    assert [labels_of(event) for event in log.settled(lambda events: len(events) == 2)] == [LOADED, {}]


async def test_awaited_operations_tell_their_node(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "rows_changed")
    with in_name_of(LOAD):
        await table.acreate(name="a")
    assert [labels_of(event) for event in log.settled()] == [LOADED]


def test_a_transaction_tells_the_labels_it_was_begun_with(db: DataFlow) -> None:
    log = Log(db, "transaction")
    for labels in (LOAD, None):
        for end in (_core.Transaction.commit, _core.Transaction.rollback):
            transaction = begin(db, labels)
            run(transaction.release(run(transaction.savepoint())))
            run(transaction.rollback_to(run(transaction.savepoint())))
            run(end(transaction))
    told = [labels_of(event) for event in log.settled(lambda events: len(events) == 24)]
    assert told == [LOADED] * 12 + [{}] * 12


def test_rows_changed_in_a_transaction_tell_the_node_that_changed_them(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "rows_changed")
    table.count()
    with db.transaction():
        with in_name_of(LOAD):
            table.create(name="a")
        with in_name_of(("run-1", "clean", None, None)):
            table.bulk_create([{"name": "b"}, {"name": "c"}])
        table.create(name="d")
    told = [labels_of(event) for event in log.settled(lambda events: len(events) == 3)]
    assert told == [LOADED, {"run_id": "run-1", "node_id": "clean"}, {}]


def test_the_comment_names_the_node_and_no_other_label(db: DataFlow) -> None:
    table, log = fresh(db, Item), Log(db, "statement")
    for labels in (LOAD, ("run-2", "load", "bob", "trace-2")):
        with in_name_of(labels):
            table.create(name="a")
            table.bulk_create([{"name": "b"}, {"name": "c"}])
    sql = [event["sql"] for event in log.settled(lambda events: len(events) == 4)]
    assert [text.split(" */ ")[0] for text in sql] == [f"/* {table._cls.__name__}.append load"] * 4
    assert sql[:2] == sql[2:]
    assert not [word for word in ("run-", "ann", "bob", "trace-") if word in "".join(sql)]


NODES = ["*/ SELECT", "/* ", "-- ", "'\"`\\", "?$1%s:x", "\0\n", "ä", "n" * 1000, ""]


@pytest.mark.parametrize("node", NODES)
def test_no_node_breaks_a_statement(db: DataFlow, node: str) -> None:
    table, log = fresh(db, Item), Log(db, "rows_changed")
    with in_name_of(("run", node, None, None)):
        table.create(name="a")
        table.bulk_create([{"name": "b"}, {"name": "c"}])
        table.update({"name": "b"}, {"name": "d"})
        table.bulk_delete({"name": "c"})
        assert sorted(row.name for row in table.list({"name": {"$in": ["a", "d"]}})) == ["a", "d"]
    events = log.settled(lambda events: len(events) == 4)
    # What belongs to the run itself has no node.
    named = {"run_id": "run", "node_id": node} if node else {"run_id": "run"}
    assert [labels_of(event) for event in events] == [named] * 4
