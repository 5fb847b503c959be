"""The relations between the models of one module, as their types say them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dataflow.model.description import Description

__all__ = ["Tie", "ties_of"]


class Tie(NamedTuple):
    """A relation of a model to another one of its module.

    Attributes:
        name: What the other rows are called.
        model: The other model.
        many: Whether there may be several of its rows: those that refer to this one.
    """

    name: str
    model: Description
    many: bool


def ties_of(model: Description, models: Sequence[Description]) -> list[Tie]:
    """The relations of a model; those to models of other modules are left to `Any`."""
    by_name = {other.name: other for other in models}
    forward = [
        Tie(reference.relation, by_name[reference.model], many=False)
        for reference in model.constraints.references
        if reference.relation is not None and reference.model in by_name
    ]
    back = [
        Tie(reference.related, other, many=True)
        for other in models
        for reference in other.constraints.references
        if reference.related is not None and reference.model == model.name
    ]
    return [*forward, *back]
