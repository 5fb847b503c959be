"""Parents: mixins, dataclasses, models, abstract bases."""

import abc
from abc import abstractmethod
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import ClassVar

import pytest

from dataflow import UNSET, auto, errors, field
from tests.unit.model.declaring import columns, declare, described, model, refused


class Stamped:
    made_by: str = field(default="nobody")
    limit: ClassVar[int] = 3

    @property
    def shown(self) -> str:
        return f"by {self.made_by}"

    def copy(self) -> str:
        return "a copy"


def test_fields_of_a_mixin_count():
    class Product(Stamped):
        name: str

    assert list(columns(Product)) == ["id", "made_by", "name"]
    product = Product(name="a")
    assert (product.made_by, product.shown, product.copy(), product.limit) == ("nobody", "by nobody", "a copy", 3)
    assert Stamped.__init__ is object.__init__


def test_a_field_may_be_called_like_something_of_a_parent():
    cls = type("Product", (Stamped,), {"__annotations__": {"shown": str, "copy": int, "mro": str}})
    told = columns(cls)
    assert list(told) == ["id", "made_by", "shown", "copy", "mro"]
    assert [name for name, column in told.items() if "default" in column] == ["made_by"]
    made = cls(shown="x", copy=1, mro="y")
    assert (made.shown, made.copy, made.mro) == ("x", 1, "y")
    with pytest.raises(TypeError):
        cls(shown="x", copy=1)


def test_a_child_may_change_a_default():
    class Product(Stamped):
        made_by = "me"

    assert columns(Product)["made_by"]["default"] == "me"
    assert Product().made_by == "me"


def test_fields_and_settings_of_a_dataclass_parent_count():
    @dataclass
    class Base:
        secret: str = dataclass_field(default="x", repr=False)
        tags: list[str] = dataclass_field(default_factory=list)

    class Product(Base):
        name: str

    told = columns(Product)
    assert (told["secret"]["default"], told["tags"]["default"]) == ("x", [])
    assert "secret" not in repr(Product(name="a"))
    assert Product(name="a").tags is not Product(name="a").tags
    assert Base("y").secret == "y"


def test_a_child_of_a_model_is_a_table_of_its_own():
    base = model({"code": int}, "Base", __tablename__="things", __dataflow__={"multi_tenant": True})
    declare(base)
    child = type("Child", (base,), {"__annotations__": {"name": str}})
    assert (described(base)["table"], described(child)["table"]) == ("things", "child")
    assert list(columns(child)) == ["id", "code", "name"]
    assert list(columns(base)) == ["id", "code"]
    assert described(child)["multi_tenant"] is True
    assert child(code=1, name="a").id is UNSET


def test_a_child_does_not_keep_what_its_parent_was_given():
    base = model({"code": int}, "Base", __dataflow__={"versioned": True, "timestamps": True})
    declare(base)
    options = {"key": "code", "versioned": False}
    child = type("Child", (base,), {"__annotations__": {"name": str}, "__dataflow__": options})
    assert list(columns(child)) == ["code", "name", "created_at", "updated_at"]
    assert described(child)["key"] == ["code"]


def test_a_default_that_is_copied_is_inherited():
    base = model({"tags": list[str]}, "Base", tags=["a"])
    declare(base)
    child = type("Child", (base,), {"__annotations__": {"name": str}})
    assert columns(child)["tags"]["default"] == ["a"]
    assert child(name="x").tags == ["a"]


def test_the_parent_of_a_model_may_be_abstract():
    class Base(abc.ABC):
        __dataflow__: ClassVar = {"versioned": True}
        name: str

        @abstractmethod
        def shout(self) -> str: ...

    class Product(Base):
        def shout(self) -> str:
            return self.name.upper()

    refused(Base, errors.InvalidModelError, "Base", "derived")
    assert list(columns(Product)) == ["id", "name", "version"]
    assert Product(name="a").shout() == "A"


def test_a_child_of_a_frozen_dataclass_is_frozen():
    @dataclass(frozen=True)
    class Base:
        name: str

    class Product(Base):
        price: int

    assert described(Product)["slots"] is True
    with pytest.raises(AttributeError):
        Product(name="a", price=1).price = 2


def test_a_child_of_a_class_with_slots_has_both():
    @dataclass(slots=True)
    class Base:
        name: str

    class Product(Base):
        price: int = 3

    assert described(Product)["slots"] is True
    assert vars(Product(name="a")) == {"id": UNSET, "price": 3}


def test_names_of_a_parent_are_those_of_its_module():
    class Base:
        value: "Any2"  # noqa: F821

    Base.__module__ = "tests.unit.model.declaring"
    refused(type("Child", (Base,), {}), errors.InvalidModelError, "Child.value", "define it")


def test_auto_of_a_parent_counts():
    class Base:
        number: int = auto()

    assert described(type("Child", (Base,), {}))["key"] == ["number"]
