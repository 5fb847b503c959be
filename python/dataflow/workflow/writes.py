"""Writes of one model that nothing puts in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dataflow.nodes.node import Node
from dataflow.nodes.switch import SwitchNode
from dataflow.workflow.graph import Link, Workflow
from dataflow.workflow.order import ancestors

__all__ = ["unordered_writes"]

# Switches, and the outputs of them that must have been taken.
_Taken = frozenset[tuple[str, str]]
_Ways = Mapping[str, _Taken]
_NONE: _Taken = frozenset()
# No output, no input.
_ORDER = (True, True)


def unordered_writes(workflow: Workflow, nodes: Mapping[str, Node]) -> Iterator[tuple[str, str, str]]:
    """Two nodes and the model both write, where either may be first; for every node the last one before it."""
    writers: dict[tuple[int, str], list[str]] = {}
    for id, node in nodes.items():
        if node.writes_rows and node.model_name is not None:
            writers.setdefault((_database(node), node.model_name), []).append(id)
    if all(len(those) < 2 for those in writers.values()):
        return
    ids, before = list(workflow.steps), ancestors(workflow.steps, workflow.links)
    at = {id: position for position, id in enumerate(ids)}
    ways: _Ways | None = None
    for (_, model), those in writers.items():
        earlier = 0
        for id in those:
            loose = earlier & ~before[id]
            if loose:
                ways = _find_ways(workflow, nodes) if ways is None else ways
                other = next((one for one in _pick(loose, ids) if not _exclude(ways[one], ways[id])), None)
                if other is not None:
                    yield other, id, model
            earlier |= 1 << at[id]


def _database(node: Node) -> int:
    return id(node.database)


def _pick(bits: int, ids: list[str]) -> Iterator[str]:
    """The ids of the bits, the last one first."""
    while bits:
        position = bits.bit_length() - 1
        yield ids[position]
        bits ^= 1 << position


def _find_ways(workflow: Workflow, nodes: Mapping[str, Node]) -> _Ways:
    """The branches without which a step is skipped: as `Schedule` decides, one of each kind of connection is enough."""
    outgoing: dict[str, list[Link]] = {id: [] for id in workflow.steps}
    for link in workflow.links:
        outgoing[link.origin].append(link)
    incoming: dict[str, dict[tuple[bool, bool], _Taken]] = {id: {} for id in workflow.steps}
    ways: dict[str, _Taken] = {}
    for id in workflow.steps:
        kinds = incoming.pop(id)
        order = kinds.pop(_ORDER, _NONE)
        ways[id] = _NONE.union(*kinds.values()) if kinds else order
        for link in outgoing[id]:
            chosen = isinstance(nodes[id], SwitchNode) and link.output is not None
            taken = ways[id] | {(id, str(link.output))} if chosen else ways[id]
            known, kind = incoming[link.target], (link.output is None, link.input is None)
            known[kind] = known[kind] & taken if kind in known else taken
    return ways


def _exclude(one: _Taken, other: _Taken) -> bool:
    """Whether a switch takes only one of the two."""
    taken = dict(one)
    return any(taken.get(switch, output) != output for switch, output in other)
