"""A workflow as it was built: its steps, the connections between them, and an order they can run in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from dataflow.nodes.node import Node
from dataflow.nodes.registry import Kind
from dataflow.nodes.source import Source
from dataflow.workflow.retry import NEVER, Retry

if TYPE_CHECKING:
    from dataflow.workflow.result import Results

__all__ = ["Link", "Step", "Workflow"]


class Link(NamedTuple):
    """From one step to another. Without `input` no value is handed over; `output` then is the branch to be taken."""

    origin: str
    target: str
    output: str | None = None
    input: str | None = None

    def __str__(self) -> str:
        origin = self.origin if self.output is None else f"{self.origin}.{self.output}"
        target = self.target if self.input is None else f"{self.target}.{self.input}"
        return f"{origin} ──▶ {target}"


@dataclass(frozen=True)
class Step:
    """One node of a workflow.

    Attributes:
        id: Its name in the workflow.
        kind: A class, made anew for every run, or one object for all runs.
        given: The parameters it was added with.
        where: `file:line` of its `add_node`.
    """

    id: str
    kind: Kind
    given: Mapping[str, Any]
    retry: Retry = NEVER
    timeout: float | None = None
    where: str | None = None

    def make(self) -> Node:
        """The node of one run."""
        return self.kind() if isinstance(self.kind, type) else self.kind


@dataclass(frozen=True)
class Workflow:
    """A checked workflow, as `WorkflowBuilder.build` returns it; it may run often, and several times at once.

    Attributes:
        steps: By id, in an order in which every step comes after those it waits for.
        links: The connections.
        metadata: What every node, log line and event of a run is told; `tenant_id` is the tenant of every query.
        source: The `DataFlow` it was built for; None where the names of its nodes decide.
        missing: Parameters that are still to be given to `execute`, by step.
    """

    steps: Mapping[str, Step]
    links: Sequence[Link]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def to_mermaid(self, results: Results | None = None) -> str:
        """The workflow as a Mermaid flowchart, e.g. for a README.

        Connections that hand over a value are labelled `output → input`, those that only order are dotted, switches are
        rhombs.

        Args:
            results: Of a run, whole or so far (`NodeExecutionError.results`): its nodes are coloured by their states.
        """
        from dataflow.workflow.mermaid import draw_mermaid

        return draw_mermaid(self, () if results is None else results.timings)

    def _repr_html_(self) -> str:
        """The workflow as a picture in notebooks; over 200 nodes as a table."""
        from dataflow.workflow.picture import draw_html

        return draw_html(self)

    def __repr__(self) -> str:
        return f"<Workflow of {len(self.steps)} nodes>"
