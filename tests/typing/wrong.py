"""Mistakes that every type checker must report; lines with an error end in `# wrong`. Never run."""

from dataclasses import dataclass

from dataflow import DataFlow, WorkflowBuilder  # wrong
from dataflow.errors import NoSuchError  # wrong

print(WorkflowBuilder, NoSuchError)


@dataclass(kw_only=True)
class Product:
    name: str


@dataclass(kw_only=True)
class Other:
    name: str


DataFlow(pool_sise=5)  # wrong
DataFlow(pool_size="5")  # wrong
DataFlow(schema_mode="make")  # wrong
db = DataFlow(5)  # wrong
products = db.table(db.model(Product))
products.create(Other(name="a"))  # wrong
products.create({"name": "a"})  # wrong
print(products.read(1).nmae)  # wrong
products.read()  # wrong
products.list({1: 2})  # wrong
products.list(limit="5")  # wrong
products.list(order_by=5)  # wrong
products.list()["a"]  # wrong
products.bulk_create(5)  # wrong
products.bulk_create([], on_conflict="explode")  # wrong
products.bulk_create([], on_conflikt="error")  # wrong
print(products.bulk_create([]).insertet)  # wrong
products.update(1)  # wrong
number: int = products.count  # wrong
text: str = products.create(name="a")  # wrong
db.transaction(isolation=5)  # wrong
db.transaction().on_commit(lambda extra: None)  # wrong
db.tenant(None)  # wrong
db.migrate()  # wrong
db.bind(len)(5)  # wrong
