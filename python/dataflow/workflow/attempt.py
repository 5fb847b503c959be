"""One node of a run: its attempts, each with its timeout, blocking or awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from threading import Event, Timer
from types import CoroutineType
from typing import Any

from dataflow.errors import DataFlowError, InvalidOutputError, NodeTimeoutError
from dataflow.nodes.node import FunctionNode, Node
from dataflow.nodes.signature import Signature, certainly_differs, classes_of
from dataflow.query.activity import Activity, Labels, current
from dataflow.workflow.graph import Step

__all__ = ["Attempts", "describe"]

# Told of an attempt that failed and is followed by another: its number, its error, the pause in seconds.
Retried = Callable[[int, BaseException, float], None]


class Attempts:
    """Runs one node until it succeeds, or fails in a way that is not tried again.

    Attributes:
        count: Attempts so far.
        committed: Whether one of them committed something outside of the run's transaction.
        outcome: How the write ended that failed, also where the node's own error says nothing of it.
    """

    __slots__ = (
        "_activity",
        "_cancelled",
        "_labels",
        "_node",
        "_retried",
        "_step",
        "_stopped",
        "committed",
        "count",
        "outcome",
    )

    def __init__(self, step: Step, node: Node, labels: Labels, stopped: Event, retried: Retried) -> None:
        self.count = 0
        self.committed = False
        self.outcome: str | None = None
        self._activity = Activity(labels)
        self._cancelled = False
        self._labels = labels
        self._node = node
        self._retried = retried
        self._step = step
        self._stopped = stopped

    def cancel(self) -> None:
        """Ends its work in the database, from any thread; there will be no other attempt."""
        self._cancelled = True
        self._activity.cancel()

    def run(self, entry: Callable[..., Any], inputs: dict[str, Any]) -> Mapping[str, Any]:
        """Calls `entry`, blocking."""
        while True:
            self._begin()
            try:
                return self._read(self._call(entry, inputs))
            except BaseException as error:
                if self._stopped.wait(self._judge(error)):
                    raise

    async def arun(self, entry: Callable[..., Awaitable[Any]], inputs: dict[str, Any]) -> Mapping[str, Any]:
        """Calls `entry` and awaits it."""
        while True:
            self._begin()
            try:
                if self._step.timeout is None:
                    return self._read(await entry(**inputs))
                return self._read(await self._await_within(self._step.timeout, entry, inputs))
            except BaseException as error:
                pause = self._judge(error)
            await asyncio.sleep(pause)

    def _begin(self) -> None:
        self.count += 1
        if self.count > 1:
            self._activity = Activity(self._labels)
        current.set(self._activity)
        # In this order: a cancel sets the flag first, and then reads the activity.
        if self._cancelled:
            self._activity.cancel()

    def _call(self, entry: Callable[..., Any], inputs: dict[str, Any]) -> Any:
        if self._step.timeout is None:
            return entry(**inputs)
        activity = self._activity
        timer = Timer(self._step.timeout, activity.expire)
        timer.daemon = True
        timer.start()
        try:
            returned = entry(**inputs)
        finally:
            timer.cancel()
        if activity.expired:
            raise TimeoutError
        return returned

    async def _await_within(self, seconds: float, entry: Callable[..., Awaitable[Any]], inputs: dict[str, Any]) -> Any:
        activity = self._activity
        clock = asyncio.timeout(seconds)
        try:
            async with clock:
                return await entry(**inputs)
        finally:
            if clock.expired():
                # What it left to other threads ends too.
                activity.expire()

    def _judge(self, error: BaseException) -> float:
        """The pause before the next attempt, in seconds; raises where there is none."""
        activity = self._activity
        self.committed |= activity.committed
        failure: BaseException = error
        if activity.expired and not isinstance(error, KeyboardInterrupt | SystemExit):
            message = f"`{self._step.id}` ran longer than {self._step.timeout:g} s"
            outcome = "committed" if activity.committed else getattr(error, "outcome", None) or activity.outcome
            failure = NodeTimeoutError(message, path=self._step.id, outcome=outcome)
        self.outcome = getattr(failure, "outcome", None) or activity.outcome
        # A source that was read is empty by now: another attempt would store the rest of it, or nothing.
        kept = activity.committed or activity.outcome == "unknown" or activity.drained
        tried = not self._cancelled and not self._stopped.is_set() and not kept
        if not tried or not self._step.retry.wants(failure, self.count, writes=self._node.writes_rows):
            if failure is error:
                raise error
            raise failure from error
        pause = self._step.retry.pause(self.count)
        self._retried(self.count, failure, pause)
        return pause

    def _read(self, returned: Any) -> Mapping[str, Any]:
        self.committed |= self._activity.committed
        if isinstance(returned, CoroutineType):
            returned.close()
            message = f"`{self._step.id}` returned a coroutine that nobody awaits"
            raise InvalidOutputError(message, path=self._step.id, hint="`async def`, and decorators that keep it so")
        signature = None if self._node.trusts_outputs else self._node.signature()
        if signature is not None and signature.returns is not None:
            outputs: Mapping[str, Any] = {"result": returned}
        elif isinstance(returned, Mapping):
            outputs = returned
        elif isinstance(self._node, FunctionNode) and not (returned is None and self._node.signature().outputs == {}):
            outputs = {"result": returned}
        elif returned is None:
            outputs = {}
        else:
            message = f"`{self._step.id}` returned {type(returned).__name__}, not a dict of its outputs"
            raise InvalidOutputError(message, path=self._step.id, hint='return {"result": value}')
        if signature is not None and (signature.promised or signature.returns is not None):
            self._check_promise(signature, outputs)
        return outputs

    def _check_promise(self, signature: Signature, outputs: Mapping[str, Any]) -> None:
        missing = sorted(signature.promised - set(outputs))
        if missing:
            message = f"`{self._step.id}` declares `{missing[0]}` and did not return it"
            raise InvalidOutputError(message, path=f"{self._step.id}.{missing[0]}")
        for name, hint in (signature.outputs or {}).items():
            if name in outputs and certainly_differs({type(outputs[name])}, classes_of(hint)):
                message = f"`{name}` of `{self._step.id}` is not what it declares: {type(outputs[name]).__name__}"
                raise InvalidOutputError(message, path=f"{self._step.id}.{name}")


def describe(error: BaseException) -> str:
    """What an error is, in a message: values in the text of a foreign one may be secrets."""
    if isinstance(error, DataFlowError):
        return f"{error.code} {type(error).__name__}: {error.message}"
    return type(error).__name__
