"""Bugs that other ways from Arrow into a database have had."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dataflow import Table, errors


def stored(laid: Table[Any], column: str, data: Any) -> list[Any]:
    laid.bulk_delete(all_rows=True)
    laid.bulk_create(data)
    return [getattr(row, column) for row in laid.list(order_by="at", limit=None)]


def numbered(column: str, array: pa.Array) -> pa.Table:
    return pa.table({"batch": [1] * len(array), "at": range(len(array)), column: array})


WIDTHS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]


@pytest.mark.parametrize("arrow", WIDTHS, ids=str)
def test_integers_of_every_width_become_the_same_decimals(laid: Table[Any], arrow: pa.DataType) -> None:
    """apache/arrow-adbc#4499: the bytes of an integer were stored as a numeric, which read 0.00."""
    assert stored(laid, "exact", numbered("exact", pa.array([100, 1, 0, None], arrow))) == [100, 1, 0, None]


def test_a_float_becomes_a_decimal_of_two_places_or_is_refused(laid: Table[Any]) -> None:
    """apache/arrow-adbc#2177: float64 into numeric(18, 2) failed."""
    data = numbered("amounts", pa.array([[10.0, 0.1, 1234.56], [99.99]]))
    assert stored(laid, "amounts", data) == [
        [Decimal("10.00"), Decimal("0.10"), Decimal("1234.56")],
        [Decimal("99.99")],
    ]
    with pytest.raises(errors.TooManyDigitsError) as caught:
        laid.bulk_create(numbered("amounts", pa.array([[0.5], [0.5, 0.125]])))
    assert caught.value.path == "data[1].amounts[1]"


@pytest.mark.parametrize("arrow", [pa.string(), pa.json_()], ids=str)
def test_json_text_is_written_to_a_json_column(laid: Table[Any], arrow: pa.DataType) -> None:
    """apache/arrow-adbc#3293: JSONB could not be written."""
    texts = pa.array(['{"a": [1, 2]}', None, "[]"], pa.string())
    array = texts if arrow == pa.string() else pa.ExtensionArray.from_storage(arrow, texts)
    assert stored(laid, "extra", numbered("extra", array)) == [{"a": [1, 2]}, None, []]


def test_lists_of_structs_are_documents(laid: Table[Any]) -> None:
    """apache/arrow-adbc#1868: they had no way in."""
    values = [[{"id": 1, "tags": ["a", None]}, None], [], None, [{"id": None, "tags": None}]]
    assert stored(laid, "extra", numbered("extra", pa.array(values))) == values


def test_a_slice_of_lists_keeps_its_own_items(laid: Table[Any]) -> None:
    """apache/arrow-adbc#4319: the items of a sliced list were those of the rows before it, silently."""
    whole = numbered("wholes", pa.array([[n, n + 1] for n in range(10)]))
    assert stored(laid, "wholes", whole.slice(3, 4)) == [[n, n + 1] for n in range(3, 7)]
    keys = [row.id for row in laid.list(order_by="at")]
    other = whole.slice(5, 4).append_column("id", pa.array(keys))
    assert laid.bulk_upsert(other).updated == 4
    assert [row.wholes for row in laid.list(order_by="at")] == [[n, n + 1] for n in range(5, 9)]
