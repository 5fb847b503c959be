"""Defaults: constants, copies and factories, for the class and for the core."""

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from dataflow import auto, errors, field
from tests.unit.model.declaring import columns, model, refused


class Colour(Enum):
    RED = "red"


@dataclass
class Address:
    street: str
    tax: Decimal = Decimal("0.5")


def default_of(hint: Any, default: Any) -> dict[str, Any]:
    """What the core is told of the default, and nothing else."""
    told = columns(model({"f": hint}, f=default))["f"]
    return {name: told[name] for name in ("default", "factory") if name in told}


@pytest.mark.parametrize(
    ("hint", "default", "told"),
    [
        (str, "a", "a"),
        (int | None, None, None),
        (str, field(default="a"), "a"),
        (str, dataclasses.field(default="a"), "a"),
        (Colour, Colour.RED, "red"),
        (list[Colour], [Colour.RED], ["red"]),
        (list[bytes], [b"a"], [b"a"]),
        (dict, {"a": [1]}, {"a": [1]}),
        (dict[str, Any], {"a": Decimal(1)}, {"a": "1"}),
        (Address, Address("x"), {"street": "x", "tax": "0.5"}),
        (list[Address], [Address("x")], [{"street": "x", "tax": "0.5"}]),
        (list[str], field(default_factory=list), []),
        (list[str], dataclasses.field(default_factory=list), []),
        (list[str], field(default_factory=set), []),
        (dict, field(default_factory=dict), {}),
        (str, field(default_factory=str), ""),
    ],
)
def test_a_constant_is_told_to_the_core(hint: Any, default: Any, told: Any):
    assert default_of(hint, default) == {"default": told}


@pytest.mark.parametrize("make", [field, dataclasses.field])
def test_any_other_factory_is_called_for_each_row(make: Any):
    numbers = iter(range(9))
    cls = model({"f": int}, f=make(default_factory=lambda: next(numbers)))
    assert "default" not in columns(cls)["f"]
    assert columns(cls)["f"]["factory"]() == 0
    assert (cls().f, cls().f) == (1, 2)


@pytest.mark.parametrize("default", [auto, field, dataclasses.field])
def test_without_a_default_nothing_is_told(default: Any):
    assert default_of(int, field()) == default_of(int, dataclasses.field()) == {}


@pytest.mark.parametrize(("hint", "default"), [(list[str], ["a"]), (dict, {"a": 1}), (Address, Address("x"))])
def test_what_can_be_changed_is_copied_for_each_instance(hint: Any, default: Any):
    cls = model({"f": hint}, f=default)
    columns(cls)
    assert cls().f == cls().f == default
    assert cls().f is not cls().f
    assert cls().f is not default


def test_fields_may_come_in_any_order():
    class Product:
        price: Decimal = Decimal(1)
        name: str
        note: str | None = None

    columns(Product)
    assert Product(name="Tea") == Product(name="Tea")
    with pytest.raises(TypeError):
        Product("Tea")
    with pytest.raises(TypeError):
        Product(price=Decimal(2))


def test_settings_of_a_dataclass_field_are_kept():
    made = dataclasses.field(init=False, default=0)
    cls = model({"secret": str, "made": int}, secret=dataclasses.field(repr=False), made=made)
    columns(cls)
    assert "secret" not in repr(cls(secret="x"))
    with pytest.raises(TypeError):
        cls(secret="x", made=1)


@pytest.mark.parametrize(
    ("hint", "default", "message", "fix"),
    [
        (int, None, "not optional", "f: … | None = None"),
        (dict, {"a": object()}, "cannot be kept", None),
        (dict, {1: "a"}, "keys of JSON are str", None),
    ],
)
def test_a_default_that_cannot_be_kept_is_refused(hint: Any, default: Any, message: str, fix: str | None):
    assert message in refused(model({"f": hint}, f=default), errors.InvalidModelError, "Product.f", fix)


@pytest.mark.parametrize("default", [auto(), field(default=1), dataclasses.field(default=1)])
def test_a_default_without_a_type_is_refused(default: Any):
    refused(model({"a": int}, b=default), errors.InvalidModelError, "Product.b", "b: int = …")


def test_a_field_has_one_default():
    with pytest.raises(errors.InvalidModelError, match="not both"):
        field(default=1, default_factory=int)
    with pytest.raises(errors.InvalidModelError, match="called"):
        field(default_factory=[])
