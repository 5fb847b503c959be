"""One run of a workflow: the scheduler that both runtimes share.

Blocking nodes run in threads, which take the next step that is ready by themselves; nodes to be awaited run as tasks
on one event loop. Whatever happens, `Execution` is over only when every node that began has ended.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, CancelledError, Task
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import partial
from threading import Condition, Event, Thread, Timer, get_ident
from time import perf_counter
from typing import Any

from dataflow import errors
from dataflow.errors import InvalidOutputError, StatementTimeoutError
from dataflow.nodes.node import Node
from dataflow.query.activity import Activity, acting, current
from dataflow.workflow.attempt import Attempts
from dataflow.workflow.check import make_node, read_parameters
from dataflow.workflow.context import RunContext, here, read_trace
from dataflow.workflow.ending import Ending
from dataflow.workflow.event import Listener
from dataflow.workflow.graph import Workflow
from dataflow.workflow.report import Report
from dataflow.workflow.result import Results
from dataflow.workflow.schedule import Schedule

__all__ = ["Execution"]

# Python sleeps over a signal that comes just before a wait: who waits looks up now and then.
_LOOK_S = 0.2
_Entry = tuple[Callable[..., Any], bool]


class Execution:
    """The state of one run.

    Args:
        parameters: Of this run, by node.
        metadata: Of this run.
        run_id: Its name.
        limit: Most nodes at a time.
        asynchronous: Whether a node that can be awaited is.
        listeners: Called with every event, one at a time.

    Attributes:
        interrupted: Whether the caller's own Ctrl-C or cancel has stopped it.
    """

    def __init__(
        self,
        workflow: Workflow,
        parameters: Mapping[str, Any] | None,
        metadata: Mapping[str, Any],
        run_id: str,
        *,
        limit: int,
        asynchronous: bool,
        listeners: Sequence[Listener],
    ) -> None:
        self._steps = list(workflow.steps.values())
        self._nodes: list[Node] = [make_node(step) for step in self._steps]
        self._entries: list[_Entry] = [node.entry_point(asynchronous=asynchronous) for node in self._nodes]
        self._schedule = Schedule(workflow, read_parameters(workflow, parameters, self._nodes))
        self._metadata = metadata
        self._user, self._trace = metadata.get("user_id"), read_trace(metadata)
        # For what is done for the run itself: the begin and end of its transaction.
        self._activity = Activity((run_id, "", self._user, self._trace))
        self._limit = limit
        self.report = Report(Results(run_id), listeners)
        # Guards everything below; told whenever there is something to do, or nothing any more.
        self._changed = Condition()
        self._blocking: deque[int] = deque()
        self._awaited: deque[int] = deque()
        self._busy: dict[int, tuple[Attempts, Task[None] | None, int]] = {}
        self._threads: list[Thread] = []
        self._idle = 0
        self._most_threads = limit
        self._ending = Ending()
        self._stopped = Event()
        self._loop: AbstractEventLoop | None = None
        self._loop_thread = 0
        self._when_over: Callable[[], object] | None = None
        self._context: Context = Context()

    @property
    def interrupted(self) -> bool:
        """Whether the caller's own Ctrl-C or cancel ended it."""
        return self._ending.interrupted

    @property
    def needs_loop(self) -> bool:
        """Whether a node is to be awaited."""
        return any(awaited for _, awaited in self._entries)

    @contextmanager
    def telling(self, seconds: float | None) -> Iterator[Results]:
        """Tells the begin and the end of the run: it has finished when its transaction, begun inside, is committed.

        From the begin on it may take `seconds`.

        What the run does for itself is in its own name, and ends with the node that it is part of, if there is one.
        """
        outer = current.get()
        if outer is not None:
            outer.enter(self)
        try:
            with acting(self._activity), self._limited(seconds):
                self.report.begin()
                yield self.report.results
        except BaseException as error:
            self.report.end(self._ending.reason or error)
            raise
        finally:
            if outer is not None:
                outer.leave(self)
        self.report.end(None)

    def begin(
        self, loop: AbstractEventLoop | None, *, works: bool, when_over: Callable[[], object] | None = None
    ) -> None:
        """Lets the first steps begin, in copies of the caller's context.

        Args:
            loop: Where nodes are awaited; needed where `needs_loop`.
            works: Whether the calling thread goes on with `work`.
            when_over: Called once on the loop, when the last node has ended.
        """
        self._most_threads = self._limit - 1 if works else self._limit
        self._context = copy_context()
        self._loop = loop
        # Where `works` is false, this is the loop's thread; the other one is told by `_launch`.
        self._loop_thread = 0 if works else get_ident()
        self._when_over = when_over
        with self._changed:
            # The time may be up already.
            if self._ending.reason is None:
                self._add(self._schedule.begin(), takes_one=works)
            self._tell_if_over()

    def work(self) -> None:
        """Runs blocking steps in the calling thread until the run is over."""
        try:
            while (taken := self._take()) is not None:
                position, attempts = taken
                self._context.copy().run(self._run_here, position, attempts)
        finally:
            self._release()

    def stop(self, reason: BaseException, *, interrupts: bool = False) -> None:
        """Lets nothing more begin, and cancels what runs. From any thread.

        The first reason counts, unless it `interrupts`: the caller's own Ctrl-C or cancel is never swallowed.
        """
        with self._changed:
            if interrupts:
                self._ending.interrupt(reason)
            elif not self._is_over():
                self._ending.stop(reason)
            self._let_nothing_begin()
            busy = list(self._busy.values())
            self._tell_if_over()
            self._changed.notify_all()
        for attempts, task, _ in busy:
            attempts.cancel()
            if task is not None and self._loop is not None:
                self._loop.call_soon_threadsafe(task.cancel)

    def cancel(self) -> None:
        """Ends a run that is part of a node of another one, with that node."""
        self.stop(errors.CancelledError("the node that ran this workflow was cancelled"))

    @property
    def outcome(self) -> str | None:
        """Whether something of it is committed, for the node that it is part of."""
        return "committed" if self._ending.stands else None

    def join(self) -> None:
        """Waits for the threads, which end when the run is over."""
        for thread in self._threads:
            thread.join()

    @contextmanager
    def _limited(self, seconds: float | None) -> Iterator[None]:
        """Stops the run when its time is up; its transaction has the same time, and may be the first to notice."""
        if seconds is None:
            yield
            return
        late = self._ending.limit(seconds)
        timer = Timer(seconds, self.stop, [late])
        timer.daemon = True
        timer.start()
        try:
            yield
        except StatementTimeoutError as error:
            # Of the transaction's begin or end: those of nodes come as NodeExecutionError.
            if not self._ending.is_late(error):
                raise
            late.outcome, late.run_id, late.results = error.outcome, self.report.results.run_id, self.report.results
            raise late from error
        finally:
            timer.cancel()

    def conclude(self) -> None:
        """Raises why a run that is over did not end well.

        Raises:
            NodeExecutionError: A node failed.
            WorkflowTimeoutError: The time was up.
            BaseException: What stopped it: `KeyboardInterrupt`, a cancel.
        """
        self._ending.raise_for(self.report.results)

    # --- which step is next; all under the lock ----------------------------------------------------------------------

    def _let_nothing_begin(self) -> None:
        self._blocking.clear()
        self._awaited.clear()
        self._stopped.set()

    def _is_over(self) -> bool:
        return not self._busy and (self._schedule.left == 0 or self._ending.reason is not None)

    def _tell_if_over(self) -> None:
        if self._is_over():
            self._changed.notify_all()
            if self._when_over is not None:
                self._call_on_loop(self._when_over)
                self._when_over = None

    def _call_on_loop(self, function: Callable[[], object]) -> None:
        if self._loop is not None and get_ident() == self._loop_thread:
            function()
        elif self._loop is not None:
            self._loop.call_soon_threadsafe(function)

    def _add(self, ready: Sequence[int], *, takes_one: bool) -> None:
        """Steps that may begin; `takes_one` says that the calling thread takes the next blocking one itself."""
        for position in ready:
            (self._awaited if self._entries[position][1] else self._blocking).append(position)
        if self._awaited:
            self._call_on_loop(self._launch)
        waiting = len(self._blocking) - takes_one
        if waiting > 0:
            self._changed.notify(waiting)
            for _ in range(min(waiting - self._idle, self._most_threads - len(self._threads))):
                thread = Thread(target=self.work, name="dataflow-node", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _take(self) -> tuple[int, Attempts] | None:
        with self._changed:
            while not self._blocking or len(self._busy) >= self._limit:
                if self._is_over():
                    return None
                self._idle += 1
                try:
                    self._changed.wait(_LOOK_S)
                finally:
                    self._idle -= 1
            position = self._blocking.popleft()
            return position, self._occupy(position)

    def _occupy(self, position: int) -> Attempts:
        step = self._steps[position]
        labels = (self.report.results.run_id, step.id, self._user, self._trace)

        def retried(attempt: int, error: BaseException, pause: float) -> None:
            self.report.retried(step.id, attempt, error, pause)

        attempts = Attempts(step, self._nodes[position], labels, self._stopped, retried)
        self._busy[position] = (attempts, None, get_ident())
        return attempts

    def _release(self) -> None:
        """Ctrl-C may come anywhere: what this thread still seems to run, it does not run any more."""
        with self._changed:
            for position, (_, task, thread) in list(self._busy.items()):
                if task is None and thread == get_ident():
                    self._busy.pop(position, None)
            self._tell_if_over()

    # --- running a step ----------------------------------------------------------------------------------------------

    def _run_here(self, position: int, attempts: Attempts) -> None:
        started = self._enter(position)
        try:
            outputs = attempts.run(self._entries[position][0], self._schedule.take(position))
        except BaseException as error:
            self._fail(position, attempts, started, error)
        else:
            self._finish(position, attempts, started, outputs, takes_one=True)

    def _launch(self) -> None:
        """Makes tasks of the steps that are to be awaited; on the loop."""
        loop = self._loop
        self._loop_thread = get_ident()
        while loop is not None:
            with self._changed:
                if not self._awaited or len(self._busy) >= self._limit:
                    return
                position = self._awaited.popleft()
                attempts = self._occupy(position)
                task = loop.create_task(self._run_on_loop(position, attempts), context=self._context.copy())
                self._busy[position] = (attempts, task, 0)
            task.add_done_callback(partial(self._drop, position, attempts))

    def _drop(self, position: int, attempts: Attempts, task: Task[None]) -> None:
        """Whoever cancels all tasks of the loop may meet one before its first step: it has told nobody."""
        if position in self._busy:
            self._fail(position, attempts, perf_counter(), CancelledError())

    async def _run_on_loop(self, position: int, attempts: Attempts) -> None:
        started = self._enter(position)
        try:
            outputs = await attempts.arun(self._entries[position][0], self._schedule.take(position))
        except BaseException as error:
            self._fail(position, attempts, started, error)
        else:
            self._finish(position, attempts, started, outputs, takes_one=False)

    def _enter(self, position: int) -> float:
        id = self._steps[position].id
        here.set(RunContext(self.report.results.run_id, id, self._metadata))
        self.report.started(id)
        return perf_counter()

    def _finish(
        self, position: int, attempts: Attempts, started: float, outputs: Mapping[str, Any], *, takes_one: bool
    ) -> None:
        seconds, node = perf_counter() - started, self._nodes[position]
        try:
            with self._changed:
                if attempts.committed:
                    self._ending.stand(self._steps[position].id)
                turn = self._schedule.settle(position, outputs, branching=node.has_branches)
        except InvalidOutputError as error:
            self._fail(position, attempts, started, error)
            return
        # Outside of the lock, and before anything that follows can begin: a listener may take its time.
        self.report.finished(self._steps[position].id, node, seconds, outputs, attempts.count)
        for skipped in turn.skipped:
            self.report.skipped(self._steps[skipped].id, self._nodes[skipped])
        with self._changed:
            del self._busy[position]
            if self._ending.reason is None:
                self._add(turn.ready, takes_one=takes_one)
            self._tell_if_over()

    def _fail(self, position: int, attempts: Attempts, started: float, error: BaseException) -> None:
        step, node = self._steps[position], self._nodes[position]
        seconds = perf_counter() - started
        with self._changed:
            failure = self._ending.fail(step, error, attempts.outcome)
            self._let_nothing_begin()
            if attempts.committed:
                self._ending.stand(step.id)
        self.report.failed(step.id, node, seconds, error, attempts.count, cancelled=not failure.first)
        # The others were told once: a second cancel would meet what they clean up with.
        if failure.ends:
            self.stop(error)
        with self._changed:
            del self._busy[position]
            self._tell_if_over()
