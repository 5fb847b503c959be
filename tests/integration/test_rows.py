"""Lists: order, limit, offset, and the forms in which rows are given."""

import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, Rows, errors
from tests.integration.fresh import fresh


class Score:
    name: str
    points: int | None = None
    share: float | None = None
    price: Decimal | None = None
    open: bool | None = None


@pytest.fixture
def scores(db: DataFlow) -> Any:
    table = fresh(db, Score)
    names, points = ["b", "a", "B", "é", "Z", ""], [2, None, 1, None, 2, 0]
    table.bulk_create([{"name": name, "points": p} for name, p in zip(names, points, strict=True)])
    return table


def names(rows: Any) -> list[str]:
    return [row.name for row in rows]


def test_text_is_ordered_by_bytes(scores: Any) -> None:
    assert names(scores.list(order_by="name")) == ["", "B", "Z", "a", "b", "é"]
    assert names(scores.list(order_by="-name")) == ["é", "b", "a", "Z", "B", ""]


def test_null_is_smallest_and_ties_are_broken_by_the_key(scores: Any) -> None:
    assert names(scores.list(order_by="points")) == ["a", "é", "", "B", "b", "Z"]
    assert names(scores.list(order_by=["-points"])) == ["b", "Z", "B", "", "a", "é"]
    assert names(scores.list(order_by=["points", "-id"])) == ["é", "a", "", "B", "Z", "b"]
    assert names(scores.list()) == ["b", "a", "B", "é", "Z", ""]


def test_numbers_of_all_kinds_are_ordered_as_numbers(db: DataFlow) -> None:
    table = fresh(db, Score)
    numbers = [Decimal(text) for text in ("-10", "9", "-9.5", "10", "0", "0.0000000001", "-0.0000000001")]
    table.bulk_create([{"name": "x", "price": n, "share": float(n), "points": int(n)} for n in numbers])
    assert [row.price for row in table.list(order_by="price")] == sorted(numbers)
    assert [row.share for row in table.list(order_by="-share")] == sorted(map(float, numbers), reverse=True)


def test_limit_and_offset_cut_the_ordered_rows(scores: Any) -> None:
    everything = names(scores.list(order_by="name", limit=None))
    assert names(scores.list(order_by="name", limit=2, offset=1)) == everything[1:3]
    assert names(scores.list(order_by="name", limit=None, offset=4)) == everything[4:]
    assert names(scores.list(order_by="name", offset=99)) == []
    assert names(scores.list(limit=0)) == []


def test_a_list_has_100_rows_unless_told_otherwise(db: DataFlow) -> None:
    table = fresh(db, Score)
    table.bulk_create([{"name": str(number)} for number in range(250)])
    assert (len(table.list()), len(table.list(limit=None)), len(table.list(limit=101))) == (100, 250, 101)
    assert len({row.id for row in [*table.list(), *table.list(offset=100), *table.list(offset=200)]}) == 250


@pytest.mark.parametrize("order", [5, b"name", [1], {"name": 1}, ["name", None]])
def test_an_order_of_another_form_is_refused(scores: Any, order: Any) -> None:
    with pytest.raises(errors.InvalidFilterError) as caught:
        scores.list(order_by=order)
    assert caught.value.path == "order_by"


@pytest.mark.parametrize("order", ["nmae", "-nmae", ["name", "name; drop table x"], "--name", "name desc", ""])
def test_an_unknown_field_in_the_order_is_refused(scores: Any, order: Any) -> None:
    with pytest.raises((errors.UnknownFieldError, errors.InvalidFilterError)) as caught:
        scores.list(order_by=order)
    assert (caught.value.path or "").startswith("order_by")


@pytest.mark.parametrize("option", [{"limit": -1}, {"limit": True}, {"limit": "5"}, {"offset": 1.5}, {"limit": 2**63}])
def test_a_limit_that_is_no_count_is_refused(scores: Any, option: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidFilterError) as caught:
        scores.list(**option)
    assert caught.value.path == next(iter(option))


def test_rows_are_a_sequence_of_instances(scores: Any) -> None:
    rows = scores.list(order_by="id")
    assert isinstance(rows, Rows)
    assert len(rows) == 6
    assert (rows[0].name, rows[-1].name, names(rows[1:3]), names(rows[::-2])) == ("b", "", ["a", "B"], ["", "é", "a"])
    assert rows[2] in rows
    assert rows.index(rows[3]) == 3
    assert names(reversed(rows))[0] == ""
    with pytest.raises(IndexError):
        rows[6]


def test_no_rows_are_rows_too(scores: Any) -> None:
    rows = scores.list({"name": "nobody"})
    assert (len(rows), list(rows), rows.records(), bool(rows)) == (0, [], [], False)
    assert rows.to_arrow().num_rows == len(rows.to_pandas()) == len(rows.to_polars()) == 0
    assert rows.to_arrow().schema == scores.list().to_arrow().schema


def test_rows_come_in_every_form_with_the_same_values(scores: Any) -> None:
    rows = scores.list(order_by="id")
    records = rows.records()
    assert list(records[0]) == ["id", "name", "points", "share", "price", "open"]
    assert rows.to_arrow().to_pylist() == pa.table(rows).to_pylist() == records
    assert rows.to_polars().to_dicts() == records
    frame = rows.to_pandas()
    assert (str(frame.points.dtype), str(frame.id.dtype), str(frame.open.dtype)) == ("Int64", "int64", "boolean")
    assert [None if value is not value or str(value) == "<NA>" else value for value in frame.points] == [
        record["points"] for record in records
    ]


def test_rows_can_be_stored_again(db: DataFlow, scores: Any) -> None:
    copy = fresh(db, Score)
    assert copy.bulk_create(scores.list()).inserted == 6
    assert copy.list().records() == scores.list().records()


def test_a_float_column_keeps_its_numbers(db: DataFlow) -> None:
    table = fresh(db, Score)
    numbers = [0.1, -1e308, 5e-324, math.pi, 1 / 3, 2.0**53]
    table.bulk_create([{"name": "x", "share": number} for number in numbers])
    assert [row.share for row in table.list()] == numbers
