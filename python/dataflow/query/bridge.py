"""Runs an operation of the compiled module: blocking, or awaited. The only place that knows both."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from asyncio import Future

    from dataflow import _core

__all__ = ["arun", "run"]

_R = TypeVar("_R")


def run(operation: _core.Operation[_R]) -> _R:
    """Runs it without the GIL. Ctrl-C ends it within half a second."""
    return operation.wait()


async def arun(operation: _core.Operation[_R]) -> _R:
    """Runs it in the background of the running loop.

    A cancel is passed on to the database, and only raised when the operation has settled: its connection is then clean
    or closed. The `CancelledError` has the attribute `outcome`: `committed`, `rolled back`, `unknown`; None for a read.
    """
    # Here and not above: asyncio takes longer to import than everything else together.
    import asyncio

    loop = asyncio.get_running_loop()
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
    return operation.take()


async def _settle(done: Future[None]) -> None:
    """Waits on through further cancels: the operation was told already and ends by itself within its bound."""
    import asyncio

    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError:
            continue
