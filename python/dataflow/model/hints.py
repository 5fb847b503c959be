"""Annotations become column types; the types themselves are the core's (`rust/core/src/types.rs`)."""

from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin
from uuid import UUID

from dataflow._spelling import not_built
from dataflow.errors import DataFlowError, InvalidModelError
from dataflow.model.markers import MaxLength, Naive, Precision

__all__ = ["ColumnType", "read_hint"]


class ColumnType(NamedTuple):
    """A type as the core takes it: its name, what bounds it, and whether None is a value."""

    name: str
    size: int | None = None
    scale: int | None = None
    nullable: bool = False


_PLAIN: dict[Any, str] = {
    bool: "bool",
    bytes: "bytes",
    datetime: "instant",
    Decimal: "decimal",
    float: "float",
    int: "int",
    str: "text",
    UUID: "uuid",
}
_DEFAULT_PRECISION = Precision(38, 10)
# Which markers go with which type.
_MARKERS: dict[type, str] = {MaxLength: "text", Naive: "instant", Precision: "decimal"}
_LATER_CLASSES = (date, time, timedelta, Enum)
_LATER_ORIGINS = (Literal, dict, list)
_LATER_MARKERS = ("annotated_types", "pydantic")


def read_hint(hint: Any, path: str) -> ColumnType:
    """The column type of a resolved annotation; `path` is `Model.field`.

    Raises:
        InvalidModelError: The hint names no column type, several, or a marker that does not go with it.
        NotBuiltError: The hint is of a kind that is planned.
    """
    bare, nullable, markers = _unwrap(hint, path)
    name = _PLAIN.get(bare) if isinstance(bare, type) else None
    if name is None:
        raise _refusal(bare, path)
    bound = _apply(markers, name, path)
    match bound:
        case MaxLength(length):
            return ColumnType(name, length, None, nullable)
        case Precision(digits, scale):
            return ColumnType(name, digits, scale, nullable)
        case Naive():
            return ColumnType("walltime", None, None, nullable)
    return ColumnType(name, None, None, nullable)


def _unwrap(hint: Any, path: str) -> tuple[Any, bool, list[Any]]:
    """Takes `Annotated`, `Optional` and `X | None` off, in any nesting: the type, nullable, the markers."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *extras = get_args(hint)
        bare, nullable, markers = _unwrap(inner, path)
        return bare, nullable, markers + extras
    if origin is Union or origin is UnionType:
        members = get_args(hint)
        others = [member for member in members if member is not NoneType]
        if len(others) != 1:
            raise InvalidModelError(f"{path} is a union of several types", path=path, hint="a column has one type")
        bare, nullable, markers = _unwrap(others[0], path)
        return bare, nullable or len(others) < len(members), markers
    return hint, False, []


def _apply(markers: list[Any], name: str, path: str) -> object:
    """The one marker of ours that bounds the type; a Decimal without one has the default."""
    for marker in markers:
        _check_marker(marker, name, path)
    ours = [marker for marker in markers if type(marker) in _MARKERS]
    if len(ours) > 1:
        raise InvalidModelError(f"{path} has {type(ours[0]).__name__} twice", path=path)
    if ours:
        return ours[0]
    return _DEFAULT_PRECISION if name == "decimal" else None


def _check_marker(marker: Any, name: str, path: str) -> None:
    if isinstance(marker, type) and marker in _MARKERS:
        raise InvalidModelError(
            f"{path}: {marker.__name__} is not called", path=path, hint=f"add () to {marker.__name__}"
        )
    kind = type(marker)
    if _MARKERS.get(kind, name) != name:
        raise InvalidModelError(f"{path}: {kind.__name__} does not go with its type", path=path)
    # A bound that somebody believes to be enforced must not be passed over.
    if kind.__module__.partition(".")[0] in _LATER_MARKERS:
        raise not_built(f"the marker {kind.__name__}", path=path)


def _refusal(bare: Any, path: str) -> DataFlowError:
    origin = get_origin(bare) or bare
    shown = getattr(bare, "__name__", None) or str(bare)
    if origin in _LATER_ORIGINS or (isinstance(origin, type) and _is_later(origin)):
        return not_built(f"a field of type {shown}", path=path)
    known = "bool, bytes, datetime, Decimal, float, int, str, UUID"
    return InvalidModelError(f"{path}: {shown} is no column type", path=path, hint=f"the types are {known}")


def _is_later(cls: type) -> bool:
    return issubclass(cls, _LATER_CLASSES) or is_dataclass(cls) or hasattr(cls, "__pydantic_core_schema__")
