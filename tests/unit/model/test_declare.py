"""A class becomes a dataclass, a table name and columns; a dataclass stays what it is."""

import copy
import pickle
from dataclasses import KW_ONLY, FrozenInstanceError, InitVar, dataclass
from enum import Enum
from typing import Annotated, Any, ClassVar, NamedTuple, TypedDict

import pytest

from dataflow import UNSET, MaxLength, auto, errors, field
from dataflow.model.declare import declare as declare_with
from tests.unit.model.declaring import columns, declare, described, model, refused


@pytest.mark.parametrize(
    ("name", "table"),
    [("Product", "product"), ("OrderItem", "order_item"), ("HTTPServer", "http_server"), ("V2Item", "v2_item")],
)
def test_the_table_is_the_class_in_snake_case(name: str, table: str):
    assert described(model({"a": int}, name))["table"] == table


def test_a_tablename_is_taken_as_it_is_and_not_inherited():
    class Base:
        __tablename__: ClassVar[str] = "Things"
        a: int

    class Child(Base):
        b: int

    assert (declare(Base).table, declare(Child).table) == ("Things", "child")


def test_what_the_core_is_told_of_a_field():
    assert columns(model({"a": int | None}, a=3))["a"] == {
        "name": "a",
        "type": {"name": "int"},
        "nullable": True,
        "default": 3,
        "role": "field",
        "decode": None,
        "encode": None,
    }


NAMES = [
    *("name", "description", "version", "tags", "key", "table", "columns", "order", "select", "class_", "metadata"),
    *("group", "c", "list", "count", "create", "id_", "self", "cls", "field", "fields", "default", "mro", "items"),
    *("int", "str", "dict", "register", "model", "hint", "_private", "_Product__mangled", "größe", "x" * 60),
]


def test_any_name_can_be_a_field():
    cls = model(dict.fromkeys(NAMES, str))
    assert list(columns(cls)) == ["id", *NAMES]
    made = cls(**{name: f"value of {name}" for name in NAMES})
    assert [getattr(made, name) for name in NAMES] == [f"value of {name}" for name in NAMES]
    assert vars(made).keys() == {"id", *NAMES}


def test_the_class_gains_no_name_that_could_hide_a_field():
    class Product:
        name: str

    before = set(dir(Product))
    declare(Product)
    gained = set(dir(Product)) - before - {"id"}
    assert all(name.startswith("__") and name.endswith("__") for name in gained)


def test_hints_may_be_strings():
    Length = MaxLength(3)

    class Product:
        class Kind(Enum):
            A = "a"

        name: "Annotated[str, Length]"
        kind: "Kind"
        list: "list[str]"
        int: "int | None" = None

        def str(self) -> int:
            return 1

    told = {column.name: column.type for column in declare_with(Product, locals()).columns}
    assert told["name"].core["max_length"] == 3
    assert told["kind"].decode is Product.Kind
    assert (told["list"].name, told["int"].name) == ("list", "int")


def test_a_class_may_name_itself():
    @dataclass(slots=True)
    class Node:
        id: int = auto()
        children: "list[Node] | None" = None

    decode = columns(Node)["children"]["decode"]
    assert decode([{"id": 5, "children": [{"id": 6}]}]) == [Node(5, [Node(6)])]


def test_class_variables_and_methods_are_no_fields():
    class Product:
        limit: ClassVar[int] = 3
        written: "ClassVar[int]" = 4
        _: KW_ONLY
        __tablename__: str = "products"
        plain = 5
        name: str

        @property
        def shown(self) -> str:
            return self.name.upper()

        @classmethod
        def make(cls) -> "Product":
            return cls(name="made")

    assert list(columns(Product)) == ["id", "name"]
    assert (Product.limit, Product.written, Product.plain, Product.make().shown) == (3, 4, 5, "MADE")


def test_a_class_is_declared_once():
    class Product:
        name: str

    assert declare(Product) is declare(Product)


def test_a_refused_class_stays_as_it_was():
    cls = model({"name": str, "b": object}, name=field(default="x"))
    before = dict(vars(cls))
    with pytest.raises(errors.InvalidModelError):
        declare(cls)
    assert dict(vars(cls)) == before


def test_a_dataclass_stays_as_it_is():
    @dataclass
    class Product:
        name: str
        id: int = auto()

    before = Product.__init__
    told = described(Product)
    assert (told["key"], told["automatic"], told["slots"], told["construct"]) == (["id"], "database", False, None)
    assert Product("Tea").id is UNSET
    assert Product.__init__ is before


def test_fields_a_dataclass_lacks_are_attributes():
    @dataclass
    class Product:
        name: str
        __dataflow__ = {"versioned": True}  # noqa: RUF012

    assert list(columns(Product)) == ["id", "name", "version"]
    assert Product("Tea").id is Product("Tea").version is UNSET


def test_a_frozen_dataclass_is_filled_attribute_by_attribute():
    @dataclass(frozen=True)
    class Product:
        name: str

    assert described(Product)["slots"] is True
    with pytest.raises(FrozenInstanceError):
        Product("Tea").name = "Coffee"


def test_a_dataclass_with_slots_is_filled_attribute_by_attribute():
    @dataclass(slots=True)
    class Product:
        id: int = auto()
        name: str = "Tea"

    assert described(Product)["slots"] is True
    assert not hasattr(Product(), "__dict__")


def test_a_dataclass_with_slots_declares_all_its_fields():
    @dataclass(slots=True)
    class Product:
        name: str

    refused(Product, errors.InvalidModelError, "Product.id", "declare `id: int = auto()`")


def test_unset_is_one_object():
    assert copy.deepcopy(UNSET) is pickle.loads(pickle.dumps(UNSET)) is type(UNSET)() is UNSET
    assert (repr(UNSET), bool(UNSET)) == ("UNSET", False)


class Pair(NamedTuple):
    a: int


class Window(TypedDict):
    a: int


class Numbers(dict[str, int]):
    a: int


@dataclass
class Seeded:
    a: int
    seed: InitVar[int]


@pytest.mark.parametrize(
    ("cls", "path", "message", "hint"),
    [
        (model({"a": object}), "Product.a", "no column type", "register_type"),
        (model({"a": "Missing"}), "Product.a", "`Missing`, which is not defined", "define it"),
        (model({"a": "int |"}), "Product.a", "no type", None),
        (model({"a": int}, __tablename__=5), "Product.__tablename__", "must be a str", None),
        (model({"class": int}), "Product", "dataclass", None),
        (model({"a": int}, a=property(lambda self: 1)), "Product.a", "field and a method", "rename"),
        (model({"a": InitVar[int]}), "Product.a", "InitVar", None),
        (model({"a": "InitVar[int]"}, InitVar=InitVar), "Product.a", "InitVar", None),
        (Seeded, "Seeded.seed", "InitVar", None),
        (model({"a": int}, __slots__=()), "Product", "__slots__", "@dataclass(slots=True)"),
        (Pair, "Pair", "built-in base", "NamedTuple"),
        (Window, "Window", "built-in base", "TypedDict"),
        (Numbers, "Numbers", "built-in base", "dict"),
    ],
)
def test_a_class_that_cannot_be_a_table_is_refused(cls: type[Any], path: str, message: str, hint: str | None):
    assert message in refused(cls, errors.InvalidModelError, path, hint)


@pytest.mark.parametrize("given", [5, "Product", lambda: None])
def test_a_model_is_a_class(given: Any):
    with pytest.raises(errors.InvalidModelError, match="is a class") as caught:
        declare(given)
    assert "without brackets" in (caught.value.hint or "")
