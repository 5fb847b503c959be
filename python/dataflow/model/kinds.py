"""The three kinds of classes that can be models, each read in its own way: plain ones, dataclasses and pydantic's."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import InitVar
from inspect import get_annotations, isabstract
from typing import Any, ClassVar, NamedTuple, Protocol, get_origin

from dataflow.errors import InvalidModelError
from dataflow.model.bounds import is_field_info
from dataflow.model.defaults import NONE, Default, read_default
from dataflow.model.markers import UNSET, Field
from dataflow.model.nested import is_pydantic
from dataflow.model.refusal import invalid
from dataflow.model.resolve import resolve_hints

__all__ = ["Declared", "Kind", "Making", "kind_of"]


class Declared(NamedTuple):
    """A field as its author wrote it."""

    hint: Any
    default: Default = NONE


class Making(NamedTuple):
    """How an instance is made of a stored row.

    Attributes:
        one_by_one: Whether attributes are set singly, past the class's own `__setattr__`: there is no `__dict__`
            for all of them, or the class is frozen.
        construct: What is called with the fields by name instead; None for `object.__new__` and attributes.
    """

    one_by_one: bool = False
    construct: Callable[..., Any] | None = None


class Kind(Protocol):
    """A way to read a class, and to make a model of it."""

    def read(self, cls: type[Any], names: Mapping[str, Any]) -> dict[str, Declared]:
        """The fields, parents first."""
        ...

    def make(self, cls: type[Any], fields: Mapping[str, Declared], added: frozenset[str]) -> Making:
        """Gives the class its fields; `added` are those its author did not write."""
        ...


def kind_of(cls: type[Any]) -> Kind:
    """How a class is read.

    Raises:
        InvalidModelError: It is no class, or none whose instances can be made of rows.
    """
    if not isinstance(cls, type):
        raise InvalidModelError("a model is a class", hint="write `@db.model` above a class, without brackets")
    if isabstract(cls):
        raise InvalidModelError(
            f"{cls.__name__} is abstract", path=cls.__name__, hint="declare a class derived from it"
        )
    if is_pydantic(cls):
        return _Pydantic()
    try:
        object.__new__(cls)
    except TypeError:
        hint = "a model is a class of its own, no NamedTuple, TypedDict or dict"
        raise InvalidModelError(f"{cls.__name__} has a built-in base", path=cls.__name__, hint=hint) from None
    return _Dataclass() if "__dataclass_fields__" in vars(cls) else _Plain()


class _Plain:
    """A class with annotations. It becomes a keyword-only dataclass; its parents stay as they are."""

    def read(self, cls: type[Any], names: Mapping[str, Any]) -> dict[str, Declared]:
        hints = _field_hints(cls, resolve_hints(cls, names))
        if "__slots__" in vars(cls):
            hint = "leave `__slots__` out and write `@dataclass(slots=True)` below `@db.model`"
            raise InvalidModelError(f"{cls.__name__} has __slots__", path=cls.__name__, hint=hint)
        for name, value in vars(cls).items():
            if name not in hints and (value is UNSET or _is_specifier(value)):
                raise invalid(f"{cls.__name__}.{name}", "has a default and no type", hint=f"write `{name}: int = …`")
        return {name: Declared(hint, _find_default(cls, name)) for name, hint in hints.items()}

    def make(self, cls: type[Any], fields: Mapping[str, Declared], added: frozenset[str]) -> Making:
        others = [name for name in get_annotations(cls) if not (name in fields or _is_special(name))]
        # What is no field is a class variable; written as a string, it might be taken for a field.
        variables = dict.fromkeys(others, ClassVar[Any])
        cls.__annotations__ = {**variables, **{name: declared.hint for name, declared in fields.items()}}
        for name, declared in fields.items():
            setattr(cls, name, declared.default.field())
        try:
            dataclasses.dataclass(kw_only=True, frozen=_is_frozen(cls))(cls)
        except (TypeError, ValueError, SyntaxError) as error:
            raise InvalidModelError(f"{cls.__name__} cannot become a dataclass", path=cls.__name__) from error
        for name in fields:
            # A property of a parent would stand before the values of instances.
            if name not in vars(cls) and isinstance(_look_up(cls, name), property):
                setattr(cls, name, UNSET)
        return Making(_sets_one_by_one(cls, fields))


class _Dataclass:
    """A dataclass. It stays as it is; fields it lacks are attributes of its instances."""

    def read(self, cls: type[Any], names: Mapping[str, Any]) -> dict[str, Declared]:
        hints = resolve_hints(cls, names)
        _field_hints(cls, hints)
        path = cls.__name__
        return {
            field.name: Declared(hints[field.name], read_default(field, f"{path}.{field.name}"))
            for field in dataclasses.fields(cls)
        }

    def make(self, cls: type[Any], fields: Mapping[str, Declared], added: frozenset[str]) -> Making:
        for name in added:
            if not cls.__dictoffset__:
                raise _no_room(cls, name, fields[name])
            setattr(cls, name, UNSET)
        return Making(_sets_one_by_one(cls, fields))


class _Pydantic:
    """A pydantic model. It stays as it is, and makes its instances itself, without validating stored rows again."""

    def read(self, cls: Any, names: Mapping[str, Any]) -> dict[str, Declared]:
        if not cls.__pydantic_complete__:
            cls.model_rebuild(raise_errors=False, _types_namespace=dict(names))
        if not cls.__pydantic_complete__:
            message = f"{cls.__name__}: a hint names something that is not defined"
            raise InvalidModelError(message, path=cls.__name__, hint="declare the model below what it refers to")
        path = cls.__name__
        return {
            name: Declared(info.annotation, read_default(info, f"{path}.{name}"))
            for name, info in cls.__pydantic_fields__.items()
        }

    def make(self, cls: Any, fields: Mapping[str, Declared], added: frozenset[str]) -> Making:
        for name in added:
            raise _no_room(cls, name, fields[name])
        return Making(construct=cls.model_construct)


def _field_hints(cls: type[Any], hints: Mapping[str, Any]) -> dict[str, Any]:
    """The hints that are fields."""
    for name, hint in hints.items():
        if hint is InitVar or isinstance(hint, InitVar):
            raise invalid(f"{cls.__name__}.{name}", "is an InitVar: it is no field, and rows are not made by __init__")
    return {name: hint for name, hint in hints.items() if _is_field(name, hint)}


def _is_field(name: str, hint: Any) -> bool:
    if _is_special(name) or hint is dataclasses.KW_ONLY:
        return False
    return hint is not ClassVar and get_origin(hint) is not ClassVar


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_specifier(value: object) -> bool:
    return isinstance(value, Field | dataclasses.Field) or is_field_info(value)


def _find_default(cls: type[Any], name: str) -> Default:
    """What the class nearest to the model says; past the metaclass, which has names such as `mro`."""
    path = f"{cls.__name__}.{name}"
    for owner in cls.__mro__:
        known = vars(owner).get("__dataclass_fields__", {})
        if name in known:
            return read_default(known[name], path)
        if name not in vars(owner):
            continue
        value = vars(owner)[name]
        if not hasattr(type(value), "__get__"):
            return read_default(value, path)
        if name in get_annotations(owner):
            raise invalid(path, "is a field and a method or property", hint="rename one of them")
        return NONE  # a field called like a method of a parent
    return NONE


def _look_up(cls: type[Any], name: str) -> Any:
    return next((vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)), None)


def _is_frozen(cls: type[Any]) -> bool:
    """Whether a parent is a frozen dataclass: then this one must be too."""
    parents = (vars(owner).get("__dataclass_params__") for owner in cls.__mro__)
    return any(parameters is not None and parameters.frozen for parameters in parents)


def _sets_one_by_one(cls: type[Any], fields: Mapping[str, Declared]) -> bool:
    return _is_frozen(cls) or any(hasattr(type(_look_up(cls, name)), "__set__") for name in fields)


def _no_room(cls: type[Any], name: str, declared: Declared) -> InvalidModelError:
    shown = getattr(declared.hint, "__name__", None) or str(declared.hint)
    hint = f"declare `{name}: {shown} = auto()` in the class"
    return InvalidModelError(f"{cls.__name__} has no room for `{name}`", path=f"{cls.__name__}.{name}", hint=hint)
