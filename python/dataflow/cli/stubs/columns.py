"""`table.c` with the fields of one model, for checkers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from keyword import iskeyword

from dataflow.cli.stubs.relations import Tie
from dataflow.cli.stubs.values import Values

__all__ = ["write_columns"]


def write_columns(name: str, fields: Mapping[str, Values], ties: Sequence[Tie]) -> str:
    """A class with an attribute for each field and each relation that Python can write.

    Each type has a name outside of the class, where a field called `date` does not stand for it.
    """
    attributes = {field: f"Column[{values.whole}]" for field, values in fields.items()}
    attributes |= {tie.name: "Relation" if tie.many else f"{tie.model.name}Columns" for tie in ties}
    written = {field: type for field, type in attributes.items() if field.isidentifier() and not iskeyword(field)}
    return "\n".join([*_aliases(name, written), "", *_class(name, written)])


def _aliases(name: str, attributes: Mapping[str, str]) -> Iterator[str]:
    for field, type in attributes.items():
        yield (
            f'{name}Column_{field}: TypeAlias = "{type}"'
            if '"' not in type
            else f"{name}Column_{field}: TypeAlias = {type!r}"
        )


def _class(name: str, attributes: Mapping[str, str]) -> Iterator[str]:
    yield f"class {name}Columns:"
    yield f'    """The fields of {name} in filters."""\n'
    for field in attributes:
        yield f"    {field}: {name}Column_{field}"
    yield f"    def __getitem__(self, name: {name}Field) -> Column[Any]: ..."
