"""Where the nodes of a workflow are drawn: columns by longest path, in each an order with few crossings.

After Sugiyama, Tagawa and Toda (1981), "Methods for visual understanding of hierarchical system structures".
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low
from typing import Any

__all__ = ["Layout", "lay_out", "measure"]

_SWEEPS = 4


@dataclass(frozen=True)
class Layout:
    """Columns from left to right, and what stands in them.

    Attributes:
        columns: Nodes, and bends, where a connection passes through: `(number of the connection, column)`.
        paths: What every connection passes, from its origin to its target.
    """

    columns: Sequence[Sequence[Hashable]]
    paths: Sequence[Sequence[Hashable]]


def measure(nodes: Sequence[str], links: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The column of every node: as many connections as the longest path to it has. `nodes` are in a running order."""
    columns = dict.fromkeys(nodes, 0)
    after: dict[str, list[str]] = {id: [] for id in nodes}
    for origin, target in links:
        after[origin].append(target)
    for id in nodes:
        for target in after[id]:
            columns[target] = max(columns[target], columns[id] + 1)
    return columns


def lay_out(nodes: Sequence[str], links: Sequence[tuple[str, str]]) -> Layout:
    """Places nodes, given in a running order, and connections."""
    at = measure(nodes, links)
    columns: list[list[Hashable]] = [[] for _ in range(max(at.values(), default=-1) + 1)]
    for id in nodes:
        columns[at[id]].append(id)
    paths: list[list[Hashable]] = []
    for number, (origin, target) in enumerate(links):
        bends = [(number, column) for column in range(at[origin] + 1, at[target])]
        for bend in bends:
            columns[bend[1]].append(bend)
        paths.append([origin, *bends, target])
    _untangle(columns, paths)
    return Layout(columns, paths)


def _untangle(columns: list[list[Hashable]], paths: Sequence[Sequence[Hashable]]) -> None:
    """Sorts every column by the medians of its neighbours to the left, then to the right, and so on."""
    before: dict[Hashable, list[Hashable]] = {}
    after: dict[Hashable, list[Hashable]] = {}
    for path in paths:
        for one, other in pairwise(path):
            after.setdefault(one, []).append(other)
            before.setdefault(other, []).append(one)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for fixed, moved in pairwise(columns if forward else reversed(columns)):
            _sort(moved, fixed, before if forward else after)


def _sort(moved: list[Hashable], fixed: Sequence[Hashable], neighbours: Mapping[Hashable, Sequence[Any]]) -> None:
    rows = {item: row for row, item in enumerate(fixed)}
    # What has no neighbour stays where it is.
    wanted = {item: float(row) for row, item in enumerate(moved)}
    for item in moved:
        if item in neighbours:
            wanted[item] = median_low([rows[one] for one in neighbours[item]])
    moved.sort(key=wanted.__getitem__)
