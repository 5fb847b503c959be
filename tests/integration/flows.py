"""Workflows in the few words a test needs, and the two runtimes behind one call."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from threading import Condition
from typing import Any

import pytest

from dataflow import AsyncLocalRuntime, DataFlow, LocalRuntime, Node, Results, RunEvent, Workflow, WorkflowBuilder, node

Kind = str | type[Node] | Node
# How long something that must not happen is given to happen.
GRACE_S = 0.1
# More than any of these tests takes: reached only when something that must happen does not.
LONG_S = 20

BOTH = pytest.mark.parametrize("runtime", ["local", "async"])


def execute(
    runtime: str,
    workflow: Workflow,
    parameters: Mapping[str, Any] | None = None,
    *,
    max_parallel: int | None = None,
    **options: Any,
) -> Results:
    """One run by `LocalRuntime`, or by `AsyncLocalRuntime` on a loop of its own."""
    if runtime == "local":
        return LocalRuntime(max_parallel=max_parallel).execute(workflow, parameters, **options)[0]
    run = AsyncLocalRuntime(max_parallel=max_parallel).execute_workflow_async(workflow, parameters, **options)
    return asyncio.run(run)[0]


def flow(
    nodes: Mapping[str, Kind | tuple[Kind, dict[str, Any]]],
    *links: tuple[str, ...],
    source: DataFlow | None = None,
    metadata: Mapping[str, Any] | None = None,
    **options: Any,
) -> Workflow:
    """The workflow of these nodes and connections; `options` go to every `add_node`."""
    builder = WorkflowBuilder(source)
    builder.metadata.update(metadata or {})
    for id, given in nodes.items():
        kind, parameters = given if isinstance(given, tuple) else (given, {})
        builder.add_node(kind, id, parameters, **options)
    for link in links:
        builder.add_connection(*link)
    return builder.build()


def awaiting(function: Callable[..., Any]) -> Node:
    """A node that is awaited and does what `function` does."""

    async def run(**inputs: Any) -> Any:
        await asyncio.sleep(0)
        return function(**inputs)

    return node(run)


def blocking(function: Callable[..., Any]) -> Node:
    """A node that blocks and does what `function` does."""

    def run(**inputs: Any) -> Any:
        return function(**inputs)

    return node(run)


class Told:
    """The events of runs, as a listener."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def __call__(self, event: RunEvent) -> None:
        self.events.append(event)

    def lines(self) -> list[tuple[str, str | None]]:
        """Kind and node of each."""
        return [(event.kind, event.node) for event in self.events]

    def of(self, *kinds: str) -> list[RunEvent]:
        return [event for event in self.events if event.kind in kinds]


class Gate:
    """Counts who is inside at a time, from threads and loops alike."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self._changed = Condition()

    def enter(self) -> None:
        with self._changed:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self._changed.notify_all()

    def leave(self) -> None:
        with self._changed:
            self.inside -= 1

    def reached(self, count: int, timeout_s: float = LONG_S) -> bool:
        """Whether so many have been inside at a time; waits for it."""
        with self._changed:
            return self._changed.wait_for(lambda: self.most >= count, timeout_s)

    def stay(self, count: int, timeout_s: float = LONG_S) -> bool:
        """Goes in and stays until so many have been inside at a time."""
        self.enter()
        try:
            return self.reached(count, timeout_s)
        finally:
            self.leave()

    async def astay(self, count: int, timeout_s: float = LONG_S) -> bool:
        """`stay`, awaited."""
        self.enter()
        try:
            return await asyncio.to_thread(self.reached, count, timeout_s)
        finally:
            self.leave()


def names(prefix: str, count: int) -> Iterable[str]:
    return [f"{prefix}{number}" for number in range(count)]
