"""Mistakes that every type checker must report; lines with an error end in `# wrong`. Never run."""

from dataclasses import dataclass

from dataflow import DataFlow, create_gateway_api  # wrong
from dataflow.errors import NoSuchError  # wrong

print(create_gateway_api, NoSuchError)


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
products.list(after=5)  # wrong
products.list(total="all")  # wrong
products.stream(limit=5)  # wrong
products.list()["a"]  # wrong
products.bulk_create(5)  # wrong
products.bulk_create([], on_conflict="explode")  # wrong
products.bulk_create([], on_conflikt="error")  # wrong
print(products.bulk_create([]).insertet)  # wrong
products.list(5)  # wrong
products.count("a")  # wrong
products.list(products.c.name)  # wrong
products.c.name.isin(5)  # wrong
products.where("name")  # wrong
products.where(products.c.name)  # wrong
products.where().order_by(1)  # wrong
products.where().limit("1")  # wrong
products.where().list(limit=1)  # wrong
products.where().update()  # wrong
products.c.orders.some(5)  # wrong
products.c.name.like(5)  # wrong
products.c[5]  # wrong
print((products.c.name == "a") & 5)  # wrong
print(products.c.name + "a")  # wrong
products.update()  # wrong
products.update(1)  # wrong
products.update(1, 5)  # wrong
products.update(1, {1: 2})  # wrong
products.delete()  # wrong
products.delete(1, hard="yes")  # wrong
products.upsert()  # wrong
products.upsert(Other(name="a"))  # wrong
products.upsert({"name": "a"}, conflict_on=5)  # wrong
products.bulk_update({}, {}, on_missing="insert")  # wrong
products.bulk_update({}, {}, on_mising="skip")  # wrong
products.bulk_update(data=5)  # wrong
products.bulk_delete(keys=5)  # wrong
products.bulk_delete({}, max_affected="5")  # wrong
products.bulk_delete({}, duplicates="first")  # wrong
products.bulk_upsert([], update_fields=5)  # wrong
products.bulk_upsert([], duplicates="all")  # wrong
products.bulk_create([], update_fields="name")  # wrong
deleted: str = products.delete(1)  # wrong
number: int = products.count  # wrong
text: str = products.create(name="a")  # wrong
products.public()  # wrong
products.public(["name"])  # wrong
products.public({"name": False})  # wrong
products.public({"name": True}, timeout="5")  # wrong
products.public({"name": True}).create(name="a")  # wrong
products.public({"name": True}).update(1, {"name": "a"})  # wrong
db.transaction(isolation=5)  # wrong
db.transaction().on_commit(lambda extra: None)  # wrong
db.tenant(None)  # wrong
db.migrate()  # wrong
db.bind(len)(5)  # wrong
