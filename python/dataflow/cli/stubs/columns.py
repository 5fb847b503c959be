"""`table.c` with the fields of one model, for checkers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dataflow.cli.stubs.relations import Tie
from dataflow.cli.stubs.values import Values

__all__ = ["write_columns"]


def write_columns(name: str, fields: Mapping[str, Values], ties: Sequence[Tie]) -> str:
    """A class with an attribute for each field and each relation that Python can write."""
    lines = [f"class {name}Columns:", f'    """The fields of {name} in filters."""\n', *_attributes(fields, ties)]
    return "\n".join([*lines, f"    def __getitem__(self, name: {name}Field) -> Column[Any]: ..."])


def _attributes(fields: Mapping[str, Values], ties: Sequence[Tie]) -> Iterator[str]:
    for field, values in fields.items():
        if field.isidentifier():
            yield f"    {field}: Column[{values.whole}]"
    for tie in ties:
        yield f"    {tie.name}: {'Relation' if tie.many else f'{tie.model.name}Columns'}"
