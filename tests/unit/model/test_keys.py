"""Keys: automatic, given, of several fields."""

from enum import IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import pytest

from dataflow import UNSET, MaxLength, Ref, auto, errors, field
from tests.unit.model.declaring import columns, declare, described, model, refused

Code = Annotated[str, MaxLength(9)]


def key_of(cls: type[Any]) -> tuple[list[str], str | None]:
    described_as = described(cls)
    return described_as["key"], described_as["automatic"]


def test_without_a_key_there_is_an_automatic_id():
    class Product:
        name: str

    assert key_of(Product) == (["id"], "database")
    assert list(columns(Product)) == ["id", "name"]
    assert Product(name="a").id is UNSET
    assert Product(id=3, name="a").id == 3


@pytest.mark.parametrize("default", [{}, {"id": auto()}, {"id": field()}])
def test_an_int_field_id_is_automatic(default: dict[str, Any]):
    cls = model({"name": str, "id": int}, **default)
    assert key_of(cls) == (["id"], "database")
    assert list(columns(cls)) == ["name", "id"]
    assert cls(name="a").id is UNSET


def test_auto_on_a_uuid_is_made_by_us():
    for cls in (model({"id": UUID}, id=auto()), model({"number": UUID}, number=auto())):
        assert key_of(cls)[1] == "uuid7"
        assert cls().__dict__ == dict.fromkeys(declare(cls).key, UNSET)


def test_auto_declares_the_key():
    assert key_of(model({"number": int, "id": int}, number=auto())) == (["number"], "database")


@pytest.mark.parametrize("kind", [UUID, Code, Annotated[int, Ref("Other")]])
def test_any_other_field_id_is_a_key_to_be_given(kind: Any):
    cls = model({"id": kind})
    assert key_of(cls) == (["id"], None)
    with pytest.raises(TypeError):
        cls()


def test_a_choice_is_no_automatic_key():
    class Level(IntEnum):
        LOW = 1

    assert key_of(model({"id": Level})) == (["id"], None)
    assert key_of(model({"id": Literal[1, 2]})) == (["id"], None)


@pytest.mark.parametrize("key", ["code", ["code"], ("code",)])
def test_a_key_can_be_declared(key: Any):
    cls = model({"code": Code, "id": int}, __dataflow__={"key": key})
    assert key_of(cls) == (["code"], None)
    assert list(columns(cls)) == ["code", "id"]


def test_a_key_can_have_several_fields():
    cls = model({"name": str, "no": int, "region": Code}, __dataflow__={"key": ["region", "no"]})
    assert key_of(cls) == (["region", "no"], None)
    assert list(columns(cls)) == ["name", "no", "region"]


def test_a_key_can_be_made_by_a_factory():
    cls = model({"id": UUID}, id=field(default_factory=uuid4))
    assert key_of(cls) == (["id"], None)
    assert columns(cls)["id"]["factory"] is uuid4


def test_a_declared_id_may_be_left_out_of_the_class():
    assert key_of(model({"name": str}, __dataflow__={"key": "id"})) == (["id"], "database")


@pytest.mark.parametrize(
    ("cls", "path", "message", "hint"),
    [
        (model({"a": int}, __dataflow__={"key": "b"}), "Product.b", "no field", "did you mean `a`?"),
        (model({"number": int}, __dataflow__={"key": "nummber"}), "Product.nummber", "no field", "`number`"),
        (model({"a": int, "b": int}, a=auto(), b=auto()), "Product.b", "only the key", None),
        (model({"a": int, "b": int}, a=auto(), __dataflow__={"key": "b"}), "Product.a", "only the key", None),
        (
            model({"a": int, "b": int}, a=auto(), __dataflow__={"key": ["a", "b"]}),
            "Product.a",
            "only the key",
            "given by the caller",
        ),
        (model({"id": int}, id=5), "Product.id", "no default", "id: int = auto()"),
        (model({"id": int | None}, id=None), "Product.id", "cannot be optional", "auto()"),
        (model({"id": int | None}, id=auto()), "Product.id", "cannot be optional", "auto()"),
        (model({"no": int | None}, __dataflow__={"key": "no"}), "Product.no", "cannot be optional", "| None"),
        (model({"id": Code}, id=auto()), "Product.id", "int or UUID", "id: UUID = auto()"),
        (model({"id": Literal[1]}, id=auto()), "Product.id", "int or UUID", "auto()"),
        (model({"code": str}, __dataflow__={"key": "code"}), "Product.code", "MaxLength", "code: Annotated[str,"),
        (model({"no": int, "c": str}, __dataflow__={"key": ["no", "c"]}), "Product.c", "MaxLength", "MaxLength(100)"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused(cls: type[Any], path: str, message: str, hint: str | None):
    assert message in refused(cls, errors.InvalidModelError, path, hint)
