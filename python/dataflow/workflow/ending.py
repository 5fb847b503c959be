"""Why a run ended before its last node, and whose writes stand."""

from __future__ import annotations

from time import perf_counter
from typing import NamedTuple

from dataflow.errors import NodeExecutionError, StatementTimeoutError, WorkflowTimeoutError
from dataflow.workflow.attempt import describe
from dataflow.workflow.graph import Step
from dataflow.workflow.result import Results

__all__ = ["Ending", "Failure"]


class Failure(NamedTuple):
    """What a node's failure is for the run.

    Attributes:
        first: Whether it is why the run ends; otherwise the node was cancelled with it.
        ends: Whether the other nodes are still to be told.
    """

    first: bool
    ends: bool


class Ending:
    """Guarded by the lock of the run.

    Attributes:
        reason: Why the run ends; None as long as all is well.
        stands: The ids of the nodes whose writes are committed outside of the run's transaction.
        interrupted: Whether the caller's own Ctrl-C or cancel is the reason.
    """

    def __init__(self) -> None:
        self.reason: BaseException | None = None
        self.stands: list[str] = []
        self.interrupted = False
        self._failed: Step | None = None
        self._outcome: str | None = None
        self._late: WorkflowTimeoutError | None = None
        self._deadline = 0.0

    def stop(self, reason: BaseException) -> None:
        """The first reason counts."""
        if self.reason is None:
            self.reason = reason

    def interrupt(self, reason: BaseException) -> None:
        """Counts whatever came before: who interrupts is the caller, and must not be swallowed."""
        if self.reason is not None and self.reason is not reason:
            reason.__context__ = self.reason
        self.reason, self._failed, self.interrupted = reason, None, True

    def fail(self, step: Step, error: BaseException, outcome: str | None) -> Failure:
        """A node failed; `outcome` is how the write ended that failed in it."""
        late = self.reason is None and self.is_late(error)
        if late:
            self.reason = self._late
        first = self.reason is None
        # Ctrl-C and `sys.exit` are the caller's, not a failure of the node that they happen to meet.
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self.interrupt(error)
        elif first:
            self.reason, self._failed, self._outcome = error, step, outcome
        return Failure(first, first or late)

    def stand(self, id: str) -> None:
        """A node has committed something."""
        if id not in self.stands:
            self.stands.append(id)

    def limit(self, seconds: float) -> WorkflowTimeoutError:
        """The error of a run that takes longer, from now on."""
        self._deadline = perf_counter() + seconds
        self._late = WorkflowTimeoutError(f"the run took longer than {seconds:g} s", path="timeout")
        return self._late

    def is_late(self, error: BaseException) -> bool:
        """Whether it comes from the run's transaction, which has the same time and may be the first to notice."""
        return self._late is not None and isinstance(error, StatementTimeoutError) and perf_counter() >= self._deadline

    def raise_for(self, results: Results) -> None:
        """Raises why the run did not end well, with what is known of it; `results` are those so far."""
        reason = self.reason
        if reason is None:
            return
        if self._failed is not None:
            raise self._describe(self._failed, reason, results) from reason
        if isinstance(reason, WorkflowTimeoutError):
            reason.results, reason.run_id, reason.stands = results, results.run_id, tuple(self.stands)
        raise reason

    def _describe(self, step: Step, cause: BaseException, results: Results) -> NodeExecutionError:
        stands = f"; committed and standing: {', '.join(self.stands)}" if self.stands else ""
        added = f" (added at {step.where})" if step.where else ""
        error = NodeExecutionError(f"`{step.id}`{added} failed: {describe(cause)}{stands}", path=step.id)
        error.outcome = self._outcome
        error.node, error.run_id, error.results, error.stands = step.id, results.run_id, results, tuple(self.stands)
        return error
