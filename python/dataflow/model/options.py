"""`__dataflow__`: what a class says about its table beyond its fields.

The options of parents are inherited, those of mixins too; what the class itself says wins, option by option.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dataflow._spelling import suggest
from dataflow.errors import InvalidModelError, InvalidOptionError, UnknownOptionError

__all__ = ["ModelOptions", "TableIndex", "read_options"]

_FLAGS = ("append_only", "multi_tenant", "soft_delete", "timestamps", "versioned")
_KNOWN = (*_FLAGS, "checks", "indexes", "key", "schema", "unique")
_INDEX = ("fields", "name", "unique", "where")


class TableIndex(NamedTuple):
    """An index; a field with `-` before its name is in descending order."""

    fields: tuple[str, ...]
    unique: bool = False
    where: Mapping[str, Any] | None = None
    name: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields without their order."""
        return tuple(name.removeprefix("-") for name in self.fields)


class ModelOptions(NamedTuple):
    """The options of a model; `multi_tenant` is None where the class does not say it."""

    key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    schema: str | None = None
    indexes: tuple[TableIndex, ...] = ()
    checks: Mapping[str, Mapping[str, Any]] = {}
    soft_delete: bool = False
    versioned: bool = False
    timestamps: bool = False
    append_only: bool = False
    multi_tenant: bool | None = None


def read_options(cls: type[Any]) -> ModelOptions:
    """Reads `__dataflow__` of the class and its parents; names of fields are checked later.

    Raises:
        UnknownOptionError: A name is no option.
        InvalidOptionError: A value has the wrong form; `path` is e.g. `Order.__dataflow__.indexes[0].fields`.
    """
    path = f"{cls.__name__}.__dataflow__"
    given: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        own = vars(owner).get("__dataflow__", {})
        if not isinstance(own, Mapping):
            raise InvalidModelError(f"{path} must be a dict", path=path)
        given |= own
    _check_names(given, _KNOWN, "a model", path)
    flags = {name: _read_flag(given[name], f"{path}.{name}") for name in _FLAGS if given.get(name) is not None}
    return ModelOptions(
        key=_read_key(given.get("key"), f"{path}.key"),
        unique=_read_unique(given.get("unique"), f"{path}.unique"),
        schema=_read_name(given.get("schema"), f"{path}.schema"),
        indexes=_read_indexes(given.get("indexes"), f"{path}.indexes"),
        checks=_read_checks(given.get("checks"), f"{path}.checks"),
        **flags,
    )


def _check_names(given: Mapping[Any, object], known: tuple[str, ...], what: str, path: str) -> None:
    for name in given:
        if name not in known:
            message = f"{what} has no option `{name}`"
            raise UnknownOptionError(message, path=path, hint=suggest(str(name), known))


def _read_flag(value: object, path: str) -> bool:
    if isinstance(value, bool):
        return value
    raise InvalidOptionError(f"{path} must be True or False, got {type(value).__name__}", path=path)


def _read_name(value: object, path: str) -> str | None:
    if value is None or (isinstance(value, str) and value and "\0" not in value):
        return value
    raise InvalidOptionError(f"{path} must be a name or None", path=path)


def _read_names(value: object, path: str) -> tuple[str, ...]:
    """One or more names of fields, each once."""
    names = value if isinstance(value, list | tuple) else ()
    if not names or not all(isinstance(name, str) and name for name in names):
        hint = f'write ["{value}"]' if isinstance(value, str) and value.isidentifier() else None
        raise InvalidOptionError(f"{path} must be a list of names of fields", path=path, hint=hint)
    bare = [name.removeprefix("-") for name in names]
    if len(set(bare)) < len(bare):
        raise InvalidOptionError(f"{path} names a field twice", path=path)
    return tuple(names)


def _read_list(value: object, path: str) -> list[tuple[str, Any]]:
    """Items and where they are."""
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise InvalidOptionError(f"{path} must be a list, got {type(value).__name__}", path=path)
    return [(f"{path}[{at}]", item) for at, item in enumerate(value)]


def _read_key(value: object, path: str) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else _read_names(value, path)


def _read_unique(value: object, path: str) -> tuple[tuple[str, ...], ...]:
    return tuple(_read_names(item, where) for where, item in _read_list(value, path))


def _read_indexes(value: object, path: str) -> tuple[TableIndex, ...]:
    return tuple(_read_index(item, where) for where, item in _read_list(value, path))


def _read_index(given: object, path: str) -> TableIndex:
    if not isinstance(given, Mapping):
        hint = 'write {"fields": ["sku", "-total"]}'
        raise InvalidOptionError(f"{path} must be a dict, got {type(given).__name__}", path=path, hint=hint)
    _check_names(given, _INDEX, "an index", path)
    where, unique = given.get("where"), given.get("unique")
    return TableIndex(
        fields=_read_names(given.get("fields"), f"{path}.fields"),
        unique=False if unique is None else _read_flag(unique, f"{path}.unique"),
        where=None if where is None else _read_filter(where, f"{path}.where"),
        name=_read_name(given.get("name"), f"{path}.name"),
    )


def _read_checks(value: object, path: str) -> Mapping[str, Mapping[str, Any]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        hint = 'write {"total_positive": {"total": {"$gte": 0}}}'
        raise InvalidOptionError(f"{path} must be a dict of filters by name", path=path, hint=hint)
    return {name: _read_filter(item, f"{path}.{name}") for name, item in value.items()}


def _read_filter(value: object, path: str) -> Mapping[str, Any]:
    """Only its form: what it means is checked by the core, like every filter."""
    if isinstance(value, Mapping) and value:
        return dict(value)
    raise InvalidOptionError(f"{path} must be a filter: a dict that is not empty", path=path)
