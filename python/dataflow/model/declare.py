"""A class becomes a keyword-only dataclass and a description for the core."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, ClassVar, get_origin, get_type_hints

from dataflow._spelling import not_built, suggest
from dataflow.errors import InvalidModelError
from dataflow.model.description import Column, Description, description_of, remember
from dataflow.model.hints import ColumnType, read_hint
from dataflow.model.markers import UNSET, Field
from dataflow.model.options import read_options

__all__ = ["declare"]

_AUTOMATIC = "id"


def declare(cls: type[Any], names: Mapping[str, Any]) -> Description:
    """Reads a class and makes it a dataclass; a class that was declared before is not touched again.

    Args:
        cls: The class as its author wrote it, or a dataclass.
        names: Names of the place where it is declared, for hints that are written as strings.

    Raises:
        InvalidModelError: The class cannot become a table.
        NotBuiltError: It needs a capability that is not built yet.
    """
    known = description_of(cls)
    if known is not None:
        return known
    _check_kind(cls)
    hints = _read_hints(cls, names)
    options = read_options(cls)
    defaults = {name: _read_default(cls, name) for name in hints}
    types = {name: read_hint(hint, f"{cls.__name__}.{name}") for name, hint in hints.items()}
    key, automatic = _find_key(cls, types, options.key)
    if key not in types:
        hints, types = {key: int, **hints}, {key: ColumnType("int"), **types}
    if automatic and defaults.get(key, UNSET) is not UNSET:
        raise _invalid(cls, key, "an automatic key has no default")
    columns = tuple(Column(name, kind, defaults.get(name, UNSET)) for name, kind in types.items())
    _check_defaults(cls, columns)
    description = Description(cls, _table_name(cls), columns, key, automatic, options.multi_tenant)
    _make_dataclass(cls, hints, defaults, key if automatic else None)
    remember(description)
    return description


def _check_kind(cls: type[Any]) -> None:
    if not isinstance(cls, type):
        raise InvalidModelError("a model is a class", hint="write `@db.model` above a class, without brackets")
    if hasattr(cls, "__pydantic_fields__"):
        raise not_built("a pydantic model as a model", path=cls.__name__)
    # Rows come back as instances whose __dict__ is set, without a call of __init__.
    parameters = getattr(cls, "__dataclass_params__", None)
    if "__slots__" in vars(cls) or (parameters is not None and parameters.frozen):
        raise not_built("a frozen class or one with __slots__ as a model", path=cls.__name__)


def _read_hints(cls: type[Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """The fields' hints, parents first."""
    try:
        hints = get_type_hints(cls, localns={**vars(cls), **names}, include_extras=True)
    except NameError as error:
        raise InvalidModelError(f"{cls.__name__}: a hint names `{error.name}`, which is not defined") from None
    except (SyntaxError, TypeError):
        raise InvalidModelError(f"{cls.__name__}: a hint is no type", path=cls.__name__) from None
    for name, value in vars(cls).items():
        if name not in hints and (value is UNSET or isinstance(value, Field)):
            raise _invalid(cls, name, "has a default and no type", hint=f"write `{name}: int = …`")
    return {name: hint for name, hint in hints.items() if _is_field(name, hint)}


def _is_field(name: str, hint: Any) -> bool:
    special = name.startswith("__") and name.endswith("__")
    return not special and hint is not ClassVar and get_origin(hint) is not ClassVar


def _read_default(cls: type[Any], name: str) -> Any:
    value = getattr(cls, name, UNSET)
    if is_dataclass(cls):
        _refuse_factory(cls, name)
    # A field called like a method or property of a parent has no default.
    if hasattr(value, "__get__"):
        return UNSET
    return value.default if isinstance(value, Field) else value


def _refuse_factory(cls: type[Any], name: str) -> None:
    if any(field.name == name and field.default_factory is not MISSING for field in fields(cls)):
        raise not_built("`default_factory`", path=f"{cls.__name__}.{name}")


def _find_key(cls: type[Any], types: Mapping[str, ColumnType], declared: str | None) -> tuple[str, bool]:
    """The key field and whether the database gives its values."""
    automatic = [name for name in types if _is_auto(cls, name)]
    if len(automatic) > 1 or (automatic and declared not in (None, automatic[0])):
        raise _invalid(cls, automatic[-1], "is auto() but not the key: only the key can be automatic")
    if declared is not None and declared not in types and declared != _AUTOMATIC:
        raise _invalid(cls, declared, "is the key but no field", hint=suggest(declared, types))
    key = declared or (automatic[0] if automatic else _AUTOMATIC)
    if key not in types:
        return key, True
    return key, bool(automatic) or (key == _AUTOMATIC and types[key].name == "int")


def _is_auto(cls: type[Any], name: str) -> bool:
    """Whether the field was given `auto()`; a field without default is not."""
    return getattr(cls, name, None) is UNSET


def _check_defaults(cls: type[Any], columns: tuple[Column, ...]) -> None:
    for column in columns:
        if column.default is None and not column.type.nullable:
            hint = f"write `{column.name}: … | None = None`"
            raise _invalid(cls, column.name, "has the default None and is not optional", hint=hint)


def _table_name(cls: type[Any]) -> str:
    """`__tablename__` of the class itself (a parent's would put two models into one table), else `order_item`."""
    name = vars(cls).get("__tablename__")
    if name is None:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
    if not isinstance(name, str):
        raise _invalid(cls, "__tablename__", "must be a str")
    return name


def _make_dataclass(cls: type[Any], hints: dict[str, Any], defaults: dict[str, Any], automatic: str | None) -> None:
    """Fields of plain parents count too: a dataclass by itself would pass over them."""
    if automatic is not None:
        setattr(cls, automatic, UNSET)
    if "__dataclass_fields__" in vars(cls):
        return
    for name, default in defaults.items():
        if default is not UNSET:
            setattr(cls, name, default)
        elif isinstance(vars(cls).get(name), Field):
            delattr(cls, name)
    cls.__annotations__ = hints
    try:
        dataclass(kw_only=True)(cls)
    except (TypeError, ValueError, SyntaxError) as error:
        raise InvalidModelError(f"{cls.__name__} cannot become a dataclass", path=cls.__name__) from error


def _invalid(cls: type[Any], name: str, message: str, *, hint: str | None = None) -> InvalidModelError:
    return InvalidModelError(f"{cls.__name__}.{name} {message}", path=f"{cls.__name__}.{name}", hint=hint)
