"""Transactions that refuse, that were aborted, and that several tasks and threads share."""

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, errors
from tests.integration.fresh import fresh


class Seat:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(20)]


class Stop(Exception):
    """Leaves a block."""


@pytest.fixture
def seats(db: DataFlow) -> Any:
    table = fresh(db, Seat)
    table.create(code="taken")
    return table


def codes(table: Any) -> list[str]:
    return [seat.code for seat in table.list()]


@pytest.mark.parametrize("bulk", [False, True])
def test_a_read_only_transaction_refuses_writes(db: DataFlow, seats: Any, bulk: bool) -> None:
    with pytest.raises((errors.TransactionStateError, errors.PermissionDeniedError)), db.transaction(read_only=True):
        assert codes(seats) == ["taken"]
        seats.bulk_create([{"code": "a"}, {"code": "b"}]) if bulk else seats.create(code="a")
    assert codes(seats) == ["taken"]
    assert seats.create(code="a").code == "a"


def test_an_error_aborts_until_the_savepoint(db: DataFlow, seats: Any) -> None:
    with db.transaction():
        seats.create(code="a")
        with pytest.raises(errors.UniqueViolationError), db.transaction():
            with pytest.raises(errors.UniqueViolationError) as first:
                seats.create(code="taken")
            for operation in (seats.count, seats.list, lambda: seats.create(code="b"), lambda: seats.read("a")):
                with pytest.raises(errors.TransactionAbortedError):
                    operation()
            raise first.value
        assert codes(seats) == ["a", "taken"]
        seats.create(code="c")
    assert codes(seats) == ["a", "c", "taken"]


def test_the_commit_of_an_aborted_transaction_raises(db: DataFlow, seats: Any) -> None:
    calls: list[int] = []
    with pytest.raises(errors.TransactionAbortedError) as caught, db.transaction() as tx:
        tx.on_commit(lambda: calls.append(1))
        seats.create(code="a")
        with pytest.raises(errors.UniqueViolationError):
            seats.create(code="taken")
    assert (caught.value.code, caught.value.outcome, calls) == ("DF-8002", "rolled back", [])
    assert codes(seats) == ["taken"]
    assert seats.create(code="a").code == "a"


def test_a_refusal_before_the_database_aborts_nothing(db: DataFlow, seats: Any) -> None:
    with db.transaction():
        for wrong in ({}, {"code": 5}, {"code": "x" * 21}, {"cod": "x"}):
            with pytest.raises(errors.DataError):
                seats.create(**wrong)
        with pytest.raises(errors.NotFoundError):
            seats.read("nobody")
        seats.create(code="a")
    assert codes(seats) == ["a", "taken"]


def test_a_transaction_is_entered_once_and_nested_ones_take_no_options(db: DataFlow) -> None:
    tx = db.transaction()
    with tx, pytest.raises(errors.TransactionStateError):
        tx.__enter__()
    with pytest.raises(errors.TransactionStateError):
        tx.__enter__()
    with db.transaction(), pytest.raises(errors.TransactionStateError), db.transaction(isolation="SERIALIZABLE"):
        pass
    with pytest.raises(errors.TransactionStateError):
        tx.on_commit(print)


async def test_tasks_and_to_thread_inherit_the_transaction(db: DataFlow, seats: Any) -> None:
    with pytest.raises(Stop):
        async with db.transaction():
            await asyncio.create_task(seats.acreate(code="task"))
            await asyncio.to_thread(seats.create, code="thread")
            await asyncio.gather(*(seats.acreate(code=f"gather {n}") for n in range(5)))
            assert await seats.acount() == 8
            raise Stop
    assert codes(seats) == ["taken"]


async def test_concurrent_tasks_take_turns(db: DataFlow, seats: Any) -> None:
    async def work(number: int) -> int:
        await seats.acreate(code=f"{number:03}")
        await seats.abulk_create([{"code": f"{number:03} {at}"} for at in range(3)])
        return len(await seats.alist({"code": {"$gte": f"{number:03}", "$lt": f"{number:03} 9"}}))

    async with db.transaction():
        assert await asyncio.gather(*map(work, range(40))) == [4] * 40
    assert await seats.acount() == 161


def test_a_plain_thread_is_outside_and_bind_carries_it(db: DataFlow, seats: Any) -> None:
    with pytest.raises(Stop), db.transaction(), ThreadPoolExecutor(1) as pool:
        seats.create(code="a")
        assert pool.submit(seats.count).result(10) == 1
        assert pool.submit(db.bind(seats.count)).result(10) == 2
        pool.submit(db.bind(lambda: seats.create(code="b"))).result(10)
        assert codes(seats) == ["a", "b", "taken"]
        raise Stop
    assert codes(seats) == ["taken"]


async def test_bind_carries_a_coroutine_function(db: DataFlow, seats: Any) -> None:
    async def add() -> int:
        await seats.acreate(code="b")
        return int(await seats.acount())

    with pytest.raises(Stop):
        async with db.transaction():
            bound = db.bind(add)
            with ThreadPoolExecutor(1) as pool:
                outside = asyncio.get_running_loop().run_in_executor(pool, lambda: asyncio.run(bound()))
                assert await outside == 2
            raise Stop
    assert codes(seats) == ["taken"]


async def test_a_task_that_outlives_its_transaction_is_refused(db: DataFlow, seats: Any) -> None:
    leave = asyncio.Event()

    async def late() -> None:
        await leave.wait()
        await seats.acreate(code="late")

    async with db.transaction():
        task = asyncio.create_task(late())
        await asyncio.sleep(0)
    leave.set()
    with pytest.raises(errors.TransactionStateError):
        await task
    assert codes(seats) == ["taken"]


async def test_cancelling_a_task_inside_rolls_back(db: DataFlow, seats: Any) -> None:
    entered = asyncio.Event()

    async def work() -> None:
        async with db.transaction():
            await seats.acreate(code="a")
            entered.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(work())
    await asyncio.wait_for(entered.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert codes(seats) == ["taken"]


async def test_bind_carries_what_a_function_returns_to_where_it_is_awaited(db: DataFlow, seats: Any) -> None:
    async with db.transaction():
        seats_here = await seats.acount()
        await seats.acreate(code="901")
        count = db.bind(lambda: seats.acount())

        async def elsewhere() -> int:
            return await count()

        found = await asyncio.create_task(elsewhere(), context=contextvars.Context())
    assert found == seats_here + 1


def test_a_generator_function_cannot_be_bound(db: DataFlow, seats: Any) -> None:
    def rows() -> Any:
        yield seats.count()

    with pytest.raises(errors.InvalidOptionError, match="a generator function cannot be bound"):
        db.bind(rows)


@pytest.mark.parametrize("flag", ["no", 1, None])
def test_read_only_is_true_or_false(db: DataFlow, flag: Any) -> None:
    with pytest.raises(errors.InvalidOptionError, match="read_only must be True or False"):
        db.transaction(read_only=flag)
