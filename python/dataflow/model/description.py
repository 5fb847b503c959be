"""What a model says to the core, once its class has been read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dataflow import _core
from dataflow.model.constraints import Constraints
from dataflow.model.hints import ColumnType
from dataflow.model.keys import Automatic
from dataflow.model.kinds import Making
from dataflow.model.nested import encode
from dataflow.model.options import ModelOptions

__all__ = ["Column", "Description", "description_of", "remember"]

_ATTRIBUTE = "__dataflow_description__"


class Column(NamedTuple):
    """One field.

    Attributes:
        default: `{"default": value}`, `{"factory": function}`, or empty where the value must be given.
        role: `field`, or what DataFlow keeps in it: `version`, `created_at`, `updated_at`, `deleted_at`.
    """

    name: str
    type: ColumnType
    default: Mapping[str, Any]
    role: str = "field"

    def core(self) -> dict[str, Any]:
        """As `_core.Engine.table` takes it."""
        kind = self.type
        described = {"name": self.name, "type": dict(kind.core), "nullable": kind.nullable, "role": self.role}
        # What comes back from JSON as another class has to go there from it.
        typed = kind.core["name"] == "json" and kind.decode is not None
        return {**described, **self.default, "decode": kind.decode, "encode": encode if typed else None}


@dataclass(frozen=True)
class Description:
    """A model class and its table.

    Attributes:
        added: The fields that the class did not declare itself.
    """

    cls: type[Any]
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    automatic: Automatic
    constraints: Constraints
    options: ModelOptions
    making: Making
    added: frozenset[str]

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields in column order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that a new row must give."""
        given = (column for column in self.columns if column.role == "field" and not column.default)
        ours = self.key if self.automatic else ()
        return tuple(column.name for column in given if not column.type.nullable and column.name not in ours)

    @property
    def version(self) -> str | None:
        """The field that counts the writes of a row, in a versioned model."""
        return next((column.name for column in self.columns if column.role == "version"), None)

    @property
    def name(self) -> str:
        """The name of the model in messages, events and lookups."""
        return self.cls.__name__

    def core(self, *, multi_tenant: bool) -> dict[str, Any]:
        """As `_core.Engine.table` takes it; `multi_tenant` is what holds where the class does not say it."""
        unique, indexes, checks, references = self.constraints
        return {
            "model": self.name,
            "class": self.cls,
            "table": self.table,
            "schema": self.options.schema,
            "columns": [column.core() for column in self.columns],
            "key": list(self.key),
            "automatic": self.automatic,
            "unique": [list(names) for names in unique],
            "indexes": [{**index._asdict(), "fields": list(index.fields)} for index in indexes],
            "checks": dict(checks),
            "references": [{**reference._asdict(), "relation": reference.relation} for reference in references],
            "multi_tenant": multi_tenant if self.options.multi_tenant is None else self.options.multi_tenant,
            "append_only": self.options.append_only,
            "slots": self.making.one_by_one,
            "construct": self.making.construct,
        }


def remember(description: Description) -> None:
    """Keeps the description on its class, so that a second `DataFlow` can take it; its classes become known."""
    for column in description.columns:
        for cls in column.type.classes:
            _core.register_class(cls, encode)
    setattr(description.cls, _ATTRIBUTE, description)


def description_of(cls: type[Any]) -> Description | None:
    """The description of a class that was declared before; a parent's does not count."""
    found = vars(cls).get(_ATTRIBUTE)
    return found if isinstance(found, Description) else None
