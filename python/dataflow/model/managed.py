"""Fields that DataFlow keeps itself: `version`, `created_at`, `updated_at`, `deleted_at`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from dataflow.model.defaults import AUTO
from dataflow.model.hints import ColumnType
from dataflow.model.kinds import Declared
from dataflow.model.options import ModelOptions
from dataflow.model.refusal import invalid

__all__ = ["MANAGED", "managed_fields", "read_managed"]


class Managed(NamedTuple):
    """A field that an option of the model asks for."""

    option: str
    hint: Any
    type_name: str
    nullable: bool


# The name of the field is also its role.
MANAGED: Mapping[str, Managed] = {
    "version": Managed("versioned", int, "int", False),
    "created_at": Managed("timestamps", datetime, "instant", False),
    "updated_at": Managed("timestamps", datetime, "instant", False),
    "deleted_at": Managed("soft_delete", datetime | None, "instant", True),
}


def managed_fields(options: ModelOptions) -> dict[str, Declared]:
    """The fields the options ask for, as they are where the class does not declare them."""
    return {name: Declared(kept.hint, AUTO) for name, kept in MANAGED.items() if getattr(options, kept.option)}


def read_managed(name: str, declared: Declared, kind: ColumnType, path: str) -> ColumnType:
    """The column of a field with a role; None is among its values where its role says so.

    Raises:
        InvalidModelError: The class declares it with another type, or with a default.
    """
    kept = MANAGED[name]
    if kind.name != kept.type_name or kind.decode is not None:
        shown = "datetime" if kept.type_name == "instant" else kept.type_name
        fix = f"declare `{name}: {shown} = auto()`, or leave it out"
        raise invalid(path, f"is not of type {shown}, as the option `{kept.option}` needs it", hint=fix)
    if declared.default.is_given and declared.default.value is not None:
        fix = f"write `{name}: … = auto()`"
        raise invalid(path, f"has a default, and the option `{kept.option}` gives its values", hint=fix)
    return kind._replace(nullable=kept.nullable)
