"""Uses of narrow tables that every type checker must take. Never run."""

import datetime as dt
from decimal import Decimal
from typing import assert_type
from uuid import UUID

from shop import Level, LineItem, Order, Size, db
from shop_types import (
    LineItemTable,
    OrderFilter,
    OrderTable,
    OrderUpdates,
    line_item_table,
    order_table,
)

from dataflow import BulkResult, Rows

orders = order_table(db)
items = line_item_table(db)
assert_type(orders, OrderTable)
assert_type(items, LineItemTable)
assert_type(orders.read(1), Order)

# Every field by its value, by None, and by operators.
assert_type(orders.list({"id": 1}), Rows[Order])
assert_type(orders.list({"sku": "a", "total": 3, "state": "paid"}), Rows[Order])
assert_type(orders.count({"total": Decimal(3)}), int)
assert_type(orders.count({"total": 2.5}), int)
orders.list({"state": "a \"b\" 'c'"})
orders.list({"size": Size.SMALL})
orders.list({"size": "l"})
orders.list({"level": Level.LOW})
orders.list({"level": 2})
orders.list({"tags": ["a", "b"]})
orders.list({"tags": "a"})
orders.list({"sizes": [Size.SMALL, "l"]})
orders.list({"sizes": Size.LARGE})
orders.list({"marks": 7})
orders.list({"meta": {"any": ["thing"]}})
orders.list({"placed": dt.datetime.now(dt.UTC)})
orders.list({"placed": "2024-01-01"})
orders.list({"shown": dt.datetime(2024, 1, 1)})
orders.list({"day": dt.date(2024, 1, 1)})
orders.list({"hour": dt.time(1)})
orders.list({"lasts": dt.timedelta(1)})
orders.list({"blob": b"a"})
orders.list({"ratio": 1, "paid": True, "note": None})
orders.list({"ref": UUID(int=1)})
orders.list({"count": {"$eq": None}})
orders.list({"count": {"$gt": 1, "$lte": 9, "$ne": 5}})
orders.list({"count": {"$in": [1, 2, None], "$nin": (3,)}})
orders.list({"count": {"$mod": [3, 1]}})
orders.list({"count": {"$bitsAllSet": 6, "$bitsAnyClear": [0, 63]}})
orders.list({"count": {"$exists": True, "$not": {"$gt": 3}}})
orders.list({"total": {"$gte": Decimal("1.5"), "$lt": 2}})
orders.list({"sku": {"$regex": "^a", "$options": "i"}})
orders.list({"sku": {"$like": "a%", "$not": {"$ilike": "B%"}}})
orders.list({"sku": {"$startsWith": "a", "$endsWith": "b", "$contains": "c", "$icontains": "d"}})
orders.list({"state": {"$in": ["open", "paid"]}})
orders.list({"state": {"$startsWith": "o"}})
orders.list({"size": {"$in": {Size.SMALL, Size.LARGE}}})
orders.list({"level": {"$gte": Level.HIGH}})
orders.list({"placed": {"$gte": "2024-01-01", "$lt": dt.datetime.now(dt.UTC)}})
orders.list({"lasts": {"$gt": dt.timedelta(hours=1)}})
orders.list({"ref": {"$in": [UUID(int=1), "00000000-0000-0000-0000-000000000002"]}})
orders.list({"tags": {"$all": ["a"], "$size": 2}})
orders.list({"tags": {"$contains": "a"}})
orders.list({"tags": {"$contains": ["a", "b"], "$elemMatch": {"$startsWith": "a"}}})
orders.list({"marks": {"$elemMatch": {"$gt": 1, "$lt": 9}}})
orders.list({"sizes": {"$all": [Size.SMALL]}})
orders.list({"meta": {"$contains": {"a": 1}}})

# Logic, and what columns make.
orders.list({"$and": [{"count": 1}, {"sku": "a"}], "$nor": [{"note": None}]})
orders.list({"$or": [{"count": {"$gt": 1}}, orders.c.sku.like("a%")]})
orders.list({"$not": {"count": 1}, "$comment": "why"})
orders.list({"$expr": {"$gt": ["$count", 1]}})
orders.list(orders.c.count > 1)
orders.list((orders.c.count > 1) & orders.c.meta["city"].isin(["Ulm"]))
orders.list((orders.c.total < 10) | orders.c.sku.isin(["a"]) & (orders.c.placed >= "2024-01-01"))
orders.list(orders.c.day == orders.c.day)
orders.list((orders.c["count"] == 1) & {"count": 1})
cheap: OrderFilter = {"total": {"$lt": 10}, "tags": {"$size": 0}}
orders.list(cheap)
orders.list(None)
orders.list()

# Other rows.
items.list({"order.state": "open", "order.total": {"$lt": 10}, "no": 1})
items.list((items.c.order.total < 10) & items.c.order.items.some({"no": 1}))
orders.list({"items": {"$some": {"name": {"$like": "a%"}}, "$none": {"no": 0}}})
orders.list(orders.c.items.some(items.c.no > 1) | orders.c.items.none())

items.list((items.c.date < "2024-01-01") & (items.c["due"] == None) | items.c.due.exists())  # noqa: E711
items.list({"from.count": 1, "date": "2024-01-01"})
orders.list({"def": {"$none": {}}})

# Queries.
query = orders.where({"count": {"$gt": 1}}, orders.c.total < 10).order_by("-total", "id").limit(3)
assert_type(query.list(), Rows[Order])
assert_type([row.count for row in query], list[int])
assert_type(query.where({"state": "open"}).fields("id", "sku").first(), Order | None)
assert_type(query.one().count, int)
orders.where(cheap).update({"$inc": {"count": 1}}, max_affected=3)
orders.where({"note": None}).delete(dry_run=True)
assert_type(orders.explain({"count": {"$gt": 1}}, order_by="-count", analyze=True).sql, str)

# Names of fields.
orders.list(order_by="-total")
orders.list(order_by=["state", "-placed", "id"], fields=["id", "sku"], limit=None)
orders.list(cheap, order_by=("count",), fields=("tags", "meta"), offset=3, include_deleted=True)
items.list({"order_id": 1, "no": {"$gt": 2}}, order_by=["order_id", "-no"])
items.list({"version": 2, "created_at": {"$lt": "2024-01-01"}})
orders.list(cheap, total="exact", distinct=True, fields=["state"])
orders.list(cheap, after=orders.list(cheap).next)
assert_type([row.count for row in orders.stream({"count": {"$gt": 1}}, order_by="-count")], list[int])

# New rows.
assert_type(orders.create(sku="a", total=3, placed=dt.datetime.now(dt.UTC)), Order)
orders.create(sku="a", total=Decimal(1), placed="2024-01-01", state="paid", size=Size.LARGE, tags=["a"], note=None)
orders.create(Order(sku="a", total=Decimal(1), placed=dt.datetime.now(dt.UTC)))
orders.create(id=7, sku="a", total=3, placed="2024-01-01", sizes=["s", Size.LARGE], meta={"a": [1]}, paid=True)
items.create(order_id=1, no=2, name="a")

# Updates.
assert_type(orders.update(1, {"count": 3}), Order)
orders.update({"sku": "a"}, {"state": "paid", "note": None, "tags": ["b"]})
orders.update(1, {"$set": {"count": 3}, "$inc": {"total": Decimal("0.5")}})
orders.update(1, {"$inc": {"count": 1, "ratio": 0.5}, "$mul": {"total": 2}})
orders.update(1, {"$min": {"count": 1, "sku": "a"}, "$max": {"placed": dt.datetime.now(dt.UTC)}})
orders.update(1, {"$unset": {"note": True, "ref": ""}})
orders.update(1, {"$currentDate": {"placed": True, "day": True}})
orders.update(1, {"$bit": {"count": {"or": 4}}})
orders.update(1, {"$push": {"tags": "a", "marks": {"$each": [1, 2], "$sort": -1, "$slice": 3, "$position": 0}}})
orders.update(1, {"$addToSet": {"sizes": Size.SMALL, "tags": {"$each": ["a"]}}})
orders.update(1, {"$pull": {"marks": {"$gte": 5}, "tags": "a"}})
orders.update(1, {"$pullAll": {"marks": [1, 2]}, "$pop": {"tags": -1}})
orders.update(1, {"$rename": {"meta.a": "meta.b"}})
paid: OrderUpdates = {"$set": {"state": "paid"}}
assert_type(orders.bulk_update({"state": "open"}, paid, max_affected=10), BulkResult)
orders.bulk_update(orders.c.count > 1, {"count": 0}, all_rows=False)
orders.bulk_update(data=[{"id": 1, "count": 3}])
orders.bulk_delete({"note": None}, dry_run=True)
orders.bulk_delete(keys=[1, 2])
orders.bulk_sync([], within={"state": "open"})
items.update((1, 2), {"name": "b", "version": 3})
assert_type(orders.public({"sku": ["$eq"], "count": True}).list(), Rows[Order])


async def awaited() -> None:
    assert_type(await orders.alist({"count": {"$gt": 1}}, order_by="-count"), Rows[Order])
    assert_type(await orders.acount(cheap), int)
    assert_type(await orders.acreate(sku="a", total=3, placed="2024-01-01"), Order)
    assert_type(await orders.aupdate(1, {"$inc": {"count": 1}}), Order)
    assert_type(await orders.abulk_update(cheap, paid), BulkResult)
    assert_type(await orders.abulk_delete(cheap), BulkResult)
    assert_type(await items.aread((1, 2)), LineItem)
