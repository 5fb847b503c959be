"""Loads with the same id at the same time: one writes, and all have its result."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Unique, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.test_races import race
from tests.runtime.server import wait_for_lock_waits, wait_until_waiting

TIMES = 20


class Item:
    code: Annotated[str, MaxLength(20)]
    size: int | None = None


class Unlike:
    code: Annotated[str, MaxLength(20), Unique()]


@pytest.fixture
def items(db: DataFlow) -> Any:
    table = fresh(db, Item)
    table.count()
    return table


def rows(turn: int) -> list[dict[str, Any]]:
    return [{"code": f"{turn}-{n}", "size": n} for n in range(50)]


@pytest.mark.parametrize("writers", [2, 6])
def test_one_of_several_threads_writes(items: Any, writers: int) -> None:
    for turn in range(TIMES):
        results = race(lambda writer, turn=turn: items.bulk_create(rows(turn), load_id=f"load {turn}"), writers)
        assert sorted(result.replayed for result in results) == [False] + [True] * (writers - 1)
        assert {result.inserted for result in results} == {50}
        assert items.count() == 50 * (turn + 1)


async def test_one_of_several_tasks_writes(items: Any) -> None:
    for turn in range(TIMES):
        loads = (items.abulk_create(rows(turn), load_id=f"load {turn}") for _ in range(5))
        results = await asyncio.wait_for(asyncio.gather(*loads), 60)
        assert sorted(result.replayed for result in results) == [False, True, True, True, True]
    assert items.count() == 50 * TIMES


def test_one_of_several_upserts_writes(items: Any) -> None:
    for turn in range(TIMES):
        data = [{"id": n + 1, "code": f"c{n}", "size": turn} for n in range(50)]
        results = race(lambda writer, turn=turn, data=data: items.bulk_upsert(data, load_id=f"load {turn}"), 3)
        assert sorted(result.replayed for result in results) == [False, True, True]
    assert [row.size for row in items.list(limit=None)] == [TIMES - 1] * 50


def test_two_loads_of_other_input_at_once_are_one_and_an_error(items: Any) -> None:
    def load(turn: int, writer: int) -> str:
        try:
            items.bulk_create([{"code": f"{turn} of {writer}"}], load_id=f"load {turn}")
        except errors.LoadMismatchError:
            return "refused"
        return "written"

    for turn in range(TIMES):
        assert sorted(race(lambda writer, turn=turn: load(turn, writer), 2)) == ["refused", "written"]
    assert items.count() == TIMES


@pytest.mark.parametrize("isolation", [None, "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_in_transactions_the_later_is_told_to_begin_again(db: DataFlow, items: Any, isolation: str | None) -> None:
    def load(turn: int) -> Any:
        """Again from the start of the transaction, as long as that is said to help."""
        for _ in range(10):
            try:
                with db.transaction(isolation=isolation):
                    return items.bulk_create(rows(turn), load_id=f"load {turn}")
            except errors.DataFlowError as error:
                if not error.retryable:
                    raise
        raise AssertionError("never got through")

    for turn in range(TIMES):
        results = race(lambda writer, turn=turn: load(turn), 2)
        assert sorted(result.replayed for result in results) == [False, True]
    assert items.count() == 50 * TIMES


def meet(database: Database, db: DataFlow, items: Any, second: Callable[[], bool], end: str) -> bool:
    """What `second` gives, which comes while the first load is not over and waits for its end."""
    with ThreadPoolExecutor(1) as pool:
        with suppress(ZeroDivisionError), db.transaction():
            items.bulk_create(rows(1), load_id="x")
            waiting = pool.submit(second)
            wait_for_lock_waits(database, 1)
            if end == "rollback":
                raise ZeroDivisionError
        return waiting.result(60)


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
@pytest.mark.parametrize("inside", [True, False], ids=["in a transaction", "alone"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_load_waits_for_the_end_of_the_first(
    database: Database, db: DataFlow, items: Any, inside: bool, end: str
) -> None:
    items.bulk_create([], load_id="the ledger is there")

    def second() -> Any:
        try:
            with db.transaction() if inside else nullcontext():
                return items.bulk_create(rows(1), load_id="x").replayed
        except errors.SerializationFailureError as error:
            return error.retryable

    # Alone it runs again by itself and finds the entry; in a transaction it cannot, and says that another run may.
    assert meet(database, db, items, second, end) is (end == "commit")
    assert items.bulk_create(rows(1), load_id="x").replayed
    assert items.count() == 50


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_what_another_transaction_may_undo_yet_is_no_result(
    database: Database, db: DataFlow, items: Any, end: str
) -> None:
    items.bulk_create([], load_id="the ledger is there")

    def dirty() -> bool:
        with db.transaction(isolation="READ UNCOMMITTED"):
            return bool(items.bulk_create(rows(1), load_id="x").replayed)

    assert meet(database, db, items, dirty, end) is (end == "commit")
    assert items.count() == 50


BAD, GOOD = ["a", "taken"], ["a", "free"]


@pytest.mark.parametrize(
    ("codes", "ends"),
    [((BAD, GOOD), ["UniqueViolationError", "written"]), ((GOOD, BAD), ["written", "LoadMismatchError"])],
    ids=["the first fails", "the first writes"],
)
def test_a_load_that_fails_leaves_its_id_to_the_next(
    database: Database, db: DataFlow, codes: tuple[list[str], list[str]], ends: list[str]
) -> None:
    """The second comes while the first, which has begun the entry of the ledger, waits in the middle of its rows."""
    table = fresh(db, Unlike)
    table.create(code="taken")
    table.bulk_create([], load_id="the ledger is there")

    def load(codes: list[str]) -> str:
        try:
            result = table.bulk_create([{"code": code} for code in codes], load_id="x")
        except (errors.UniqueViolationError, errors.LoadMismatchError) as error:
            return type(error).__name__
        return "replayed" if result.replayed else "written"

    with ThreadPoolExecutor(2) as pool:
        with bare.held(database, f"INSERT INTO {table._model.table} (code) VALUES ('a')"):
            first = pool.submit(load, codes[0])
            wait_until_waiting(database, db)
            second = pool.submit(load, codes[1])
            wait_until_waiting(database, db, 2)
        assert [first.result(60), second.result(60)] == ends
    assert sorted(row.code for row in table.list()) == ["a", "free", "taken"]
