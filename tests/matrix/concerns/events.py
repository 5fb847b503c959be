"""Changed rows are told after the commit, with what happened to them; of what was rolled back, nothing is."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import pytest

from dataflow import errors
from tests.matrix.call import Job
from tests.matrix.cell import Cell, Ground
from tests.matrix.model import Plain
from tests.matrix.operation import Form
from tests.matrix.outcome import Outcome, work_out
from tests.matrix.way import NODE

TITLE = "events"
# What became of rows, and what it is called in events.
TOLD = {"inserted": "insert", "updated": "update", "deleted": "delete"}
Event = dict[str, Any]


class Marker:
    note: str = "-"


class Undo(Exception):
    pass


class Heard:
    """The events of one cell. They come in order: one more write marks the end of those that are to come."""

    def __init__(self, cell: Cell) -> None:
        self._marker = cell.stage.table(Marker)
        self.events: SimpleQueue[Event] = SimpleQueue()

    def take(self) -> list[Event]:
        """The events since the last time."""
        marker, events = self._marker._model.name, list[Event]()
        self._marker.create()
        while True:
            event = self.events.get(timeout=10)
            if event["model"] != marker:
                events.append(event)
            elif event["kind"] == "rows_changed":
                return events


@contextmanager
def listening(cell: Cell) -> Iterator[Heard]:
    heard, db = Heard(cell), cell.stage.db
    cell.stage.table(Plain)  # what making its table sends is not what is listened for
    db.on("statement", heard.events.put)
    db.on("rows_changed", heard.events.put)
    try:
        heard.take()  # what the cell before did may be told only now
        yield heard
    finally:
        db.off("statement", heard.events.put)
        db.off("rows_changed", heard.events.put)


def check(cell: Cell) -> str | None:
    with listening(cell) as heard:
        for form, job in cell.operation.jobs():
            check_committed(cell, heard, form, job)
            check_in_transaction(cell, heard, form, job)
            check_rolled_back(cell, heard, form, job)
        check_refused(cell, heard)
    return None if cell.operation.effect != "read" else "no rows change, and none are told"


def check_node(ground: Ground, events: list[Event]) -> None:
    """What a node does is told with its name."""
    node = NODE if ground.operation.way == "node" else None
    assert {event.get("node_id") for event in events} == ({node} if events else set())


def changed(events: list[Event]) -> list[Event]:
    return [event for event in events if event["kind"] == "rows_changed"]


def statements(events: list[Event]) -> list[Event]:
    return [event for event in events if event["kind"] == "statement"]


def check_told(ground: Ground, form: Form, outcome: Outcome, events: list[Event]) -> None:
    """Each way in which rows changed is told once, with their number, and their keys where these are known."""
    fates = [fate for fate in TOLD if outcome.counts[fate]]
    check_node(ground, events)
    found = {event["operation"]: event for event in changed(events)}
    assert len(found) == len(changed(events))
    assert set(found) == {TOLD[fate] for fate in fates}, form.name
    for fate in fates:
        event = found[TOLD[fate]]
        assert event["rows"] == outcome.counts[fate]
        assert (event["table"], event["tenant"]) == (ground.table._model.table, None)
        keys = [str(key) for key in outcome.keys[fate]] if form.tells_keys else []
        assert sorted(event["keys"]) == keys, (form.name, fate)


def check_statements(ground: Ground, events: list[Event]) -> None:
    """Statements are told with the operation they belong to and their rows, whatever the server counts."""
    told = statements(events)
    assert told
    assert {event["operation"] for event in told} <= ground.operation.statements
    assert [event["error"] for event in told] == [None] * len(told)
    assert max(event["rows"] for event in told) <= 2  # no job is about more


def check_committed(cell: Cell, heard: Heard, form: Form, job: Job) -> None:
    ground = cell.ground()
    outcome = work_out(cell.operation.effect, ground.rows(), job)
    ground.call(form, job)
    events = heard.take()
    check_told(ground, form, outcome, events)
    check_statements(ground, events)


def check_in_transaction(cell: Cell, heard: Heard, form: Form, job: Job) -> None:
    """Nothing is told before the commit."""
    ground = cell.ground()
    outcome = work_out(cell.operation.effect, ground.rows(), job)
    with cell.stage.db.transaction():
        ground.call(form, job)
        assert told_so_far(heard) <= {"statement"}
    check_told(ground, form, outcome, heard.take())


def told_so_far(heard: Heard) -> set[str]:
    return {heard.events.get()["kind"] for _ in range(heard.events.qsize())}


def check_rolled_back(cell: Cell, heard: Heard, form: Form, job: Job) -> None:
    ground = cell.ground()
    with pytest.raises(Undo), cell.stage.db.transaction():
        ground.call(form, job)
        raise Undo
    events = heard.take()
    assert changed(events) == []
    assert statements(events)


def check_refused(cell: Cell, heard: Heard) -> None:
    """What the database refuses is told as a statement that failed."""
    if cell.operation.effect not in ("insert", "merge"):
        return
    ground, form = cell.ground(), cell.operation.forms[0]
    job = cell.operation.aim(*cell.operation.targets[-1], code="c")[-1:]
    ground.refuse(lambda: ground.call(form, job), errors.UniqueViolationError)
    events = heard.take()
    assert changed(events) == []
    assert errors.UniqueViolationError.code in {event["error"] for event in statements(events)}
