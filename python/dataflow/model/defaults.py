"""What a class says about the values of fields that are not given."""

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import MISSING
from enum import Enum
from typing import Any, NamedTuple

from dataflow.model.bounds import is_field_info, is_missing
from dataflow.model.custom import custom_type
from dataflow.model.markers import UNSET, Field
from dataflow.model.nested import encode
from dataflow.model.refusal import invalid

__all__ = ["AUTO", "NONE", "Default", "read_default"]

# Called without arguments they give the same value each time.
_CONSTANT_FACTORIES = frozenset({bool, bytes, dict, float, int, list, str})
# Nothing that is stored has these forms.
_AS_LISTS = frozenset({set, tuple})


class Default(NamedTuple):
    """The default of a field.

    Attributes:
        value: The value, `UNSET` for `auto()`, `MISSING` for none.
        factory: What is called for it instead.
        source: The dataclass field it was read from, whose other settings are kept.
        extras: What pydantic's `Field()` says besides the default.
    """

    value: Any = MISSING
    factory: Callable[[], Any] | None = None
    source: "dataclasses.Field[Any] | None" = None
    extras: tuple[Any, ...] = ()

    @property
    def is_auto(self) -> bool:
        """Whether it is `auto()`."""
        return self.value is UNSET

    @property
    def is_given(self) -> bool:
        """Whether there is a value, or a way to one, that the class itself gives."""
        return self.factory is not None or not (self.value is UNSET or self.value is MISSING)

    def core(self, type_name: str) -> dict[str, Any]:
        """As the core takes it for a column of this type: `default`, `factory`, or neither.

        Raises:
            DataError: The value has no form in JSON, where it is to be kept as such.
        """
        if not self.is_given:
            return {}
        if self.factory is None:
            return {"default": _storable(self.value, type_name)}
        if self.factory in _CONSTANT_FACTORIES:
            return {"default": self.factory()}
        return {"default": []} if self.factory in _AS_LISTS else {"factory": self.factory}

    def field(self) -> Any:
        """For the dataclass; what can be changed in place is made anew for each instance."""
        settings: dict[str, Any] = {"kw_only": True}
        if self.source is not None:
            names = ("init", "repr", "hash", "compare", "metadata")
            settings |= {name: getattr(self.source, name) for name in names}
        if self.factory is not None:
            settings["default_factory"] = self.factory
        elif type(self.value).__hash__ is None:
            settings["default_factory"] = _Copies(self.value)
        elif self.value is not MISSING:
            settings["default"] = self.value
        return dataclasses.field(**settings)


NONE = Default()
AUTO = Default(UNSET)


class _Copies:
    """A factory of copies; the class keeps its own value to itself."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __call__(self) -> Any:
        return copy.deepcopy(self._value)


def read_default(value: Any, path: str) -> Default:
    """What stands behind the `=` of a field, in any of the forms that are known.

    Raises:
        InvalidModelError: It is a factory that wants to see the other fields.
    """
    if isinstance(value, Field):
        return Default(MISSING if value.default is UNSET else value.default, value.default_factory)
    if isinstance(value, dataclasses.Field):
        return _read_dataclass_field(value, path)
    if is_field_info(value):
        return _read_field_info(value, path)
    return Default(value)


def _read_dataclass_field(field: "dataclasses.Field[Any]", path: str) -> Default:
    if is_field_info(field.default):
        return _read_field_info(field.default, path)._replace(source=field)
    factory = None if field.default_factory is MISSING else field.default_factory
    if isinstance(factory, _Copies):  # a parent that is a model
        return Default(factory(), source=field)
    return Default(field.default, factory, field)


def _read_field_info(info: Any, path: str) -> Default:
    if getattr(info, "default_factory_takes_validated_data", False):
        raise invalid(path, "has a default_factory that takes the other fields", hint="give one without arguments")
    value = MISSING if is_missing(info.default) else info.default
    return Default(value, info.default_factory, extras=tuple(info.metadata))


def _storable(value: Any, type_name: str) -> Any:
    """The value without classes of the user."""
    if type_name == "json":
        return encode(value)
    if type_name == "list" and isinstance(value, list | tuple):
        return [_scalar(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    custom = custom_type(type(value))
    if custom is not None:
        return custom.encode(value)
    return value.value if isinstance(value, Enum) else value
