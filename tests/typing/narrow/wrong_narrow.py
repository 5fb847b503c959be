"""Uses of narrow tables that every type checker must report. Never run."""

import datetime as dt
from decimal import Decimal

from shop import Level, Size, db
from shop_types import OrderFilter, OrderUpdates, line_item_table, order_table

orders = order_table(db)
items = line_item_table(db)

# Fields that are not there.
orders.list({"skuu": "a"})  # wrong
orders.count({"totals": {"$lt": 10}})  # wrong
orders.list({"$and": [{"cuont": 1}]})  # wrong
orders.list({"$or": [{"count": 1}, {"cuont": 1}]})  # wrong
orders.list({"$not": {"cuont": 1}})  # wrong
items.list({"sku": "a"})  # wrong
items.count({"id": 1})  # wrong
orders.bulk_delete({"stat": "open"})  # wrong
orders.bulk_update({"stat": "open"}, {"count": 1})  # wrong
orders.bulk_sync([], within={"stat": "open"})  # wrong
one: OrderFilter = {"colour": "red"}  # wrong

items.list({"order.stat": "open"})  # wrong
items.list({"order.count": "a"})  # wrong
items.list({"orders.count": 1})  # wrong
orders.list({"items": {"$any": {"no": 1}}})  # wrong
orders.list({"items": {"$some": {"nr": 1}}})  # wrong
orders.list({"items.no": 1})  # wrong
orders.list(orders.c.cuont == 1)  # wrong
orders.list(items.c.order.cuont == 1)  # wrong
orders.list(orders.c["cuont"] == 1)  # wrong
orders.list(orders.c.items.any({"no": 1}))  # wrong
orders.list(orders.c.count > "a")  # wrong
orders.list(orders.c.count == "a")  # wrong
orders.list(orders.c.state == "opne")  # wrong
orders.list(orders.c.sku.isin([1]))  # wrong
orders.list(orders.c.total < orders.c.sku)  # wrong
orders.where({"cuont": 1})  # wrong
orders.where().where({"cuont": 1})  # wrong
orders.where().order_by("cuont")  # wrong
orders.where().fields("cuont")  # wrong
orders.where().update({"cuont": 1})  # wrong

# Operators that are not there, or not for the field.
orders.list({"count": {"$gte ": 1}})  # wrong
orders.list({"count": {"$gtt": 1}})  # wrong
orders.list({"count": {"$regex": "1"}})  # wrong
orders.list({"sku": {"$mod": [3, 1]}})  # wrong
orders.list({"total": {"$bitsAllSet": 1}})  # wrong
orders.list({"total": {"$like": "1%"}})  # wrong
orders.list({"placed": {"$startsWith": "2024"}})  # wrong
orders.list({"tags": {"$gt": "a"}})  # wrong
orders.list({"tags": {"$regex": "a"}})  # wrong
orders.list({"paid": {"$contains": True}})  # wrong
orders.list({"ref": {"$like": "0%"}})  # wrong
orders.list({"blob": {"$regex": "a"}})  # wrong
orders.list({"count": {"$size": 1}})  # wrong
orders.list({"marks": {"$elemMatch": {"$like": "a"}}})  # wrong
orders.list({"$xor": [{"count": 1}]})  # wrong
orders.list({"$where": "1"})  # wrong

# Values of other types.
orders.list({"count": "1"})  # wrong
orders.list({"count": {"$gt": "1"}})  # wrong
orders.list({"count": {"$in": ["1"]}})  # wrong
orders.list({"count": {"$in": 1}})  # wrong
orders.list({"count": {"$not": {"$gt": "1"}}})  # wrong
orders.list({"count": 1.5})  # wrong
orders.list({"sku": 1})  # wrong
orders.list({"sku": {"$like": 1}})  # wrong
orders.list({"sku": {"$in": [1]}})  # wrong
orders.list({"total": {"$lt": "10"}})  # wrong
orders.list({"total": b"10"})  # wrong
orders.list({"state": "opened"})  # wrong
orders.list({"state": {"$in": ["opened"]}})  # wrong
orders.list({"size": "m"})  # wrong
orders.list({"size": Level.LOW})  # wrong
orders.list({"level": Size.SMALL})  # wrong
orders.list({"tags": 1})  # wrong
orders.list({"tags": [1]})  # wrong
orders.list({"tags": {"$all": [1]}})  # wrong
orders.list({"tags": {"$size": "1"}})  # wrong
orders.list({"sizes": {"$all": ["m"]}})  # wrong
orders.list({"placed": 1})  # wrong
orders.list({"day": {"$gt": 20240101}})  # wrong
orders.list({"hour": dt.date(2024, 1, 1)})  # wrong
orders.list({"lasts": "1 day"})  # wrong
orders.list({"blob": "a"})  # wrong
orders.list({"ratio": "1"})  # wrong
orders.list({"paid": "yes"})  # wrong
orders.list({"ref": 1})  # wrong
orders.list({"count": {"$exists": "yes"}})  # wrong
orders.list({"$and": {"count": 1}})  # wrong
orders.list({"$comment": 1})  # wrong
orders.list("count > 1")  # wrong

# Names of fields.
orders.list(order_by="prize")  # wrong
orders.list(order_by="--total")  # wrong
orders.list(order_by=["total", "-skuu"])  # wrong
orders.list(order_by="meta")  # wrong
orders.list(fields=["skuu"])  # wrong
items.list(order_by="sku")  # wrong
orders.list(total="some")  # wrong
orders.stream({"skuu": "a"})  # wrong
orders.astream(order_by="prize")  # wrong

# New rows.
orders.create(sku="a", total=3)  # wrong
orders.create(sku=1, total=3, placed="2024-01-01")  # wrong
orders.create(sku="a", total="3", placed="2024-01-01")  # wrong
orders.create(sku="a", total=3, placed="2024-01-01", colour="red")  # wrong
orders.create(sku="a", total=3, placed="2024-01-01", state="opened")  # wrong
orders.create(sku="a", total=3, placed="2024-01-01", tags=[1])  # wrong
orders.create(sku=None, total=3, placed="2024-01-01")  # wrong
items.create(order_id=1, name="a")  # wrong

# Updates.
orders.update(1, {"cuont": 1})  # wrong
orders.update(1, {"count": "1"})  # wrong
orders.update(1, {"sku": None})  # wrong
orders.update(1, {"id": 2})  # wrong
orders.update(1, {"$set": {"cuont": 1}})  # wrong
orders.update(1, {"$inc": {"sku": 1}})  # wrong
orders.update(1, {"$inc": {"count": "1"}})  # wrong
orders.update(1, {"$mul": {"placed": 2}})  # wrong
orders.update(1, {"$incr": {"count": 1}})  # wrong
orders.update(1, {"$unset": {"sku": True}})  # wrong
orders.update(1, {"$currentDate": {"hour": True}})  # wrong
orders.update(1, {"$currentDate": {"placed": False}})  # wrong
orders.update(1, {"$bit": {"total": {"or": 1}}})  # wrong
orders.update(1, {"$bit": {"count": {"nand": 1}}})  # wrong
orders.update(1, {"$push": {"tags": 1}})  # wrong
orders.update(1, {"$push": {"count": 1}})  # wrong
orders.update(1, {"$push": {"tags": {"$each": "a", "$sort": 2}}})  # wrong
orders.update(1, {"$addToSet": {"tags": {"$each": ["a"], "$sort": 1}}})  # wrong
orders.update(1, {"$pull": {"marks": {"$like": "a"}}})  # wrong
orders.update(1, {"$pullAll": {"marks": ["a"]}})  # wrong
orders.update(1, {"$pop": {"tags": 2}})  # wrong
orders.bulk_update({"count": 1}, {"total": "1"})  # wrong
orders.bulk_update({"count": 1}, {"$max": {"meta": 1}})  # wrong
two: OrderUpdates = {"$min": {"total": Decimal(1), "tags": "a"}}  # wrong
items.update((1, 2), {"created_at": "2024-01-01"})  # wrong
orders.public({"skuu": True})  # wrong
orders.public({"sku": False})  # wrong


async def awaited() -> None:
    await orders.alist({"skuu": "a"})  # wrong
    await orders.acount({"count": {"$gt": "1"}})  # wrong
    await orders.acreate(sku="a")  # wrong
    await orders.aupdate(1, {"$inc": {"sku": 1}})  # wrong
    await orders.abulk_delete({"stat": "open"})  # wrong
    await orders.abulk_update({"stat": "open"}, {"count": 1})  # wrong
