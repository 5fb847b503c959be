"""`$bucket`: groups by where a value lies."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import pytest

from dataflow import DataFlow, Precision, errors
from tests.integration.fresh import fresh


class Visit:
    __dataflow__: ClassVar = {"multi_tenant": True}
    no: int
    name: str | None = None
    day: date | None = None
    paid: Annotated[Decimal, Precision(10, 2)] | None = None


ROWS: list[dict[str, Any]] = [
    {"no": 1, "name": "Ann", "day": date(2024, 1, 1), "paid": Decimal("0.00")},
    {"no": 2, "name": "Bob", "day": date(2024, 1, 31), "paid": Decimal("9.99")},
    {"no": 3, "name": "bob", "day": date(2024, 2, 1), "paid": Decimal("10.00")},
    {"no": 4},
]


@pytest.fixture
def visits(db: DataFlow) -> Any:
    table = fresh(db, Visit)
    for tenant, rows in (("a", ROWS), ("b", ROWS[:1] * 3)):
        with db.tenant(tenant):
            table.bulk_create(rows)
    with db.tenant("a"):
        yield table


@pytest.mark.parametrize(
    ("by", "boundaries", "default", "counts"),
    [
        ("$no", [0, 2, 4], 9, {0: 1, 2: 2, 9: 1}),
        (
            "$day",
            ["2024-01-01", date(2024, 2, 1), "2024-03-01"],
            None,
            {None: 1, date(2024, 1, 1): 2, date(2024, 2, 1): 1},
        ),
        ("$paid", [0, Decimal("9.990"), 10], -1, {Decimal(-1): 2, Decimal(0): 1, Decimal("9.99"): 1}),
        (
            {"$multiply": ["$paid", "$no"]},
            [0, Decimal("29.999999"), Decimal("30.01")],
            None,
            {None: 1, Decimal(0): 2, Decimal("29.999999"): 1},
        ),
        ("$name", ["A", "B", "C"], "", {"": 2, "A": 1, "B": 1}),
        ({"$strLenCP": "$name"}, [3, 4], None, {None: 1, 3: 3}),
    ],
)
def test_rows_lie_above_the_boundary_that_names_their_bucket(
    visits: Any, by: Any, boundaries: list[Any], default: Any, counts: dict[Any, int]
) -> None:
    found = visits.aggregate([{"$bucket": {"groupBy": by, "boundaries": boundaries, "default": default}}])
    assert list(found) == [{"_id": key, "count": count} for key, count in counts.items()]


def test_a_bucket_has_the_totals_of_a_group(visits: Any) -> None:
    output = {"last": {"$last": "$name"}, "paid": {"$sum": "$paid"}, "mean": {"$avg": {"$add": ["$no", 1]}}}
    spec = {"groupBy": {"$mod": ["$no", 3]}, "boundaries": [0, 1, 2], "default": None, "output": output}
    assert list(visits.aggregate([{"$sort": {"no": 1}}, {"$bucket": spec}, {"$match": {"_id": {"$ne": None}}}])) == [
        {"_id": 0, "last": "bob", "paid": Decimal("10.00"), "mean": 4.0},
        {"_id": 1, "last": None, "paid": Decimal(0), "mean": 3.5},
    ]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_bucket_without_a_default_is_told_what_to_do(visits: Any) -> None:
    with pytest.raises(errors.InvalidPipelineError) as caught:
        visits.aggregate([{"$bucket": {"groupBy": "$no", "boundaries": [0, 2]}}])
    assert '"default": None' in str(caught.value)
