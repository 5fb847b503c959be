"""`$sample`, and the deviations of a sample."""

import statistics
from decimal import Decimal
from random import Random
from typing import Annotated, Any, ClassVar

import pytest

from dataflow import DataFlow, Precision, errors
from tests.database import Database
from tests.integration.fresh import fresh


class Point:
    __dataflow__: ClassVar = {"multi_tenant": True}
    no: int
    kind: str
    whole: int | None = None
    real: float | None = None
    exact: Annotated[Decimal, Precision(38, 20)] | None = None


COUNT = 200
RANDOM = Random(7)
NUMBERS = [RANDOM.uniform(-1e6, 1e6) for _ in range(COUNT)]
ROWS: list[dict[str, Any]] = [
    {"no": no, "kind": "ab"[no % 2], "whole": round(number), "real": number, "exact": Decimal(f"{number:.9f}")}
    for no, number in enumerate(NUMBERS)
]


@pytest.fixture
def points(db: DataFlow) -> Any:
    table = fresh(db, Point)
    for tenant, rows in (("x", ROWS), ("y", [{"no": -1, "kind": "y"}])):
        with db.tenant(tenant):
            table.bulk_create(rows)
    with db.tenant("x"):
        yield table


def numbers(points: Any, *pipeline: dict[str, Any]) -> list[int]:
    return [row["no"] for row in points.aggregate([*pipeline, {"$project": {"no": 1}}])]


def test_a_sample_has_rows_of_the_table_in_their_order(points: Any) -> None:
    for size in (1, 7, COUNT - 1):
        found = numbers(points, {"$sample": {"size": size}})
        assert len(found) == size
        assert found == sorted(set(found))
        assert set(found) <= set(range(COUNT))


def test_a_sample_of_more_rows_than_there_are_has_them_all(points: Any) -> None:
    assert numbers(points, {"$sample": {"size": COUNT + 1}}) == list(range(COUNT))


def test_every_row_has_its_chance(points: Any) -> None:
    """That one of 200 rows is in none of 30 samples of half of them happens once in five million times."""
    drawn = [set(numbers(points, {"$sample": {"size": COUNT // 2}})) for _ in range(30)]
    assert set.union(*drawn) == set(range(COUNT))
    assert len({frozenset(one) for one in drawn}) == 30


def test_a_sample_stands_among_other_stages(points: Any) -> None:
    odd = {"$match": {"kind": "b"}}
    assert all(no % 2 for no in numbers(points, odd, {"$sample": {"size": 20}}))
    few = numbers(points, {"$sort": {"no": -1}}, {"$limit": 10}, {"$sample": {"size": 4}})
    assert len(few) == 4
    assert min(few) >= COUNT - 10
    assert few == sorted(few)
    descending = numbers(points, {"$sample": {"size": 9}}, {"$sort": {"no": -1}}, {"$limit": 5})
    assert descending == sorted(descending, reverse=True)
    group = {"$group": {"_id": "$kind", "n": {"$sum": 1}}}
    assert list(
        points.aggregate([{"$sample": {"size": 50}}, group, {"$group": {"_id": None, "n": {"$sum": "$n"}}}])
    ) == [{"n": 50}]
    assert points.aggregate([group, {"$sample": {"size": 1}}])[0]["n"] == COUNT // 2


def test_which_row_of_a_sample_is_the_first_has_to_be_told(points: Any) -> None:
    with pytest.raises(errors.InvalidPipelineError, match="decided by a `\\$sort`"):
        points.aggregate(
            [{"$sort": {"no": 1}}, {"$sample": {"size": 3}}, {"$group": {"_id": None, "x": {"$first": "$no"}}}]
        )


@pytest.mark.parametrize("field", ["whole", "real", "exact"])
def test_deviations_are_those_of_the_statistics(points: Any, field: str) -> None:
    group = {
        "_id": "$kind",
        "pop": {"$stdDevPop": f"${field}"},
        "samp": {"$stdDevSamp": {"$multiply": [f"${field}", 2]}},
    }
    for row in points.aggregate([{"$group": group}]):
        values = [float(one[field]) for one in ROWS if one["kind"] == row["_id"]]
        assert row["pop"] == pytest.approx(statistics.pstdev(values), rel=1e-12)
        assert row["samp"] == pytest.approx(2 * statistics.stdev(values), rel=1e-12)


def test_values_that_differ_little_have_their_deviation(points: Any) -> None:
    """The mean of the squares less the square of the mean would be 0."""
    points.bulk_update({"no": {"$lt": 100}}, {"real": 1e9})
    points.bulk_update({"no": {"$gte": 100}}, {"real": 1e9 + 1})
    [found] = points.aggregate([{"$group": {"_id": None, "x": {"$stdDevPop": "$real"}}}])
    assert found["x"] == pytest.approx(0.5, rel=1e-6)


def test_nulls_are_no_values_of_a_deviation(points: Any) -> None:
    points.bulk_update({"no": {"$gte": 2}}, {"whole": None})
    group = {"_id": None, "pop": {"$stdDevPop": "$whole"}, "samp": {"$stdDevSamp": "$whole"}}
    [found] = points.aggregate([{"$group": group}])
    values = [row["whole"] for row in ROWS[:2]]
    assert found == {"pop": pytest.approx(statistics.pstdev(values)), "samp": pytest.approx(statistics.stdev(values))}
    assert list(points.aggregate([{"$match": {"no": 1}}, {"$group": group}])) == [{"pop": 0.0, "samp": None}]
    assert list(points.aggregate([{"$match": {"no": 9}}, {"$group": group}])) == [{"pop": None, "samp": None}]


@pytest.mark.parametrize("total", ["$stdDevPop", "$stdDevSamp"])
def test_squares_that_do_not_fit_are_an_error(points: Any, total: str) -> None:
    points.bulk_update({"no": {"$lt": 100}}, {"real": 1e308})
    points.bulk_update({"no": {"$gte": 100}}, {"real": -1e308})
    with pytest.raises(errors.OutOfRangeError):
        points.aggregate([{"$group": {"_id": None, "x": {total: "$real"}}}, {"$match": {"x": {"$ne": None}}}])


@pytest.mark.parametrize("database", ["postgres", "sqlite"], indirect=True)
def test_infinity_has_no_deviation(database: Database, points: Any) -> None:
    points.bulk_update({"no": 3}, {"real": float("inf")})
    pipeline = [{"$group": {"_id": None, "x": {"$stdDevPop": "$real"}}}]
    if database.kind == "sqlite":
        with pytest.raises(errors.OutOfRangeError):
            points.aggregate(pipeline)
    else:
        assert str(points.aggregate(pipeline)[0]["x"]) == "nan"
