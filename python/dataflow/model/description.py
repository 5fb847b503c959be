"""What a model says to the core, once its class has been read."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from dataflow.model.hints import ColumnType
from dataflow.model.markers import UNSET

__all__ = ["Column", "Description", "description_of", "remember"]

_ATTRIBUTE = "__dataflow_description__"


class Column(NamedTuple):
    """One field; `default` is `UNSET` where there is none."""

    name: str
    type: ColumnType
    default: Any

    def core(self) -> tuple[str, str, int | None, int | None, bool, bool, object]:
        """As `_core.Engine.table` takes it."""
        name, size, scale, nullable = self.type
        has_default = self.default is not UNSET
        return self.name, name, size, scale, nullable, has_default, self.default if has_default else None


@dataclass(frozen=True)
class Description:
    """A model class and its table.

    Attributes:
        multi_tenant: None where the class does not say it: then the setting of the `DataFlow` decides.
    """

    cls: type[Any]
    table: str
    columns: tuple[Column, ...]
    key: str
    automatic_key: bool
    multi_tenant: bool | None

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields in column order."""
        return tuple(column.name for column in self.columns)

    @property
    def name(self) -> str:
        """The name of the model in messages, events and lookups."""
        return self.cls.__name__


def remember(description: Description) -> None:
    """Keeps the description on its class, so that a second `DataFlow` can take the same class."""
    setattr(description.cls, _ATTRIBUTE, description)


def description_of(cls: type[Any]) -> Description | None:
    """The description of a class that was declared before; a parent's does not count."""
    found = vars(cls).get(_ATTRIBUTE)
    return found if isinstance(found, Description) else None
