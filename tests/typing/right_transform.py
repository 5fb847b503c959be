"""A plain class below `@db.model`: for checkers that follow `dataclass_transform` on methods. Never run."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, ClassVar, Literal, assert_type
from uuid import UUID

from dataflow import DataFlow, Index, MaxLength, Ref, Unique, auto, field, register_type

db = DataFlow()


@db.model
class Product:
    id: int = auto()
    qty: int = 0
    state: str = field(default="open")
    name: str


Product(name="Tea")
Product(id=3, qty=1, state="sold", name="Tea")
db.table(Product).create(Product(name="Tea"))


class Colour(Enum):
    RED = "red"


@dataclass
class Address:
    street: str


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


register_type(Money, storage=Decimal, encode=lambda money: Decimal(money.cents), decode=lambda kept: Money(int(kept)))


@db.model
class Order:
    id: UUID = auto()
    sku: Annotated[str, MaxLength(40), Unique()]
    product_id: Annotated[int | None, Ref(Product, on_delete="set_null", related="orders")] = None
    placed: Annotated[datetime, Index("desc")]
    state: Literal["open", "paid"] = "open"
    colours: list[Colour] = field(default_factory=list)
    address: Address | None = None
    extras: dict[str, int] = {}  # noqa: RUF012
    paid: Money = field(default_factory=lambda: Money(0))
    version: int = auto()
    __dataflow__: ClassVar = {"versioned": True, "unique": [["sku", "state"]]}


order = Order(placed=datetime.now(), sku="a")
assert_type(order.version, int)
assert_type(order.colours, list[Colour])
assert_type(db.table(Order).read(order.id).address, Address | None)
