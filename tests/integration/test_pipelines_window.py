"""`$setWindowFields`: ranks, sums and neighbours of rows."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar

import pytest

from dataflow import DataFlow, Precision, errors
from tests.integration.fresh import fresh

MOST = Decimal("9999999999999999999999999999.9999999999")


class Step:
    no: int
    kind: str
    qty: int | None = None
    exact: Annotated[Decimal, Precision(38, 10)] | None = None
    note: str | None = None


QTY = [3, 3, None, 5, 1, 3]
ROWS = [
    {"no": no, "kind": "ab"[no % 2], "qty": qty, "exact": None if qty is None else Decimal(qty) / 4}
    for no, qty in enumerate(QTY)
]


@pytest.fixture
def steps(db: DataFlow) -> Any:
    table = fresh(db, Step)
    table.bulk_create(ROWS)
    return table


def column(table: Any, output: dict[str, Any], **spec: Any) -> list[Any]:
    stage = {"$setWindowFields": {"sortBy": {"qty": 1}, **spec, "output": {"x": output}}}
    return [row["x"] for row in table.aggregate([stage, {"$project": {"x": 1}}])]


FRAMES: list[tuple[list[Any], list[Any]]] = [
    (["unbounded", "current"], [4, 7, 0, 15, 1, 10]),
    (["unbounded", "unbounded"], [15] * 6),
    (["current", "unbounded"], [14, 11, 15, 5, 15, 8]),
    ([-1, 1], [7, 9, 1, 8, 4, 11]),
    ([-1, 0], [4, 6, 0, 8, 1, 6]),
    ([1, 2], [6, 8, 4, 0, 6, 5]),
    ([-2, -1], [1, 4, 0, 6, 0, 6]),
    ([0, 0], [3, 3, 0, 5, 1, 3]),
    ([7, 9], [0] * 6),
]


@pytest.mark.parametrize(("documents", "sums"), FRAMES)
def test_a_window_has_its_rows(steps: Any, documents: list[Any], sums: list[int]) -> None:
    """In the order None, 1, 3, 3, 3, 5."""
    window = {"window": {"documents": documents}}
    assert column(steps, {"$sum": "$qty", **window}) == sums
    exact = column(steps, {"$sum": "$exact", **window})
    assert exact == [Decimal(one) / 4 for one in sums]
    counts = column(steps, {"$sum": {"$cond": [{"$eq": ["$qty", None]}, 0, 1]}, **window})
    means = [one / count if count else None for one, count in zip(sums, counts, strict=True)]
    assert column(steps, {"$avg": "$qty", **window}) == means
    exact_means = column(steps, {"$avg": {"$multiply": ["$exact", 4]}, **window})
    assert [None if mean is None else float(mean) for mean in exact_means] == pytest.approx(means, abs=1e-9)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"$rank": {}}, [3, 3, 1, 6, 2, 3]),
        ({"$denseRank": {}}, [3, 3, 1, 4, 2, 3]),
        ({"$documentNumber": {}}, [3, 4, 1, 6, 2, 5]),
        ({"$shift": {"output": "$no", "by": -1}}, [4, 0, None, 5, 2, 1]),
        ({"$shift": {"output": "$no", "by": 2}}, [5, 3, 0, None, 1, None]),
        ({"$shift": {"output": {"$add": ["$no", 1]}, "by": 0}}, [1, 2, 3, 4, 5, 6]),
        ({"$first": "$no"}, [2] * 6),
        ({"$last": "$no"}, [3] * 6),
        ({"$first": "$no", "window": {"documents": [1, 1]}}, [1, 5, 4, None, 0, 3]),
        ({"$last": "$qty", "window": {"documents": ["unbounded", -1]}}, [1, 3, None, 3, None, 3]),
        ({"$min": "$qty", "window": {"documents": [-1, "current"]}}, [1, 3, None, 3, 1, 3]),
        ({"$max": "$kind", "window": {"documents": [-1, "current"]}}, ["a", "b", "a", "b", "a", "b"]),
        ({"$count": {}, "window": {"documents": [-1, 1]}}, [3, 3, 2, 2, 3, 3]),
    ],
)
def test_rows_are_told_by_those_around_them(steps: Any, output: dict[str, Any], expected: list[Any]) -> None:
    assert column(steps, output) == expected


def test_windows_go_with_the_other_stages(steps: Any) -> None:
    window = {
        "partitionBy": {"$concat": ["$kind", "!"]},
        "sortBy": {"qty": -1},
        "output": {"rank": {"$documentNumber": {}}, "no": {"$shift": {"output": "$no", "by": 1}}},
    }
    pipeline: list[dict[str, Any]] = [
        {"$match": {"qty": {"$ne": None}}},
        {"$sort": {"no": -1}},
        {"$limit": 4},
        {"$setWindowFields": window},
    ]
    shown = {"$project": {"kind": 1, "rank": 1, "no": 1}}
    assert list(steps.aggregate([*pipeline, {"$match": {"rank": 1}}, shown])) == [
        {"kind": "a", "rank": 1, "no": None},
        {"kind": "b", "rank": 1, "no": 1},
    ]
    again = {"$setWindowFields": {"output": {"n": {"$sum": "$rank"}}}}
    grouped = {"$group": {"_id": "$n", "no": {"$sum": "$no"}}}
    assert list(steps.aggregate([*pipeline, again, grouped])) == [{"_id": 7, "no": 6}]


def test_the_best_of_each_group(steps: Any) -> None:
    window = {"partitionBy": "$kind", "sortBy": {"qty": -1}, "output": {"rank": {"$rank": {}}}}
    best = [{"$setWindowFields": window}, {"$match": {"rank": 1}}, {"$sort": {"kind": -1}}, {"$project": {"no": 1}}]
    assert [row["no"] for row in steps.aggregate(best)] == [3, 0]


def test_sums_of_windows_are_exact_at_the_ends(db: DataFlow) -> None:
    """What passes out of a window leaves nothing behind."""
    table = fresh(db, Step)
    rows = [(2**63 - 1, MOST), (-(2**63), MOST.copy_negate()), (2**63 - 1, MOST), (5, MOST)]
    table.bulk_create([{"no": no, "kind": "a", "qty": qty, "exact": exact} for no, (qty, exact) in enumerate(rows)])
    first = [{"$match": {"no": {"$lt": 3}}}]
    for field, sums in (("$qty", [2**63 - 1, -1, -1]), ("$exact", [MOST, 0, 0])):
        output = {"x": {"$sum": field, "window": {"documents": [-1, 0]}}}
        stage = {"$setWindowFields": {"sortBy": {"no": 1}, "output": output}}
        assert [row["x"] for row in table.aggregate([*first, stage])] == sums
        with pytest.raises(errors.OutOfRangeError):
            table.aggregate([stage, {"$match": {"x": {"$ne": None}}}])


class Owned(Step):
    __dataflow__: ClassVar = {"multi_tenant": True, "soft_delete": True}


def test_the_rows_of_a_tenant_are_told_by_its_own(db: DataFlow) -> None:
    table = fresh(db, Owned)
    for tenant in "ab":
        with db.tenant(tenant):
            table.bulk_create([{"no": no, "kind": tenant, "qty": 1} for no in (1, 2, 3)])
            table.delete({"no": 2})
    with db.tenant("b"):
        output = {"n": {"$count": {}}, "of": {"$min": "$kind"}, "at": {"$documentNumber": {}}}
        stage = {"$setWindowFields": {"sortBy": {"no": 1}, "output": output}}
        found = table.aggregate([stage, {"$project": {"n": 1, "of": 1, "at": 1}}])
    assert list(found) == [{"n": 2, "of": "b", "at": at} for at in (1, 2)]


def test_long_texts_part_rows_and_are_an_order_or_refused(database: Any, db: DataFlow) -> None:
    table, long = fresh(db, Step), "x" * 20_000
    table.bulk_create([{"no": no, "kind": "a", "note": long + end} for no, end in enumerate("baba")])
    assert column(table, {"$count": {}}, partitionBy="$note") == [2] * 4
    if database.kind == "mariadb":
        with pytest.raises(errors.LimitExceededError, match="4000"):
            column(table, {"$rank": {}}, sortBy={"note": 1})
    else:
        assert column(table, {"$rank": {}}, sortBy={"note": 1}) == [3, 1, 3, 1]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_windows_of_what_is_not_public_are_of_no_field(steps: Any) -> None:
    public = steps.public({"no": ["$eq"], "qty": True}, aggregate=True)
    output = {"x": {"$first": "$no"}}
    for stage in (
        {"partitionBy": "$kind", "output": {"x": {"$count": {}}}},
        {"sortBy": {"kind": 1}, "output": output},
        {"sortBy": {"qty": 1}, "output": {"x": {"$max": "$kind"}}},
    ):
        with pytest.raises(errors.UnknownFieldError):
            public.aggregate([{"$setWindowFields": stage}])
    kept = {"$setWindowFields": {"sortBy": {"qty": 1}, "output": output}}
    assert len(public.aggregate([kept, {"$match": {"x": 2}}])) == 6
    with pytest.raises(errors.DataFlowError):
        public.aggregate([kept, {"$match": {"x": {"$gt": 2}}}])
    many = {f"x{at}": {"$count": {}} for at in range(30)}
    with pytest.raises(errors.LimitExceededError):
        public.aggregate([{"$setWindowFields": {"output": many}}])


@pytest.mark.parametrize("far", [-(2**63), 2**63 - 1])
def test_rows_too_far_away_are_refused(steps: Any, far: int) -> None:
    for output in ({"$sum": "$no", "window": {"documents": [far, far]}}, {"$shift": {"output": "$no", "by": far}}):
        window = {"$setWindowFields": {"sortBy": {"no": 1}, "output": {"x": output}}}
        for table in (steps, steps.public({"no": True}, aggregate=True)):
            with pytest.raises(errors.LimitExceededError):
                table.aggregate([window])
