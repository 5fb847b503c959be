"""Short ways to put a workflow together, and to see why one is refused."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from dataflow import DataFlow, Workflow, WorkflowBuilder, node
from dataflow.errors import DataFlowError

HERE = "tests/unit/workflow/building.py"


@node
def echo(**inputs: Any) -> dict[str, Any]:
    """Takes and gives anything."""
    return inputs


@node
def count(data: list[Any], first: int = 0) -> int:
    return len(data) - first


@node
def shout(text: str) -> str:
    return text.upper()


def builder(
    nodes: Mapping[str, Any] | Iterable[str], links: Iterable[tuple[str, ...]] = (), source: DataFlow | None = None
) -> WorkflowBuilder:
    """Nodes by id: a kind, or a kind and its parameters; ids alone are of `echo`."""
    workflow = WorkflowBuilder(source)
    for id in nodes:
        kind = nodes[id] if isinstance(nodes, Mapping) else echo
        workflow.add_node(*((kind[0], id, kind[1]) if isinstance(kind, tuple) else (kind, id)))
    for link in links:
        workflow.add_connection(*link)
    return workflow


def build(
    nodes: Mapping[str, Any] | Iterable[str], links: Iterable[tuple[str, ...]] = (), source: DataFlow | None = None
) -> Workflow:
    return builder(nodes, links, source).build()


def refused(workflow: WorkflowBuilder, kind: type[DataFlowError]) -> DataFlowError:
    with pytest.raises(DataFlowError) as caught:
        workflow.build()
    assert type(caught.value) is kind
    return caught.value


def text(error: DataFlowError) -> str:
    """The message; `(added)` stands for the line of `builder`, which is not what is tested."""
    return re.sub(rf"\(added at {HERE}:\d+\)", "(added)", error.message)
