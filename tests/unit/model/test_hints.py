"""Every annotation becomes the column type it means, or is refused by name."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NewType, Optional, Union
from uuid import UUID

import pydantic
import pytest
from annotated_types import Gt

from dataflow import MaxLength, Naive, Precision, errors
from dataflow.model.hints import ColumnType, read_hint


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (bool, ("bool", None, None)),
        (bytes, ("bytes", None, None)),
        (datetime, ("instant", None, None)),
        (Decimal, ("decimal", 38, 10)),
        (float, ("float", None, None)),
        (int, ("int", None, None)),
        (str, ("text", None, None)),
        (UUID, ("uuid", None, None)),
        (Annotated[str, MaxLength(40)], ("text", 40, None)),
        (Annotated[Decimal, Precision(18, 4)], ("decimal", 18, 4)),
        (Annotated[datetime, Naive()], ("walltime", None, None)),
        (Annotated[int, "a note"], ("int", None, None)),
    ],
)
def test_a_hint_names_a_type(hint: Any, expected: tuple[str, int | None, int | None]):
    assert read_hint(hint, "M.f") == ColumnType(*expected, nullable=False)
    assert read_hint(hint | None, "M.f") == ColumnType(*expected, nullable=True)


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[str, MaxLength(3)] | None,
        Annotated[str | None, MaxLength(3)],
        Annotated[Optional[str], MaxLength(3)],  # noqa: UP045
        Optional[Annotated[str, MaxLength(3)]],  # noqa: UP045
        Union[None, Annotated[str, MaxLength(3)]],  # noqa: UP007
        Annotated[Annotated[str, "note"] | None, MaxLength(3), "note"],
    ],
)
def test_optional_and_annotated_nest_in_any_order(hint: Any):
    assert read_hint(hint, "M.f") == ColumnType("text", 3, None, nullable=True)


class Colour(Enum):
    RED = "red"


@dataclass
class Address:
    street: str


class Model(pydantic.BaseModel):
    street: str


@pytest.mark.parametrize(
    "hint",
    [date, time, timedelta, Colour, Literal["a", "b"], list, list[str], dict, dict[str, int], Address, Model],
)
def test_a_type_for_later_is_not_built(hint: Any):
    for nullable in (hint, hint | None):
        with pytest.raises(errors.NotBuiltError) as caught:
            read_hint(nullable, "M.f")
        assert caught.value.path == "M.f"


def test_a_bound_that_would_not_be_enforced_is_not_built():
    for marker in (Gt(0), pydantic.Field(gt=0)):
        with pytest.raises(errors.NotBuiltError):
            read_hint(Annotated[int, marker], "M.f")


@pytest.mark.parametrize("hint", [object, set[int], tuple[int, ...], complex, Any, None, NewType("Id", int), type])
def test_any_other_type_is_refused_by_name(hint: Any):
    with pytest.raises(errors.InvalidModelError, match=r"M\.f") as caught:
        read_hint(hint, "M.f")
    assert caught.value.path == "M.f"


def test_a_union_of_two_types_is_refused():
    with pytest.raises(errors.InvalidModelError, match="union"):
        read_hint(int | str, "M.f")


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[int, MaxLength(3)],
        Annotated[str, Precision(3, 1)],
        Annotated[Decimal, Naive()],
        Annotated[str, MaxLength(3), MaxLength(4)],
        Annotated[datetime, Naive],
    ],
)
def test_a_marker_that_does_not_fit_is_refused(hint: Any):
    with pytest.raises(errors.InvalidModelError, match=r"M\.f"):
        read_hint(hint, "M.f")


@pytest.mark.parametrize("length", [0, -1, 16_001, "3", True, 1.5])
def test_a_length_is_a_positive_int(length: Any):
    with pytest.raises(errors.InvalidModelError):
        MaxLength(length)


@pytest.mark.parametrize(("digits", "scale"), [(0, 0), (39, 0), (4, 5), (4, -1), ("4", 1)])
def test_a_precision_has_38_digits_at_most(digits: Any, scale: Any):
    with pytest.raises(errors.InvalidModelError):
        Precision(digits, scale)
