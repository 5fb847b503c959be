"""Markers of annotated-types and pydantic in our own terms. Neither is imported: they are known by name."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from dataflow._spelling import not_built
from dataflow.errors import InvalidModelError
from dataflow.model.markers import MaxLength, Precision
from dataflow.model.refusal import invalid

__all__ = ["Bound", "MinLength", "is_field_info", "is_missing", "read_markers"]


class Bound(NamedTuple):
    """An order a value must keep: `("gt", "$gt", 0)`."""

    name: str
    operator: str
    value: Any


class MinLength(NamedTuple):
    """The fewest characters of a `str`."""

    length: int


# The attribute is called like the operator: `Gt(gt=0)`.
_BOUNDS = {
    "Gt": ("gt", "$gt"),
    "Ge": ("ge", "$gte"),
    "Lt": ("lt", "$lt"),
    "Le": ("le", "$lte"),
}
# They bound nothing: documentation, and what pydantic does with its own input.
_NOTES = frozenset({"DocInfo", "Strict", "Unit"})
_FOREIGN = frozenset({"annotated_types", "pydantic", "pydantic_core"})


def read_markers(extras: tuple[Any, ...], path: str) -> list[Any]:
    """What stands in `Annotated`, foreign markers translated; notes of other libraries stay.

    Raises:
        InvalidModelError: A length cannot be one.
        NotBuiltError: A foreign marker would not be enforced.
    """
    return [marker for extra in extras for marker in _translate(extra, path)]


def is_field_info(value: object) -> bool:
    """Whether it was made by pydantic's `Field()`."""
    return type(value).__name__ == "FieldInfo" and _package(value) == "pydantic"


def is_missing(default: object) -> bool:
    """Whether pydantic's `Field()` has no default: `...`, or an object of pydantic's own."""
    return default is ... or type(default).__name__ == "PydanticUndefinedType"


def _translate(marker: Any, path: str) -> Iterator[Any]:
    kind = type(marker).__name__
    if _package(marker) not in _FOREIGN:
        yield marker
    elif is_field_info(marker):
        if not is_missing(marker.default) or marker.default_factory is not None:
            raise invalid(path, "has a default inside Annotated", hint="write it behind the `=` of the field")
        yield from read_markers(tuple(marker.metadata), path)
    elif kind in _BOUNDS:
        name, operator = _BOUNDS[kind]
        yield Bound(name, operator, getattr(marker, name))
    elif kind == "MinLen":
        yield MinLength(marker.min_length)
    elif kind == "MaxLen":
        yield _max_length(marker.max_length, path)
    elif kind == "Len":
        yield MinLength(marker.min_length)
        if marker.max_length is not None:
            yield _max_length(marker.max_length, path)
    elif hasattr(marker, "__iter__"):  # a group: Interval, StringConstraints
        yield from read_markers(tuple(marker), path)
    elif kind.lstrip("_") == "PydanticGeneralMetadata":
        yield from _read_general(vars(marker), path)
    # A bound that somebody believes to be enforced must not be passed over.
    elif kind not in _NOTES:
        raise not_built(f"the marker {kind}", path=path)


def _read_general(given: dict[str, Any], path: str) -> Iterator[Precision]:
    """What pydantic keeps of `Field(max_digits=…, pattern=…)`, for which annotated-types has no marker."""
    # False asks for nothing, except where it forbids.
    asked = {
        name: value
        for name, value in given.items()
        if value is not None and (value is not False or name == "allow_inf_nan")
    }
    digits, scale = asked.pop("max_digits", None), asked.pop("decimal_places", None)
    asked.pop("strict", None)
    for name in asked:
        raise not_built(f"`{name}` of a field", path=path)
    if (digits is None) != (scale is None):
        raise invalid(path, "has one of max_digits and decimal_places", hint="give both, or a `Precision`")
    if digits is not None:
        try:
            yield Precision(digits, scale)
        except InvalidModelError as error:
            raise invalid(path, f"is out of range: {error.message}") from None


def _max_length(length: int, path: str) -> MaxLength:
    try:
        return MaxLength(length)
    except InvalidModelError as error:
        raise invalid(path, f"is out of range: {error.message}") from None


def _package(value: object) -> str:
    return type(value).__module__.partition(".")[0]
