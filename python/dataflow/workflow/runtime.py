"""`LocalRuntime` and `AsyncLocalRuntime`: two doors to one scheduler, for threads and for coroutines."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator, Mapping
from contextvars import copy_context
from secrets import token_hex
from typing import Any, NamedTuple

from dataflow._option import Count, Flag, Seconds
from dataflow.errors import InvalidOptionError
from dataflow.workflow.drive import Run, adrive, drive, nothing
from dataflow.workflow.event import Listener, RunEvent
from dataflow.workflow.execution import Execution
from dataflow.workflow.graph import Workflow
from dataflow.workflow.iterate import AsyncFeed, Feed
from dataflow.workflow.progress import Progress, check_rich, find_screen
from dataflow.workflow.result import Results
from dataflow.workflow.scope import read_metadata

__all__ = ["AsyncLocalRuntime", "LocalRuntime"]


class _Given(NamedTuple):
    """What a run is called with."""

    workflow: Workflow
    parameters: Mapping[str, Any] | None
    tenant_id: str | None
    transaction: bool
    timeout: float | None


class _Runtime:
    """Runs workflows in this process. Thread-safe; keeps nothing between runs.

    Args:
        max_parallel: Most nodes at a time; default 4 more than there are processors, 32 at most.
        on_event: Called with every `RunEvent` of every run, one at a time; what it raises goes to the log.
        progress: Whether a terminal or notebook shows every run as it goes, and its timing table at the end; an output
            that is neither, the table only. Needs `dataflow-db[cli]`.

    Raises:
        InvalidOptionError: A value cannot be used, or `progress` is wanted and rich is not installed.
    """

    def __init__(
        self, *, max_parallel: int | None = None, on_event: Listener | None = None, progress: bool = False
    ) -> None:
        most = min(32, (os.cpu_count() or 1) + 4)
        self._limit: int = most if max_parallel is None else Count().check(max_parallel, "max_parallel")  # type: ignore[assignment]
        self._on_event = on_event
        self._progress = Flag().check(progress, "progress")
        if progress:
            check_rich()

    def _prepare(self, given: _Given, *listeners: Listener | None, asynchronous: bool) -> Run:
        workflow, parameters, tenant_id, transaction, timeout = given
        _check_workflow(workflow)
        metadata = read_metadata(workflow, tenant_id)
        # First: what others print about the end of the run stands below its table.
        shown = Progress(workflow, find_screen()) if self._progress else None
        execution = Execution(
            workflow,
            parameters,
            metadata,
            token_hex(16),
            limit=self._limit,
            asynchronous=asynchronous,
            listeners=[one for one in (shown, self._on_event, *listeners) if one is not None],
        )
        return Run(workflow, metadata, execution, transaction, _read_timeout(timeout))


class LocalRuntime(_Runtime):
    """Runs workflows and waits for them."""

    def execute(
        self,
        workflow: Workflow,
        parameters: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        tenant_id: str | None = None,
        transaction: bool = False,
        timeout: float | None = None,
        on_event: Listener | None = None,
    ) -> tuple[Results, str]:
        """Runs a workflow.

        Nodes that wait for nothing run in parallel. The first failure ends the run: nothing more begins, what runs is
        cancelled, and waited for. Ctrl-C does the same.

        Args:
            workflow: As `WorkflowBuilder.build` returned it.
            parameters: For this run, by node: `{"load": {"data": rows}}`.
            tenant_id: The tenant of every query; instead of the workflow's `metadata["tenant_id"]`.
            transaction: Whether everything is one transaction: a failure leaves nothing behind.
            timeout: Seconds for the whole run.
            on_event: Called with every `RunEvent` of this run.

        Returns:
            The results of the nodes by their ids, and the id of the run.

        Raises:
            NodeExecutionError: A node failed; its cause, the results so far and what stands are with it.
            WorkflowTimeoutError: The time was up.
            WorkflowError: The parameters do not fit the nodes. Nothing has run.
        """
        given = _Given(workflow, parameters, tenant_id, transaction, timeout)
        return drive(self._prepare(given, on_event, asynchronous=False))

    def iterate(
        self,
        workflow: Workflow,
        parameters: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        tenant_id: str | None = None,
        transaction: bool = False,
        timeout: float | None = None,
        on_event: Listener | None = None,
    ) -> Generator[RunEvent, None, None]:
        """Runs a workflow and gives its events as they come.

            for event in LocalRuntime().iterate(workflow):
                print(event.kind, event.node)
            print(event.results)

        The run goes on beside the loop, in the transaction and for the tenant of this call; the last event is
        `run_finished`, with the results. Leaving the loop before cancels the run and waits until it has ended; with
        `transaction=True` nothing is committed then, however far it was. A statement that is cancelled in a transaction
        of the caller ends that transaction. A generator that is kept in a variable is left by its `close`.

        Args:
            workflow: As of `execute`, and so are the others.

        Raises:
            NodeExecutionError: A node failed; raised after the event `run_failed`, as are others of `execute`.
            WorkflowError: The parameters do not fit the nodes; raised at once.
        """
        feed = Feed()
        given = _Given(workflow, parameters, tenant_id, transaction, timeout)
        run = self._prepare(given, on_event, feed.listen, asynchronous=False)
        agree = feed.agree if transaction else nothing
        return feed.read(lambda: drive(run, agree), run.execution.stop, copy_context())


class AsyncLocalRuntime(_Runtime):
    """Runs workflows on the running event loop: generated nodes are awaited, blocking nodes run in threads."""

    async def execute_workflow_async(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        tenant_id: str | None = None,
        transaction: bool = False,
        timeout: float | None = None,
        on_event: Listener | None = None,
    ) -> tuple[Results, str]:
        """Runs a workflow; all as of `LocalRuntime.execute`. A cancel ends the run; it is raised when all has ended."""
        given = _Given(workflow, inputs, tenant_id, transaction, timeout)
        return await adrive(self._prepare(given, on_event, asynchronous=True))

    def iterate(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        tenant_id: str | None = None,
        transaction: bool = False,
        timeout: float | None = None,
        on_event: Listener | None = None,
    ) -> AsyncGenerator[RunEvent, None]:
        """Runs a workflow and gives its events as they come; all as of `LocalRuntime.iterate`.

            async with aclosing(AsyncLocalRuntime().iterate(workflow)) as events:
                async for event in events:
                    ...

        Python does not wait for an asynchronous generator whose loop is left: `contextlib.aclosing` does. Without it
        the run is cancelled as well, and ends a little later.
        """
        feed = AsyncFeed()
        given = _Given(workflow, inputs, tenant_id, transaction, timeout)
        run = self._prepare(given, on_event, feed.listen, asynchronous=True)
        agree = feed.agree if transaction else None
        return feed.read(lambda: adrive(run, agree), copy_context())


def _read_timeout(timeout: float | None) -> float | None:
    return None if timeout is None else Seconds().read_number(timeout, "timeout")


def _check_workflow(workflow: object) -> None:
    if not isinstance(workflow, Workflow):
        hint = "give workflow.build()" if hasattr(workflow, "build") else "make one with WorkflowBuilder"
        raise InvalidOptionError(f"a workflow is run, got {type(workflow).__name__}", path="workflow", hint=hint)
