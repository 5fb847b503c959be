"""What a node takes and gives, read from hints of every form; nothing is refused that could work."""

import abc
import io
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, Protocol, TextIO, TypedDict, TypeVar
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.errors import InvalidNodeError
from dataflow.nodes.signature import REQUIRED, Parameter, Signature, certainly_differs, classes_of, read_signature

T = TypeVar("T")
Year = NewType("Year", int)


class Named(Protocol):
    name: str


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> float: ...


class Square(Shape):
    def area(self) -> float:
        return 1.0


class Row(TypedDict):
    id: int
    name: typing.NotRequired[str]


class Point(NamedTuple):
    x: int


class Color(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


@dataclass
class Item:
    name: str = ""


def read(function: Callable[..., Any]) -> Signature:
    return read_signature(function, "clean")


def test_parameters_have_their_hints_and_defaults():
    def clean(data: list[int], first: int = 1900, *, loose=None) -> None: ...

    known = read(clean)
    assert known.parameters == {
        "data": Parameter(list[int], REQUIRED),
        "first": Parameter(int, 1900),
        "loose": Parameter(Any, None),
    }
    assert (known.open, known.missing(())) == (False, ["data"])
    assert known.missing(["data"]) == []


def test_a_method_is_read_without_self():
    class Clean:
        def run(self, data: int) -> None: ...

    assert list(read(Clean().run).parameters) == ["data"]


def test_inputs_of_any_name_are_taken():
    def clean(first: int, **inputs: Any) -> None: ...

    known = read(clean)
    assert (list(known.parameters), known.open) == (["first"], True)


@pytest.mark.parametrize(
    ("function", "shown"),
    [(lambda a, /: a, "a"), (lambda *a: a, "*a"), (lambda a, /, b, **c: a, "a")],
    ids=["positional", "starred", "both"],
)
def test_inputs_by_position_are_refused(function: Callable[..., Any], shown: str):
    with pytest.raises(InvalidNodeError) as caught:
        read(function)
    assert (caught.value.message, caught.value.path) == (f"`clean` takes `{shown}` by position", "clean")
    assert caught.value.hint == "inputs of a node are given by name"


def test_what_has_no_signature_is_refused():
    with pytest.raises(InvalidNodeError, match="`clean` has no signature that can be read"):
        read(max)


def test_a_hint_that_cannot_be_resolved_makes_nothing_certain():
    def clean(data: "NoSuchName", first: int = 1) -> "Row": ...  # type: ignore[name-defined]  # noqa: F821

    known = read(clean)
    assert known.parameters == {"data": Parameter(), "first": Parameter(Any, 1)}
    assert (known.outputs, known.promised, known.returns) == (None, frozenset(), None)


def test_a_typed_dict_declares_its_outputs():
    def clean() -> Row: ...

    known = read(clean)
    assert (known.outputs, known.promised, known.returns) == ({"id": int, "name": str}, {"id"}, None)


def test_none_declares_that_there_are_no_outputs():
    def clean() -> None: ...

    assert (read(clean).outputs, read(clean).returns) == ({}, None)


@pytest.mark.parametrize("hint", [dict, dict[str, Any], Mapping[str, Any], Any, Optional[int], Iterable[int], T])  # noqa: UP045
def test_these_hints_leave_the_outputs_open(hint: Any):
    def clean(): ...

    clean.__annotations__["return"] = hint
    assert (read(clean).outputs, read(clean).returns) == (None, None)


def test_any_other_class_is_the_one_result():
    def clean() -> list[int]: ...
    async def awaited() -> Item: ...

    assert (read(clean).returns, read(awaited).returns) == (list, Item)


CLASSES: list[tuple[Any, set[type[Any]] | None]] = [
    (int, {int}),
    (None, {type(None)}),
    (Optional[int], {int, type(None)}),  # noqa: UP045
    (int | None, {int, type(None)}),
    (list[int] | Annotated[str, "x"], {list, str}),
    (Literal["a", 1], {str, int}),
    (Row, {dict}),
    (Point, {Point}),
    (type[int], {type}),
    (Color, {Color}),
    (tuple[int, ...], {tuple}),
    (Any, None),
    (object, None),
    (int | Any, None),
    (Named, None),
    (Shape, None),
    (Sequence[int], None),
    (Callable[[int], int], None),
    (TextIO, None),
    (T, None),
    (Year, None),
    ("NoSuchName", None),
]


@pytest.mark.parametrize(("hint", "classes"), CLASSES, ids=str)
def test_a_hint_says_which_classes_are_certain(hint: Any, classes: set[type[Any]] | None):
    assert classes_of(hint) == classes


DIFFERENT: list[tuple[object, Any]] = [
    (5, str),
    ("5", int),
    (None, int),
    (b"a", str),
    ("a", list[str]),
    (Item(), dict),
    (1.5, int),
    (Decimal(1), float),
    (date(2024, 1, 1), str),
    ({"id": 1}, Item),
    (b"c", Literal["a", "b"]),
]


@pytest.mark.parametrize(("value", "hint"), DIFFERENT, ids=str)
def test_what_is_certain_to_be_another_type_differs(value: object, hint: Any):
    assert certainly_differs({type(value)}, classes_of(hint))


COULD: list[tuple[object, Any]] = [
    (True, int),
    (1, float),
    (True, float),
    (1.5, complex),
    (Fraction(1, 2), float),
    (np.int64(1), int),
    (np.float32(1), float),
    (np.int64(1), float),
    (bytearray(), bytes),
    (memoryview(b""), bytes),
    (Color.RED, str),
    (Level.LOW, int),
    (date(2024, 1, 1), datetime),
    (Point(1), tuple[int]),
    ((1,), Point),
    (io.StringIO(), TextIO),
    (range(3), Sequence[int]),
    (np.zeros(2), Sequence[float]),
    (Item("a"), Named),
    (Square(), Shape),
    (int, type[int]),
    (len, Callable[[str], int]),
    ({"id": 1}, Row),
    (3, Year),
]


@pytest.mark.parametrize(("value", "hint"), COULD, ids=str)
def test_what_could_work_does_not_differ(value: object, hint: Any):
    assert not certainly_differs({type(value)}, classes_of(hint))


@pytest.mark.parametrize("unknown", [None, set()])
def test_nothing_is_certain_where_one_side_is_unknown(unknown: Any):
    assert not certainly_differs(unknown, {int})
    assert not certainly_differs({int}, unknown)


def test_one_class_that_fits_is_enough():
    assert not certainly_differs({int, str}, {str, bytes})
    assert certainly_differs({int, float}, {str, bytes})


def test_the_hint_of_a_class_that_pretends_is_not_the_last_word():
    # `isinstance` looks at what the object says of itself; the check of parameters asks it too.
    assert isinstance(MagicMock(spec=int), int)
    assert certainly_differs({MagicMock}, {int})


SCALARS: list[type[Any]] = [
    int,
    str,
    bytes,
    float,
    bool,
    complex,
    bytearray,
    list,
    dict,
    tuple,
    set,
    type,
    types.NoneType,
]
HINTS = st.recursive(
    st.sampled_from([*SCALARS, Item, Square, Shape, Color, Level, Decimal, Sequence, Mapping, object, Any, Point]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: typing.Union[pair]),  # noqa: UP007
        inner.map(lambda hint: Annotated[hint, "note"]),
        inner.map(lambda hint: Optional[hint]),  # noqa: UP045
    ),
    max_leaves=4,
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=2),
    st.binary(max_size=2),
    st.decimals(),
    st.lists(st.integers(), max_size=1),
    st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
    st.sampled_from([Item(), Square(), Color.RED, Level.LOW, Point(1), (1,), set(), int, 1j, bytearray(), range(2)]),
)


def is_instance(value: object, hint: Any) -> bool:
    """What Python itself says of the parts of a hint."""
    if hint is Any:
        return True
    if typing.get_origin(hint) is Annotated:
        return is_instance(value, typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(is_instance(value, part) for part in typing.get_args(hint))
    return isinstance(value, hint)


@given(VALUES, HINTS)
def test_a_value_that_isinstance_takes_is_never_refused(value: object, hint: Any):
    if is_instance(value, hint):
        assert not certainly_differs({type(value)}, classes_of(hint))
