"""Times that DataFlow keeps: one value of its clock for a whole operation."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Unique, errors
from tests.database import Database
from tests.integration.fresh import fresh

BEGIN = datetime(2024, 1, 1, 12, 0, 0, 654321, tzinfo=UTC)
DAY = timedelta(days=1)


class Note:
    __dataflow__ = {"timestamps": True, "soft_delete": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(10), Unique()]
    text: str = "a"


class Clock:
    """Stands still until it is moved."""

    now = BEGIN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notes(database: Database, clock: Clock) -> Iterator[Any]:
    with closing(DataFlow(database.url, clock=clock)) as db:
        table = fresh(db, Note)
        table.bulk_create([{"id": n, "code": f"c{n}"} for n in (1, 2, 3)])
        clock.now += DAY
        yield table


def days(note: Any) -> tuple[int, int, int | None]:
    """When it was created, updated and deleted, in days after the beginning."""
    times = (note.created_at, note.updated_at, note.deleted_at)
    assert all(time is None or (time - BEGIN) % DAY == timedelta(0) for time in times)
    created, updated, deleted = (None if time is None else (time - BEGIN).days for time in times)
    assert created is not None
    assert updated is not None
    return created, updated, deleted


def test_a_new_row_has_the_time_of_the_clock(notes: Any) -> None:
    made = notes.create(code="c4")
    assert (days(made), days(notes.read(1)), made.created_at.tzinfo) == ((1, 1, None), (0, 0, None), UTC)
    assert days(notes.upsert({"id": 5, "code": "c5"})) == (1, 1, None)


def test_every_write_moves_updated_at_alone(notes: Any, clock: Clock) -> None:
    assert days(notes.update(1, {"text": "b"})) == (0, 1, None)
    clock.now += DAY
    assert days(notes.upsert({"id": 1, "text": "c"})) == (0, 2, None)
    notes.bulk_upsert([{"code": "c2", "text": "c"}], conflict_on="code")
    clock.now += DAY
    notes.bulk_update({"id": 1}, {"text": "d"})
    notes.bulk_update(data=[{"id": 3, "text": "d"}])
    assert [days(note) for note in notes.list()] == [(0, 3, None), (0, 2, None), (0, 3, None)]


async def test_the_awaited_twins_use_the_clock_too(notes: Any) -> None:
    assert days(await notes.acreate(code="c4")) == (1, 1, None)
    assert days(await notes.aupdate(1, {"text": "b"})) == (0, 1, None)
    assert days(await notes.aupsert({"id": 2, "text": "b"})) == (0, 1, None)


def test_an_unchanged_row_keeps_updated_at(notes: Any) -> None:
    assert days(notes.update(1, {"text": "a"})) == (0, 0, None)
    assert days(notes.update(notes.read(1))) == (0, 0, None)
    assert days(notes.upsert({"id": 1, "text": "a"})) == (0, 0, None)
    assert notes.bulk_update({"id": {"$gt": 0}}, {"text": "a"}).unchanged == 3
    assert notes.bulk_update(data=[{"id": 1, "text": "a"}]).unchanged == 1
    assert notes.bulk_upsert(notes.list()).unchanged == 3
    assert {days(note) for note in notes.list()} == {(0, 0, None)}


def test_a_delete_and_a_restore_have_their_times(notes: Any, clock: Clock) -> None:
    notes.delete(1)
    notes.bulk_delete(keys=[2])
    notes.bulk_delete({"id": 3})
    assert {days(note) for note in notes.list(include_deleted=True)} == {(0, 1, 1)}
    clock.now += DAY
    assert days(notes.upsert({"id": 1})) == (0, 2, None)


def test_an_instance_written_back_gets_a_new_updated_at(notes: Any) -> None:
    note = notes.read(1)
    note.text = "b"
    assert days(notes.update(note)) == (0, 1, None)


def test_an_old_instance_does_not_bring_back_its_times(notes: Any, clock: Clock) -> None:
    note = notes.read(1)
    notes.update(1, {"text": "b"})
    clock.now += DAY
    note.text = "c"
    assert days(notes.update(note)) == (0, 2, None)


@pytest.mark.parametrize("form", ["instances", "dicts", "arrow"])
@pytest.mark.parametrize("verb", ["update", "upsert"])
def test_old_rows_do_not_bring_back_their_times(notes: Any, clock: Clock, form: str, verb: str) -> None:
    rows = [{**row, "text": "c"} for row in notes.list({"id": {"$lt": 3}}).records()]
    notes.update(1, {"text": "b"})
    clock.now += DAY
    forms = {"instances": [notes._cls(**row) for row in rows], "dicts": rows, "arrow": pa.Table.from_pylist(rows)}
    result = notes.bulk_upsert(forms[form]) if verb == "upsert" else notes.bulk_update(data=forms[form])
    assert (result.updated, [days(note) for note in notes.list()]) == (2, [(0, 2, None), (0, 2, None), (0, 0, None)])


def test_a_time_that_is_given_is_kept(notes: Any) -> None:
    made = notes.create(code="c4", created_at=BEGIN - DAY, updated_at=BEGIN)
    assert days(made) == (-1, 0, None)
    assert days(notes.update(1, {"text": "b", "updated_at": BEGIN + 5 * DAY})) == (0, 5, None)


def test_one_operation_has_one_time(database: Database) -> None:
    with closing(DataFlow(database.url)) as db:
        notes = fresh(db, Note)
        before = datetime.now(UTC)
        notes.bulk_create([{"code": str(n)} for n in range(2_000)])
        notes.bulk_upsert([{"code": str(n), "text": "b"} for n in range(1_000, 3_000)], conflict_on="code")
        after = datetime.now(UTC)
        created = [note.created_at for note in notes.list(limit=None)]
    assert [len(set(created)), len(set(created[:2_000]))] == [2, 1]
    assert before - timedelta(milliseconds=1) <= min(created) <= max(created) <= after


def test_a_clock_of_another_zone_tells_the_same_instant(database: Database) -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    with closing(DataFlow(database.url, clock=lambda: BEGIN.astimezone(india))) as db:
        assert fresh(db, Note).create(code="x").created_at == BEGIN


def test_a_naive_clock_is_refused(database: Database) -> None:
    with closing(DataFlow(database.url, clock=lambda: datetime(2024, 1, 1))) as db:
        notes = fresh(db, Note)
        with pytest.raises(errors.UnsupportedDataError) as caught:
            notes.create(code="x")
    assert caught.value.path == "clock"


def test_the_time_of_the_last_write_is_not_set_by_a_filter(db: DataFlow):
    notes = fresh(db, Note)
    with pytest.raises(errors.InvalidFilterError) as caught:
        notes.bulk_update({"text": "a"}, {"updated_at": datetime(2030, 1, 1, tzinfo=UTC)})
    assert caught.value.path == "updates.updated_at"
