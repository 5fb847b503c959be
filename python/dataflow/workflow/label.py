"""How nodes and connections are called in pictures: ids may hold anything, and none of it takes part in the drawing."""

from __future__ import annotations

from dataflow.workflow.graph import Link, Step

__all__ = ["kind_of", "name_link", "readable"]


def readable(text: str, most: int | None = None) -> str:
    """The text, at most `most` characters of it; what cannot be seen is written out, e.g. `\\n` and `\\u202e`."""
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    return shown if most is None or len(shown) <= most else shown[: most - 1] + "…"


def kind_of(step: Step) -> str:
    """The name of the step's kind."""
    return step.kind.__name__ if isinstance(step.kind, type) else step.kind.kind


def name_link(link: Link) -> str:
    """`output → input`; the branch alone where no value is handed over; empty where it is an order only."""
    return " → ".join(name for name in (link.output, link.input) if name is not None)
