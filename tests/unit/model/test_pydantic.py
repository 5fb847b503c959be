"""Pydantic models as models: read from their fields, and never changed."""

import subprocess
import sys
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID, uuid4

import pydantic
import pytest

from dataflow import UNSET, MaxLength, Ref, Unique, auto, errors
from dataflow.model.declare import declare
from tests.unit.model.declaring import columns, described, refused


class Order(pydantic.BaseModel):
    __tablename__ = "orders"
    __dataflow__ = {"unique": [["sku", "state"]]}

    id: int = auto()
    sku: Annotated[str, MaxLength(40), Unique()]
    customer_id: Annotated[int, Ref("Customer")] | None = None
    total: Decimal = pydantic.Field(max_digits=18, decimal_places=4, ge=0)
    state: str = pydantic.Field("open", max_length=10, alias="State")
    tags: list[str] = []
    token: UUID = pydantic.Field(default_factory=uuid4)
    _private: int = 3


def test_its_fields_are_the_columns():
    told = columns(Order)
    assert list(told) == ["id", "sku", "customer_id", "total", "state", "tags", "token"]
    assert told["sku"]["type"] == {"name": "text", "max_length": 40}
    assert told["total"]["type"] == {"name": "decimal", "precision": 18, "scale": 4}
    assert (told["state"]["default"], told["tags"]["default"], told["token"]["factory"]) == ("open", [], uuid4)
    assert told["customer_id"]["nullable"] is True


def test_its_constraints_are_those_of_the_table():
    told = described(Order)
    assert (told["table"], told["key"], told["automatic"]) == ("orders", ["id"], "database")
    assert told["unique"] == [["sku"], ["sku", "state"]]
    assert told["checks"] == {"total_ge": {"total": {"$gte": 0}}}
    assert told["references"][0]["model"] == "Customer"


def test_rows_come_back_without_being_validated_again():
    told = described(Order)
    made = told["construct"](id=5, sku="a", customer_id=None, total=1, state="paid", tags=[], token=UUID(int=1))
    assert type(made) is Order
    assert (made.id, made.sku, made.state, told["slots"]) == (5, "a", "paid", False)


def test_the_class_stays_as_it_is():
    described(Order)
    made = Order(sku="a", total=Decimal(1))
    assert (made.id, made.tags) == (UNSET, [])
    with pytest.raises(pydantic.ValidationError):
        Order(sku="a", total="x")


def test_what_it_refers_to_may_be_declared_later():
    class Person(pydantic.BaseModel):
        id: int = auto()
        home: "Home | None" = None

    class Home(pydantic.BaseModel):
        street: str

    assert declare(Person, {"Home": Home}).columns[1].type.core == {"name": "json"}


def test_what_it_refers_to_must_exist():
    class Person(pydantic.BaseModel):
        id: int = auto()
        home: "Missing"  # noqa: F821

    refused(Person, errors.InvalidModelError, "Person", "below")


@pytest.mark.parametrize(("options", "name"), [({}, "id"), ({"key": "code", "versioned": True}, "version")])
def test_a_field_it_lacks_must_be_declared(options: dict[str, Any], name: str):
    cls = type("Item", (pydantic.BaseModel,), {"__annotations__": {"code": int}, "__dataflow__": options})
    refused(cls, errors.InvalidModelError, f"Item.{name}", f"`{name}: int = auto()`")


def test_a_factory_that_sees_the_other_fields_is_refused():
    class Item(pydantic.BaseModel):
        id: int = auto()
        name: str = pydantic.Field(default_factory=lambda fields: str(fields["id"]))

    refused(Item, errors.InvalidModelError, "Item.name", "without arguments")


def test_a_dataclass_of_pydantic_is_a_dataclass():
    @pydantic.dataclasses.dataclass
    class Item:
        id: int = auto()
        name: str = pydantic.Field("x", max_length=5)

    told = described(Item)
    assert told["columns"][1]["type"] == {"name": "text", "max_length": 5}
    assert (told["columns"][1]["default"], told["construct"]) == ("x", None)


def test_pydantic_is_never_imported_by_us():
    program = "import sys, dataflow; assert not {'pydantic', 'annotated_types'} & set(sys.modules)"
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=60)
