"""`dry_run=True` tells what a write would do, and `max_affected` bounds what it may; nothing is written by either."""

from collections.abc import Callable
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from dataflow.query.result import BulkResult
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes, counts
from tests.runtime.server import wait_until


class Item:
    __dataflow__ = {"soft_delete": True, "versioned": True, "timestamps": True}  # noqa: RUF012
    name: str = "tea"
    size: int = 0


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    table = fresh(db, Item)
    table.bulk_create([{"id": n, "size": n} for n in (1, 2, 3, 4)])
    return table


def stored(table: Table[Any]) -> list[dict[str, Any]]:
    return table.list(limit=None, include_deleted=True).records()


DATA = [{"id": 1, "size": 9}, {"id": 2, "size": 2}, {"id": 99, "size": 1}, {"id": 1, "size": 8}]
UPDATES: dict[str, Any] = {"on_missing": "skip", "duplicates": "first"}
UPDATED = {"updated": 1, "unchanged": 1, "missing": 1, "duplicate": 1}
DELETED = {"deleted": 2, "missing": 1, "duplicate": 1}
WRITES: dict[str, tuple[Callable[..., BulkResult], dict[str, int]]] = {
    "update data": (lambda table, **more: table.bulk_update(data=DATA, **UPDATES, **more), UPDATED),
    "update pieces": (lambda table, **more: table.bulk_update(data=DATA, chunk_rows=1, **UPDATES, **more), UPDATED),
    "delete keys": (lambda table, **more: table.bulk_delete(keys=[1, 2, 99, 1], **more), DELETED),
    "hard delete": (lambda table, **more: table.bulk_delete(keys=[1, 2, 99, 1], hard=True, **more), DELETED),
    "delete pieces": (lambda table, **more: table.bulk_delete(keys=iter([1, 2, 99, 1]), chunk_rows=1, **more), DELETED),
    "update filter": (
        lambda table, **more: table.bulk_update({"id": {"$in": [2, 3, 4]}}, {"size": 3}, **more),
        {"updated": 2, "unchanged": 1, "matched": 3},
    ),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("inside", [False, True])
def test_a_dry_run_tells_what_the_write_would_do(db: DataFlow, items: Table[Any], write: str, inside: bool) -> None:
    call, expected = WRITES[write]
    before = stored(items)
    if inside:
        with db.transaction():
            items.create(id=50)
            tried = call(items, dry_run=True)
        assert items.delete({"id": 50}, hard=True) == 1
    else:
        tried = call(items, dry_run=True)
    assert counts(tried) == expected
    assert stored(items) == before
    assert counts(call(items)) == expected
    assert stored(items) != before


@pytest.mark.parametrize("write", WRITES)
def test_a_dry_run_gives_the_rows_and_their_outcomes(items: Table[Any], write: str) -> None:
    call, _ = WRITES[write]
    tried, done = call(items, dry_run=True, return_rows=True), call(items, return_rows=True)
    assert tried.outcomes is not None
    assert done.outcomes is not None
    assert tried.outcomes.records() == done.outcomes.records()
    assert tried.rows is not None
    assert len(tried.rows) == len(done.rows or [])


def test_a_dry_run_changes_no_rows_for_those_who_listen(db: DataFlow, items: Table[Any]) -> None:
    changes = list[str]()
    db.on("rows_changed", lambda event: changes.append(event["operation"]))
    for call, _ in WRITES.values():
        call(items, dry_run=True)
    items.create(id=50)
    wait_until(lambda: "insert" in changes, "the change that happened is told")
    assert changes == ["insert"]


def test_a_dry_run_is_refused_as_the_write_would_be(items: Table[Any]) -> None:
    with pytest.raises(errors.NotFoundError):
        items.bulk_update(data=DATA[2:3], dry_run=True)
    with pytest.raises(errors.StaleRowError):
        items.bulk_delete(keys=[{"id": 1, "version": 7}], dry_run=True)
    with pytest.raises(errors.DataFlowError):
        items.bulk_update({"id": 1}, {"nope": 1}, dry_run=True)


def test_a_dry_run_by_filter_needs_no_word_for_every_row(items: Table[Any]) -> None:
    assert items.bulk_update(None, {"size": 7}, dry_run=True).matched == 4
    assert items.bulk_delete(dry_run=True).matched == 4
    assert [row["size"] for row in stored(items)] == [1, 2, 3, 4]


def test_a_dry_run_in_a_transaction_leaves_what_was_done_before(db: DataFlow, items: Table[Any]) -> None:
    with db.transaction():
        items.update(1, {"size": 5})
        assert counts(items.bulk_update({"size": 5}, {"size": 6}, dry_run=True)) == {"updated": 1, "matched": 1}
        with pytest.raises(errors.NotFoundError):
            items.bulk_update(data=DATA[2:3], dry_run=True)
        assert counts(items.bulk_delete(keys=[1, 2], dry_run=True)) == {"deleted": 2}
    assert [row["size"] for row in stored(items)] == [5, 2, 3, 4]


@pytest.mark.parametrize("options", [{"atomic": False, "chunk_rows": 2}, {"load_id": "x"}, {"max_affected": 1}])
def test_options_that_mean_nothing_in_a_dry_run_are_refused(items: Table[Any], options: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidOptionError):
        items.bulk_delete(keys=[1], dry_run=True, **options)


@pytest.mark.parametrize("options", [{"return_rows": False}, {"return_rows": True}])
def test_an_update_of_more_than_max_affected_changes_nothing(items: Table[Any], options: dict[str, Any]) -> None:
    before = stored(items)
    with pytest.raises(errors.LimitExceededError) as caught:
        items.bulk_update({"id": {"$gt": 1}}, {"size": 3}, max_affected=1, **options)
    assert caught.value.path == "max_affected"
    assert stored(items) == before
    result = items.bulk_update({"id": {"$gt": 1}}, {"size": 3}, max_affected=2, **options)
    assert counts(result) == {"updated": 2, "unchanged": 1, "matched": 3}
    assert counts(items.bulk_update({"size": 3}, {"size": 3}, max_affected=0, **options)) == {
        "unchanged": 3,
        "matched": 3,
    }


@pytest.mark.parametrize("return_rows", [False, True])
def test_a_delete_of_more_than_max_affected_deletes_nothing(items: Table[Any], return_rows: bool) -> None:
    before = stored(items)
    with pytest.raises(errors.LimitExceededError):
        items.bulk_delete({"id": {"$gt": 1}}, max_affected=2, return_rows=return_rows)
    assert stored(items) == before


def test_max_affected_beside_data_is_refused(items: Table[Any]) -> None:
    with pytest.raises(errors.InvalidOptionError):
        items.bulk_update(data=DATA, max_affected=3)


@pytest.mark.parametrize("awaited", [False, True])
def test_a_node_has_a_dry_run_too(items: Table[Any], awaited: bool) -> None:
    before = stored(items)
    result = Nodes(items, awaited).run("BulkDelete", {"keys": [1, 9], "dry_run": True})
    assert counts(result) == {"deleted": 1, "missing": 1}
    assert stored(items) == before


def test_a_dry_run_makes_no_table_and_keeps_no_refused_rows(
    database: Database, db: DataFlow, items: Table[Any]
) -> None:
    before = tables(database)
    items.bulk_update(data=DATA, dry_run=True, **UPDATES)
    assert tables(database) == before
    with pytest.raises(errors.InvalidOptionError) as caught:
        items.bulk_update(data=DATA, dry_run=True, on_error="quarantine")
    assert caught.value.path == "on_error"


def tables(database: Database) -> set[str]:
    """The names of ours among the tables."""
    if database.kind == "sqlite":
        return {row[0] for row in bare.execute(database, "SELECT name FROM sqlite_master WHERE name LIKE 'dataflow_%'")}
    listed = "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'dataflow_%' AND table_schema = "
    schema = "'public'" if database.kind == "postgres" else "database()"
    return {row[0] for row in bare.execute(database, listed + schema)}
