"""Workflows to be drawn, also under names that mean something where they are drawn."""

from itertools import pairwise
from typing import Any

from dataflow import MergeNode, SwitchNode, Workflow, WorkflowBuilder, node

HOSTILE = [
    "end",
    "subgraph",
    "style",
    "click n0 href",
    'a"]; b["c',
    "a]--x|y{z}",
    "%% comment",
    "#quot;",
    "&lt;",
    "`md`",
    "<script>x(1)</script>",
    "'><svg onload='x()'>",
    "]]><!--",
    "line\nbreak\r\ttab",
    "\0\x1b[31m\x7f",
    "\u202eturned\u2028",
    "größe 数 🚀",
    "[bold]x[/bold]",
    "\\n",
    "x" * 500,
]


@node
def give(value: Any = None) -> Any:
    return {"records": [1, 2], "value": value}


@node
def take(data: Any = None, other: Any = None) -> Any:
    return {"data": data, "other": other}


@node
def fail(data: Any = None) -> Any:
    raise ValueError("no")


def chain(*ids: str) -> Workflow:
    """Each after the one before, which gives it data."""
    workflow = WorkflowBuilder()
    for id in ids:
        workflow.add_node(take, id)
    for one, other in pairwise(ids):
        workflow.add_connection(one, "data", other, "data")
    return workflow.build()


def branches() -> Workflow:
    """A switch, two ways, a merge, and a node that only waits."""
    workflow = WorkflowBuilder()
    workflow.add_node(give, "load", {"value": 5})
    workflow.add_node(SwitchNode, "big?", {"operator": ">", "value": 3})
    workflow.add_node(take, "yes")
    workflow.add_node(take, "no")
    workflow.add_node(MergeNode, "merge")
    workflow.add_node(take, "last")
    workflow.add_connection("load", "value", "big?", "data")
    workflow.add_connection("big?", "true_output", "yes", "data")
    workflow.add_connection("big?", "false_output", "no", "data")
    workflow.add_connection("yes", "data", "merge", "yes")
    workflow.add_connection("no", "data", "merge", "no")
    workflow.add_connection("load", "last")
    workflow.add_connection("merge", "last")
    return workflow.build()
