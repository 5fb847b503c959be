"""`__dataflow__`: what a class says about its table beyond its fields."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dataflow._spelling import not_built, suggest
from dataflow.errors import InvalidModelError, InvalidOptionError, UnknownOptionError

__all__ = ["ModelOptions", "read_options"]

_BUILT = ("key", "multi_tenant")
_LATER = ("append_only", "checks", "indexes", "schema", "soft_delete", "timestamps", "unique", "versioned")


class ModelOptions(NamedTuple):
    """The options that are built; None where the class does not say."""

    key: str | None
    multi_tenant: bool | None


def read_options(cls: type[Any]) -> ModelOptions:
    """Reads `__dataflow__`, also that of a parent: a model must not lose its tenant by being inherited.

    Raises:
        UnknownOptionError: A name is no option.
        InvalidOptionError: A value has the wrong type.
        NotBuiltError: An option is used whose capability is not built yet.
    """
    given = getattr(cls, "__dataflow__", {})
    if not isinstance(given, Mapping):
        raise InvalidModelError(f"{cls.__name__}.__dataflow__ must be a dict", path=f"{cls.__name__}.__dataflow__")
    for name, value in given.items():
        _check_name(cls, name, value)
    return ModelOptions(_read_key(cls, given.get("key")), _read_flag(cls, "multi_tenant", given.get("multi_tenant")))


def _check_name(cls: type[Any], name: object, value: object) -> None:
    path = f"{cls.__name__}.__dataflow__"
    if name in _LATER:
        if value:  # all of them are off when empty, False or None
            raise not_built(f"the model option `{name}`", path=path)
    elif name not in _BUILT:
        hint = suggest(str(name), (*_BUILT, *_LATER))
        raise UnknownOptionError(f"a model has no option `{name}`", path=path, hint=hint)


def _read_key(cls: type[Any], key: object) -> str | None:
    path = f"{cls.__name__}.__dataflow__.key"
    if isinstance(key, str) or key is None:
        return key
    names = list(key) if isinstance(key, list | tuple) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidOptionError("key must be the name of a field, or a list of names", path=path)
    if len(names) > 1:
        raise not_built("a key of several fields", path=path)
    return str(names[0])


def _read_flag(cls: type[Any], name: str, value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    path = f"{cls.__name__}.__dataflow__.{name}"
    raise InvalidOptionError(f"{name} must be True or False, got {type(value).__name__}", path=path)
