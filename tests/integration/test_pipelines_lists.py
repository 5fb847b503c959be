"""`$push` and `$addToSet`: lists of the values of a group, of every type."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest

from dataflow import DataFlow, Naive, Precision, errors
from tests.integration.fresh import fresh
from tests.integration.test_pipelines_unwind import ITEMS as OF_LISTS
from tests.integration.test_pipelines_unwind import Colour, Lists


class Values:
    no: int
    flags: bool | None = None
    ints: int | None = None
    floats: float | None = None
    decimals: Decimal | None = None
    whole: Annotated[Decimal, Precision(38, 0)] | None = None
    fraction: Annotated[Decimal, Precision(38, 38)] | None = None
    texts: str | None = None
    blobs: bytes | None = None
    refs: UUID | None = None
    moments: datetime | None = None
    walls: Annotated[datetime, Naive()] | None = None
    days: date | None = None
    clocks: time | None = None
    spans: timedelta | None = None
    colours: Colour | None = None


CONTROLS = [chr(code) for code in range(1, 0x21)]
ITEMS: dict[str, list[Any]] = {name: items for name, items in OF_LISTS.items() if name != "floats"} | {
    "whole": [Decimal(10**38 - 1), Decimal(0), Decimal(-7)],
    "fraction": [Decimal("0." + "9" * 38), Decimal("-0." + "0" * 37 + "1"), Decimal(0)],
    "texts": [*OF_LISTS["texts"], *CONTROLS, "/", "<>&'", "\u2028", "\uffff", "a,b", "[]", "%s", "$a"],
    "walls": [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), datetime(1970, 1, 1)],
}


def in_order(name: str, items: list[Any]) -> list[Any]:
    keys: dict[str, Any] = {"texts": str.encode, "colours": lambda colour: colour.value}
    return sorted(items, key=keys.get(name, lambda item: item))


@pytest.fixture
def values(db: DataFlow) -> Any:
    """Each value twice, and null."""
    table = fresh(db, Values)
    longest = max(map(len, ITEMS.values()))
    for again in range(2):
        table.bulk_create(
            [
                {"no": again * longest + no} | {name: items[no] for name, items in ITEMS.items() if no < len(items)}
                for no in range(longest)
            ]
        )
    table.create(no=-1)
    return table


@pytest.mark.parametrize("name", ITEMS)
def test_values_of_every_type_come_as_a_list(values: Any, name: str) -> None:
    group: dict[str, Any] = {"_id": None, "all": {"$push": f"${name}"}, "set": {"$addToSet": f"${name}"}}
    [found] = values.aggregate([{"$sort": {"no": 1}}, {"$group": group}])
    assert found == {"all": ITEMS[name] * 2, "set": in_order(name, ITEMS[name])}
    assert {type(item) for item in found["all"]} == {type(item) for item in ITEMS[name]}


@pytest.mark.parametrize("name", ITEMS)
def test_lists_of_every_type_are_read_by_the_next_stages(values: Any, name: str) -> None:
    """They are as the lists that we store."""
    item = ITEMS[name][-1]
    group: dict[str, Any] = {"$group": {"_id": None, "set": {"$addToSet": f"${name}"}}}
    assert [row["set"] for row in values.aggregate([group, {"$unwind": "$set"}])] == in_order(name, ITEMS[name])
    assert list(values.aggregate([group, {"$match": {"set": item}}, {"$count": "n"}])) == [{"n": 1}]
    assert list(values.aggregate([group, {"$match": {"set": {"$size": 1_000}}}])) == []
    again = {"$group": {"_id": None, "again": {"$push": "$set"}}}
    [found] = values.aggregate([group, {"$unwind": "$set"}, {"$sort": {"set": -1}}, again])
    assert found == {"again": in_order(name, ITEMS[name])[::-1]}


def test_items_of_lists_are_put_into_lists_of_their_own(db: DataFlow) -> None:
    table = fresh(db, Lists)
    table.bulk_create([{"no": 1, "colours": [Colour.RED, Colour.BLUE]}, {"no": 2, "colours": [Colour.RED]}])
    group: dict[str, Any] = {"_id": "$colours", "nos": {"$push": "$no"}, "of": {"$addToSet": "$colours"}}
    assert list(table.aggregate([{"$unwind": "$colours"}, {"$sort": {"no": -1}}, {"$group": group}])) == [
        {"_id": Colour.BLUE, "nos": [1], "of": [Colour.BLUE]},
        {"_id": Colour.RED, "nos": [2, 1], "of": [Colour.RED]},
    ]


def test_a_group_of_nulls_has_an_empty_list(values: Any) -> None:
    group: dict[str, Any] = {"_id": {"$mod": ["$no", 2]}, "a": {"$push": "$ints"}, "b": {"$addToSet": "$days"}}
    pipeline: list[dict[str, Any]] = [
        {"$match": {"no": {"$gt": 20}, "ints": None, "days": None}},
        {"$sort": {"no": 1}},
        {"$group": group},
    ]
    assert list(values.aggregate([*pipeline, {"$limit": 1}])) == [{"_id": 0, "a": [], "b": []}]


def test_lists_stand_beside_other_totals_and_calculations(values: Any) -> None:
    group: dict[str, Any] = {
        "_id": {"$gte": ["$no", 2]},
        "first": {"$first": "$no"},
        "last": {"$last": "$no"},
        "mean": {"$avg": "$no"},
        "all": {"$push": {"$multiply": ["$no", 2]}},
        "set": {"$addToSet": {"$mod": ["$no", 2]}},
        "text": {"$addToSet": {"$concat": ["$colours", "!"]}},
    }
    pipeline: list[dict[str, Any]] = [
        {"$match": {"no": {"$gte": 0, "$lt": 4}}},
        {"$sort": {"no": -1}},
        {"$group": group},
    ]
    assert list(values.aggregate([*pipeline, {"$sort": {"_id": -1}}])) == [
        {"_id": True, "first": 3, "last": 2, "mean": 2.5, "all": [6, 4], "set": [0, 1], "text": []},
        {"_id": False, "first": 1, "last": 0, "mean": 0.5, "all": [2, 0], "set": [0, 1], "text": ["blue!", "red!"]},
    ]


@pytest.mark.parametrize("total", ["$push", "$addToSet"])
def test_long_lists_are_whole(db: DataFlow, total: str) -> None:
    """MariaDB by itself would cut them at a million bytes, and only warn."""
    table, random = fresh(db, Values), Random(5)
    texts = [f"{random.getrandbits(200):050x}" for _ in range(60_000)]
    table.bulk_create([{"no": no, "texts": text, "ints": no % 3} for no, text in enumerate(texts)])
    pipeline: list[dict[str, Any]] = [{"$sort": {"no": -1}}, {"$group": {"_id": None, "x": {total: "$texts"}}}]
    [found] = table.aggregate(pipeline)
    assert found["x"] == (texts[::-1] if total == "$push" else sorted(texts))
    grouped = table.aggregate([{"$sort": {"no": 1}}, {"$group": {"_id": "$ints", "x": {total: "$no"}}}])
    assert [row["x"] for row in grouped] == [list(range(rest, 60_000, 3)) for rest in range(3)]


def test_a_list_longer_than_a_packet_is_whole_or_an_error(database: Any, db: DataFlow) -> None:
    table, long = fresh(db, Values), "x" * 2**20
    table.bulk_create([{"no": no, "texts": long} for no in range(17)])
    pipeline: list[dict[str, Any]] = [{"$sort": {"no": 1}}, {"$group": {"_id": None, "x": {"$push": "$texts"}}}]
    if database.kind == "mariadb":
        with pytest.raises(errors.DataFlowError):
            table.aggregate([*pipeline, {"$unwind": "$x"}, {"$count": "n"}])
        with pytest.raises(errors.DataFlowError):
            table.aggregate(pipeline)
    else:
        assert table.aggregate(pipeline)[0]["x"] == [long] * 17


class Owned(Values):
    __dataflow__: ClassVar = {"multi_tenant": True, "soft_delete": True}


def test_each_tenant_lists_its_own_rows(db: DataFlow) -> None:
    table = fresh(db, Owned)
    for tenant in "ab":
        with db.tenant(tenant):
            table.bulk_create([{"no": no, "texts": tenant} for no in (1, 2, 3)])
            table.delete({"no": 2})
    with db.tenant("b"):
        [found] = table.aggregate(
            [{"$sort": {"no": -1}}, {"$group": {"_id": None, "a": {"$push": "$no"}, "b": {"$addToSet": "$texts"}}}]
        )
    assert found == {"a": [3, 1], "b": ["b"]}


@pytest.mark.parametrize(
    ("total", "told"),
    [
        ({"$push": "$floats"}, "$push is not of float"),
        ({"$addToSet": {"$divide": ["$ints", 2]}}, "$addToSet is not of float"),
        ({"$push": {"a": "$ints"}}, "pipeline[1].$group.x.$push"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_put_into_no_list_is_told(values: Any, total: dict[str, Any], told: str) -> None:
    with pytest.raises(errors.InvalidPipelineError) as caught:
        values.aggregate([{"$sort": {"no": 1}}, {"$group": {"_id": None, "x": total}}])
    assert told in str(caught.value)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_lists_of_the_rows_are_not_public(values: Any) -> None:
    """How many rows come would not tell how many there are in them."""
    public = values.public({"no": True}, aggregate=True)
    for total in ("$push", "$addToSet"):
        with pytest.raises(errors.LimitExceededError, match="no lists"):
            public.aggregate([{"$sort": {"no": 1}}, {"$group": {"_id": None, "x": {total: "$no"}}}])
