"""Soft-deleted models: a deleted row is hidden, frees its unique values, and comes back by an upsert of its key."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Unique, errors
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.test_events import Log

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


class User:
    __dataflow__ = {"soft_delete": True, "versioned": True, "unique": [["team", "seat"]]}  # noqa: RUF012
    mail: Annotated[str, MaxLength(20), Unique()]
    team: int | None = None
    seat: int | None = None
    name: str = "x"


@pytest.fixture
def users(database: Database) -> Iterator[Any]:
    with closing(DataFlow(database.url, clock=lambda: NOW)) as db:
        table = fresh(db, User)
        table.bulk_create([{"id": n, "mail": f"m{n}", "team": 1, "seat": n} for n in (1, 2, 3)])
        yield table


def ids(users: Any, **options: Any) -> list[int]:
    return [user.id for user in users.list(**options)]


def counts(result: Any) -> dict[str, int]:
    """The outcomes that are not 0."""
    return {name: count for name, count in result.items() if count and "second" not in name}


def test_a_deleted_row_is_hidden_everywhere(users: Any) -> None:
    assert users.delete(2) == 1
    assert (ids(users), users.count(), users.count({"mail": "m2"})) == ([1, 3], 2, 0)
    for look in (users.read, users.delete, lambda key: users.update(key, {"name": "y"})):
        with pytest.raises(errors.NotFoundError):
            look(2)
    assert users.bulk_update({"mail": "m2"}, {"name": "y"}).matched == 0
    assert counts(users.bulk_delete({"mail": {"$in": ["m1", "m2"]}})) == {"deleted": 1, "matched": 1}


def test_include_deleted_shows_it_with_its_time(users: Any) -> None:
    users.delete(2)
    user = users.read(2, include_deleted=True)
    assert (user.deleted_at, user.version, user.mail) == (NOW, 2, "m2")
    assert (ids(users, include_deleted=True), users.count(include_deleted=True)) == ([1, 2, 3], 3)
    assert [user.deleted_at for user in users.list()] == [None, None]
    assert ids(users, filter={"deleted_at": {"$ne": None}}, include_deleted=True) == [2]


async def test_the_awaited_twins_do_the_same(users: Any) -> None:
    assert await users.adelete(1) == 1
    assert (await users.abulk_delete(keys=[1, 2])).missing == 1
    assert (await users.aread(1, include_deleted=True)).deleted_at == NOW
    assert await users.acount() == 1
    assert await users.acount(include_deleted=True) == 3
    assert await users.adelete(1, hard=True) == 1
    assert await users.acount(include_deleted=True) == 2


def test_hard_really_removes(users: Any) -> None:
    users.delete(1)
    assert users.delete(1, hard=True) == 1  # also what is deleted already
    assert users.delete(2, hard=True) == 1
    assert ids(users, include_deleted=True) == [3]
    with pytest.raises(errors.NotFoundError):
        users.delete(1, hard=True)


def test_bulk_deletes_mark_or_remove(users: Any) -> None:
    assert counts(users.bulk_delete(keys=[1, 1, 9])) == {"deleted": 1, "duplicate": 1, "missing": 1}
    assert counts(users.bulk_delete(keys=[1, 2])) == {"deleted": 1, "missing": 1}
    assert users.bulk_delete({"id": {"$lt": 3}}, dry_run=True).matched == 0
    assert users.bulk_delete({"id": {"$lt": 3}}, dry_run=True, hard=True).matched == 2
    assert counts(users.bulk_delete({"id": {"$lt": 3}}, hard=True)) == {"deleted": 2, "matched": 2}
    assert counts(users.bulk_delete(keys=[3, 2], hard=True)) == {"deleted": 1, "missing": 1}
    assert users.count(include_deleted=True) == 0


def test_unique_values_of_a_deleted_row_are_free(users: Any) -> None:
    users.delete(1)
    made = users.create(mail="m1", team=1, seat=1)
    assert made.id > 3
    with pytest.raises(errors.UniqueViolationError):
        users.create(mail="m1")
    with pytest.raises(errors.UniqueViolationError):
        users.create(mail="m9", team=1, seat=1)
    users.delete(made)
    users.delete({"mail": "m2"})
    assert users.update(3, {"mail": "m1", "seat": 2}).mail == "m1"


def test_the_key_of_a_deleted_row_stays_taken(users: Any) -> None:
    users.delete(1)
    with pytest.raises(errors.UniqueViolationError):
        users.create(id=1, mail="m8")
    with pytest.raises(errors.UniqueViolationError):
        users.bulk_upsert([{"id": 1, "mail": "m8"}], conflict_on="mail")
    assert ids(users) == [2, 3]


def test_an_upsert_by_key_restores(users: Any) -> None:
    users.delete(1)
    user = users.upsert({"id": 1, "name": "back"})
    assert (user.deleted_at, user.name, user.mail, user.version, user.created) == (None, "back", "m1", 3, False)
    assert ids(users) == [1, 2, 3]


def test_a_bulk_upsert_restores_even_unchanged_rows(users: Any) -> None:
    users.bulk_delete(keys=[1, 2])
    rows = [{"id": 1}, {"id": 2, "name": "y"}, {"id": 3}, {"id": 4, "mail": "m4"}]
    result = users.bulk_upsert(rows, return_rows=True)
    assert counts(result) == {"updated": 2, "unchanged": 1, "inserted": 1}
    assert [(user.id, user.deleted_at, user.version) for user in result.rows] == [
        (1, None, 3),
        (2, None, 3),
        (3, None, 1),
        (4, None, 1),
    ]
    assert ids(users) == [1, 2, 3, 4]


def test_an_upsert_by_a_unique_value_sees_live_rows_only(users: Any) -> None:
    users.delete(1)
    user = users.upsert({"mail": "m1", "name": "new"}, conflict_on="mail")
    assert (user.created, user.id > 3, user.version) == (True, True, 1)
    assert users.read(1, include_deleted=True).deleted_at == NOW
    assert users.upsert({"mail": "m1", "name": "newer"}, conflict_on="mail").id == user.id


def test_restoring_takes_part_in_the_unique_checks(users: Any) -> None:
    users.delete(1)
    made = users.create(mail="m1")
    for data in ({"id": 1, "name": "back"}, {"id": 1, "mail": "m2"}, {"id": 1, "mail": "m8", "seat": 2}):
        with pytest.raises(errors.UniqueViolationError):
            users.upsert(data)
    assert users.count({"id": 1}) == 0
    assert users.upsert({"id": 1, "mail": "m8"}).deleted_at is None
    assert sorted(ids(users)) == [1, 2, 3, made.id]


def test_a_restored_row_of_a_bulk_meets_the_rows_before_it(users: Any) -> None:
    users.delete(1)
    with pytest.raises(errors.UniqueViolationError):
        users.bulk_upsert([{"id": 9, "mail": "m1"}, {"id": 1}])
    assert ids(users, include_deleted=True) == [1, 2, 3]
    assert counts(users.bulk_upsert([{"id": 2, "mail": "m9"}, {"id": 1, "mail": "m2"}])) == {"updated": 2}
    assert [user.mail for user in users.list()] == ["m2", "m9", "m3"]


def test_ignore_restores_a_deleted_row(users: Any) -> None:
    users.bulk_delete(keys=[1])
    rows = [{"id": 1, "name": "back"}, {"id": 2, "name": "y"}]
    assert counts(users.bulk_upsert(rows, on_conflict="ignore")) == {"updated": 1, "ignored": 1}
    assert [user.name for user in users.list()] == ["back", "x", "x"]


def test_a_bulk_update_by_key_does_not_restore(users: Any) -> None:
    users.delete(1)
    with pytest.raises(errors.NotFoundError) as caught:
        users.bulk_update(data=[{"id": 2, "name": "y"}, {"id": 1, "name": "y"}])
    assert caught.value.path == "data[1]"
    result = users.bulk_update(data=[{"id": 1, "name": "y"}, {"id": 2, "name": "y"}], on_missing="skip")
    assert counts(result) == {"missing": 1, "updated": 1}
    assert users.read(1, include_deleted=True).name == "x"


def test_a_stale_instance_is_neither_deleted_nor_restored(users: Any) -> None:
    user = users.read(1)
    users.update(1, {"name": "y"})
    with pytest.raises(errors.StaleRowError):
        users.delete(user)
    users.delete(1)
    with pytest.raises(errors.StaleRowError):
        users.upsert(user)
    assert (ids(users), users.read(1, include_deleted=True).name) == ([2, 3], "y")


def test_observers_hear_of_a_delete_and_of_a_restore(database: Database) -> None:
    with closing(DataFlow(database.url)) as db:
        users, log = fresh(db, User), Log(db, "rows_changed")
        users.bulk_create([{"id": n, "mail": f"m{n}"} for n in (1, 2)])
        users.delete(1)
        users.upsert({"id": 1})
        users.bulk_delete(keys=[2, 1], hard=True)
        events = log.settled(lambda events: len(events) == 4)
    assert [(event["operation"], event["rows"], sorted(event["keys"])) for event in events[1:]] == [
        ("delete", 1, ["1"]),
        ("update", 1, ["1"]),
        ("delete", 2, ["1", "2"]),
    ]


def test_all_rows_are_the_live_ones(users: Any) -> None:
    users.delete(1)
    assert counts(users.bulk_delete(all_rows=True)) == {"deleted": 2, "matched": 2}
    assert counts(users.bulk_delete(all_rows=True)) == {}
    assert counts(users.bulk_delete(all_rows=True, hard=True)) == {"deleted": 3, "matched": 3}
