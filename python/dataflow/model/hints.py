"""Annotations become column types; the types themselves are the core's (`rust/core/src/types.rs`)."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin
from uuid import UUID

from dataflow._spelling import not_built
from dataflow.model.bounds import Bound, MinLength, read_markers
from dataflow.model.custom import CustomType, custom_type
from dataflow.model.markers import Index, MaxLength, Naive, Precision, Ref, Unique
from dataflow.model.nested import is_nested, read_nested
from dataflow.model.refusal import invalid
from dataflow.model.unwrap import unwrap

__all__ = ["BUILT_IN", "ColumnType", "read_hint"]


class ColumnType(NamedTuple):
    """What a hint says about a column.

    Attributes:
        core: The type as the core takes it: `{"name": "text", "max_length": 40}`.
        nullable: Whether None is a value.
        decode: From what the core gives to what the hint says; never called with None.
        checks: What a value must meet, as the operators of a filter, by the end of the check's name.
        markers: `Unique`, `Index` and `Ref`.
        classes: The classes whose instances the core shall hand to `nested.encode`.
    """

    core: Mapping[str, Any]
    nullable: bool = False
    decode: Callable[[Any], Any] | None = None
    checks: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    markers: tuple[Unique | Index | Ref, ...] = ()
    classes: tuple[type[Any], ...] = ()

    @property
    def name(self) -> str:
        """The name of the type, without what bounds it."""
        return str(self.core["name"])

    @property
    def needs_length(self) -> bool:
        """Whether it is a text without end, which no database indexes alike."""
        return self.name == "text" and self.core["max_length"] is None


_SCALARS: Mapping[Any, Mapping[str, Any]] = {
    bool: {"name": "bool"},
    bytes: {"name": "bytes"},
    date: {"name": "date"},
    datetime: {"name": "instant"},
    Decimal: {"name": "decimal", "precision": 38, "scale": 10},
    float: {"name": "float"},
    int: {"name": "int"},
    str: {"name": "text", "max_length": None},
    time: {"name": "time"},
    timedelta: {"name": "duration"},
    UUID: {"name": "uuid"},
}
BUILT_IN = frozenset({*_SCALARS, dict, list, object, NoneType})
# Which markers go with which types.
_ORDERED = ("date", "decimal", "duration", "float", "instant", "int", "text", "time", "walltime")
_FITS: Mapping[type, tuple[str, ...]] = {
    Bound: _ORDERED,
    MaxLength: ("text",),
    MinLength: ("text",),
    Naive: ("instant",),
    Precision: ("decimal",),
}
_OF_THE_TABLE = (Unique, Index, Ref)
# A pattern of more characters is no readable check.
_MOST_MIN_LENGTH = 100


def read_hint(hint: Any, path: str) -> ColumnType:
    """The column type of a resolved annotation; `path` is `Model.field`.

    Raises:
        InvalidModelError: The hint names no column type, several, or a marker that does not go with it.
        NotBuiltError: A marker of another library would not be enforced.
    """
    bare, nullable, extras = unwrap(hint, path)
    markers = read_markers(extras, path)
    kind = _read_bare(bare, path)
    kind = kind._replace(nullable=kind.nullable or nullable)
    _check_once(markers, path)
    for marker in markers:
        kind = _apply(marker, kind, path)
    return kind


def _read_bare(bare: Any, path: str) -> ColumnType:
    custom = custom_type(bare)
    if custom is not None:
        return _read_custom(custom, path)
    if get_origin(bare) is Literal:
        return _read_literal(get_args(bare), path)
    if isinstance(bare, type) and bare in _SCALARS:
        return ColumnType(_SCALARS[bare])
    if isinstance(bare, type) and issubclass(bare, Enum):
        return _read_enum(bare, path)
    if get_origin(bare) is list:
        return _read_list(bare, path)
    if is_nested(bare):
        return _read_json(bare, path)
    shown = getattr(bare, "__name__", None) or str(bare)
    known = ", ".join(sorted((cls.__name__ for cls in _SCALARS), key=str.lower))
    hint = f"the types are {known}, Enum, Literal, list, dict and dataclasses; `register_type` adds others"
    raise invalid(path, f"is of type {shown}, which is no column type", hint=hint)


def _read_custom(custom: CustomType, path: str) -> ColumnType:
    return read_hint(custom.storage, path)._replace(decode=custom.decode)


def _read_literal(values: tuple[Any, ...], path: str) -> ColumnType:
    kept = [value for value in values if value is not None]
    return _read_values(kept, "a Literal", path)._replace(nullable=len(kept) < len(values))


def _read_enum(cls: type[Enum], path: str) -> ColumnType:
    if issubclass(cls, Flag):
        raise invalid(path, f"is of type {cls.__name__}: flags combine to other values", hint="declare it as int")
    kind = _read_values([member.value for member in cls], f"the Enum {cls.__name__}", path)
    return kind._replace(decode=cls, classes=(cls,))


def _read_values(values: list[Any], what: str, path: str) -> ColumnType:
    """One of some values: all str or all int (a bool is no int here)."""
    kinds = {str if isinstance(value, str) else type(value) for value in values}
    if kinds == {str}:
        return ColumnType({"name": "choice", "values": [str.__str__(value) for value in values]})
    if kinds == {int}:
        return ColumnType(_SCALARS[int], checks=(("choice", {"$in": values}),))
    hint = "`register_type` says how another class is stored"
    raise invalid(path, f"is {what} whose values are not all str or all int", hint=hint)


def _read_list(bare: Any, path: str) -> ColumnType:
    """An array where the items are of one scalar type, else JSON: arrays hold no null, and nest differently."""
    (item,) = get_args(bare)
    inner, nullable, _ = unwrap(item, path)
    if nullable or inner in (Any, object) or is_nested(inner):
        return _read_json(bare, path)
    kind = read_hint(item, path)
    if kind.nullable or kind.name in ("json", "list"):
        return _read_json(bare, path)
    if kind.markers:
        raise invalid(path, f"has {type(kind.markers[0]).__name__} on the items of a list", hint="put it on the list")
    if kind.checks:
        raise not_built("a bound on the items of a list", path=path)
    return ColumnType(
        {"name": "list", "item": kind.core}, decode=kind.decode and _Each(kind.decode), classes=kind.classes
    )


class _Each:
    """Decodes the items of a list, each by `item`."""

    __slots__ = ("item",)

    def __init__(self, item: Callable[[Any], Any]) -> None:
        self.item = item

    def __call__(self, items: list[Any]) -> list[Any]:
        return [self.item(item) for item in items]


def _read_json(bare: Any, path: str) -> ColumnType:
    decode, classes = read_nested(bare, path)
    return ColumnType({"name": "json"}, decode=decode, classes=classes)


def _check_once(markers: list[Any], path: str) -> None:
    seen = set()
    for marker in markers:
        name = _marker_name(marker)
        if name in seen:
            raise invalid(path, f"has {name} twice")
        if type(marker) in _FITS or type(marker) in _OF_THE_TABLE:
            seen.add(name)


def _marker_name(marker: Any) -> str:
    return marker.name.capitalize() if isinstance(marker, Bound) else type(marker).__name__


def _apply(marker: Any, kind: ColumnType, path: str) -> ColumnType:
    """The type with what one marker says; a note of somebody else says nothing."""
    if isinstance(marker, type) and (marker in _FITS or marker in _OF_THE_TABLE):
        raise invalid(path, f"has {marker.__name__} as a class", hint=f"add () to {marker.__name__}")
    if kind.name not in _FITS.get(type(marker), (kind.name,)):
        raise invalid(path, f"has a marker that does not go with its type: {_marker_name(marker)}")
    match marker:
        case Unique() | Index() | Ref():
            return kind._replace(markers=(*kind.markers, marker))
        case MaxLength(length):
            return kind._replace(core={**kind.core, "max_length": length})
        case Precision(digits, scale):
            return kind._replace(core={**kind.core, "precision": digits, "scale": scale})
        case Naive():
            return kind._replace(core={"name": "walltime"})
        case Bound(name, operator, value):
            return kind._replace(checks=(*kind.checks, (name, {operator: value})))
        case MinLength(length):
            return _at_least(length, kind, path)
    return kind


def _at_least(length: int, kind: ColumnType, path: str) -> ColumnType:
    if length > _MOST_MIN_LENGTH:
        raise not_built(f"a least length above {_MOST_MIN_LENGTH}", path=path)
    if length <= 0:
        return kind
    return kind._replace(checks=(*kind.checks, ("min_length", {"$like": "_" * length + "%"})))
