"""How a run is driven to its end: by the calling thread, or awaited by the calling task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager, nullcontext
from threading import Event, Thread
from typing import Any, NamedTuple

from dataflow.query.transaction import Transaction
from dataflow.workflow.execution import Execution
from dataflow.workflow.graph import Workflow
from dataflow.workflow.result import Results
from dataflow.workflow.scope import new_transaction, tenant_sources

__all__ = ["Run", "adrive", "drive", "nothing"]


class Run(NamedTuple):
    """A run that is checked and has not begun."""

    workflow: Workflow
    metadata: Mapping[str, Any]
    execution: Execution
    transaction: bool
    seconds: float | None


def nothing() -> None:
    """Agrees to everything."""


def drive(run: Run, agree: Callable[[], None] = nothing) -> tuple[Results, str]:
    """Runs it, blocking; `agree` is called before its transaction is committed."""
    with ExitStack() as stack:
        results, whole = _enter(stack, run)
        stack.enter_context(whole)
        _work(run.execution)
        run.execution.conclude()
        agree()
    return results, results.run_id


async def adrive(run: Run, agree: Callable[[], Awaitable[None]] | None = None) -> tuple[Results, str]:
    """`drive`, awaited."""
    async with AsyncExitStack() as stack:
        results, whole = _enter(stack, run)
        await stack.enter_async_context(whole)
        await _wait(run.execution)
        run.execution.conclude()
        if agree is not None:
            await agree()
    return results, results.run_id


def _enter(stack: ExitStack | AsyncExitStack, run: Run) -> tuple[Results, Transaction | nullcontext[None]]:
    """Enters what holds for the whole run; its transaction is still to be entered."""
    for source in tenant_sources(run.workflow, run.metadata):
        stack.enter_context(source.tenant(run.metadata["tenant_id"]))
    whole = new_transaction(run.workflow, run.seconds) if run.transaction else nullcontext()
    return stack.enter_context(run.execution.telling(run.seconds)), whole


def _work(execution: Execution) -> None:
    """The calling thread works itself: a workflow of one node starts no thread."""
    with _loop_thread() if execution.needs_loop else nullcontext() as loop:
        try:
            execution.begin(loop, works=True)
            execution.work()
        except BaseException as interrupt:
            # Ctrl-C while this thread waited for others; a second one, wherever the first came, gives up waiting.
            if execution.interrupted:
                raise
            execution.stop(interrupt, interrupts=True)
            execution.work()
        execution.join()


async def _wait(execution: Execution) -> None:
    over = asyncio.Event()
    execution.begin(asyncio.get_running_loop(), works=False, when_over=over.set)
    while not over.is_set():
        try:
            await over.wait()
        except asyncio.CancelledError as cancelled:
            # Waits on through further cancels: every node was told, and ends by itself.
            execution.stop(cancelled, interrupts=True)
    execution.join()


@contextmanager
def _loop_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own, which ends with the block, and with it all tasks that are left."""
    found: list[asyncio.AbstractEventLoop] = []
    started, ended = Event(), []

    async def stay() -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        ended.append(lambda: loop.call_soon_threadsafe(over.set))
        found.append(loop)
        started.set()
        await over.wait()

    thread = Thread(target=asyncio.run, args=(stay(),), name="dataflow-loop", daemon=True)
    thread.start()
    started.wait()
    try:
        yield found[0]
    finally:
        ended[0]()
        thread.join()
