"""Rows in every form, and the counts of a bulk write."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dataflow import BulkResult, DataFlow, Rows, Table

EXPECTED = [{"id": 1, "n": 2**60 + 1, "ok": True}, {"id": 2, "n": None, "ok": None}]


@pytest.fixture(scope="module")
def rows() -> Rows[Any]:
    db = DataFlow("sqlite:///:memory:")

    @db.model
    class Item:
        n: int | None
        ok: bool | None

    db.table(Item).bulk_create([{"n": 2**60 + 1, "ok": True}, {}])
    return db.table(Item).list()


def test_rows_are_a_sequence_of_instances(rows: Rows[Any]):
    assert isinstance(rows, Sequence)
    assert [vars(row) for row in rows] == EXPECTED
    assert (len(rows), rows[-1].id, [row.id for row in rows[1:]]) == (2, 2, [2])
    assert rows[0] is rows[0]
    assert rows[0] in rows
    assert repr(rows) == "<Rows of Item: 2>"
    with pytest.raises(IndexError):
        rows[2]


def test_rows_come_as_dicts(rows: Rows[Any]):
    assert rows.records() == EXPECTED


def test_rows_come_as_arrow(rows: Rows[Any]):
    assert rows.to_arrow().to_pylist() == EXPECTED
    assert pa.table(rows).equals(rows.to_arrow())
    assert [field.nullable for field in rows.to_arrow().schema] == [False, True, True]


def test_rows_come_as_pandas_without_losing_digits(rows: Rows[Any]):
    frame = rows.to_pandas()
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {"id": "int64", "n": "Int64", "ok": "boolean"}
    assert frame["n"][0] == 2**60 + 1
    assert frame["n"][1] is pd.NA


def test_lists_of_uuids_come_as_pandas():
    db = DataFlow("sqlite:///:memory:")
    hints = {"refs": list[UUID] | None, "n": int, "others": list[UUID]}
    table: Table[Any] = db.table(db.model(type("Listed", (), {"__annotations__": hints, "refs": None})))
    table.bulk_create([{"n": 1, "others": [UUID(int=1), UUID(int=2)]}, {"n": 2, "refs": [], "others": []}])
    frame = table.list().to_pandas()
    assert list(frame.columns) == ["id", "refs", "n", "others"]
    assert frame["refs"].tolist() == [None, []]
    assert frame["others"].tolist() == [[UUID(int=1), UUID(int=2)], []]
    assert table.list(fields=["others"]).to_pandas()["others"].tolist() == frame["others"].tolist()
    assert list(table.list({"n": 5}).to_pandas().columns) == list(frame.columns)


def test_rows_come_as_polars(rows: Rows[Any]):
    assert rows.to_polars().to_dicts() == EXPECTED
    assert rows.to_polars().schema == {"id": pl.Int64, "n": pl.Int64, "ok": pl.Boolean}


def test_rows_are_data_for_another_database(rows: Rows[Any]):
    other = DataFlow("sqlite:///:memory:")
    copies = other.table(other.model(type(rows[0])))
    assert copies.bulk_create(rows).inserted == 2
    assert copies.list().records() == EXPECTED


def test_a_bulk_result_is_a_mapping_with_attributes():
    result = BulkResult(inserted=3, seconds=0.5, rows_per_second=6.0)
    assert isinstance(result, Mapping)
    assert (result["inserted"], result.inserted, result.get("nothing")) == (3, 3, None)
    assert list(result) == [
        *("inserted", "updated", "unchanged", "deleted", "ignored", "duplicate", "missing", "rejected"),
        *("matched", "load_id", "seconds", "rows_per_second"),
    ]
    assert {**result}["rows_per_second"] == 6.0
    with pytest.raises(KeyError):
        result["keys"]


def test_arrow_is_handed_over_without_a_copy(rows: Rows[Any]):
    """Every taker gets the same memory; what polars makes of it is its own matter."""
    first, second = (pa.table(rows).column("n").chunk(0).buffers()[1] for _ in range(2))
    assert first.address == second.address
    assert pl.DataFrame(rows).equals(rows.to_polars())
