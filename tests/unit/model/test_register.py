"""Classes of the user stored as a known type."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Unique, errors, register_type
from dataflow.model.nested import encode, read_nested
from tests.unit.model.declaring import column, columns, model


class Email:
    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Email) and other.text == self.text


def render(email: Email) -> str:
    return email.text


@pytest.fixture(autouse=True)
def email(registered: dict[type[Any], Callable[[Any], Any]]) -> None:
    register_type(Email, storage=Annotated[str, MaxLength(40)], encode=render, decode=Email)


def test_it_is_stored_as_its_storage():
    told = column(Annotated[Email, Unique()] | None)
    assert (told["type"], told["nullable"]) == ({"name": "text", "max_length": 40}, True)
    assert told["decode"] is Email


def test_the_core_is_told_how_to_encode(registered: dict[type[Any], Callable[[Any], Any]]):
    assert registered == {Email: render}


def test_a_default_is_told_as_it_is_stored():
    assert columns(model({"f": Email}, f=Email("a@b")))["f"]["default"] == "a@b"


def test_a_list_of_it_comes_back_as_such():
    told = column(list[Email])
    assert told["type"] == {"name": "list", "item": {"name": "text", "max_length": 40}}
    assert told["decode"](["a@b"]) == [Email("a@b")]


def test_it_may_be_inside_json():
    @dataclass
    class Person:
        email: Email

    decode, _ = read_nested(Person, "M.f")
    assert encode(Person(Email("a@b"))) == {"email": "a@b"}
    assert decode is not None
    assert decode({"email": "a@b"}) == Person(Email("a@b"))


def test_a_dataclass_may_be_stored_otherwise_than_as_json():
    @dataclass
    class Money:
        cents: int

    register_type(Money, storage=Decimal, encode=lambda money: Decimal(money.cents).scaleb(-2), decode=Money)
    assert column(Money)["type"]["name"] == "decimal"


def test_the_same_again_changes_nothing():
    DataFlow.register_type(Email, storage=Annotated[str, MaxLength(40)], encode=render, decode=Email)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"hint": "Email"}, "hint"),
        ({"hint": int}, "hint"),
        ({"hint": dict}, "hint"),
        ({"encode": str}, "hint"),
        ({"storage": str}, "hint"),
        ({"encode": 5}, "encode"),
        ({"decode": None}, "decode"),
        ({"storage": object}, "storage"),
        ({"storage": "str"}, "storage"),
        ({"storage": str | None}, "storage"),
        ({"storage": Email}, "storage"),
        ({"storage": Annotated[str, MaxLength(9), Unique()]}, "storage"),
    ],
)
def test_a_registration_that_cannot_be_one_is_refused(change: dict[str, Any], path: str):
    given = {"hint": Email, "storage": Annotated[str, MaxLength(40)], "encode": render, "decode": Email}
    with pytest.raises(errors.InvalidOptionError) as caught:
        register_type(**{**given, **change})
    assert caught.value.path == path
