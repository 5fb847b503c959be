"""Every annotation becomes the column type it means, or is refused by name."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from typing import Annotated, Any, List, Literal, NewType, Optional, TypedDict, Union  # noqa: UP035
from uuid import UUID

import pydantic
import pytest
import typing_extensions

from dataflow import MaxLength, Naive, Precision, Unique, errors
from dataflow.model.hints import read_hint

TEXT = {"name": "text", "max_length": None}


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(StrEnum):
    SMALL = "s"


class Level(IntEnum):
    LOW = 1
    HIGH = 9


class Mixed(Enum):
    ONE = 1
    TWO = "two"


class Point(Enum):
    ORIGIN = (0, 0)


class Rights(IntFlag):
    READ = 1


class Empty(Enum):
    pass


@dataclass
class Address:
    street: str


class Place(pydantic.BaseModel):
    street: str


class Options(TypedDict):
    dark: bool


class OtherOptions(typing_extensions.TypedDict):
    dark: bool


SCALARS = [
    (bool, {"name": "bool"}),
    (bytes, {"name": "bytes"}),
    (date, {"name": "date"}),
    (datetime, {"name": "instant"}),
    (Decimal, {"name": "decimal", "precision": 38, "scale": 10}),
    (float, {"name": "float"}),
    (int, {"name": "int"}),
    (str, TEXT),
    (time, {"name": "time"}),
    (timedelta, {"name": "duration"}),
    (UUID, {"name": "uuid"}),
    (Annotated[str, MaxLength(40)], {"name": "text", "max_length": 40}),
    (Annotated[Decimal, Precision(18, 4)], {"name": "decimal", "precision": 18, "scale": 4}),
    (Annotated[datetime, Naive()], {"name": "walltime"}),
    (Annotated[int, "a note"], {"name": "int"}),
    (Literal["a", "b"], {"name": "choice", "values": ["a", "b"]}),
]


@pytest.mark.parametrize(("hint", "expected"), SCALARS)
def test_a_hint_names_a_type(hint: Any, expected: dict[str, Any]):
    for nullable, given in ((False, hint), (True, hint | None), (True, Optional[hint])):  # noqa: UP045
        found = read_hint(given, "M.f")
        assert (found.core, found.nullable, found.decode, found.checks) == (expected, nullable, None, ())


@pytest.mark.parametrize(("item", "expected"), SCALARS)
def test_a_list_of_a_scalar_is_an_array(item: Any, expected: dict[str, Any]):
    found = read_hint(list[item] | None, "M.f")
    assert (found.core, found.nullable, found.decode) == ({"name": "list", "item": expected}, True, None)
    assert read_hint(List[item], "M.f").core == found.core  # noqa: UP006


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[str, MaxLength(3)] | None,
        Annotated[str | None, MaxLength(3)],
        Annotated[Optional[str], MaxLength(3)],  # noqa: UP045
        Optional[Annotated[str, MaxLength(3)]],  # noqa: UP045
        Union[None, Annotated[str, MaxLength(3)]],  # noqa: UP007
        Annotated[Annotated[str, "note"] | None, MaxLength(3), "note"],
        typing_extensions.TypeAliasType("Code", Annotated[str, MaxLength(3)]) | None,
        typing_extensions.TypeAliasType("Code", Annotated[str | None, MaxLength(3)]),
    ],
)
def test_optional_and_annotated_nest_in_any_order(hint: Any):
    found = read_hint(hint, "M.f")
    assert (found.core, found.nullable) == ({"name": "text", "max_length": 3}, True)


@pytest.mark.parametrize(("cls", "values"), [(Colour, ["red", "blue"]), (Size, ["s"])])
def test_an_enum_of_str_is_a_choice(cls: type[Enum], values: list[str]):
    found = read_hint(cls, "M.f")
    assert found.core == {"name": "choice", "values": values}
    assert (found.decode, found.classes, found.checks) == (cls, (cls,), ())
    assert all(type(value) is str for value in found.core["values"])


def test_an_enum_of_int_is_an_int_with_a_check():
    found = read_hint(Level | None, "M.f")
    assert (found.core, found.nullable) == ({"name": "int"}, True)
    assert (found.decode, found.checks) == (Level, (("choice", {"$in": [1, 9]}),))


def test_a_literal_of_int_is_an_int_with_a_check():
    found = read_hint(Literal[1, 2], "M.f")
    assert (found.core, found.checks) == ({"name": "int"}, (("choice", {"$in": [1, 2]}),))


def test_none_in_a_literal_makes_it_optional():
    found = read_hint(Literal["a", None], "M.f")
    assert (found.core, found.nullable) == ({"name": "choice", "values": ["a"]}, True)


def test_a_list_of_an_enum_comes_back_as_such():
    found = read_hint(list[Colour], "M.f")
    assert found.core == {"name": "list", "item": {"name": "choice", "values": ["red", "blue"]}}
    assert found.decode is not None
    assert found.decode(["blue", "red"]) == [Colour.BLUE, Colour.RED]
    assert found.classes == (Colour,)


@pytest.mark.parametrize(
    "hint",
    [
        list,
        list[Any],
        list[int | None],
        list[list[str]],
        list[dict[str, int]],
        dict,
        dict[str, Any],
        dict[str, int],
        dict[str, list[str]],
        Options,
        OtherOptions,
    ],
)
def test_what_json_has_is_json_without_a_decoder(hint: Any):
    for nullable, given in ((False, hint), (True, hint | None)):
        found = read_hint(given, "M.f")
        assert (found.core, found.nullable, found.decode, found.classes) == ({"name": "json"}, nullable, None, ())


@pytest.mark.parametrize(
    ("hint", "classes"),
    [
        (Address, (Address,)),
        (Place, (Place,)),
        (list[Address], (Address,)),
        (dict[str, Place | None], (Place,)),
        (list[Colour | None], (Colour,)),
        (list[datetime | None], ()),
        (dict[str, list[Decimal]], ()),
    ],
)
def test_what_json_does_not_have_is_json_with_a_decoder(hint: Any, classes: tuple[type[Any], ...]):
    found = read_hint(Annotated[hint, "note"] | None, "M.f")
    assert (found.core, found.nullable, found.classes) == ({"name": "json"}, True, classes)
    assert found.decode is not None


@pytest.mark.parametrize(
    "hint",
    [object, set[int], tuple[int, ...], complex, Any, None, NewType("Id", int), type, range, Colour.RED, 5, "str"],
)
def test_any_other_type_is_refused_by_name(hint: Any):
    with pytest.raises(errors.InvalidModelError, match=r"M\.f") as caught:
        read_hint(hint, "M.f")
    assert caught.value.path == "M.f"
    assert "register_type" in (caught.value.hint or "")


@pytest.mark.parametrize("hint", [int | str, int | str | None, Optional[Union[int, str]]])  # noqa: UP007, UP045
def test_a_union_of_two_types_is_refused(hint: Any):
    with pytest.raises(errors.InvalidModelError, match="union") as caught:
        read_hint(hint, "M.f")
    assert (caught.value.path, caught.value.hint) == ("M.f", "a column has one type")


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (Mixed, "not all str or all int"),
        (Point, "not all str or all int"),
        (Empty, "not all str or all int"),
        (Rights, "flags"),
        (Literal[1, "a"], "not all str or all int"),
        (Literal[True], "not all str or all int"),
        (Literal[b"a"], "not all str or all int"),
        (Literal[Colour.RED], "not all str or all int"),
        (Literal[None], "not all str or all int"),
    ],
)
def test_a_choice_of_other_values_is_refused(hint: Any, message: str):
    with pytest.raises(errors.InvalidModelError, match=message) as caught:
        read_hint(hint, "M.f")
    assert (caught.value.path, bool(caught.value.hint)) == ("M.f", True)


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (Annotated[int, MaxLength(3)], "does not go with its type"),
        (Annotated[str, Precision(3, 1)], "does not go with its type"),
        (Annotated[Decimal, Naive()], "does not go with its type"),
        (Annotated[list[str], MaxLength(3)], "does not go with its type"),
        (Annotated[Colour, MaxLength(3)], "does not go with its type"),
        (Annotated[str, MaxLength(3), MaxLength(4)], "MaxLength twice"),
        (Annotated[int, Unique(), Unique()], "Unique twice"),
        (Annotated[datetime, Naive], "as a class"),
        (Annotated[int, Unique], "as a class"),
        (list[Annotated[int, Unique()]], "items of a list"),
    ],
)
def test_a_marker_that_does_not_fit_is_refused(hint: Any, message: str):
    with pytest.raises(errors.InvalidModelError, match=message) as caught:
        read_hint(hint, "M.f")
    assert caught.value.path == "M.f"


def test_items_that_would_not_be_checked_are_not_built():
    with pytest.raises(errors.NotBuiltError) as caught:
        read_hint(list[Level], "M.f")
    assert caught.value.path == "M.f"
