"""Mistakes in a plain class below `@db.model`; lines with an error end in `# wrong`. Never run."""

from dataflow import DataFlow, auto

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
