"""Uses that every type checker must take. Never run."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, assert_type

import pandas as pd
import pyarrow as pa

from dataflow import (
    AsyncRowStream,
    BulkResult,
    DataFlow,
    DataFlowError,
    MaxLength,
    Naive,
    Precision,
    PublicTable,
    Records,
    Rows,
    RowStream,
    Table,
    auto,
    errors,
    field,
)

db = DataFlow("postgresql://localhost/shop", pool_size=5, schema_mode="check", application_name="shop")


# mypy does not see what a method does to a class it decorates; `@dataclass` below it tells every checker.
@db.model
@dataclass(kw_only=True)
class Order:
    id: int = auto()
    sku: Annotated[str, MaxLength(40)]
    total: Annotated[Decimal, Precision(18, 4)]
    placed: datetime
    shown: Annotated[datetime, Naive()] | None = None
    state: str = "open"
    __dataflow__: ClassVar = {"multi_tenant": True}


@db.model
class Note:
    text: str
    rank: int = field(default=1)


orders = db.table(Order)
assert_type(orders, Table[Order])
order = orders.create(Order(sku="a", total=Decimal(1), placed=datetime.now()))
assert_type(order, Order)
assert_type(orders.create(sku="a", total=Decimal(1), placed=datetime.now()), Order)
assert_type(orders.read(1).sku, str)
assert_type(db.table(Note).read(1).rank, int)

rows = orders.list({"total": {"$lt": 10}}, order_by=["-total", "sku"], limit=None)
assert_type(rows, Rows[Order])
assert_type(rows[0], Order)
assert_type(rows[:2], list[Order])
assert_type([row.state for row in rows], list[str])
assert_type(orders.count(), int)

result = orders.bulk_create([{"sku": "a"}, order], on_conflict="error")
assert_type(result, BulkResult)
assert_type(result.inserted, int)
orders.bulk_create(pa.table({"sku": ["a"]}))
orders.bulk_create(pd.DataFrame({"sku": ["a"]}))
orders.bulk_create(rows)

cheap = (orders.c.total < 10) & ~(orders.c.state == "paid") | orders.c.sku.isin(["a", "b"]) & {"state": "open"}
other = (orders.c.customer.country.name == "a") & orders.c.items.some(orders.c.sku != "b") | (
    orders.c.total < orders.c.paid
)
few = orders.where(cheap, {"state": "open"}).order_by("-total").limit(10).fields("sku")
assert_type(few.list(), Rows[Order])
assert_type(few.first(), Order | None)
assert_type(list(few), list[Order])
assert_type(few.to_filter(), dict[str, Any])
assert_type(orders.where(other).update({"state": "paid"}, max_affected=3), BulkResult)
assert_type(few.explain().sql, str)
dated = (orders.c["placed"] >= datetime.now()) | orders.c.shown.exists(False) | orders.c.sku.like("a%")
assert_type(orders.list(cheap), Rows[Order])
assert_type(orders.count(cheap & dated), int)
assert_type(orders.list(after=rows.next, total="estimate").total, int | None)
assert_type(orders.list(before=rows.previous, fields=["sku"], distinct=True), Rows[Order])
assert_type(orders.stream({"total": {"$lt": 10}}, order_by="-total"), RowStream[Order])
assert_type(next(iter(orders.stream())), Order)
assert_type(orders.astream(), AsyncRowStream[Order])
assert_type(orders.list(fields=["sku"], order_by="-total", offset=5, include_deleted=True), Rows[Order])
assert_type(rows.records(), list[dict[str, Any]])
public = orders.public({"sku": ["$eq", "$startsWith"], "total": True, "state": []}, max_rows=50, timeout=0.5)
assert_type(public, PublicTable[Order])
assert_type(public.list({"total": {"$lt": 10}})[0], Order)
assert_type(public.count(), int)

sums = orders.aggregate([{"$group": {"_id": "$state", "sum": {"$sum": "$total"}}}])
assert_type(sums, Records)
assert_type(sums[0], dict[str, Any])

assert_type(orders.update(1, {"state": "paid"}), Order)
assert_type(orders.update((1, "a"), {"state": "paid"}), Order)
assert_type(orders.update(cheap, {"state": "paid"}).total, Decimal)
assert_type(orders.update(order), Order)
assert_type(orders.delete(order, hard=True), int)
assert_type(orders.upsert(order), Order)
assert_type(orders.upsert({"sku": "a"}, conflict_on="sku", update_fields=["total", "state"]), Order)

assert_type(orders.bulk_update(cheap, {"state": "paid"}, all_rows=False), BulkResult)
assert_type(orders.bulk_update(data=[{"id": 1}, order], on_missing="skip", return_rows=True), BulkResult)
assert_type(orders.bulk_delete({"state": "open"}, max_affected=100, dry_run=True).matched, int)
assert_type(orders.bulk_delete(keys=[1, (2,), {"id": 3}, order], hard=True)["deleted"], Any)
upserted = orders.bulk_upsert(rows, conflict_on=["sku"], on_conflict="ignore", duplicates="last", return_rows=True)
assert_type(upserted.rows, Rows[Any] | None)

with db.transaction("SERIALIZABLE", timeout=2.5) as tx, db.tenant("a"):
    tx.on_commit(lambda: print("done"))
    assert_type(tx.isolation, str | None)


async def awaited() -> None:
    async with db, db.transaction(read_only=True):
        assert_type(await orders.acreate(sku="a"), Order)
        assert_type(await orders.aread(1), Order)
        assert_type(await orders.alist(), Rows[Order])
        assert_type(await orders.acount({"sku": "a"}), int)
        assert_type(await orders.abulk_create([]), BulkResult)
        assert_type(await orders.aupdate(1, {"state": "paid"}), Order)
        assert_type(await orders.adelete(cheap), int)
        assert_type(await orders.aupsert(order, "sku"), Order)
        assert_type(await orders.abulk_update(cheap, {"state": "paid"}), BulkResult)
        assert_type(await orders.abulk_delete(keys=[1]), BulkResult)
        assert_type(await orders.abulk_upsert([order], update_fields="total"), BulkResult)


def add(a: int, *, b: str) -> float:
    return a + len(b)


assert_type(db.bind(add)(1, b="x"), float)

try:
    orders.read(1)
except errors.UniqueViolationError as error:
    assert_type(error.constraint, str | None)
except DataFlowError as error:
    assert_type(error.retryable, bool)
