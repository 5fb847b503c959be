"""Numbers at the ends of their types, and texts beyond what MariaDB sorts by, in pipelines."""

import json
import sys
from decimal import Decimal
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, Precision, errors
from tests.database import Database
from tests.integration.fresh import fresh


class Numbers:
    no: int
    whole: int | None = None
    exact: Annotated[Decimal, Precision(38, 10)] | None = None
    real: float | None = None


LARGEST = 2**63 - 1
MOST = Decimal("9999999999999999999999999999.9999999999")


class Widest:
    exact: Annotated[Decimal, Precision(38, 28)] | None = None


class Finest:
    exact: Annotated[Decimal, Precision(34, 30)] | None = None


class Fraction:
    exact: Annotated[Decimal, Precision(38, 38)] | None = None


def test_sums_and_averages_of_ints_are_exact_at_the_ends(db: DataFlow) -> None:
    """On the way to the sum there are numbers that would not fit."""
    table = fresh(db, Numbers)
    table.bulk_create([{"no": no, "whole": whole} for no, whole in enumerate([LARGEST, LARGEST, -LARGEST])])
    found = table.aggregate([{"$group": {"_id": None, "a": {"$sum": "$whole"}, "b": {"$avg": "$whole"}}}])[0]
    assert found == {"a": LARGEST, "b": LARGEST / 3}


@pytest.mark.parametrize(
    ("model", "digits"), [(Numbers, (28, 10)), (Widest, (10, 28)), (Finest, (4, 30)), (Fraction, (0, 38))]
)
def test_sums_and_averages_of_decimals_are_exact_at_the_ends(
    db: DataFlow, model: type[Any], digits: tuple[int, int]
) -> None:
    table = fresh(db, model)
    most, third = (Decimal("0" + digit * digits[0] + "." + digit * digits[1]) for digit in "93")
    rows = [most, most, most.copy_negate()]
    table.bulk_create([{"exact": exact} | ({"no": no} if model is Numbers else {}) for no, exact in enumerate(rows)])
    totals = {"a": {"$sum": "$exact"}, "b": {"$avg": "$exact"}, "c": {"$avg": {"$abs": "$exact"}}}
    found = table.aggregate([{"$group": {"_id": None, **totals}}])[0]
    assert found == {"a": most, "b": third, "c": most}


def test_an_average_of_products_is_exact(db: DataFlow) -> None:
    table = fresh(db, Finest)
    table.bulk_create([{"exact": Decimal(text)} for text in ("0.5", "-0.25", "0.25")])
    spec = {"$avg": {"$multiply": ["$exact", Decimal("1.00000001")]}}
    assert table.aggregate([{"$group": {"_id": None, "x": spec}}])[0]["x"] == Decimal("0.16666666833" + "3" * 27)


@pytest.mark.parametrize(
    ("rows", "spec"),
    [
        ([{"whole": LARGEST}, {"whole": 1}], {"$sum": "$whole"}),
        ([{"whole": LARGEST}], {"$max": {"$add": ["$whole", 1]}}),
        ([{"whole": -LARGEST - 1}], {"$max": {"$abs": "$whole"}}),
        ([{"whole": 2**62}], {"$min": {"$multiply": ["$whole", "$whole"]}}),
        ([{"exact": MOST}, {"exact": MOST}], {"$sum": "$exact"}),
        ([{"exact": MOST}], {"$max": {"$multiply": ["$exact", "$exact"]}}),
        ([{"real": 1e308}, {"real": 1e308}], {"$sum": "$real"}),
        ([{"real": 1e308}], {"$max": {"$multiply": ["$real", "$real"]}}),
        ([{"real": 1e308}], {"$max": {"$divide": ["$real", 0.1]}}),
    ],
)
def test_a_number_that_does_not_fit_is_an_error(db: DataFlow, rows: list[dict[str, Any]], spec: dict[str, Any]) -> None:
    table = fresh(db, Numbers)
    table.bulk_create([{"no": no, **row} for no, row in enumerate(rows)])
    with pytest.raises(errors.OutOfRangeError):
        table.aggregate([{"$group": {"_id": None, "x": spec}}, {"$match": {"x": {"$ne": None}}}])


# Ways to a total: MariaDB keeps it in a temporary table, written row by row or group by group, or in none.
LATER: list[list[dict[str, Any]]] = [
    [],
    [{"$skip": 0}],
    [{"$sort": {"x": 1}}, {"$skip": 1}],
    [{"$sort": {"x": -1}}, {"$limit": 1}],
    [{"$setWindowFields": {"sortBy": {"x": 1}, "output": {"at": {"$rank": {}}}}}],
    [{"$group": {"_id": "$x", "n": {"$count": {}}}}],
]


@pytest.mark.parametrize("total", ["$sum", "$avg", "$stdDevPop", "$stdDevSamp"])
@pytest.mark.parametrize("beside", [{}, {"l": {"$addToSet": "$no"}}, {"n": {"$count": {}}}])
@pytest.mark.parametrize("key", ["$whole", {"whole": "$whole", "exact": "$exact"}])
def test_totals_of_floats_that_do_not_fit_are_errors(db: DataFlow, total: str, beside: Any, key: Any) -> None:
    """MariaDB by itself would give the largest float, null or 0."""
    table = fresh(db, Numbers)
    floats = [-1e308, 1e308] if total.startswith("$std") else [1e308, 1e308]
    table.bulk_create([{"no": no, "whole": 1, "real": real} for no, real in enumerate(floats)])
    table.bulk_create([{"no": 9 + no, "whole": 2, "real": real} for no, real in enumerate([2.0, 4.0])])
    for later in LATER:
        pipeline = [{"$group": {"_id": key, **beside, "x": {total: "$real"}}}, *later]
        with pytest.raises(errors.OutOfRangeError):
            table.aggregate(pipeline)
    [row] = table.aggregate([{"$match": {"whole": 2}}, {"$group": {"_id": None, "x": {total: "$real"}}}])
    assert row["x"] == {"$sum": 6.0, "$avg": 3.0, "$stdDevPop": 1.0, "$stdDevSamp": pytest.approx(2**0.5)}[total]


def test_the_largest_float_is_its_own_sum(db: DataFlow) -> None:
    table = fresh(db, Numbers)
    table.create(no=1, real=sys.float_info.max)
    for later in LATER[:2]:
        group = {"_id": "$no", "a": {"$sum": "$real"}, "b": {"$avg": "$real"}, "c": {"$addToSet": "$no"}}
        [row] = table.aggregate([{"$group": group}, *later])
        assert (row["a"], row["b"]) == (sys.float_info.max, sys.float_info.max)


def test_large_floats_come_out_of_a_group_as_they_are(db: DataFlow) -> None:
    """MariaDB by itself would give 1e17."""
    table = fresh(db, Numbers)
    table.create(no=1, real=2.5e18)
    specs = [{name: "$real"} for name in ("$ceil", "$floor", "$abs")] + [{"$divide": ["$real", 1]}]
    spec = {f"x{at}": {"$max": spec} for at, spec in enumerate(specs)}
    pipeline = [{"$set": {"n": {"$divide": ["$no", 1]}}}, {"$group": {"_id": "$n", **spec}}, {"$unset": "_id"}]
    assert list(table.aggregate(pipeline)) == [dict.fromkeys(spec, 2.5e18)]


INFINITE = [{"$subtract": ["$real", "$real"]}, {"$multiply": ["$real", 0.0]}, {"$divide": ["$real", "$real"]}]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("spec", INFINITE)
def test_what_is_no_number_is_an_error(db: DataFlow, spec: dict[str, Any]) -> None:
    """SQLite takes NaN for null."""
    table = fresh(db, Numbers)
    table.create(no=1, real=float("inf"))
    with pytest.raises(errors.OutOfRangeError):
        table.aggregate([{"$project": {"x": spec}}])


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("spec", INFINITE)
def test_what_is_no_number_is_kept_where_the_database_has_it(db: DataFlow, spec: dict[str, Any]) -> None:
    table = fresh(db, Numbers)
    table.create(no=1, real=float("inf"))
    [row] = table.aggregate([{"$project": {"x": spec}}])
    assert row["x"] != row["x"]


@pytest.mark.parametrize("database", ["postgres", "sqlite"], indirect=True)
def test_infinity_comes_of_infinity(db: DataFlow) -> None:
    table = fresh(db, Numbers)
    table.bulk_create([{"no": 1, "real": float("inf")}, {"no": 2, "real": 1e308}, {"no": 3, "real": 1e308}])
    spec = {"a": {"$add": ["$real", 1e308]}, "b": {"$divide": ["$real", 0.5]}, "c": {"$divide": [1.0, "$real"]}}
    found = table.aggregate([{"$limit": 1}, {"$project": spec}])[0]
    assert found == {"a": float("inf"), "b": float("inf"), "c": 0.0}
    group = {"_id": None, "sum": {"$sum": "$real"}, "mean": {"$avg": "$real"}}
    assert table.aggregate([{"$limit": 2}, {"$group": group}])[0] == {"sum": float("inf"), "mean": float("inf")}


class Note:
    no: int
    text: str | None = None
    data: bytes | None = None


LONG = 20_000


def test_long_texts_are_groups_of_their_own(db: DataFlow) -> None:
    """MariaDB's sessions sort by the first 16,384 bytes of a text."""
    table = fresh(db, Note)
    texts = ["x" * LONG + end for end in "ab"]
    table.bulk_create([{"no": no, "text": texts[no % 2], "data": texts[no % 2].encode()} for no in range(40)])
    for field in ("$text", "$data"):
        group = {"_id": field, "n": {"$sum": 1}, "first": {"$first": "$no"}, "low": {"$min": "$no"}}
        again = {"_id": "$first", "n": {"$sum": "$n"}, "low": {"$sum": "$low"}, "groups": {"$count": {}}}
        assert list(table.aggregate([{"$sort": {"no": -1}}, {"$group": group}, {"$group": again}])) == [
            {"_id": 38, "n": 20, "low": 0, "groups": 1},
            {"_id": 39, "n": 20, "low": 1, "groups": 1},
        ]


# By the last character of the text.
ORDER = [0, 3, 6, 9, 2, 5, 8, 1, 4, 7]
Case = tuple[list[dict[str, Any]], list[dict[str, Any]]]
CALCULATED = {"$ifNull": ["$KEY", "$KEY"]}
SORTS: dict[str, Case] = {
    "sort": ([{"$sort": {"KEY": -1}}, {"$project": {"no": 1}}], [{"no": no} for no in reversed(ORDER)]),
    "sort and limit": ([{"$sort": {"KEY": 1}}, {"$limit": 2}, {"$project": {"no": 1}}], [{"no": 0}, {"no": 3}]),
    "sort before a stage": (
        [{"$sort": {"KEY": -1}}, {"$limit": 2}, {"$group": {"_id": None, "x": {"$sum": "$no"}}}],
        [{"x": 11}],
    ),
    "sort of what is calculated": (
        [{"$set": {"x": CALCULATED}}, {"$sort": {"x": 1}}, {"$limit": 2}, {"$project": {"no": 1}}],
        [{"no": 0}, {"no": 3}],
    ),
    "sort of what is left out": (
        [{"$set": {"x": CALCULATED}}, {"$sort": {"x": -1}}, {"$project": {"no": 1}}],
        [{"no": no} for no in reversed(ORDER)],
    ),
    "sort by a second field": (
        [{"$set": {"one": {"$literal": 1}}}, {"$sort": {"one": 1, "KEY": 1}}, {"$project": {"no": 1}}],
        [{"no": no} for no in ORDER],
    ),
    "first": ([{"$sort": {"KEY": -1}}, {"$group": {"_id": None, "x": {"$first": "$no"}}}], [{"x": 7}]),
    "last": (
        [{"$sort": {"KEY": -1}}, {"$group": {"_id": {"$mod": ["$no", 2]}, "x": {"$last": "$no"}}}],
        [{"_id": 0, "x": 0}, {"_id": 1, "x": 3}],
    ),
    "keys of groups": (
        [{"$group": {"_id": "$KEY", "n": {"$sum": "$no"}}}, {"$project": {"n": 1}}],
        [{"n": no} for no in ORDER],
    ),
    "total of a group": (
        [
            {"$sort": {"no": 1}},
            {"$group": {"_id": "$no", "x": {"$last": "$KEY"}}},
            {"$sort": {"x": -1}},
            {"$limit": 2},
            {"$unset": "x"},
        ],
        [{"_id": 7}, {"_id": 4}],
    ),
    "keys of groups behind a limit": (
        [{"$limit": 4}, {"$group": {"_id": {"k": "$KEY"}, "n": {"$sum": "$no"}}}, {"$project": {"n": 1}}],
        [{"n": 0}, {"n": 3}, {"n": 2}, {"n": 1}],
    ),
}


@pytest.mark.parametrize("key", ["text", "data"])
@pytest.mark.parametrize("name", SORTS)
def test_an_order_of_long_values_is_right_or_refused(database: Database, db: DataFlow, name: str, key: str) -> None:
    """MariaDB's sessions sort by the first 16,384 bytes."""
    table = fresh(db, Note)
    texts = ["x" * LONG + str(no * 7 % 10) for no in range(10)]
    table.bulk_create([{"no": no, "text": text, "data": text.encode()} for no, text in enumerate(texts)])
    spec, expected = SORTS[name]
    pipeline = json.loads(json.dumps(spec).replace("KEY", key))
    if database.kind == "mariadb":
        with pytest.raises(errors.LimitExceededError, match="4000") as caught:
            table.aggregate(pipeline)
        assert "order by another field" in str(caught.value)
    else:
        assert list(table.aggregate(pipeline)) == expected


@pytest.mark.parametrize("key", ["text", "data"])
def test_values_that_are_not_too_long_are_sorted_by_all_of_them(db: DataFlow, key: str) -> None:
    table = fresh(db, Note)
    texts = ["\U0001f600" * (3_999 if key == "text" else 999) + end for end in "bca"]
    table.bulk_create([{"no": no, "text": text, "data": text.encode()} for no, text in enumerate(texts)])
    assert [row["no"] for row in table.aggregate([{"$sort": {key: 1}}])] == [2, 0, 1]
    group = {"_id": None, "first": {"$first": "$no"}, "last": {"$last": "$no"}}
    assert list(table.aggregate([{"$sort": {key: 1}}, {"$group": group}])) == [{"first": 2, "last": 1}]


def test_the_smallest_and_largest_of_long_texts_are_found(db: DataFlow) -> None:
    table = fresh(db, Note)
    table.bulk_create([{"no": no, "text": "x" * LONG + end} for no, end in enumerate("bca")])
    group = {"_id": None, "low": {"$min": "$text"}, "high": {"$max": "$text"}}
    [found] = table.aggregate([{"$group": group}])
    assert (found["low"][-1], found["high"][-1]) == ("a", "c")


def test_a_text_longer_than_a_packet_is_an_error(database: Database, db: DataFlow) -> None:
    """MariaDB takes it for null and warns only."""
    table, long = fresh(db, Note), "x" * 2**20
    table.create(no=1, text=long)
    pipeline = [{"$project": {"x": {"$strLenCP": {"$concat": ["$text"] * 17}}}}]
    if database.kind == "mariadb":
        with pytest.raises(errors.LimitExceededError, match="max_allowed_packet"):
            table.aggregate(pipeline)
    else:
        assert list(table.aggregate(pipeline)) == [{"x": 17 * 2**20}]


def test_the_begin_of_a_long_text_is_an_order(db: DataFlow) -> None:
    """What is to be done where the whole text is refused."""
    table = fresh(db, Note)
    table.bulk_create([{"no": no, "text": start + "x" * LONG} for no, start in enumerate("bca")])
    begin = {"$set": {"begin": {"$substrCP": ["$text", 0, 4_000]}}}
    assert [row["no"] for row in table.aggregate([begin, {"$sort": {"begin": 1}}])] == [2, 0, 1]
