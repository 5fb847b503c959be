"""The awaited door: a cancel is passed on, waited for, and raised with its outcome."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dataflow import errors
from dataflow.query.bridge import Apart, Beside, adrive, aend, arun, drive, run


class FakeOperation:
    """Settles when `settle` is called, as the compiled one does from its own thread."""

    def __init__(self, result: Any = None, outcome: str | None = None) -> None:
        self.result, self.outcome, self.cancels, self.taken = result, outcome, 0, False
        self.settle: Callable[[], None] = lambda: None
        self.launched = False

    def launch(self) -> None:
        self.launched = True

    def start(self, bell: object, tell: Callable[[], object]) -> None:
        loop = asyncio.get_running_loop()
        self.settle = lambda: loop.call_soon_threadsafe(tell)

    def cancel(self) -> None:
        self.cancels += 1

    def take(self) -> Any:
        self.taken = True
        return self.wait()

    def wait(self) -> Any:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


async def turns() -> None:
    """More turns of the loop than a task needs that has nothing to wait for."""
    for _ in range(10):
        await asyncio.sleep(0)


async def begin(operation: FakeOperation) -> "asyncio.Task[Any]":
    task = asyncio.create_task(arun(operation))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    return task


def test_a_blocking_run_gives_result_or_error():
    assert run(FakeOperation(3)) == 3  # type: ignore[arg-type]
    with pytest.raises(errors.DeadlockError):
        run(FakeOperation(errors.DeadlockError("x")))  # type: ignore[arg-type]


async def test_an_awaited_run_gives_result_or_error():
    for result in (3, errors.DeadlockError("x")):
        task = await begin(operation := FakeOperation(result))
        operation.settle()
        assert (await asyncio.gather(task, return_exceptions=True)) == [result]


async def test_an_operation_may_settle_before_it_is_awaited():
    operation = FakeOperation(3)
    operation.start = lambda _loop, tell: tell()  # type: ignore[method-assign, assignment]
    assert await arun(operation) == 3  # type: ignore[arg-type]


async def test_a_cancel_after_the_end_waits_for_nothing_more():
    task = await begin(operation := FakeOperation(outcome="committed"))
    operation.settle()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert caught.value.outcome == "committed"  # type: ignore[attr-defined]
    assert operation.taken


@pytest.mark.parametrize("outcome", ["committed", "rolled back", "unknown", None])
async def test_a_cancel_waits_for_the_operation_and_tells_its_outcome(outcome: str | None):
    task = await begin(operation := FakeOperation(outcome=outcome))
    task.cancel()
    await turns()
    assert not task.done()
    operation.settle()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert caught.value.outcome == outcome  # type: ignore[attr-defined]
    # Taken and thrown away: a kept exception must not keep, say, a transaction that had just begun.
    assert (operation.cancels, operation.taken) == (1, True)


async def test_further_cancels_do_not_cut_the_wait_short():
    task = await begin(operation := FakeOperation(outcome="rolled back"))
    for _ in range(3):
        task.cancel()
        await turns()
    assert not task.done()
    operation.settle()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert operation.cancels == 1


async def test_a_timeout_is_a_cancel():
    operation = FakeOperation(outcome="unknown")
    asyncio.get_running_loop().call_later(0.05, lambda: operation.settle())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await arun(operation)  # type: ignore[arg-type]
    assert operation.cancels == 1


async def test_what_ends_a_transaction_is_not_cancelled_but_waited_for():
    operation = FakeOperation()
    task = asyncio.create_task(aend(operation))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    for _ in range(3):
        task.cancel()
        await turns()
    assert not task.done()
    operation.settle()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (operation.cancels, operation.taken) == (0, True)


async def test_an_end_that_does_not_come_is_cancelled_within_its_bound():
    operation = FakeOperation()
    task = asyncio.create_task(aend(operation))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    begun = asyncio.get_running_loop().time()
    task.cancel()
    while not operation.cancels:
        await asyncio.sleep(0.01)
    assert 0.4 < asyncio.get_running_loop().time() - begun < 5
    assert not task.done()
    operation.settle()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_end_gives_result_or_error():
    for result in (3, errors.DeadlockError("x")):
        operation = FakeOperation(result)
        task = asyncio.create_task(aend(operation))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        operation.settle()
        assert (await asyncio.gather(task, return_exceptions=True)) == [result]


async def test_a_step_apart_survives_a_second_cancel():
    operations = [FakeOperation(), FakeOperation()]

    def steps() -> Any:
        try:
            yield operations[0]
        except asyncio.CancelledError:
            yield Apart(operations[1])  # type: ignore[arg-type]
            raise

    task = asyncio.create_task(adrive(steps()))
    await asyncio.sleep(0)
    task.cancel()
    await turns()
    operations[0].settle()
    await turns()
    task.cancel()
    await turns()
    operations[1].settle()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [operation.cancels for operation in operations] == [1, 0]


# --- what is done beside an operation ---


def steps_of(step: Any) -> Any:
    return (yield step)


def interrupt() -> None:
    raise KeyboardInterrupt


def test_work_is_done_while_an_operation_runs():
    operation = FakeOperation(3)
    seen: list[bool] = []
    assert drive(steps_of(Beside(operation, lambda: seen.append(operation.launched)))) == 3  # type: ignore[arg-type]
    assert (seen, operation.cancels) == ([True], 0)


@pytest.mark.parametrize("result", [3, errors.CancelledError("x")])
def test_ctrl_c_in_the_work_beside_ends_the_operation_and_tells_its_outcome(result: Any):
    operation = FakeOperation(result, outcome="rolled back")
    with pytest.raises(KeyboardInterrupt) as caught:
        drive(steps_of(Beside(operation, interrupt)))  # type: ignore[arg-type]
    assert (operation.cancels, getattr(caught.value, "outcome", None)) == (1, "rolled back")


async def test_work_is_done_while_an_awaited_operation_runs():
    operation = FakeOperation(3)
    seen: list[str] = []
    work = asyncio.create_task(adrive(steps_of(Beside(operation, lambda: seen.append("work")))))  # type: ignore[arg-type]
    await turns()
    assert (seen, work.done()) == (["work"], False)
    operation.settle()
    assert await work == 3


async def test_a_cancel_after_the_work_beside_is_passed_on():
    operation = FakeOperation(outcome="unknown")
    work = asyncio.create_task(adrive(steps_of(Beside(operation, lambda: None))))  # type: ignore[arg-type]
    await turns()
    work.cancel()
    await turns()
    operation.settle()
    with pytest.raises(asyncio.CancelledError) as caught:
        await work
    assert (operation.cancels, getattr(caught.value, "outcome", None)) == (1, "unknown")
