"""Random workflows, and what they give when their nodes are done one after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from zlib import crc32

from dataflow import MergeNode, SwitchNode, Workflow
from tests.integration.flows import Kind, awaiting, blocking, flow

Outputs = Mapping[str, Any]
CASES: dict[str, dict[str, object]] = {"low": {"$lt": 300}, "middle": {"$lt": 600}}
# Outputs that are numbers: what may be connected to anything.
NUMBERS = {
    "work": ("value", "twice"),
    "awork": ("value", "twice"),
    "merge": ("count", "first"),
    "switch": ("true_output", "false_output"),
    "cases": ("case_low", "case_middle", "default"),
}


@dataclass(frozen=True)
class Graph:
    """Nodes by id and kind, and links from earlier to later ones: `(origin, target)` or with output and input."""

    kinds: Mapping[str, str]
    links: Sequence[tuple[str, ...]]

    def workflow(self, rng: Random) -> Workflow:
        """It, its nodes added in any order."""
        added = list(self.kinds)
        rng.shuffle(added)
        return flow({id: NODES[self.kinds[id]] for id in added}, *self.links)


def random_graph(rng: Random, size: int) -> Graph:
    kinds: dict[str, str] = {}
    links: list[tuple[str, ...]] = []
    for number in range(size):
        id, before = f"n{number}", list(kinds)
        kinds[id] = rng.choice(list(NODES)) if before else "work"
        if kinds[id] in ("switch", "cases"):
            links.append((*_output(rng, kinds, before), id, "data"))
        else:
            inputs = [f"in{at}" for at in range(rng.choice((0, 1, 1, 2, 3)))] if before else []
            links += [(*_output(rng, kinds, before), id, input) for input in inputs]
        links += [(origin, id) for origin in rng.sample(before, min(len(before), rng.choice((0, 0, 0, 1, 2))))]
    rng.shuffle(links)
    return Graph(kinds, links)


def _output(rng: Random, kinds: Mapping[str, str], before: Sequence[str]) -> tuple[str, str]:
    # Mostly the last ones: deep graphs skip through many levels.
    origin = rng.choice(before[-5:] if rng.random() < 0.7 else before)
    return origin, rng.choice(NUMBERS[kinds[origin]])


def work(**inputs: Any) -> Outputs:
    """A number that tells the inputs and their order."""
    value = crc32(repr(inputs).encode()) % 1000
    return {"value": value, "twice": 2 * value}


NODES: dict[str, Kind | tuple[Kind, dict[str, Any]]] = {
    "work": blocking(work),
    "awork": awaiting(work),
    "merge": MergeNode,
    "switch": (SwitchNode, {"operator": "<", "value": 500}),
    "cases": (SwitchNode, {"cases": CASES}),
}


def reference(graph: Graph) -> dict[str, Outputs]:
    """What every node gives; those that are skipped are not there."""
    done: dict[str, Outputs] = {}
    for id, kind in graph.kinds.items():
        incoming = [link for link in graph.links if (link[2] if len(link) == 4 else link[1]) == id]
        data = [link for link in incoming if len(link) == 4]
        taken = [link for link in data if link[1] in done.get(link[0], {})]
        if taken or not incoming or (not data and any(link[0] in done for link in incoming)):
            done[id] = do(kind, {link[3]: done[link[0]][link[1]] for link in taken})
    return done


def do(kind: str, inputs: dict[str, Any]) -> Outputs:
    values = list(inputs.values())
    if kind == "merge":
        return {"first": values[0] if values else None, "merged": values, "count": len(values)}
    if kind == "switch":
        return {"true_output" if _number(values[0]) < 500 else "false_output": values[0]}
    if kind == "cases":
        number = _number(values[0])
        return {"case_low" if number < 300 else "case_middle" if number < 600 else "default": values[0]}
    return work(**inputs)


def _number(value: Any) -> float:
    """Nothing is less than nothing."""
    return float("inf") if value is None else value
