"""A class becomes a keyword-only dataclass and a description for the core."""

import re
from collections.abc import Mapping
from inspect import get_annotations
from typing import Annotated, Any

from dataflow.errors import DataError
from dataflow.model.constraints import read_constraints
from dataflow.model.defaults import AUTO
from dataflow.model.description import Column, Description, description_of, remember
from dataflow.model.hints import ColumnType, read_hint
from dataflow.model.keys import add_key, find_key, read_automatic
from dataflow.model.kinds import Declared, kind_of
from dataflow.model.managed import managed_fields, read_managed
from dataflow.model.options import read_options
from dataflow.model.refusal import invalid

__all__ = ["declare"]


def declare(cls: type[Any], names: Mapping[str, Any]) -> Description:
    """Reads a class and makes it a dataclass; a class that was declared before is not touched again.

    Args:
        cls: The class as its author wrote it, a dataclass, or a pydantic model; the last two stay as they are.
        names: Names of the place where it is declared, for hints that are written as strings.

    Raises:
        InvalidModelError: The class cannot become a table.
        ConfigurationError: `__dataflow__` has an option that is unknown or wrong, or a marker is not built.
    """
    known = description_of(cls) if isinstance(cls, type) else None
    if known is not None:
        return known
    kind, options = kind_of(cls), read_options(cls)
    managed = managed_fields(options)
    written = _without_added(cls, kind.read(cls, names))
    own = {name: field for name, field in written.items() if name not in managed}
    key = find_key(cls.__name__, own, options.key)
    fields = {**add_key(key, written), **{name: field for name, field in managed.items() if name not in written}}
    types = _read_types(cls, fields, managed)
    automatic = read_automatic(cls.__name__, key, fields[key[0]], types[key[0]])
    _check_key(cls, key, types)
    columns = _read_columns(cls, fields, types, managed)
    constraints = read_constraints(cls.__name__, types, key, options)
    table, added = _table_name(cls), frozenset(fields) - frozenset(written)
    # The class is changed last: one that is refused stays as it was.
    making = kind.make(cls, _given_by_us(fields, key if automatic else (), managed), added)
    description = Description(cls, table, columns, key, automatic, constraints, options, making, added)
    remember(description)
    return description


def _without_added(cls: type[Any], fields: dict[str, Declared]) -> dict[str, Declared]:
    """The fields without those that a parent, itself a model, was only given: its own options decide for the child."""
    return {name: field for name, field in fields.items() if not _is_added(cls, name)}


def _is_added(cls: type[Any], name: str) -> bool:
    owner = next((owner for owner in cls.__mro__ if name in get_annotations(owner)), None)
    description = None if owner is None else description_of(owner)
    return description is not None and name in description.added


def _read_types(
    cls: type[Any], fields: Mapping[str, Declared], managed: Mapping[str, Declared]
) -> dict[str, ColumnType]:
    types = {}
    for name, field in fields.items():
        path = f"{cls.__name__}.{name}"
        hint: Any = Annotated[(field.hint, *field.default.extras)] if field.default.extras else field.hint
        kind = read_hint(hint, path)
        types[name] = read_managed(name, field, kind, path) if name in managed else kind
    return types


def _check_key(cls: type[Any], key: tuple[str, ...], types: Mapping[str, ColumnType]) -> None:
    for name in key:
        if types[name].nullable:
            hint = "leave `| None` out; a key that the caller may leave out is `auto()`"
            raise invalid(f"{cls.__name__}.{name}", "is the key, and a key cannot be optional", hint=hint)


def _read_columns(
    cls: type[Any], fields: Mapping[str, Declared], types: Mapping[str, ColumnType], managed: Mapping[str, Declared]
) -> tuple[Column, ...]:
    columns = []
    for name, kind in types.items():
        if name in managed:
            columns.append(Column(name, kind, {}, role=name))
        else:
            columns.append(Column(name, kind, _read_default(f"{cls.__name__}.{name}", fields[name], kind)))
    return tuple(columns)


def _read_default(path: str, field: Declared, kind: ColumnType) -> Mapping[str, Any]:
    if field.default.value is None and not kind.nullable:
        name = path.rpartition(".")[2]
        raise invalid(path, "has the default None and is not optional", hint=f"write `{name}: … | None = None`")
    try:
        return field.default.core(kind.name)
    except DataError as error:
        raise invalid(path, f"has a default that cannot be kept: {error.message}", hint=error.hint) from None


def _given_by_us(
    fields: Mapping[str, Declared], automatic: tuple[str, ...], managed: Mapping[str, Declared]
) -> dict[str, Declared]:
    """The fields as instances have them: what DataFlow gives may be left out."""
    ours = {*automatic, *managed}
    return {name: field._replace(default=AUTO) if name in ours else field for name, field in fields.items()}


def _table_name(cls: type[Any]) -> str:
    """`__tablename__` of the class itself (a parent's would put two models into one table), else `order_item`."""
    name = vars(cls).get("__tablename__")
    if name is None:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
    if not isinstance(name, str):
        raise invalid(f"{cls.__name__}.__tablename__", "must be a str")
    return name
