"""The events of a run as an iterator: the run goes on beside the loop that reads them, and ends with it."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, CancelledError, Task
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextvars import Context
from enum import Enum, auto
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from dataflow import errors
from dataflow.workflow.event import RunEvent

__all__ = ["AsyncFeed", "Feed"]

_LEFT = "the loop over the events of the run was left"


# CPython sleeps on where a signal comes just before it waits for a lock: seconds until it looks again.
_CTRL_C_S = 0.2


class _Mark(Enum):
    """What else stands in the queue of events."""

    ASKING = auto()  # whether the loop is still there, before the run commits
    OVER = auto()


class Feed:
    """Between the thread of a run and the loop that reads its events."""

    def __init__(self) -> None:
        self._events: SimpleQueue[RunEvent | _Mark] = SimpleQueue()
        self._stays: SimpleQueue[bool] = SimpleQueue()
        self._error: BaseException | None = None

    def listen(self, event: RunEvent) -> None:
        self._events.put(event)

    def agree(self) -> None:
        """Waits until the loop has taken every event so far; raises if it is left before."""
        self._events.put(_Mark.ASKING)
        if not self._stays.get():
            raise errors.CancelledError(_LEFT)

    def read(
        self, execute: Callable[[], object], stop: Callable[[BaseException], None], context: Context
    ) -> Generator[RunEvent, None, None]:
        """Calls `execute` in a thread, in `context`; raises what it raises.

        However the loop is left before the end, by `break`, an error or Ctrl-C: the run is stopped and waited for.
        """
        thread = Thread(target=context.run, args=(self._work, execute), name="dataflow-run", daemon=True)
        try:
            thread.start()
            while (event := self._take()) is not _Mark.OVER:
                if isinstance(event, RunEvent):
                    yield event
                else:
                    self._stays.put(True)
        except BaseException:
            stop(errors.CancelledError(_LEFT))
            self._stays.put(False)
            # Ctrl-C may come while it starts: stopped before, it does nothing.
            if thread.is_alive():
                thread.join()
            raise
        thread.join()
        if self._error is not None:
            raise self._error

    def _take(self) -> RunEvent | _Mark:
        while True:
            try:
                return self._events.get(timeout=_CTRL_C_S)
            except Empty:
                pass

    def _work(self, execute: Callable[[], object]) -> None:
        try:
            execute()
        except BaseException as error:
            self._error = error
        finally:
            self._events.put(_Mark.OVER)


class AsyncFeed:
    """Between the task and threads of a run and the loop that reads its events."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[RunEvent | _Mark] = asyncio.Queue()
        self._answered = asyncio.Event()
        self._loop: AbstractEventLoop | None = None

    def listen(self, event: RunEvent | _Mark) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def agree(self) -> None:
        """Waits until the loop has taken every event so far; is cancelled if it is left before."""
        self.listen(_Mark.ASKING)
        await self._answered.wait()

    async def read(
        self, execute: Callable[[], Coroutine[Any, Any, object]], context: Context
    ) -> AsyncGenerator[RunEvent, None]:
        """Awaits `execute` in a task, in `context`; raises what it raises. However it is left, the task is ended."""
        self._loop = asyncio.get_running_loop()
        task = self._loop.create_task(execute(), context=context)
        task.add_done_callback(lambda _: self._events.put_nowait(_Mark.OVER))
        try:
            while (event := await self._events.get()) is not _Mark.OVER:
                if isinstance(event, RunEvent):
                    yield event
                else:
                    self._answered.set()
        except BaseException:
            await _end(task)
            raise
        await task


async def _end(task: Task[object]) -> None:
    """Cancels it and waits until it has ended; a cancel that comes meanwhile is raised afterwards."""
    task.cancel(_LEFT)
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except CancelledError as error:
            cancelled = error
    if not task.cancelled():
        task.exception()  # Looked at: it is not reported as never retrieved.
    if cancelled is not None:
        raise cancelled
