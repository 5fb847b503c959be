"""What is written beside a field's type: lengths, digits, defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dataflow._spelling import not_built
from dataflow.errors import InvalidModelError

__all__ = ["UNSET", "MaxLength", "Naive", "Precision", "Unset", "auto", "field"]


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


def auto() -> Any:
    """The key the database gives where the caller does not: `id: int = auto()`."""
    return UNSET


def field(*, default: Any = UNSET, default_factory: Callable[[], Any] | None = None) -> Any:
    """A field with its default: `state: str = field(default="open")`, the same as `state: str = "open"`.

    Raises:
        NotBuiltError: `default_factory` is given.
    """
    if default_factory is not None:
        raise not_built("`default_factory`")
    return Field(default)


@dataclass(frozen=True)
class Field:
    """What `field()` leaves in the class body until the class is declared."""

    default: Any


def _check_int(what: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidModelError(f"{what} is an int from {least} to {most}")
