"""Runs operations of the compiled module: blocking, or awaited. The only place that knows both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from dataflow.errors import DataFlowError
from dataflow.query.activity import current

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

    from dataflow import _core

__all__ = ["Apart", "Awaited", "Steps", "adrive", "aend", "arun", "drive", "run"]

_R = TypeVar("_R")
# Seconds that the end of a transaction gets after a cancel, as other exchanges with a server do.
_GRACE = 0.5


def run(operation: _core.Operation[_R]) -> _R:
    """Runs it without the GIL. Ctrl-C ends it within half a second."""
    activity = current.get()
    if activity is None:
        return operation.wait()
    activity.enter(operation)
    try:
        return operation.wait()
    finally:
        activity.leave(operation)


async def arun(operation: _core.Operation[_R]) -> _R:
    """Runs it in the background of the running loop.

    A cancel is passed on to the database, and only raised when the operation has settled: its connection is then clean
    or closed. The `CancelledError` has the attribute `outcome`: `committed`, `rolled back`, `unknown`; None for a read.
    """
    # Here and not above: asyncio takes longer to import than everything else together.
    import asyncio

    loop, activity = asyncio.get_running_loop(), current.get()
    done = _begin(operation, loop)
    try:
        # `wait` leaves the future alone when the task is cancelled; awaiting the future itself would cancel it.
        await asyncio.wait([done])
    except asyncio.CancelledError as cancelled:
        operation.cancel()
        await _settle(done)
        # The result goes now: whoever keeps this exception must not keep, say, a transaction that had just begun.
        with suppress(Exception):
            operation.take()
        cancelled.outcome = operation.outcome  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        raise
    finally:
        if activity is not None:
            activity.leave(operation)
    return operation.take()


async def aend(operation: _core.Operation[_R]) -> _R:
    """Runs what ends a transaction that is given up: ended early, it would cost the connection.

    A cancel waits for it, but no longer than half a second, and is raised when it has settled.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    done = _begin(operation, loop)
    try:
        await asyncio.wait([done])
    except asyncio.CancelledError:
        await _settle(done, until=loop.time() + _GRACE)
        if not done.done():
            operation.cancel()
            await _settle(done)
        with suppress(Exception):
            operation.take()
        raise
    return operation.take()


def _begin(operation: _core.Operation[Any], loop: AbstractEventLoop) -> Future[None]:
    done: Future[None] = loop.create_future()
    operation.start(loop, done)
    return done


async def _settle(done: Future[None], until: float | None = None) -> None:
    """Waits on through further cancels: the operation was told already and ends by itself within its bound."""
    import asyncio

    loop = asyncio.get_running_loop()
    while not done.done():
        left = None if until is None else until - loop.time()
        if left is not None and left <= 0:
            return
        try:
            await asyncio.wait([done], timeout=left)
        except asyncio.CancelledError:
            continue


class Apart(NamedTuple):
    """A step that is no part of what may be cancelled, as of `aend`."""

    operation: _core.Operation[Any]


class Awaited(NamedTuple):
    """A step that only a loop can take; a blocking caller gets `refusal`."""

    start: Callable[[], Awaitable[Any]]
    refusal: DataFlowError


# Yields operations and other steps, is sent their results, or has their failures thrown at it.
Steps = Generator[Any, Any, _R]


def drive(steps: Steps[_R]) -> _R:
    """Takes the steps one after the other, blocking."""
    try:
        step = next(steps)
        while True:
            try:
                result = _take(step)
            except BaseException as failure:
                step = steps.throw(failure)
            else:
                step = steps.send(result)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]


async def adrive(steps: Steps[_R]) -> _R:
    """`drive`, awaited."""
    try:
        step = next(steps)
        while True:
            try:
                result = await _atake(step)
            except BaseException as failure:
                step = steps.throw(failure)
            else:
                step = steps.send(result)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]


def _take(step: Any) -> Any:
    if isinstance(step, Awaited):
        raise step.refusal
    return step.operation.wait() if isinstance(step, Apart) else run(step)


async def _atake(step: Any) -> Any:
    if isinstance(step, Awaited):
        return await step.start()
    return await (aend(step.operation) if isinstance(step, Apart) else arun(step))
