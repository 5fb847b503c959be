"""Transactions: what they keep, what they undo, and who is inside."""

from typing import Any

import pytest

from dataflow import DataFlow, errors
from tests.database import Database
from tests.integration.fresh import fresh

LEVELS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]


class Note:
    text: str


class Stop(Exception):
    """Leaves a block."""


@pytest.fixture
def notes(db: DataFlow) -> Any:
    table = fresh(db, Note)
    table.count()
    return table


def texts(table: Any) -> list[str]:
    return [note.text for note in table.list(order_by="text")]


def test_leaving_a_block_commits(db: DataFlow, notes: Any) -> None:
    with db.transaction():
        notes.create(text="a")
        notes.bulk_create([{"text": "b"}, {"text": "c"}])
        assert texts(notes) == ["a", "b", "c"]
    assert texts(notes) == ["a", "b", "c"]


def test_an_exception_rolls_back_single_and_bulk(db: DataFlow, notes: Any) -> None:
    with pytest.raises(Stop), db.transaction():
        notes.create(text="a")
        notes.bulk_create([{"text": "b"}, {"text": "c"}])
        raise Stop
    assert texts(notes) == []


async def test_the_awaited_form_does_both(db: DataFlow, notes: Any) -> None:
    async with db.transaction():
        await notes.acreate(text="a")
    with pytest.raises(Stop):
        async with db.transaction():
            await notes.abulk_create([{"text": "b"}, {"text": "c"}])
            raise Stop
    assert [note.text for note in await notes.alist()] == ["a"]


def test_an_inner_rollback_keeps_the_outer_work(db: DataFlow, notes: Any) -> None:
    with db.transaction():
        notes.create(text="outer")
        with pytest.raises(Stop), db.transaction():
            notes.create(text="inner")
            with db.transaction():
                notes.create(text="innermost")
            raise Stop
        with db.transaction():
            notes.create(text="second")
    assert texts(notes) == ["outer", "second"]


async def test_an_outer_rollback_undoes_released_savepoints(db: DataFlow, notes: Any) -> None:
    with pytest.raises(Stop):
        async with db.transaction():
            async with db.transaction():
                await notes.acreate(text="inner")
            assert await notes.acount() == 1
            raise Stop
    assert await notes.acount() == 0


def test_others_see_nothing_before_the_commit(database: Database, db: DataFlow, notes: Any) -> None:
    with DataFlow(database.url) as other:
        twin = other.table(other.model(notes._cls))
        with db.transaction():
            notes.create(text="a")
            assert twin.count() == 0
        assert twin.count() == 1


def test_two_dataflow_objects_do_not_share_a_transaction(database: Database, db: DataFlow, notes: Any) -> None:
    with DataFlow(database.url) as other:
        twin = other.table(other.model(notes._cls))
        twin.count()
        with pytest.raises(Stop), db.transaction():
            assert twin.count() == 0
            raise Stop
        with pytest.raises(Stop), db.transaction(read_only=True):
            twin.create(text="kept")
            raise Stop
        assert texts(twin) == ["kept"]


def test_on_commit_runs_in_order_and_after_the_outermost_commit(db: DataFlow, notes: Any) -> None:
    calls: list[str] = []
    with db.transaction() as tx:
        tx.on_commit(lambda: calls.append(f"first {len(texts(notes))}"))
        with db.transaction() as inner:
            inner.on_commit(lambda: calls.append("second"))
        with pytest.raises(Stop), db.transaction() as undone:
            undone.on_commit(lambda: calls.append("never"))
            raise Stop
        tx.on_commit(lambda: calls.append("third"))
        notes.create(text="a")
        assert calls == []
    assert calls == ["first 1", "second", "third"]


async def test_on_commit_is_dropped_by_a_rollback_and_awaits_coroutines(db: DataFlow, notes: Any) -> None:
    calls: list[str] = []

    async def later() -> None:
        calls.append(f"{await notes.acount()} kept")

    with pytest.raises(Stop):
        async with db.transaction() as tx:
            tx.on_commit(later)
            raise Stop
    async with db.transaction() as tx:
        tx.on_commit(later)
        await notes.acreate(text="a")
    assert calls == ["1 kept"]


def test_a_failing_on_commit_leaves_the_rows_and_calls_the_rest(db: DataFlow, notes: Any) -> None:
    calls: list[str] = []

    def fail() -> None:
        raise Stop

    with pytest.raises(Stop), db.transaction() as tx:
        tx.on_commit(fail)
        tx.on_commit(lambda: calls.append("rest"))
        notes.create(text="a")
    assert (texts(notes), calls) == (["a"], ["rest"])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("spelling", [str.upper, str.lower, lambda level: level.replace(" ", "_")])
def test_an_isolation_level_is_set_and_read_back(database: Database, db: DataFlow, level: str, spelling: Any) -> None:
    with db.transaction(isolation=spelling(level)) as tx:
        assert tx.isolation == ("SERIALIZABLE" if database.kind == "sqlite" else level)


def test_a_level_ends_with_its_transaction(database: Database) -> None:
    """One pooled session: were READ COMMITTED left on it, the second count would see the other's row."""
    with DataFlow(database.url, pool_size=1) as db, DataFlow(database.url) as other:
        notes = fresh(db, Note)
        twin = other.table(other.model(notes._cls))
        assert (twin.count(), notes.count()) == (0, 0)
        with db.transaction(isolation="READ COMMITTED"):
            notes.count()
        with db.transaction(read_only=True):
            before = notes.count()
            twin.create(text="a")
            after = notes.count()
    repeatable = database.kind != "postgres"  # READ COMMITTED is PostgreSQL's default
    assert (before, after) == (0, 0 if repeatable else 1)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_repeatable_transaction_sees_one_state(database: Database, db: DataFlow, notes: Any, level: str) -> None:
    with DataFlow(database.url) as other:
        twin = other.table(other.model(notes._cls))
        twin.count()
        # MariaDB locks what a SERIALIZABLE transaction reads, so there the other would wait.
        level = "REPEATABLE READ" if database.kind == "mariadb" else level
        with db.transaction(isolation=level, read_only=True):
            assert notes.count() == 0
            twin.create(text="a")
            assert notes.count() == 0
        assert notes.count() == 1


def test_an_unknown_level_is_refused(db: DataFlow) -> None:
    for level in ("CHAOS", "", "READ COMITTED"):
        with pytest.raises(errors.InvalidOptionError):
            db.transaction(isolation=level)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_timeout_that_is_no_time_is_refused(db: DataFlow, timeout: Any) -> None:
    with pytest.raises(errors.InvalidOptionError) as caught:
        db.transaction(timeout=timeout)
    assert caught.value.path == "timeout"
