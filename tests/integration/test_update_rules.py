"""Operators in updates beside everything else that a write does: counts, versions, tenants, limits, checks, races."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from threading import Barrier
from typing import Annotated, Any

import pytest
from annotated_types import Gt

from dataflow import DataFlow, MaxLength, Precision, Table, Unique, errors
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes

WRITERS = 20
TURNS = 10
NOW = datetime(2031, 5, 6, tzinfo=UTC)


@dataclass
class Address:
    street: str
    no: int


class Item:
    id: int
    sku: Annotated[str, MaxLength(10), Unique()]
    qty: int = 5
    cost: Annotated[Decimal | None, Precision(6, 2)] = None
    ratio: float | None = None
    tags: list[str] | None = None
    meta: dict[str, Any] | None = None
    home: Address | None = None


class Kept(Item):
    __dataflow__ = {"versioned": True, "timestamps": True, "soft_delete": True}  # noqa: RUF012


class Checked(Item):
    __dataflow__ = {"checks": {"enough": {"qty": {"$gte": 0}}}}  # noqa: RUF012
    price: Annotated[int, Gt(0)] = 1


class Shared(Item):
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012


def some(db: DataFlow, model: type[Any] = Item) -> Table[Any]:
    table = fresh(db, model)
    table.bulk_create([{"id": n, "sku": f"s{n}", "qty": n, "tags": ["a"] * n} for n in (1, 2, 3)])
    return table


def quantities(table: Table[Any]) -> list[int]:
    return [row.qty for row in table.list(order_by="id")]


def one(table: Table[Any], updates: dict[str, Any]) -> Any:
    return table.update(2, updates)


def many(table: Table[Any], updates: dict[str, Any]) -> Any:
    return table.bulk_update({"id": 2}, updates)


def told(table: Table[Any], updates: dict[str, Any]) -> Any:
    return table.bulk_update({"id": 2}, updates, return_rows=True)


WAYS = [one, many, told]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("start", "updates", "kind", "path"),
    [
        ({"qty": 2**63 - 1}, {"$inc": {"qty": 1}}, errors.OutOfRangeError, "updates.$inc.qty"),
        ({"qty": -(2**63)}, {"$inc": {"qty": -1}}, errors.OutOfRangeError, "updates.$inc.qty"),
        ({"qty": 2**62}, {"$mul": {"qty": 2}}, errors.OutOfRangeError, "updates.$mul.qty"),
        ({"qty": -(2**63)}, {"$mul": {"qty": -1}}, errors.OutOfRangeError, "updates.$mul.qty"),
        ({"cost": "9999.99"}, {"$inc": {"cost": "0.01"}}, errors.OutOfRangeError, "updates.$inc.cost"),
        ({"cost": "5000"}, {"$mul": {"cost": 2}}, errors.OutOfRangeError, "updates.$mul.cost"),
        ({"cost": "0.01"}, {"$mul": {"cost": 0.5}}, errors.TooManyDigitsError, "updates.$mul.cost"),
        ({"ratio": 1e308}, {"$mul": {"ratio": 10}}, errors.OutOfRangeError, "updates.$mul.ratio"),
        ({"ratio": 1.7e308}, {"$inc": {"ratio": 1.7e308}}, errors.OutOfRangeError, "updates.$inc.ratio"),
        ({"meta": {"n": 2**63 - 1}}, {"$inc": {"meta.n": 1}}, errors.OutOfRangeError, "updates.$inc.meta.n"),
        ({"meta": {"n": "1"}}, {"$inc": {"meta.n": 1}}, errors.WrongTypeError, "updates.$inc.meta.n"),
        ({"meta": {"n": 1}}, {"$push": {"meta.n": 1}}, errors.WrongTypeError, "updates.$push.meta.n"),
    ],
)
def test_a_result_that_is_not_held_is_refused_and_nothing_changes(
    db: DataFlow, way: Callable[..., Any], start: dict[str, Any], updates: dict[str, Any], kind: type[Any], path: str
) -> None:
    table = some(db)
    table.update(2, start)
    before = table.list(order_by="id").records()
    with pytest.raises(kind) as caught:
        way(table, {"$set": {"sku": "new"}, **updates})
    assert caught.value.path == path
    assert caught.value.outcome == "rolled back"
    assert table.list(order_by="id").records() == before


@pytest.mark.parametrize("way", WAYS)
def test_arithmetic_goes_to_the_edges(db: DataFlow, way: Callable[..., Any]) -> None:
    table = some(db)
    table.update(2, {"qty": 2**63 - 2, "cost": "-9999.98", "ratio": 0.1})
    way(table, {"$inc": {"qty": 1, "cost": "-0.01"}})
    row = table.read(2)
    assert (row.qty, row.cost) == (2**63 - 1, Decimal("-9999.99"))
    way(table, {"$mul": {"qty": -1, "cost": -1}})
    way(table, {"$inc": {"qty": -1, "ratio": 0.2}})
    row = table.read(2)
    assert (row.qty, row.cost, row.ratio) == (-(2**63), Decimal("9999.99"), 0.1 + 0.2)


def test_a_row_beside_the_filter_is_no_reason_to_refuse(db: DataFlow) -> None:
    table = some(db)
    table.update(3, {"qty": 2**63 - 1})
    assert table.bulk_update({"qty": {"$lt": 100}}, {"$inc": {"qty": 1}}).updated == 2
    assert quantities(table) == [2, 3, 2**63 - 1]


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("updates", [{"$max": {"qty": 2}}, {"$max": {"qty": 2}, "$addToSet": {"tags": "a"}}])
def test_rows_that_stay_are_unchanged(db: DataFlow, updates: dict[str, Any], rows: bool) -> None:
    table = some(db, Kept)
    before = table.list(order_by="id")
    result = table.bulk_update({"id": {"$lte": 3}}, updates, return_rows=rows)
    assert (result.matched, result.updated, result.unchanged) == (3, 1, 2)
    after = table.list(order_by="id")
    assert [row.version for row in after] == [2, 1, 1]
    assert [row.updated_at for row in after][1:] == [row.updated_at for row in before][1:]


@pytest.mark.parametrize("way", WAYS)
def test_versions_and_times_go_on(database: Database, way: Callable[..., Any]) -> None:
    with DataFlow(database.url) as db:
        table = some(db, Kept)
        before = table.read(2)
    with DataFlow(database.url, clock=lambda: NOW) as db:
        later = db.table(db.model(type(before)))
        way(later, {"$inc": {"qty": 1}})
        way(later, {"$push": {"tags": "z"}})
        row = later.read(2)
    assert (row.version, row.updated_at, row.created_at) == (3, NOW, before.created_at)


def test_a_version_beside_operators_is_the_one_the_row_must_have(db: DataFlow) -> None:
    table = some(db, Kept)
    old = table.read(2)
    assert table.update(old, {"$inc": {"qty": 1}}).version == 2
    for stale in (
        lambda: table.update(old, {"$inc": {"qty": 1}}),
        lambda: table.bulk_update({"id": 2}, {"$set": {"version": 1}, "$inc": {"qty": 1}}),
        lambda: table.bulk_update({"id": 2}, {"$set": {"version": 1}, "$push": {"tags": "x"}}),
    ):
        with pytest.raises(errors.StaleRowError):
            stale()
    assert table.bulk_update({"id": 2}, {"$set": {"version": 2}, "$inc": {"qty": 1}}).updated == 1
    assert (table.read(2).qty, table.read(2).version) == (4, 3)


@pytest.mark.parametrize("updates", [{"$inc": {"qty": 1}}, {"$push": {"tags": "z"}}])
def test_deleted_rows_stay_as_they_are(db: DataFlow, updates: dict[str, Any]) -> None:
    table = some(db, Kept)
    table.delete(2)
    before = table.list(order_by="id", include_deleted=True)[1]
    assert table.bulk_update({"id": {"$lte": 2}}, updates).matched == 1
    with pytest.raises(errors.NotFoundError):
        table.update(2, updates)
    assert table.list(order_by="id", include_deleted=True)[1] == before


@pytest.mark.parametrize("updates", [{"$inc": {"qty": 10}}, {"$inc": {"qty": 10}, "$push": {"tags": "z"}}])
def test_tenants_keep_their_rows(db: DataFlow, updates: dict[str, Any]) -> None:
    table = fresh(db, Shared)
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            table.bulk_create([{"id": ord(tenant), "sku": "s", "qty": 1}])
    with db.tenant("a"):
        assert table.bulk_update({"qty": 1}, updates).updated == 1
        with pytest.raises(errors.NotFoundError):
            table.update(ord("b"), updates)
        assert quantities(table) == [11]
    with db.tenant("b"):
        assert quantities(table) == [1]
    with pytest.raises(errors.MissingTenantError):
        table.bulk_update({"qty": 1}, updates)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("updates", "kind"),
    [
        ({"$inc": {"qty": -3}}, errors.CheckViolationError),
        ({"$min": {"price": 0}}, errors.CheckViolationError),
        ({"$mul": {"price": -1}, "$push": {"tags": "x"}}, errors.CheckViolationError),
        ({"$max": {"sku": "s3"}}, errors.UniqueViolationError),
        ({"$max": {"sku": "x" * 11}}, errors.DataTooLongError),
    ],
)
def test_rules_of_the_model_hold(
    db: DataFlow, way: Callable[..., Any], updates: dict[str, Any], kind: type[Any]
) -> None:
    table = some(db, Checked)
    before = table.list(order_by="id").records()
    with pytest.raises(kind):
        way(table, updates)
    assert table.list(order_by="id").records() == before


@pytest.mark.parametrize("updates", [{"$inc": {"qty": 1}}, {"$push": {"tags": "z"}}])
@pytest.mark.parametrize("rows", [False, True])
def test_limits_and_rehearsals_hold(db: DataFlow, updates: dict[str, Any], rows: bool) -> None:
    table = some(db)
    before = table.list(order_by="id").records()
    everything = {"id": {"$gt": 0}}
    with pytest.raises(errors.LimitExceededError):
        table.bulk_update(everything, updates, max_affected=2, return_rows=rows)
    assert table.bulk_update(everything, updates, dry_run=True, return_rows=rows).updated == 3
    with pytest.raises(errors.UnfilteredWriteError):
        table.bulk_update({}, updates, return_rows=rows)
    assert table.list(order_by="id").records() == before
    assert table.bulk_update({}, updates, all_rows=True, max_affected=3, return_rows=rows).updated == 3


@pytest.mark.parametrize("updates", [{"$inc": {"qty": 1}}, {"$inc": {"qty": 1}, "$push": {"tags": "z"}}])
def test_a_load_id_counts_once(db: DataFlow, updates: dict[str, Any]) -> None:
    table = some(db)
    load_id = f"turn-{table._model.name}"
    first = table.bulk_update({"id": {"$gt": 0}}, updates, load_id=load_id)
    again = table.bulk_update({"id": {"$gt": 0}}, updates, load_id=load_id)
    assert (first.updated, again.updated, again.replayed) == (3, 3, True)
    assert quantities(table) == [2, 3, 4]
    with pytest.raises(errors.LoadMismatchError):
        table.bulk_update({"id": {"$gt": 0}}, {**updates, "$inc": {"qty": 2}}, load_id=load_id)


def test_many_rows_are_changed_in_pieces(db: DataFlow) -> None:
    table = fresh(db, Item)
    table.bulk_create([{"id": n, "sku": f"s{n}", "qty": n % 2, "ratio": 0.5} for n in range(25_000)])
    result = table.bulk_update({"qty": 1}, {"$inc": {"ratio": 0.25, "qty": 1}, "$push": {"tags": "x"}})
    assert (result.matched, result.updated) == (12_500, 12_500)
    assert table.count({"qty": 2, "ratio": 0.75, "tags": ["x"]}) == 12_500
    assert table.count({"qty": 0, "ratio": 0.5, "tags": None}) == 12_500
    result = table.bulk_update({"id": {"$gte": 0}}, {"$addToSet": {"tags": "x"}})
    assert (result.matched, result.updated, result.unchanged) == (25_000, 12_500, 12_500)
    with pytest.raises(errors.LimitExceededError):
        table.bulk_update({"id": {"$gte": 0}}, {"$pop": {"tags": 1}}, max_affected=12_500 + 4_000)
    assert table.count({"tags": ["x"]}) == 25_000


class Place:
    __dataflow__ = {"key": ["region", "no"]}  # noqa: RUF012
    region: Annotated[str, MaxLength(4)]
    no: int
    tags: list[str] | None = None


def test_pieces_follow_a_key_of_several_fields(db: DataFlow) -> None:
    """A piece ends within a region; no row is met twice and none is left out."""
    table = fresh(db, Place)
    regions = ["", "A", "a", "\u00e4", "\U0001f600"]
    table.bulk_create([{"region": region, "no": no} for region in regions for no in range(-2_500, 2_500)])
    result = table.bulk_update({"no": {"$ne": 0}}, {"$push": {"tags": {"$each": ["x"], "$position": 0}}})
    assert (result.matched, result.updated) == (24_995, 24_995)
    assert (table.count({"tags": ["x"]}), table.count({"tags": None})) == (24_995, 5)


def race(turn: Callable[[], Any]) -> None:
    barrier = Barrier(WRITERS, timeout=30)

    def run(_: int) -> None:
        barrier.wait()
        for _ in range(TURNS):
            turn()

    with ThreadPoolExecutor(WRITERS) as pool:
        for future in [pool.submit(run, writer) for writer in range(WRITERS)]:
            future.result(120)


@pytest.mark.parametrize(
    "turn",
    [
        lambda table: table.update(2, {"$inc": {"qty": 1}}),
        lambda table: table.bulk_update({"id": 2}, {"$inc": {"qty": 1}}),
        lambda table: table.bulk_update({"id": 2}, {"$inc": {"qty": 1}}, return_rows=True),
        lambda table: table.bulk_update({"id": 2}, {"$inc": {"qty": 1, "meta.n": 1}}),
        lambda table: table.upsert({"id": 2}, updates={"$inc": {"qty": 1}, "$setOnInsert": {"sku": "s2"}}),
    ],
    ids=["one", "statement", "told", "pieces", "upsert"],
)
def test_no_increment_is_lost(db: DataFlow, turn: Callable[[Table[Any]], Any]) -> None:
    table = some(db)
    race(lambda: turn(table))
    assert quantities(table) == [1, 2 + WRITERS * TURNS, 3]


def test_a_row_that_many_upsert_at_once_counts_each(db: DataFlow) -> None:
    table = fresh(db, Item)
    table.count()
    race(lambda: table.upsert({"sku": "new"}, "sku", updates={"$inc": {"qty": 1}, "$push": {"tags": "x"}}))
    (row,) = table.list()
    assert (row.qty, len(row.tags)) == (5 + WRITERS * TURNS, WRITERS * TURNS)


def test_an_upsert_tells_a_new_row_from_a_stored_one(db: DataFlow) -> None:
    table = fresh(db, Kept)
    updates = {
        "$inc": {"qty": 1, "cost": "0.5"},
        "$push": {"tags": "x"},
        "$set": {"ratio": 0.5, "meta.seen": True},
        "$setOnInsert": {"home": Address("a", 1)},
    }
    made = table.upsert({"sku": "a"}, "sku", updates=updates)
    assert (made.created, made.qty, made.cost, made.tags) == (True, 6, Decimal("0.50"), ["x"])
    assert (made.ratio, made.meta, made.home, made.version) == (0.5, {"seen": True}, Address("a", 1), 1)
    updates["$setOnInsert"] = {"home": Address("b", 2)}
    row = table.upsert({"sku": "a"}, "sku", updates=updates)
    assert (row.created, row.id, row.qty, row.tags, row.home) == (False, made.id, 7, ["x", "x"], Address("a", 1))
    assert (row.version, table.count()) == (2, 1)
    assert table.upsert({"sku": "a"}, "sku", updates={"qty": 9}).qty == 9
    same = table.upsert({"sku": "a"}, "sku", updates={"$max": {"qty": 1}})
    assert (same.version, same.created) == (3, False)


def test_an_upsert_may_make_a_required_value(db: DataFlow) -> None:
    table = fresh(db, Item)
    with pytest.raises(errors.MissingValueError):
        table.upsert({"id": 1}, updates={"$inc": {"qty": 1}})
    assert table.upsert({"id": 1}, updates={"$max": {"sku": "b"}}).sku == "b"
    assert table.upsert({"id": 1}, updates={"$max": {"sku": "a"}}).sku == "b"
    assert table.upsert({"id": 1, "ratio": 2}, None, ["ratio"], updates={"$inc": {"qty": 1}}).qty == 6


async def test_the_awaited_upsert_does_the_same(db: DataFlow) -> None:
    table = fresh(db, Item)
    for qty in (6, 7):
        row = await table.aupsert({"id": 1}, updates={"$inc": {"qty": 1}, "$setOnInsert": {"sku": "a"}})
        assert row.qty == qty
    assert (await table.aupdate(1, {"$inc": {"qty": 1}})).qty == 8
    assert (await table.abulk_update({"id": 1}, {"$inc": {"qty": 1}})).updated == 1
    assert table.read(1).qty == 9


@pytest.mark.parametrize(
    ("data", "updates", "path"),
    [
        ({"id": 1, "qty": 1}, {"$inc": {"qty": 1}}, "updates.$inc.qty"),
        ({"id": 1, "qty": 1}, {"$set": {"qty": 2}}, "updates.qty"),
        ({"id": 1, "qty": 1}, {"$setOnInsert": {"qty": 2}}, "updates.$setOnInsert.qty"),
        ({"id": 1, "meta": {}}, {"$set": {"meta.a": 2}}, "updates.$set.meta.a"),
        ({"id": 1}, {"$set": {"qty": 1}, "$setOnInsert": {"qty": 2}}, "updates.$setOnInsert.qty"),
        ({"id": 1}, {"$inc": {"qty": 1}, "$setOnInsert": {"qty": 2}}, "updates.$inc.qty"),
        ({"id": 1}, {"$setOnInsert": {"meta.a": 2}}, "updates.$setOnInsert.meta.a"),
        ({"id": 1}, {"$inc": {"qty": 1}, "sku": "a"}, "updates.sku"),
    ],
)
def test_what_an_upsert_is_told_twice_is_refused(
    db: DataFlow, data: dict[str, Any], updates: dict[str, Any], path: str
) -> None:
    table = fresh(db, Item)
    with pytest.raises((errors.InvalidUpdateError, errors.UnknownFieldError)) as caught:
        table.upsert({"sku": "x", **data}, updates=updates)
    assert caught.value.path == path
    assert table.count() == 0


def test_an_upsert_node_takes_operators(db: DataFlow) -> None:
    nodes = Nodes(fresh(db, Item))
    parameters = {"data": {"sku": "a"}, "conflict_on": "sku", "updates": {"$inc": {"qty": 1}}}
    for told in ((6, True), (7, False)):
        row = nodes.run("Upsert", parameters)
        assert (row["qty"], row["created"]) == told
    error = nodes.refuse("Update", {"key": 1, "updates": {"$icn": {"qty": 1}}})
    assert (error.path, error.hint) == ("updates.$icn", "did you mean `$inc`?")


def test_an_instance_in_json_is_written_whole(db: DataFlow) -> None:
    table = some(db)
    with pytest.raises(errors.InvalidUpdateError) as caught:
        table.update(2, {"$set": {"home.no": "x"}})
    assert caught.value.path == "updates.$set.home.no"
    assert table.update(2, {"$set": {"home": Address("a", 1)}, "$inc": {"qty": 1}}).home == Address("a", 1)


def test_values_of_a_transaction_are_those_it_made(db: DataFlow) -> None:
    table = some(db)
    with pytest.raises(ZeroDivisionError), db.transaction():
        table.update(2, {"$inc": {"qty": 1}})
        table.bulk_update({"id": 2}, {"$mul": {"qty": 10}})
        assert table.read(2).qty == 30
        _ = 1 / 0
    assert quantities(table) == [1, 2, 3]


@pytest.mark.parametrize(
    "updates", [{"$set": 3}, {"$inc": {3: 1}}, {3: {"qty": 1}, "$inc": {"qty": 1}}, {"$set": {}}, {}]
)
@pytest.mark.parametrize("way", WAYS[1:])
def test_what_is_no_update_is_refused(db: DataFlow, way: Callable[..., Any], updates: Any) -> None:
    table = some(db)
    with pytest.raises((errors.QueryError, errors.DataError)) as caught:
        way(table, updates)
    assert (caught.value.path or "").startswith("updates")
