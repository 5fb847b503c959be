"""Arrow that other libraries make is stored as they tell it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import nanoarrow as na
import polars as pl
import pytest

from dataflow import Table
from tests.integration.layouts import FINE_CLOCKS


def test_polars_frames_are_stored_as_polars_tells_them(laid: Table[Any]) -> None:
    moment = datetime(2024, 2, 29, 1, 2, 3, 4)
    columns: dict[str, tuple[list[Any], Any]] = {
        "flag": ([True, None, False, True], pl.Boolean()),
        "whole": ([1, None, -(2**63), 2**63 - 1], pl.Int64()),
        "share": ([0.5, None, -1.5, 0.25], pl.Float32()),
        "exact": ([Decimal("1.50"), None, Decimal("-0.01"), Decimal("0.00")], pl.Decimal(20, 2)),
        "text": (["", None, "\u00e9", "x" * 40], pl.String()),
        "blob": ([b"", None, b"\0\xff", b"x" * 40], pl.Binary()),
        "made": ([moment.replace(tzinfo=UTC), None] * 2, pl.Datetime("ns", "UTC")),
        "wall": ([moment, None] * 2, pl.Datetime("us")),
        "day": ([date.min, None, date.max, date(1970, 1, 1)], pl.Date()),
        "clock": ([*FINE_CLOCKS[3:], None], pl.Time()),
        "span": ([timedelta(-1, 5), None] * 2, pl.Duration("ms")),
        "kind": (["open", None, "paid", "open"], pl.Categorical()),
        "extra": ([{"a": 1, "b": "x"}, None] * 2, pl.Struct({"a": pl.UInt8(), "b": pl.String()})),
        "wholes": ([[1, 2], None, [], [3]], pl.List(pl.Int32())),
        "texts": ([["", "x" * 40], None, [], ["a"]], pl.List(pl.String())),
        "days": ([[date.min, date.max], None] * 2, pl.Array(pl.Date(), 2)),
    }
    frame = pl.DataFrame([pl.Series(name, values, dtype) for name, (values, dtype) in columns.items()])
    sliced = pl.concat([frame, frame], rechunk=False)[3:7].with_columns(batch=1, at=pl.int_range(pl.len()))
    assert laid.bulk_create(iter([sliced[:1], sliced[1:]])).inserted == 4
    found = laid.list(order_by="at", fields=list(columns)).records()
    assert found == sliced.select(list(columns)).to_dicts()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NANOARROW: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "flag": (na.bool_(), [True, None, False], [True, None, False]),
    "whole": (na.uint16(), [1, None, 65_535], [1, None, 65_535]),
    "share": (na.float32(), [0.5, None, -1.5], [0.5, None, -1.5]),
    "exact": (na.int8(), [1, None, -128], [Decimal(1), None, Decimal(-128)]),
    "text": (na.large_string(), ["", None, "\u00e9"], ["", None, "\u00e9"]),
    "blob": (na.binary(), [b"", None, b"\0\xff"], [b"", None, b"\0\xff"]),
    "made": (na.timestamp("ms", "UTC"), [0, None, 5_000], [EPOCH, None, EPOCH + timedelta(seconds=5)]),
    "span": (na.duration("us"), [0, None, -1], [timedelta(0), None, timedelta(microseconds=-1)]),
}


@pytest.mark.parametrize("column", NANOARROW)
def test_nanoarrow_arrays_are_stored(laid: Table[Any], column: str) -> None:
    """A struct of three arrays made without pyarrow."""
    kind, given, stored = NANOARROW[column]
    schema = na.struct({"batch": na.int64(), "at": na.int64(), column: kind})
    children = [na.c_array([1] * 3, na.int64()), na.c_array(range(3), na.int64()), na.c_array(given, kind)]
    rows = na.c_array_from_buffers(schema, 3, [None], children=children)
    assert laid.bulk_create(na.Array(rows)).inserted == 3
    assert [getattr(row, column) for row in laid.list(order_by="at")] == stored
