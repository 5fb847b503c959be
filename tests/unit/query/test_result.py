"""Rows in every form, and the counts of a bulk write."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dataflow import BulkResult, DataFlow, Rows

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
        *("seconds", "rows_per_second"),
    ]
    assert {**result}["rows_per_second"] == 6.0
    with pytest.raises(KeyError):
        result["keys"]
