"""What a column cannot hold exactly is refused with column and row, and nothing is stored."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dataflow import Table, errors
from tests.integration.layouts import Kind, reader

REFUSED: list[tuple[str, str, pa.Array, type[errors.DataFlowError], str]] = [
    ("uint64 beyond 64 bits", "whole", pa.array([1, 2**63], pa.uint64()), errors.OutOfRangeError, "[1]"),
    ("half an int", "whole", pa.array([None, 1.5]), errors.WrongTypeError, "[1]"),
    ("decimal beyond an int", "whole", pa.array([Decimal(2**63)], pa.decimal128(38, 0)), errors.OutOfRangeError, "[0]"),
    (
        "half a decimal as int",
        "whole",
        pa.array([1, Decimal("0.5")], pa.decimal128(9, 1)),
        errors.WrongTypeError,
        "[1]",
    ),
    ("bool as int", "whole", pa.array([None, True]), errors.WrongTypeError, "[1]"),
    ("int8 as bool", "flag", pa.array([None, 1], pa.int8()), errors.WrongTypeError, "[1]"),
    ("large int as float", "share", pa.array([2**53, 2**53 + 1]), errors.OutOfRangeError, "[1]"),
    ("decimal as float", "share", pa.array([Decimal("0.1")]), errors.WrongTypeError, "[0]"),
    (
        "digits beyond the scale",
        "exact",
        pa.array([0, Decimal("1e-11")], pa.decimal128(38, 11)),
        errors.TooManyDigitsError,
        "[1]",
    ),
    (
        "digits of 256 bits",
        "exact",
        pa.array([Decimal(10**40)], pa.decimal256(60, 2)),
        errors.TooManyDigitsError,
        "[0]",
    ),
    ("float with many digits", "exact", pa.array([0.5, 1e-11]), errors.TooManyDigitsError, "[1]"),
    ("float32 with a tail", "exact", pa.array([0.5, 0.1], pa.float32()), errors.TooManyDigitsError, "[1]"),
    ("int as text", "text", pa.array([None, 1]), errors.WrongTypeError, "[1]"),
    ("NUL", "text", pa.array(["a", "\0"], pa.string_view()), errors.NulCharacterError, "[1]"),
    ("text as bytes", "blob", pa.array([None, "a"]), errors.WrongTypeError, "[1]"),
    ("short uuid", "ref", pa.array([b"x" * 16, b"x"]), errors.WrongTypeError, "[1]"),
    ("naive instant", "made", pa.array([None, datetime(2024, 1, 1)]), errors.DataError, "[1]"),
    ("aware wall time", "wall", pa.array([None, datetime(2024, 1, 1, tzinfo=UTC)]), errors.DataError, "[1]"),
    ("a nanosecond", "wall", pa.array([1000, 1], pa.timestamp("ns")), errors.DataError, "[1]"),
    ("year 10000", "wall", pa.array([0, 253_402_300_800], pa.timestamp("s")), errors.OutOfRangeError, "[1]"),
    ("date64 within a day", "day", pa.array([0, 1], pa.int64()).cast(pa.timestamp("ms")), errors.WrongTypeError, "[1]"),
    ("nanoseconds of a clock", "clock", pa.array([1000, 1], pa.time64("ns")), errors.DataError, "[1]"),
    ("long duration", "span", pa.array([0, 2**62], pa.duration("s")), errors.OutOfRangeError, "[1]"),
    ("a month", "span", pa.array([(0, 1, 0), (1, 0, 0)], pa.month_day_nano_interval()), errors.WrongTypeError, "[1]"),
    (
        "a nanosecond of an interval",
        "span",
        pa.array([(0, 0, 1)], pa.month_day_nano_interval()),
        errors.DataError,
        "[0]",
    ),
    ("no choice", "kind", pa.array(["open", "shut"]).dictionary_encode(), errors.NotAChoiceError, "[1]"),
    ("no JSON", "extra", pa.array(["{}", "{"]), errors.WrongTypeError, "[1]"),
    ("decimal in a struct", "extra", pa.array([{"a": None}, {"a": Decimal("0.5")}]), errors.WrongTypeError, "[1].a"),
    ("date as document", "extra", pa.array([None, date(2024, 1, 1)]), errors.WrongTypeError, "[1]"),
    ("NaN in a list", "extra", pa.array([[0.5], [0.5, float("nan")]]), errors.NotFiniteError, "[1][1]"),
    (
        "map with a key twice",
        "extra",
        pa.array([[], [("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int8())),
        errors.UnsupportedDataError,
        "[1]",
    ),
    ("map of ints", "extra", pa.array([None, [(1, 1)]], pa.map_(pa.int8(), pa.int8())), errors.WrongTypeError, "[1]"),
    ("null item", "wholes", pa.array([[1], [1, None]]), errors.NullValueError, "[1][1]"),
    (
        "item beyond 64 bits",
        "wholes",
        pa.array([[1], [1, 2**63]], pa.list_(pa.uint64())),
        errors.OutOfRangeError,
        "[1][1]",
    ),
    ("nested list", "wholes", pa.array([None, [[1]]]), errors.WrongTypeError, "[1][0]"),
    ("struct as text", "text", pa.array([None, {"a": 1}]), errors.WrongTypeError, "[1]"),
]


@pytest.mark.parametrize(
    ("column", "array", "kind", "place"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_cannot_be_stored_exactly_is_refused(
    laid: Table[Any], column: str, array: pa.Array, kind: type[errors.DataFlowError], place: str
) -> None:
    ok = array[:0]
    row, _, rest = place[1:].partition("]")
    data = reader(1, Kind("", column, array.type, []), [ok, array[:1], array[1:]])
    with pytest.raises(kind) as caught:
        laid.bulk_create(data)
    assert caught.value.path == f"data[{row}].{column}{rest}"
    assert laid.count() == 0


def test_digits_that_their_own_type_does_not_hold_are_refused(laid: Table[Any]) -> None:
    """A producer that lies about the digits: the server would refuse them, SQLite would not."""
    buffers = [None, pa.py_buffer(b"".join(n.to_bytes(16, "little") for n in (1, 10**38)))]
    lie = pa.Array.from_buffers(pa.decimal128(38, 10), 2, buffers)
    with pytest.raises(errors.TooManyDigitsError) as caught:
        laid.bulk_create(reader(1, Kind("", "exact", lie.type, []), [lie]))
    assert (caught.value.path, laid.count()) == ("data[1].exact", 0)
