"""Instances kept as JSON: there, and back to what they were."""

import json
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, Optional, TypedDict
from uuid import UUID

import pydantic
import pytest
from annotated_types import Gt

from dataflow import MaxLength, Naive, errors
from dataflow.model.nested import encode, read_nested
from tests.unit.model.declaring import declare, model


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float = 0.0


@dataclass
class Everything:
    flag: bool
    number: int
    price: Decimal
    day: date
    clock: time
    moment: datetime
    wall: Annotated[datetime, Naive()]
    span: timedelta
    key: UUID
    raw: bytes
    colour: Colour
    level: Level
    state: Literal["a", "b"]
    point: Point | None
    points: list[Point]
    by_name: dict[str, Optional[Decimal]]  # noqa: UP045
    anything: dict[str, Any]
    either: int | str | None
    late: int = field(init=False, default=3)


@dataclass
class Tree:
    name: str
    children: "list[Tree]" = field(default_factory=list)
    parent: "Tree | None" = None


class Place(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid")

    street: str = pydantic.Field(alias="Street")
    since: datetime
    colours: list[Colour] = []

    @pydantic.computed_field
    @property
    def shown(self) -> str:
        return self.street.upper()


class Window(TypedDict):
    width: int
    moved: datetime


EVERYTHING = Everything(
    flag=True,
    number=2**70,
    price=Decimal("1.10"),
    day=date(2024, 2, 29),
    clock=time(23, 59, 59, 999999),
    moment=datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=UTC),
    wall=datetime(2024, 2, 29, 12),
    span=timedelta(days=-3, microseconds=7),
    key=UUID(int=7),
    raw=b"\x00\xff",
    colour=Colour.RED,
    level=Level.LOW,
    state="b",
    point=None,
    points=[Point(1), Point(0.5, -2.0)],
    by_name={"a": Decimal("1E+3"), "b": None},
    anything={"a": [1, {"b": None}]},
    either="x",
)
PLACE = Place(Street="Main", since=EVERYTHING.moment, colours=[Colour.RED])


def decoder(hint: Any) -> Callable[[Any], Any]:
    decode, _ = read_nested(hint, "M.f")
    assert decode is not None
    return decode


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Everything, EVERYTHING),
        (Point, Point(1.5)),
        (list[Point | None], [Point(1.5), None]),
        (dict[str, list[Everything]], {"a": [EVERYTHING], "b": []}),
        (list[list[date]], [[date(2024, 1, 1)], []]),
        (Tree, Tree("a", [Tree("b", [Tree("c")])], Tree("d"))),
        (Place, PLACE),
        (list[Place], [PLACE]),
        (Window, {"width": 3, "moved": EVERYTHING.moment}),
    ],
)
def test_what_is_encoded_comes_back_equal(hint: Any, value: Any):
    kept = json.loads(json.dumps(encode(value)))
    assert decoder(hint)(kept) == value


def test_scalars_have_one_form_in_json():
    kept = encode(EVERYTHING)
    assert kept["price"] == "1.10"
    assert (kept["moment"], kept["wall"]) == ("2024-02-29T12:00:00.000001+00:00", "2024-02-29T12:00:00")
    assert (kept["day"], kept["clock"]) == ("2024-02-29", "23:59:59.999999")
    assert kept["span"] == -3 * 86_400_000_000 + 7
    assert (kept["key"], kept["raw"]) == ("00000000-0000-0000-0000-000000000007", "00ff")
    assert (kept["colour"], kept["level"], kept["late"]) == ("red", 1, 3)


def test_a_field_set_late_is_set_again():
    changed = Everything(**{name: getattr(EVERYTHING, name) for name in encode(EVERYTHING) if name != "late"})
    changed.late = 9
    assert decoder(Everything)(encode(changed)).late == 9


def test_a_new_field_takes_its_default_and_an_old_one_is_left_out():
    assert decoder(Point)({"x": 1, "z": 5}) == Point(1.0)


def test_an_enum_is_encoded_by_value():
    assert (encode(Colour.RED), encode([Level.LOW]), encode((1, b"a"))) == ("red", [1], [1, "61"])


@pytest.mark.parametrize("kept", [{"y": 1}, {"x": "a"}, {"x": []}, [], "text", 5])
def test_what_does_not_fit_the_class_is_told_without_the_value(kept: Any):
    with pytest.raises(errors.WrongTypeError) as caught:
        decoder(Point)(kept)
    assert (caught.value.path, caught.value.__suppress_context__) == ("M.f", True)
    assert "default" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, {"b": object()}]}, "a[1].b"),
        (Tree("a", children=[Tree({1, 2})]), "children[0].name"),
        ({"a": {1: 2}}, "a"),
        (object(), None),
    ],
)
def test_what_has_no_form_in_json_is_refused_where_it_is(value: Any, path: str | None):
    with pytest.raises(errors.WrongTypeError) as caught:
        encode(value)
    assert caught.value.path == path


def test_depth_is_bounded_both_ways():
    endless = Tree("a")
    endless.parent = endless
    with pytest.raises(errors.LimitExceededError):
        encode(endless)
    kept: dict[str, Any] = {"name": "a"}
    for _ in range(40):
        kept = {"name": "a", "parent": kept}
    with pytest.raises(errors.LimitExceededError):
        decoder(Tree)(kept)


@dataclass
class WithSet:
    tags: set[str]


@dataclass
class WithUnion:
    value: Decimal | str


@dataclass
class WithInit:
    seed: InitVar[int]


@dataclass
class WithLength:
    name: Annotated[str, MaxLength(3)]


@dataclass
class WithMissing:
    other: "Missing"  # noqa: F821


@pytest.mark.parametrize(
    ("hint", "path", "fix"),
    [
        (WithSet, "M.f.tags", "register_type"),
        (list[WithUnion], "M.f.value", "one type"),
        (dict[int, str], "M.f", "JSON"),
        (WithInit, "M.f.seed", ""),
        (WithMissing, "WithMissing.other", "define it"),
    ],
)
def test_a_class_that_cannot_come_back_is_refused(hint: Any, path: str, fix: str):
    with pytest.raises(errors.InvalidModelError) as caught:
        read_nested(hint, "M.f")
    assert caught.value.path == path
    assert fix in (caught.value.hint or "")


@pytest.mark.parametrize("hint", [WithLength, list[Annotated[int, Gt(0)]]])
def test_a_bound_inside_json_is_not_built(hint: Any):
    with pytest.raises(errors.NotBuiltError):
        read_nested(hint, "M.f")


def test_the_core_is_told_of_the_classes(registered: dict[type[Any], Callable[[Any], Any]]):
    declare(model({"a": Everything, "b": list[Place], "c": Colour, "d": Level | None, "e": dict}))
    assert registered == dict.fromkeys((Everything, Colour, Level, Point, Place), encode)
