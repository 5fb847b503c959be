"""Annotations without what is wrapped around them."""

from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from dataflow.model.refusal import invalid

__all__ = ["Unwrapped", "union_members", "unwrap"]


class Unwrapped(NamedTuple):
    """A hint, whether None was among its values, and what `Annotated` held."""

    bare: Any
    nullable: bool
    extras: tuple[Any, ...]


def unwrap(hint: Any, path: str) -> Unwrapped:
    """Takes `Annotated`, `Optional`, `X | None` and `type X = …` off, in any nesting.

    Raises:
        InvalidModelError: It is a union of several types.
    """
    if get_origin(hint) is Annotated:
        inner, *extras = get_args(hint)
        bare, nullable, inside = unwrap(inner, path)
        return Unwrapped(bare, nullable, (*inside, *extras))
    members = union_members(hint)
    if members:
        others = [member for member in members if member is not NoneType]
        if len(others) != 1:
            raise invalid(path, "is a union of several types", hint="a column has one type")
        bare, nullable, extras_inside = unwrap(others[0], path)
        return Unwrapped(bare, nullable or len(others) < len(members), extras_inside)
    # A `type X = …` statement of Python 3.12, or its twin in typing_extensions.
    if type(hint).__name__ == "TypeAliasType":
        return unwrap(hint.__value__, path)
    return Unwrapped(hint, False, ())


def union_members(hint: Any) -> tuple[Any, ...]:
    """The members of a union, None among them; none where the hint is no union."""
    origin = get_origin(hint)
    return get_args(hint) if origin is Union or origin is UnionType else ()
