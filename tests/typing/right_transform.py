"""A plain class below `@db.model`: for checkers that follow `dataclass_transform` on methods. Never run."""

from dataflow import DataFlow, auto, field

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
