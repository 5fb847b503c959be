"""The Python types of a field's values, as a checker reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dataflow.model.description import Column

__all__ = ["Values", "values_of"]

# What the core takes for a column, by the name of its type. Text is read by the field's type: ISO 8601.
_TYPES = {
    "bool": "bool",
    "bytes": "bytes",
    "date": "date | str",
    "decimal": "Decimal | int | float",
    "duration": "timedelta",
    "float": "float",
    "instant": "datetime | date | str",
    "int": "int",
    "json": "Any",
    "text": "str",
    "time": "time | str",
    "uuid": "UUID | str",
    "walltime": "datetime | date | str",
}


class Values(NamedTuple):
    """What a column holds.

    Attributes:
        kind: The core's name of the type; of a list that of its items.
        one: The type of a value, of a list that of an item.
        many: Whether it is a list.
        nullable: Whether None is a value.
        classes: Classes of the model's module whose instances are values: enums, dataclasses.
    """

    kind: str
    one: str
    many: bool
    nullable: bool
    classes: tuple[type[Any], ...]

    @property
    def whole(self) -> str:
        """The type of the whole value, without None."""
        return f"Sequence[{self.one}]" if self.many else self.one

    @property
    def written(self) -> str:
        """The type of what may be written."""
        return f"{self.whole} | None" if self.nullable and self.one != "Any" else self.whole


def values_of(column: Column) -> Values:
    """The values of a column."""
    core = column.type.core
    many = core["name"] == "list"
    item = core["item"] if many else core
    enums = tuple(cls for cls in column.type.classes if core["name"] != "json" and item["name"] != "json")
    return Values(item["name"], _type(item, enums), many, column.type.nullable, enums)


def _type(core: Mapping[str, Any], enums: tuple[type[Any], ...]) -> str:
    if core["name"] != "choice":
        return " | ".join([_TYPES[core["name"]], *(cls.__name__ for cls in enums)])
    choices = f"Literal[{', '.join(map(repr, core['values']))}]"
    return " | ".join([choices, *(cls.__name__ for cls in enums)])
