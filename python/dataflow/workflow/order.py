"""The order of steps, and the circle where there is none."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dataflow._spelling import suggest
from dataflow.errors import UnknownNodeError, WorkflowCycleError
from dataflow.workflow.graph import Link

__all__ = ["ancestors", "sort_steps"]


def sort_steps(steps: Mapping[str, Any], links: Sequence[Link]) -> list[str]:
    """The ids so that every step comes after those it waits for; otherwise as they were added (Kahn 1962).

    Raises:
        UnknownNodeError: A connection names a node that was not added.
        WorkflowCycleError: Some wait for each other.
    """
    waits, followers = dict.fromkeys(steps, 0), _followers(steps, links)
    for link in links:
        waits[link.target] += 1
    ready, order = deque(id for id, count in waits.items() if count == 0), []
    while ready:
        order.append(id := ready.popleft())
        for follower in followers[id]:
            waits[follower] -= 1
            if waits[follower] == 0:
                ready.append(follower)
    if len(order) < len(waits):
        circle = _find_circle([id for id, count in waits.items() if count], links)
        hint = "take one of these connections out"
        message = f"{len(circle)} nodes wait for each other" if len(circle) > 1 else "a node waits for itself"
        raise WorkflowCycleError(f"{message}:\n    {_draw(circle)}", path=circle[0], hint=hint)
    return order


def _draw(circle: list[str]) -> str:
    """The circle on one line; the middle of a long one is left out."""
    shown = circle if len(circle) <= 8 else [*circle[:4], f"({len(circle) - 7} more)", *circle[-3:]]
    return " ──▶ ".join([*shown, circle[0]])


def _followers(steps: Mapping[str, Any], links: Iterable[Link]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = {id: [] for id in steps}
    for link in links:
        for id in (link.origin, link.target):
            if id not in steps:
                hint = suggest(str(id), steps) if steps else "add the nodes first"
                raise UnknownNodeError(
                    f"a connection names `{id}`, which is no node:\n    {link}", path=str(id), hint=hint
                )
        followers[link.origin].append(link.target)
    return followers


def _find_circle(waiting: list[str], links: Iterable[Link]) -> list[str]:
    """Backwards from a step that waits: every one of them waits for another one, so the way comes back to itself.

    It begins with the one that was added first.
    """
    at = {id: position for position, id in enumerate(waiting)}
    before = {link.target: link.origin for link in links if link.origin in at and link.target in at}
    id, passed = waiting[0], dict[str, int]()
    while id not in passed:
        passed[id] = len(passed)
        id = before[id]
    circle = [one for one, count in reversed(passed.items()) if count >= passed[id]]
    first = circle.index(min(circle, key=at.__getitem__))
    return circle[first:] + circle[:first]


def ancestors(steps: Iterable[str], links: Iterable[Link]) -> dict[str, int]:
    """For every step, in order, the steps before it: a set of bits by position, so that big workflows stay cheap."""
    bits = {id: 1 << at for at, id in enumerate(steps)}
    before = dict.fromkeys(bits, 0)
    incoming: dict[str, list[str]] = {id: [] for id in bits}
    for link in links:
        incoming[link.target].append(link.origin)
    for id in bits:
        for origin in incoming[id]:
            before[id] |= before[origin] | bits[origin]
    return before
