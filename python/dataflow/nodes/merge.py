"""`MergeNode`: where branches come together."""

from __future__ import annotations

from typing import Any, TypedDict

from dataflow.nodes.node import Node

__all__ = ["MergeNode", "Merged"]


class Merged(TypedDict):
    """What a `MergeNode` gives."""

    first: Any
    merged: list[Any]
    count: int


class MergeNode(Node):
    """Takes what arrived, under any names: inputs from branches not taken are simply not there.

    Outputs:
        first: The input that arrived, the first one in the order of the connections where there are more.
        merged: All that arrived, in the order of the connections.
        count: How many those are.
    """

    # Positional: an input may be called `self`.
    def run(self, /, **inputs: Any) -> Merged:
        values = list(inputs.values())
        return {"first": values[0] if values else None, "merged": values, "count": len(values)}
