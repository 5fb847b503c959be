"""Many writers at once: no update is lost, no row is doubled, and no deadlock reaches a caller."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Unique, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.runtime.server import is_busy, wait_for_lock_waits, wait_until

WRITERS = 50
UPSERTS = 20
ROWS = 300


class Counter:
    __dataflow__ = {"versioned": True}  # noqa: RUF012
    total: int = 0


class Item:
    code: Annotated[str, MaxLength(20), Unique()]
    count: int = 0


@pytest.fixture
def counters(db: DataFlow) -> Any:
    table = fresh(db, Counter)
    table.create(id=1)
    return table


@pytest.fixture
def items(db: DataFlow) -> Any:
    table = fresh(db, Item)
    table.count()
    return table


def race(write: Callable[[int], Any], writers: int) -> list[Any]:
    """Calls `write` with every number at once, in a thread each; raises what one of them raises."""
    barrier = Barrier(writers, timeout=30)

    def run(writer: int) -> Any:
        barrier.wait()
        return write(writer)

    with ThreadPoolExecutor(writers) as pool:
        return [future.result(60) for future in [pool.submit(run, writer) for writer in range(writers)]]


def count_up(counters: Any, write: Callable[[Any], Any]) -> None:
    """Every writer adds one. All read before the first of them writes, so that one is in time and the others are not.

    Each time somebody came between, another writer is done: as many tries as there are writers are enough for all.
    """
    all_have_read = Barrier(WRITERS, timeout=30)

    def add(writer: int) -> int:
        """How often somebody came between."""
        for tries in range(WRITERS):
            counter = counters.read(1)
            if tries == 0:
                all_have_read.wait()
            counter.total += 1
            try:
                write(counter)
            except errors.StaleRowError:
                continue
            return tries
        raise AssertionError("somebody came between more often than there are others")

    tries = race(add, WRITERS)
    end = counters.read(1)
    assert (end.total, end.version) == (WRITERS, WRITERS + 1)
    assert tries.count(0) == 1


def test_fifty_threads_lose_no_update(counters: Any) -> None:
    count_up(counters, counters.update)


def test_fifty_bulk_updates_lose_no_update(counters: Any) -> None:
    def write(counter: Any) -> None:
        row = {"id": 1, "total": counter.total, "version": counter.version}
        if counter.total % 2:
            counters.bulk_upsert([row])
        else:
            counters.bulk_update(data=[row])

    count_up(counters, write)


async def test_fifty_tasks_lose_no_update(counters: Any) -> None:
    all_have_read = asyncio.Barrier(WRITERS)

    async def add() -> int:
        for tries in range(WRITERS):
            counter = await counters.aread(1)
            if tries == 0:
                await all_have_read.wait()
            try:
                await counters.aupdate(1, {"total": counter.total + 1, "version": counter.version})
            except errors.StaleRowError:
                continue
            return tries
        raise AssertionError("somebody came between more often than there are others")

    async with asyncio.timeout(60):
        tries = await asyncio.gather(*(add() for _ in range(WRITERS)))
    end = await counters.aread(1)
    assert (end.total, end.version) == (WRITERS, WRITERS + 1)
    assert tries.count(0) == 1


def test_one_of_fifty_deletes_finds_the_row(counters: Any) -> None:
    def delete(writer: int) -> int:
        try:
            return int(counters.delete(1))
        except errors.NotFoundError:
            return 0

    assert sum(race(delete, WRITERS)) == 1
    assert counters.count() == 0


def rows_of(writer: int, size: int = ROWS) -> list[dict[str, Any]]:
    """The same rows for every writer, for every second one in the opposite order."""
    rows = [{"code": f"c{n}", "count": writer} for n in range(size)]
    return rows[::-1] if writer % 2 else rows


@pytest.mark.parametrize("on_conflict", ["update", "ignore"])
def test_racing_bulk_upserts_of_new_rows_store_each_once(items: Any, on_conflict: Any) -> None:
    def write(writer: int) -> Any:
        return items.bulk_upsert(rows_of(writer), conflict_on="code", on_conflict=on_conflict)

    results = race(write, UPSERTS)
    assert sorted(item.code for item in items.list(limit=None)) == sorted(f"c{n}" for n in range(ROWS))
    assert sum(result.inserted for result in results) == ROWS
    assert {result.inserted + result.updated + result.unchanged + result.ignored for result in results} == {ROWS}
    assert len({item.count for item in items.list(limit=None)}) == 1


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
def test_two_bulk_upserts_that_met_in_the_middle_both_end(database: Database, items: Any) -> None:
    def write(writer: int) -> Any:
        return items.bulk_upsert(rows_of(writer), conflict_on="code")

    middle = f"INSERT INTO {items._model.table} (code, count) VALUES ('c{ROWS // 2}', 0)"
    with ThreadPoolExecutor(2) as pool:
        with bare.held(database, middle):
            writes = [pool.submit(write, writer) for writer in range(2)]
            wait_for_lock_waits(database, 2)
        results = [future.result(60) for future in writes]
    assert sorted(result.inserted for result in results) == [0, ROWS]
    assert items.count() == ROWS


def test_racing_bulk_upserts_by_key_store_each_once(items: Any) -> None:
    def write(writer: int) -> Any:
        return items.bulk_upsert([{"id": int(row["code"][1:]) + 1, **row} for row in rows_of(writer)])

    results = race(write, UPSERTS)
    assert [item.code for item in items.list(limit=None)] == [f"c{n}" for n in range(ROWS)]
    assert sum(result.inserted for result in results) == ROWS


def test_racing_upserts_that_give_the_key_too_store_each_once(items: Any) -> None:
    def write(writer: int) -> Any:
        rows = [{"id": int(row["code"][1:]) + 1, **row} for row in rows_of(writer, 3)]
        return items.bulk_upsert(rows, conflict_on="code")

    results = race(write, UPSERTS)
    assert [item.code for item in items.list()] == ["c0", "c1", "c2"]
    assert sum(result.inserted for result in results) == 3


@pytest.mark.parametrize("code", ["a", "b", "c"])
def test_racing_upserts_of_one_new_row_create_it_once(items: Any, code: str) -> None:
    def write(writer: int) -> Any:
        return items.upsert({"code": code, "count": writer}, "code")

    made = race(write, UPSERTS)
    assert ([row.created for row in made].count(True), len({row.id for row in made}), items.count()) == (1, 1, 1)


async def test_racing_tasks_upsert_in_both_orders(items: Any) -> None:
    writes = (items.abulk_upsert(rows_of(writer), conflict_on="code") for writer in range(UPSERTS))
    results = await asyncio.wait_for(asyncio.gather(*writes), 60)
    singles = (items.aupsert({"code": f"c{n % 3}", "count": n}, "code") for n in range(UPSERTS))
    await asyncio.wait_for(asyncio.gather(*singles), 60)
    assert (sum(result.inserted for result in results), items.count()) == (ROWS, ROWS)


def test_racing_bulk_updates_in_opposite_order_do_not_deadlock(items: Any) -> None:
    items.bulk_create([{"id": n, "code": f"c{n}"} for n in range(1, 1_201)])

    def write(writer: int) -> Any:
        # Overlapping halves, so that no writer has all rows, and one begins where another ends.
        keys = range(1, 801) if writer % 3 else range(400, 1_201)
        rows = [{"id": key, "count": writer + 1} for key in keys]
        return items.bulk_update(data=rows[::-1] if writer % 2 else rows)

    results = race(write, 10)
    assert {result.updated + result.unchanged for result in results} == {800, 801}
    assert items.count({"count": 0}) == 0


def test_racing_upserts_of_few_and_many_rows_do_not_deadlock(items: Any) -> None:
    items.bulk_create([{"code": f"c{n}"} for n in range(1_200)])

    def write(writer: int) -> Any:
        # Codes of several lengths, so that the order of texts is not that of numbers.
        rows = [{"code": f"c{n}", "count": writer + 1} for n in (range(1_200) if writer % 3 else range(3, 1_200, 7))]
        return items.bulk_upsert(rows[::-1] if writer % 2 else rows, conflict_on="code")

    results = race(write, 10)
    assert [result.inserted for result in results] == [0] * 10
    assert items.count({"count": 0}) == 0


def test_racing_deletes_and_updates_in_opposite_order_do_not_deadlock(items: Any) -> None:
    items.bulk_create([{"id": n, "code": f"c{n}"} for n in range(1, 601)])

    def write(writer: int) -> Any:
        keys = list(range(600, 0, -1) if writer % 2 else range(1, 601))
        if writer % 3 == 0:
            return items.bulk_delete(keys=keys[100:500])
        return items.bulk_update(data=[{"id": key, "count": writer} for key in keys], on_missing="skip")

    results = race(write, 9)
    assert sum(result.deleted for result in results) == 600 - items.count()
    assert {sum(result[name] for name in ("deleted", "updated", "unchanged", "missing")) for result in results} == {
        400,
        600,
    }


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("return_rows", [False, True])
def test_every_row_of_a_filter_is_counted_once_while_another_writer_changes_it(
    db: DataFlow, database: Database, items: Any, size: int, return_rows: bool
) -> None:
    """One of the rows becomes equal to the updates, or different, while the update waits for it."""
    items.bulk_create([{"code": str(n), "count": n % 2} for n in range(10)] + [{"code": "x", "count": 6 - size}])
    with ThreadPoolExecutor(1) as pool:
        with db.transaction():
            items.bulk_update({"code": "x"}, {"count": size})
            update = pool.submit(
                items.bulk_update, {"count": {"$gte": 0}}, {"count": 5}, return_rows=return_rows, all_rows=True
            )
            if database.kind != "sqlite":
                wait_until(lambda: is_busy(database), "the update waits for the row")
        result = update.result(30)
    assert (result.updated + result.unchanged, result.matched) == (11, 11)
    assert result.unchanged == (size == 5)
