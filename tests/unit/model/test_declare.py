"""A class becomes a keyword-only dataclass, a table name, columns and a key."""

import copy
import pickle
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pydantic
import pytest

from dataflow import UNSET, MaxLength, auto, errors, field
from dataflow.model.declare import declare as declare_with
from dataflow.model.description import Description


def declare(cls: type[Any]) -> Description:
    return declare_with(cls, {})


def test_fields_may_come_in_any_order():
    class Product:
        price: Decimal = Decimal(1)
        name: str
        note: str | None = None

    declare(Product)
    assert vars(Product(name="Tea")) == {"id": UNSET, "price": Decimal(1), "name": "Tea", "note": None}
    assert Product(name="Tea") == Product(name="Tea")
    with pytest.raises(TypeError):
        Product("Tea")
    with pytest.raises(TypeError):
        Product(price=Decimal(2))


def test_without_a_key_there_is_an_automatic_id():
    class Product:
        name: str

    description = declare(Product)
    assert description.fields == ("id", "name")
    assert (description.key, description.automatic_key) == ("id", True)
    assert Product(name="a").id is UNSET
    assert Product(id=3, name="a").id == 3


@pytest.mark.parametrize("default", [{}, {"id": auto()}, {"id": field()}])
def test_an_int_field_id_is_automatic(default: dict[str, Any]):
    cls = type("Product", (), {"__annotations__": {"name": str, "id": int}, **default})
    description = declare(cls)
    assert (description.fields, description.key, description.automatic_key) == (("name", "id"), "id", True)
    assert cls(name="a").id is UNSET


def test_a_field_id_of_another_type_is_a_key_to_be_given():
    class Product:
        id: UUID

    description = declare(Product)
    assert (description.key, description.automatic_key) == ("id", False)
    with pytest.raises(TypeError):
        Product()


@pytest.mark.parametrize("key", ["code", ["code"], ("code",)])
def test_a_key_can_be_declared(key: Any):
    class Product:
        code: Annotated[str, MaxLength(9)]
        id: int
        __dataflow__: ClassVar = {"key": key}

    description = declare(Product)
    assert (description.key, description.automatic_key) == ("code", False)
    assert description.fields == ("code", "id")


def test_auto_declares_the_key():
    class Product:
        number: int = auto()

    description = declare(Product)
    assert (description.key, description.automatic_key) == ("number", True)


@pytest.mark.parametrize(
    ("name", "table"),
    [("Product", "product"), ("OrderItem", "order_item"), ("HTTPServer", "http_server"), ("V2Item", "v2_item")],
)
def test_the_table_is_the_class_in_snake_case(name: str, table: str):
    assert declare(type(name, (), {"__annotations__": {"a": int}})).table == table


def test_a_tablename_is_taken_as_it_is_and_not_inherited():
    class Base:
        __tablename__: ClassVar[str] = "Things"
        a: int

    class Child(Base):
        b: int

    assert declare(Base).table == "Things"
    assert declare(Child).table == "child"


def test_fields_of_parents_count():
    class Stamped:
        made_by: str

    class Product(Stamped):
        name: str

    assert declare(Product).fields == ("id", "made_by", "name")
    assert Product(name="a", made_by="b").made_by == "b"


def test_multi_tenancy_is_inherited():
    class Base:
        __dataflow__: ClassVar = {"multi_tenant": True}

    class Product(Base):
        name: str

    assert declare(Product).multi_tenant is True


def test_any_name_can_be_a_field():
    names = [
        "name",
        "description",
        "version",
        "tags",
        "key",
        "table",
        "columns",
        "order",
        "select",
        "class_",
        "metadata",
    ]
    cls = type("Odd", (), {"__annotations__": dict.fromkeys(names, str)})
    assert declare(cls).fields == ("id", *names)
    assert cls(**dict.fromkeys(names, "x")).order == "x"


def test_hints_may_be_strings():
    Length = MaxLength(3)

    class Product:
        name: "Annotated[str, Length]"

    declare_with(Product, locals())
    assert Product(name="abc").name == "abc"


def test_a_default_may_be_written_with_field():
    class Product:
        state: str = field(default="open")
        name: str = field()

    columns = {column.name: column.default for column in declare(Product).columns}
    assert columns == {"id": UNSET, "state": "open", "name": UNSET}
    assert Product(name="a").state == "open"


def test_class_variables_are_no_fields():
    class Product:
        limit: ClassVar[int] = 3
        __tablename__: str = "products"
        name: str

    assert declare(Product).fields == ("id", "name")
    assert Product.limit == 3


def test_a_class_is_declared_once():
    class Product:
        name: str

    assert declare(Product) is declare(Product)


def test_a_dataclass_stays_as_it_is():
    @dataclass
    class Product:
        name: str
        id: int = auto()

    description = declare(Product)
    assert (description.key, description.automatic_key) == ("id", True)
    assert Product("Tea").id is UNSET


def test_unset_is_one_object():
    assert copy.deepcopy(UNSET) is pickle.loads(pickle.dumps(UNSET)) is type(UNSET)() is UNSET
    assert (repr(UNSET), bool(UNSET)) == ("UNSET", False)


def cls(**body: Any) -> type[Any]:
    hints = body.pop("hints", {"a": int})
    return type("Product", (), {"__annotations__": hints, **body})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (cls(hints={"a": object}), "no column type"),
        (cls(hints={"a": "Missing"}), "not defined"),
        (cls(hints={"a": "int |"}), "no type"),
        (cls(a=None), "not optional"),
        (cls(b=auto()), "no type"),
        (cls(b=field(default=1)), "no type"),
        (cls(__dataflow__={"key": "b"}), "no field"),
        (cls(__dataflow__=["key"]), "must be a dict"),
        (cls(hints={"a": int, "b": int}, a=auto(), b=auto()), "only the key"),
        (cls(hints={"a": int, "b": int}, a=auto(), __dataflow__={"key": "b"}), "only the key"),
        (cls(hints={"id": int}, id=5), "no default"),
        (cls(__tablename__=5), "must be a str"),
        (cls(hints={"class": int}), "dataclass"),
    ],
)
def test_a_class_that_cannot_be_a_table_is_refused(model: type[Any], message: str):
    with pytest.raises(errors.InvalidModelError, match=message):
        declare(model)


@pytest.mark.parametrize(
    "model",
    [
        cls(hints={"tags": list[str]}, tags=[]),
        cls(__dataflow__={"key": ["a", "b"]}),
        cls(__dataflow__={"soft_delete": True}),
        cls(__dataflow__={"indexes": [{"fields": ["a"]}]}),
        cls(__slots__=()),
        dataclass(frozen=True)(cls()),
        dataclass(cls(a=dataclass_field(default_factory=int))),
        pydantic.create_model("Product", a=int),
    ],
)
def test_a_class_for_later_is_not_built(model: type[Any]):
    with pytest.raises(errors.NotBuiltError):
        declare(model)


def test_options_that_are_off_are_taken():
    off = {"soft_delete": False, "versioned": False, "timestamps": False, "append_only": False, "multi_tenant": False}
    description = declare(cls(__dataflow__={**off, "unique": [], "indexes": [], "checks": {}, "schema": None}))
    assert description.multi_tenant is False


def test_an_unknown_option_is_answered_with_the_one_meant():
    with pytest.raises(errors.UnknownOptionError) as caught:
        declare(cls(__dataflow__={"multi_tenent": True}))
    assert caught.value.hint == "did you mean `multi_tenant`?"


@pytest.mark.parametrize("options", [{"multi_tenant": "yes"}, {"key": 5}, {"key": []}, {"key": [5]}])
def test_an_option_of_the_wrong_type_is_refused(options: dict[str, Any]):
    with pytest.raises(errors.InvalidOptionError):
        declare(cls(__dataflow__=options))


def test_a_default_factory_is_not_built():
    with pytest.raises(errors.NotBuiltError):
        field(default_factory=list)
