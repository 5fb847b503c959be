"""A workflow as a flowchart of Mermaid, which GitHub, GitLab and most editors draw from text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dataflow.workflow.graph import Link, Step, Workflow
from dataflow.workflow.label import kind_of, name_link, readable
from dataflow.workflow.result import Timing

__all__ = ["draw_mermaid"]

_LONGEST = 60
_PLAIN = frozenset(" _-.")
_STYLES = {
    "finished": "fill:#d8f0dc,stroke:#2e7d32,color:#111",
    "failed": "fill:#f8d7d7,stroke:#b3261e,color:#111",
    "skipped": "fill:#eeeeee,stroke:#999999,color:#555,stroke-dasharray:4",
    "cancelled": "fill:#fdecc8,stroke:#b26a00,color:#111",
}


def draw_mermaid(workflow: Workflow, timings: Iterable[Timing] = ()) -> str:
    """The flowchart, left to right; nodes with a timing have its state as their class."""
    # Names of our own: an id may be a word of the language, e.g. `end`.
    names = {id: f"n{at}" for at, id in enumerate(workflow.steps)}
    lines = ["flowchart LR"]
    lines += [f"    {names[id]}{_shape(step)}" for id, step in workflow.steps.items()]
    lines += [f"    {names[link.origin]} {_arrow(link)} {names[link.target]}" for link in workflow.links]
    lines += _classes(names, timings)
    return "\n".join(lines) + "\n"


def _shape(step: Step) -> str:
    label = f'"{_escape(step.id)}<br/>{_escape(kind_of(step))}"'
    return f"{{{label}}}" if step.kind.has_branches else f"[{label}]"


def _arrow(link: Link) -> str:
    label = _escape(name_link(link))
    arrow = "-.->" if link.input is None else "-->"
    return f'{arrow}|"{label}"|' if label else arrow


def _classes(names: dict[str, str], timings: Iterable[Timing]) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for timing in timings:
        if timing.node in names:
            found.setdefault(timing.state, []).append(names[timing.node])
    for state, nodes in found.items():
        yield f"    classDef {state} {_STYLES[state]}"
        yield f"    class {','.join(nodes)} {state}"


def _escape(text: str) -> str:
    """Letters and digits stay; all else becomes its number, which Mermaid shows as the character."""
    shown = readable(text, _LONGEST)
    return "".join(one if one.isalnum() or one in _PLAIN else f"#{ord(one)};" for one in shown)
