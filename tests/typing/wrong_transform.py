"""Mistakes in a plain class below `@db.model`; lines with an error end in `# wrong`. Never run."""

from typing import Annotated

from dataflow import DataFlow, Index, MaxLength, Ref, auto, field, register_type

db = DataFlow()


@db.model
class Product:
    id: int = auto()
    qty: int = 0
    name: str


Product("Tea")  # wrong
Product(nmae="Tea")  # wrong
Product(qty=1)  # wrong
Product(name=5)  # wrong


@db.model
class Order:
    sku: Annotated[str, MaxLength("40")]  # wrong
    product_id: Annotated[int, Ref("Product", on_delete="casade")]  # wrong
    total: Annotated[int, Index("dsc")]  # wrong
    tags: list[str] = field(default_factory=int)  # wrong
    version: int = auto()


Order(sku="a", product_id=1)  # wrong
Order(sku="a", product_id=1, total=1, version="x")  # wrong
register_type(Order, storage=str, encode=str)  # wrong
