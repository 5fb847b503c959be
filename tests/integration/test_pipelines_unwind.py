"""`$unwind`: rows for the items of lists, of every type of item."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar
from uuid import UUID

import pytest

from dataflow import DataFlow, errors
from tests.integration.fresh import fresh


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Lists:
    no: int
    flags: list[bool] | None = None
    ints: list[int] | None = None
    floats: list[float] | None = None
    decimals: list[Decimal] | None = None
    texts: list[str] | None = None
    blobs: list[bytes] | None = None
    refs: list[UUID] | None = None
    moments: list[datetime] | None = None
    days: list[date] | None = None
    clocks: list[time] | None = None
    spans: list[timedelta] | None = None
    colours: list[Colour] | None = None


MOMENT = datetime(2024, 5, 17, 23, 59, 58, 7, tzinfo=UTC)
ITEMS: dict[str, list[Any]] = {
    "flags": [True, False],
    "ints": [2**63 - 1, -(2**63), 0],
    "floats": [1.7976931348623157e308, 5e-324, 0.1, -2.5, 9007199254740993.0, 1 / 3, 2.0],
    "decimals": [Decimal("9999999999999999999999999999.9999999999"), Decimal("-0.0000000001"), Decimal(0), Decimal(-5)],
    "texts": ["", "K\u00e4se", 'a"b\\c', "\U0001f600\t\n", "null", " a ", "\x7f"],
    "blobs": [b"", b"\0\xff", b"a"],
    "refs": [UUID(int=0), UUID(int=2**128 - 1)],
    "moments": [MOMENT, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)],
    "days": [date(1, 1, 1), date(9999, 12, 31)],
    "clocks": [time(), time(23, 59, 59, 999_999)],
    "spans": [timedelta(), timedelta(days=-40, microseconds=1)],
    "colours": [Colour.BLUE, Colour.RED],
}
ORDERED = [name for name in ITEMS if name not in ("flags", "colours")]


@pytest.fixture
def lists(db: DataFlow) -> Any:
    table = fresh(db, Lists)
    table.bulk_create([{"no": 1, **ITEMS}, {"no": 2}, {"no": 3, **ITEMS}])
    return table


@pytest.mark.parametrize("name", ITEMS)
def test_items_of_every_type_come_out_as_they_went_in(lists: Any, name: str) -> None:
    found = list(lists.aggregate([{"$unwind": f"${name}"}, {"$project": {"no": 1, "x": f"${name}"}}]))
    assert found == [{"no": no, "x": item} for no in (1, 3) for item in ITEMS[name]]
    assert [type(row["x"]) for row in found] == [type(item) for item in ITEMS[name]] * 2


@pytest.mark.parametrize("name", ITEMS)
def test_items_of_every_type_are_found_and_grouped(lists: Any, name: str) -> None:
    """As values of a column are."""
    for item in ITEMS[name]:
        pipeline = [
            {"$unwind": f"${name}"},
            {"$match": {name: item}},
            {"$group": {"_id": f"${name}", "n": {"$sum": 1}}},
        ]
        assert list(lists.aggregate(pipeline)) == [{"_id": item, "n": 2}]


@pytest.mark.parametrize("name", ORDERED)
def test_items_of_every_type_have_their_order(lists: Any, name: str) -> None:
    pipeline = [{"$unwind": f"${name}"}, {"$sort": {name: 1}}, {"$project": {name: 1}}]
    items = [item for item in ITEMS[name] for _ in range(2)]
    by_bytes = sorted(items, key=lambda item: item.encode()) if name == "texts" else sorted(items)
    assert [row[name] for row in lists.aggregate(pipeline)] == by_bytes


@pytest.mark.parametrize("name", ["texts", "blobs"])
def test_long_items_come_out_whole(lists: Any, name: str) -> None:
    item = "\u20ac" * 100_000 if name == "texts" else b"\xfe" * 300_000
    lists.bulk_create([{"no": 4, name: [item, item]}])
    pipeline = [{"$match": {"no": 4}}, {"$unwind": f"${name}"}, {"$project": {"x": f"${name}"}}]
    assert list(lists.aggregate(pipeline)) == [{"x": item}] * 2


def test_rows_without_items_stay_where_they_are_asked_for(lists: Any) -> None:
    lists.bulk_create([{"no": 4}])
    spec = {"path": "$days", "includeArrayIndex": "at", "preserveNullAndEmptyArrays": True}
    found = list(
        lists.aggregate([{"$unwind": spec}, {"$project": {"no": 1, "days": 1, "at": 1}}, {"$sort": {"no": -1}}])
    )
    first, last = ITEMS["days"]
    empty = {"days": None, "at": None}
    assert found == [
        {"no": 4, **empty},
        {"no": 3, "days": first, "at": 0},
        {"no": 3, "days": last, "at": 1},
        {"no": 2, **empty},
        {"no": 1, "days": first, "at": 0},
        {"no": 1, "days": last, "at": 1},
    ]


class Words:
    key: int
    value: str
    id: int
    tags: list[str] | None = None
    more: list[int] | None = None


WORDS: list[dict[str, Any]] = [
    {"id": 1, "key": 5, "value": "a", "tags": ["x", "y"], "more": [1, 2]},
    {"id": 2, "key": 4, "value": "b", "tags": None, "more": [3]},
    {"id": 3, "key": 3, "value": "c", "tags": ["y"], "more": []},
]


@pytest.fixture
def words(db: DataFlow) -> Any:
    """Its fields are called as what SQLite gives of a list."""
    table = fresh(db, Words)
    table.bulk_create(WORDS)
    return table


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        ([{"$unwind": "$tags"}], [{**WORDS[0], "tags": "x"}, {**WORDS[0], "tags": "y"}, {**WORDS[2], "tags": "y"}]),
        ([{"$unwind": "$tags"}, {"$unwind": "$more"}, {"$count": "n"}], [{"n": 4}]),
        (
            [{"$unwind": "$tags"}, {"$unwind": "$more"}, {"$project": {"tags": 1, "more": 1}}],
            [{"tags": tag, "more": more} for tag in "xy" for more in (1, 2)],
        ),
        ([{"$sort": {"key": 1}}, {"$unwind": "$tags"}, {"$project": {"tags": 1}}], [{"tags": tag} for tag in "yxy"]),
        ([{"$limit": 1}, {"$unwind": "$tags"}, {"$project": {"tags": 1}}], [{"tags": "x"}, {"tags": "y"}]),
        ([{"$unwind": "$tags"}, {"$limit": 1}, {"$project": {"tags": 1}}], [{"tags": "x"}]),
        ([{"$unwind": "$tags"}, {"$skip": 1}, {"$project": {"id": 1}}], [{"id": 1}, {"id": 3}]),
        (
            [{"$unwind": "$tags"}, {"$group": {"_id": "$tags", "n": {"$sum": 1}}}, {"$sort": {"n": -1}}],
            [{"_id": "y", "n": 2}, {"_id": "x", "n": 1}],
        ),
        (
            [{"$unwind": "$tags"}, {"$sort": {"tags": -1}}, {"$group": {"_id": None, "a": {"$first": "$id"}}}],
            [{"a": 1}],
        ),
        (
            [{"$sort": {"id": -1}}, {"$unwind": "$tags"}, {"$group": {"_id": None, "a": {"$last": "$tags"}}}],
            [{"a": "y"}],
        ),
        (
            [{"$unwind": {"path": "$tags", "includeArrayIndex": "key"}}, {"$project": {"id": 1, "key": 1}}],
            [{"id": 1, "key": 0}, {"id": 1, "key": 1}, {"id": 3, "key": 0}],
        ),
        (
            [
                {"$sort": {"key": 1}},
                {"$unwind": {"path": "$tags", "includeArrayIndex": "key"}},
                {"$project": {"id": 1}},
            ],
            [{"id": 3}, {"id": 1}, {"id": 1}],
        ),
        (
            [{"$project": {"list": "$tags"}}, {"$unwind": "$list"}, {"$sortByCount": {"$concat": ["$list", "!"]}}],
            [{"_id": "y!", "count": 2}, {"_id": "x!", "count": 1}],
        ),
        (
            [{"$match": {"tags": "x"}}, {"$unwind": "$tags"}, {"$unset": ["value", "more", "key", "id"]}],
            [{"tags": "x"}, {"tags": "y"}],
        ),
        (
            [{"$unwind": "$more"}, {"$set": {"tags": {"$add": ["$more", 1]}}}, {"$project": {"tags": 1}}],
            [{"tags": n} for n in (2, 3, 4)],
        ),
    ],
)
def test_unwound_rows_go_through_the_other_stages(
    words: Any, pipeline: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    assert list(words.aggregate(pipeline)) == expected


def test_totals_are_of_rows_with_items_only(words: Any) -> None:
    """MariaDB by itself would take the smallest and the largest key of all rows."""
    for tags, low, high in (("more", 1, 2), ("tags", 1, 3)):
        group = {"_id": None, "low": {"$min": "$id"}, "high": {"$max": "$id"}}
        assert list(words.aggregate([{"$unwind": f"${tags}"}, {"$group": group}])) == [{"low": low, "high": high}]
    words.delete(1)
    [found] = words.aggregate([{"$unwind": "$tags"}, {"$group": {"_id": None, "low": {"$min": "$id"}}}])
    assert found == {"low": 3}


class Owned(Words):
    __dataflow__: ClassVar = {"multi_tenant": True, "soft_delete": True}


def test_each_tenant_unwinds_its_own_rows(db: DataFlow) -> None:
    table = fresh(db, Owned)
    for tenant, tag in (("a", "x"), ("b", "y")):
        with db.tenant(tenant):
            table.bulk_create([{"key": no, "value": "v", "id": no, "tags": [tag, tag]} for no in (1, 2)])
            table.delete(2)
    with db.tenant("a"):
        assert [row["tags"] for row in table.aggregate([{"$unwind": "$tags"}])] == ["x", "x"]


@pytest.mark.parametrize(
    ("stage", "error", "told"),
    [
        ("tags", errors.InvalidPipelineError, "pipeline[0].$unwind"),
        (["$tags"], errors.InvalidPipelineError, "pipeline[0].$unwind"),
        ("$value", errors.InvalidPipelineError, "`value` is no list but str"),
        ("$tag", errors.UnknownFieldError, "did you mean `tags`?"),
        ({"preserveNullAndEmptyArrays": True}, errors.InvalidPipelineError, "pipeline[0].$unwind.path"),
        ({"path": "$tags", "includeArrayIndex": "$at"}, errors.InvalidPipelineError, "includeArrayIndex"),
        ({"path": "$tags", "includeArrayIndex": 1}, errors.InvalidPipelineError, "the name of a column, got int"),
        ({"path": "$tags", "preserveNullAndEmptyArrays": 1}, errors.InvalidPipelineError, "True or False, got int"),
        ({"path": "$tags", "includeIndex": "at"}, errors.UnknownOperatorError, "includeArrayIndex"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_no_unwind_is_told(words: Any, stage: object, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as caught:
        words.aggregate([{"$unwind": stage}])
    assert told in str(caught.value)
