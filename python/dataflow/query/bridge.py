"""Runs operations of the compiled module: blocking, or awaited. The only place that knows both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from dataflow import _core
from dataflow.errors import DataFlowError
from dataflow.query.activity import current

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

__all__ = ["Apart", "Awaited", "Beside", "Steps", "Twofold", "adrive", "aend", "arun", "drive", "run"]

_R = TypeVar("_R")
# Seconds that the end of a transaction gets after a cancel, as other exchanges with a server do.
_GRACE = 0.5


def run(operation: _core.Operation[_R], beside: Callable[[], None] | None = None) -> _R:
    """Runs it without the GIL. Ctrl-C ends it within half a second.

    Args:
        operation: What is run.
        beside: What is done in this thread meanwhile. What it raises ends the operation, as Ctrl-C does.
    """
    activity = current.get()
    if activity is not None:
        activity.enter(operation)
    try:
        if beside is not None:
            operation.launch()
            _do(beside, operation)
        return operation.wait()
    finally:
        if activity is not None:
            activity.leave(operation)


def _do(beside: Callable[[], None], operation: _core.Operation[Any]) -> None:
    try:
        beside()
    except BaseException as failure:
        operation.cancel()
        with suppress(Exception):
            operation.wait()
        failure.outcome = operation.outcome  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        raise


async def arun(operation: _core.Operation[_R], beside: Callable[[], None] | None = None) -> _R:
    """Runs it in the background of the running loop; meanwhile `beside` is called, which does not wait for anything.

    A cancel is passed on to the database, and only raised when the operation has settled: its connection is then clean
    or closed. The `CancelledError` has the attribute `outcome`: `committed`, `rolled back`, `unknown`; None for a read.
    """
    # Here and not above: asyncio takes longer to import than everything else together.
    import asyncio

    loop, activity = asyncio.get_running_loop(), current.get()
    settling = _Settling(operation, loop)
    try:
        if beside is not None:
            beside()
        await settling.future
    except (asyncio.CancelledError, KeyboardInterrupt, SystemExit) as cancelled:
        operation.cancel()
        await _settle(settling.again(loop))
        # The result goes now: whoever keeps this exception must not keep, say, a transaction that had just begun.
        with suppress(Exception):
            operation.take()
        cancelled.outcome = operation.outcome  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]
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
    settling = _Settling(operation, loop)
    try:
        await settling.future
    except asyncio.CancelledError:
        done = settling.again(loop)
        await _settle(done, until=loop.time() + _GRACE)
        if not done.done():
            operation.cancel()
            await _settle(done)
        with suppress(Exception):
            operation.take()
        raise
    return operation.take()


# Of each loop that can watch a socket; uvloop and those of asyncio can, but for the one that Windows has by default.
_bells: WeakKeyDictionary[AbstractEventLoop, _core.Bell] = WeakKeyDictionary()


def _hang_bell(loop: AbstractEventLoop) -> _core.Bell | AbstractEventLoop:
    """Has the loop hear of what settles."""
    try:
        bell = _core.Bell()
        loop.add_reader(bell.fileno(), bell.answer)
    except (NotImplementedError, OSError):  # nor where no file descriptor is left
        return loop
    _bells[loop] = bell
    return bell


class _Settling:
    """An operation that was started in a loop."""

    __slots__ = ("future", "told")

    def __init__(self, operation: _core.Operation[Any], loop: AbstractEventLoop) -> None:
        self.told = False
        self.future: Future[None] = loop.create_future()
        operation.start(_bells.get(loop) or _hang_bell(loop), self.tell)

    def tell(self) -> None:
        """That it has settled."""
        self.told = True
        if not self.future.done():
            self.future.set_result(None)

    def again(self, loop: AbstractEventLoop) -> Future[None]:
        """A future in place of the one that was cancelled with the task that awaited it."""
        if not self.told:
            self.future = loop.create_future()
        return self.future


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


class Beside(NamedTuple):
    """A step during which something is done in Python.

    Attributes:
        operation: What runs.
        work: Called when it has begun. Only what must end it at once is raised, as KeyboardInterrupt.
    """

    operation: _core.Operation[Any]
    work: Callable[[], None]


class Awaited(NamedTuple):
    """A step that only a loop can take; a blocking caller gets `refusal`."""

    start: Callable[[], Awaitable[Any]]
    refusal: DataFlowError


class Twofold(NamedTuple):
    """A step that is not one operation: it says itself how it is taken, blocking and awaited."""

    block: Callable[[], Any]
    start: Callable[[], Awaitable[Any]]


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
    if isinstance(step, Twofold):
        return step.block()
    if isinstance(step, Beside):
        return run(*step)
    return step.operation.wait() if isinstance(step, Apart) else run(step)


async def _atake(step: Any) -> Any:
    if isinstance(step, Awaited | Twofold):
        return await step.start()
    if isinstance(step, Beside):
        return await arun(*step)
    return await (aend(step.operation) if isinstance(step, Apart) else arun(step))
