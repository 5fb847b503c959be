"""Runs operations of the compiled module: blocking, or awaited. The only place that knows both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from dataflow.errors import DataFlowError
from dataflow.query.activity import current

if TYPE_CHECKING:
    from asyncio import Future

    from dataflow import _core

__all__ = ["Apart", "Awaited", "Steps", "adrive", "arun", "drive", "run"]

_R = TypeVar("_R")


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
    done: Future[None] = loop.create_future()
    operation.start(loop, done)
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


async def _settle(done: Future[None]) -> None:
    """Waits on through further cancels: the operation was told already and ends by itself within its bound."""
    import asyncio

    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError:
            continue


class Apart(NamedTuple):
    """A step that is no part of what may be cancelled: a rollback that ends early would cost the connection."""

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
    return await arun(step.operation if isinstance(step, Apart) else step)
