"""What is written beside a type: ours, those of annotated-types, those of pydantic."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import annotated_types as at
import pydantic
import pytest

from dataflow import Index, MaxLength, Precision, Ref, errors
from tests.unit.model.declaring import column, described, model, refused

DAY = date(2024, 2, 29)
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


def checks_of(hint: Any, **body: Any) -> dict[str, Any]:
    return described(model({"f": hint}, **body))["checks"]


@pytest.mark.parametrize(
    ("hint", "checks"),
    [
        (Annotated[int, at.Gt(0)], {"f_gt": {"f": {"$gt": 0}}}),
        (Annotated[float, at.Ge(0.5)], {"f_ge": {"f": {"$gte": 0.5}}}),
        (Annotated[Decimal, at.Lt(Decimal(9))], {"f_lt": {"f": {"$lt": Decimal(9)}}}),
        (Annotated[date, at.Le(DAY)], {"f_le": {"f": {"$lte": DAY}}}),
        (Annotated[datetime, at.Gt(NOON)], {"f_gt": {"f": {"$gt": NOON}}}),
        (Annotated[timedelta, at.Gt(timedelta(0))], {"f_gt": {"f": {"$gt": timedelta(0)}}}),
        (Annotated[int, at.Interval(ge=1, lt=9)], {"f_ge": {"f": {"$gte": 1}}, "f_lt": {"f": {"$lt": 9}}}),
        (Annotated[int, pydantic.Field(gt=0, le=9)], {"f_gt": {"f": {"$gt": 0}}, "f_le": {"f": {"$lte": 9}}}),
        (pydantic.PositiveInt, {"f_gt": {"f": {"$gt": 0}}}),
        (Literal[1, 2], {"f_choice": {"f": {"$in": [1, 2]}}}),
        (Annotated[str, at.MinLen(3)], {"f_min_length": {"f": {"$like": "___%"}}}),
        (Annotated[str, at.MinLen(0)], {}),
        (Annotated[int, at.Unit("kg"), at.doc("a weight")], {}),
    ],
)
def test_a_bound_is_a_check(hint: Any, checks: dict[str, Any]):
    assert checks_of(hint) == checks
    passing = {name: {"$or": [{"f": None}, check]} for name, check in checks.items()}
    assert checks_of(hint | None) == checks_of(Annotated[hint | None, "note"]) == passing


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[str, MaxLength(40)],
        Annotated[str, at.MaxLen(40)],
        Annotated[str, at.Len(0, 40)],
        Annotated[str, pydantic.Field(max_length=40)],
        Annotated[str, pydantic.StringConstraints(max_length=40)],
    ],
)
def test_a_most_length_is_that_of_the_column(hint: Any):
    assert column(hint)["type"] == {"name": "text", "max_length": 40}


def test_pydantics_digits_are_a_precision():
    hint = Annotated[Decimal, pydantic.Field(max_digits=18, decimal_places=4)]
    assert column(hint)["type"] == column(Annotated[Decimal, Precision(18, 4)])["type"]


def test_pydantics_field_may_stand_behind_the_sign():
    cls = model({"f": int, "g": str}, f=pydantic.Field(gt=0), g=pydantic.Field("x", max_length=4))
    assert described(cls)["checks"] == {"f_gt": {"f": {"$gt": 0}}}
    assert cls(f=1).g == "x"
    with pytest.raises(TypeError):
        cls()


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[int, at.MultipleOf(3)],
        Annotated[str, at.MinLen(101)],
        Annotated[str, at.Predicate(str.islower)],
        Annotated[str, pydantic.Field(pattern="a+")],
        Annotated[str, pydantic.StringConstraints(strip_whitespace=True)],
        Annotated[float, pydantic.Field(allow_inf_nan=False)],
        Annotated[int, pydantic.AfterValidator(abs)],
        list[Annotated[int, at.Gt(0)]],
        dict[str, Annotated[str, MaxLength(3)]],
    ],
)
def test_a_bound_that_would_not_be_enforced_is_not_built(hint: Any):
    refused(model({"f": hint}), errors.NotBuiltError, "Product.f", "README")


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (Annotated[bool, at.Gt(False)], "Gt"),
        (Annotated[bytes, at.Le(b"")], "Le"),
        (Annotated[Literal["a"], at.Gt("a")], "Gt"),
        (Annotated[dict, at.MinLen(1)], "MinLength"),
        (Annotated[list[int], at.MaxLen(3)], "MaxLength"),
        (Annotated[int, at.Gt(0), at.Interval(gt=5)], "Gt twice"),
        (Annotated[str, at.MaxLen(3), MaxLength(4)], "MaxLength twice"),
        (Annotated[str, at.MaxLen(16_001)], "from 1 to 16000"),
        (Annotated[Decimal, pydantic.Field(max_digits=5)], "one of max_digits and decimal_places"),
        (Annotated[Decimal, pydantic.Field(max_digits=50, decimal_places=2)], "from 1 to 38"),
        (Annotated[int, pydantic.Field(default=3)], "default inside Annotated"),
    ],
)
def test_a_foreign_marker_that_does_not_fit_is_refused(hint: Any, message: str):
    assert message in refused(model({"f": hint}), errors.InvalidModelError, "Product.f")


def test_a_check_of_a_marker_keeps_its_name():
    cls = model({"f": Annotated[int, at.Gt(0)]}, __dataflow__={"checks": {"f_gt": {"f": {"$gt": 1}}}})
    refused(cls, errors.InvalidModelError, "Product.__dataflow__.checks.f_gt", "another name")


@pytest.mark.parametrize("length", [0, -1, 16_001, "3", True, 1.5])
def test_a_length_is_a_positive_int(length: Any):
    with pytest.raises(errors.InvalidModelError, match="MaxLength is an int from 1 to 16000"):
        MaxLength(length)


@pytest.mark.parametrize(("digits", "scale"), [(0, 0), (39, 0), (4, 5), (4, -1), ("4", 1)])
def test_a_precision_has_38_digits_at_most(digits: Any, scale: Any):
    with pytest.raises(errors.InvalidModelError, match="Precision"):
        Precision(digits, scale)


def test_the_order_of_an_index_is_one_of_two():
    with pytest.raises(errors.InvalidModelError, match="asc, desc") as caught:
        Index("des")
    assert caught.value.hint == "did you mean `desc`?"


class Customer:
    name: str


@pytest.mark.parametrize("to", ["Customer", Customer])
def test_a_reference_names_model_and_relation(to: Any):
    hints = {"customer_id": Annotated[int, Ref(to, on_delete="cascade", related="orders")]}
    assert described(model(hints))["references"] == [
        {
            "field": "customer_id",
            "model": "Customer",
            "on_delete": "cascade",
            "related": "orders",
            "relation": "customer",
        }
    ]


def test_a_reference_restricts_unless_told_otherwise():
    assert described(model({"code": Annotated[int | None, Ref("Customer")]}))["references"] == [
        {"field": "code", "model": "Customer", "on_delete": "restrict", "related": None, "relation": None}
    ]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ({"model": 5}, "class or name", 'Ref("Customer")'),
        ({"model": "public.customer"}, "class or name", 'Ref("Customer")'),
        ({"model": "Customer", "on_delete": "casade"}, "one of restrict", "`cascade`"),
        ({"model": "Customer", "related": ""}, "related", "orders"),
        ({"model": "Customer", "related": "my orders"}, "related", "orders"),
    ],
)
def test_a_reference_that_cannot_be_one_is_refused(arguments: dict[str, Any], message: str, hint: str):
    with pytest.raises(errors.InvalidModelError, match=message) as caught:
        Ref(**arguments)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("hints", "path", "hint"),
    [
        ({"a_id": Annotated[str, Ref("A")]}, "Product.a_id", "MaxLength(100)"),
        ({"a_id": Annotated[int, Ref("A", on_delete="set_null")]}, "Product.a_id", "| None"),
        ({"a_id": Annotated[int, Ref("A")], "a": int}, "Product.a_id", "rename"),
        (
            {"a_id": Annotated[int, Ref("A", related="x")], "b_id": Annotated[int, Ref("A", related="x")]},
            "Product.b_id",
            "another `related`",
        ),
        ({"a_id": list[Annotated[int, Ref("A")]]}, "Product.a_id", "on the list"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused(hints: dict[str, Any], path: str, hint: str):
    refused(model(hints), errors.InvalidModelError, path, hint)
