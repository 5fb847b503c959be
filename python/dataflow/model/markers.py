"""What is written beside a field's type: lengths, digits, references, defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, get_args, overload

from dataflow._spelling import suggest
from dataflow.errors import InvalidModelError

__all__ = ["UNSET", "Index", "MaxLength", "Naive", "OnDelete", "Precision", "Ref", "Unique", "Unset", "auto", "field"]

_T = TypeVar("_T")
OnDelete = Literal["restrict", "cascade", "set_null", "no_action"]


class Unset:
    """The type of `UNSET`. There is one object of it, also after copying and pickling."""

    _only: Unset | None = None

    def __new__(cls) -> Unset:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""Tells "not given" from None: an automatic key that the database has yet to give."""


@dataclass(frozen=True)
class MaxLength:
    """The most characters of a `str`: `Annotated[str, MaxLength(40)]`. A `str` in a key needs it.

    Raises:
        InvalidModelError: `length` is not an int from 1 to 16,000.
    """

    length: int

    # 16,000 characters of 4 bytes are what a MariaDB row of 65,535 bytes holds.
    def __post_init__(self) -> None:
        _check_int("MaxLength", self.length, 1, 16_000)


@dataclass(frozen=True)
class Precision:
    """The digits of a `Decimal`, `scale` of them after the point: `Annotated[Decimal, Precision(18, 4)]`.

    Without it a Decimal is `Precision(38, 10)`. Digits beyond are refused, never rounded.

    Raises:
        InvalidModelError: `digits` is not an int from 1 to 38, or `scale` not one from 0 to `digits`.
    """

    digits: int
    scale: int

    def __post_init__(self) -> None:
        _check_int("the digits of a Precision", self.digits, 1, 38)
        _check_int("the scale of a Precision", self.scale, 0, self.digits)


@dataclass(frozen=True)
class Naive:
    """Makes a datetime a wall time without zone: `Annotated[datetime, Naive()]`. Otherwise it is an instant."""


@dataclass(frozen=True)
class Unique:
    """No two rows have the same value: `Annotated[str, MaxLength(40), Unique()]`.

    Several fields together are unique by `__dataflow__ = {"unique": [["region", "sku"]]}`.
    """


@dataclass(frozen=True)
class Index:
    """An index on this field alone: `Annotated[datetime, Index("desc")]`. Others are listed in `__dataflow__`.

    Raises:
        InvalidModelError: `order` is neither `asc` nor `desc`.
    """

    order: Literal["asc", "desc"] = "asc"

    def __post_init__(self) -> None:
        _check_choice("the order of an Index", self.order, ("asc", "desc"))


@dataclass(frozen=True)
class Ref:
    """A reference to the key of another model: `customer_id: Annotated[int, Ref("Customer", related="orders")]`.

    The relation is called like the field without its `_id`; a field that does not end so has none.

    Args:
        model: The other model, as its class or name.
        on_delete: What happens to this row when the other one is deleted: it prevents that (`restrict`, at the end of
            the statement `no_action`), goes with it (`cascade`), or refers to nothing (`set_null`).
        related: The relation's name seen from the other model.

    Raises:
        InvalidModelError: An argument is none of these.
    """

    model: type[Any] | str
    on_delete: OnDelete = "restrict"
    related: str | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.model, type) or (isinstance(self.model, str) and self.model.isidentifier())):
            raise InvalidModelError("Ref takes a model as its class or name", hint='write `Ref("Customer")`')
        _check_choice("on_delete of a Ref", self.on_delete, get_args(OnDelete))
        if self.related is not None and not (
            isinstance(self.related, str) and self.related.isidentifier() and not self.related.startswith("__")
        ):
            raise InvalidModelError(
                "related of a Ref is a name as of an attribute, without `__` in front", hint='write `related="orders"`'
            )

    @property
    def name(self) -> str:
        """The name of the model referred to."""
        return self.model if isinstance(self.model, str) else self.model.__name__


def auto() -> Any:
    """A value DataFlow gives where the caller does not: `id: int = auto()`, or `id: UUID = auto()` for a UUID7.

    Besides the key, fields kept by DataFlow can be declared with it, e.g. `version: int = auto()`.
    """
    return UNSET


@overload
def field(*, default: _T) -> _T: ...
@overload
def field(*, default_factory: Callable[[], _T]) -> _T: ...
@overload
def field() -> Any: ...
def field(*, default: Any = UNSET, default_factory: Callable[[], Any] | None = None) -> Any:
    """A field with its default: `state: str = field(default="open")`, the same as `state: str = "open"`.

    Args:
        default: The value of a row that does not give one.
        default_factory: Called for each such row instead.

    Raises:
        InvalidModelError: Both are given, or the factory cannot be called.
    """
    if default_factory is not None and not callable(default_factory):
        raise InvalidModelError("default_factory of a field is called: give a function or class")
    if default_factory is not None and default is not UNSET:
        raise InvalidModelError("a field has a default or a default_factory, not both")
    return Field(default, default_factory)


@dataclass(frozen=True)
class Field:
    """What `field()` leaves in the class body until the class is declared."""

    default: Any
    default_factory: Callable[[], Any] | None


def _check_int(what: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidModelError(f"{what} is an int from {least} to {most}")


def _check_choice(what: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidModelError(f"{what} is one of {', '.join(known)}", hint=suggest(str(value), known))
