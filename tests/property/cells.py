"""One column of each type: its edge values, and how to search for more."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pyarrow as pa
from hypothesis import strategies as st

from dataflow import MaxLength, Naive, Precision

FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)
TEXTS = [
    "",
    " ",
    "a",
    "A",
    "a ",
    "\u00e9",
    "e\u0301",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0010ffff\U00100000\uffff\ue000",
    "\x01\x08\t\n\r\x1a\x1b\x7f\x80\x85\u2028\ufeff",
    "'\"`\\\\%_;--/*",
    "\\N\\0\\x00",
    "NULL",
    "\u202eabc\u0627\u0644",
    # Every plane, noncharacters too: SQL and JSON carry them.
    "".join(chr(plane << 16 | low) for plane in range(17) for low in (0x21, 0x1234, 0xFDD0, 0xFFFE, 0xFFFF)),
    "".join(map(chr, range(1, 0x800))),
    "x" * 1_000_000,
    "\U0001f600" * 70_000,
]


@dataclass(frozen=True)
class Case:
    """A type: its hint, its Arrow type, what may stand in it; `ordered` where the database orders it as Python does."""

    name: str
    hint: Any
    arrow: pa.DataType
    edges: tuple[Any, ...]
    search: st.SearchStrategy[Any]
    ordered: bool = True


def _decimal(scale: int) -> Case:
    most = 10**38 - 1
    digits = [0, 1, -1, most, -most, most - 1, 10**37, -(10**37), 10**scale % most, 2**64, -(2**64), 2**96]
    exact = st.integers(-most, most) | st.integers(-1000, 1000)
    hint = Annotated[Decimal, Precision(38, scale)] if scale != 10 else Decimal
    edges = tuple(at_scale(value, scale) for value in digits)
    search = exact.map(lambda value: at_scale(value, scale))
    return Case(f"decimal {scale}", hint, pa.decimal128(38, scale), edges, search)


def at_scale(digits: int, scale: int) -> Decimal:
    """Exactly: arithmetic would round to the context's 28 digits."""
    return Decimal(f"{digits}e-{scale}")


def _instant(naive: datetime) -> datetime:
    return naive.replace(tzinfo=UTC)


TIMES: tuple[datetime, ...] = (
    FIRST,
    LAST,
    datetime(1970, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1582, 10, 10),
)
TIMES += (FIRST + timedelta(microseconds=1), datetime(2000, 2, 29, 12, 0, 0, 1), datetime(2038, 1, 19, 3, 14, 8))
INTS = (
    0,
    1,
    -1,
    2**15 - 1,
    -(2**15),
    2**15,
    2**31 - 1,
    -(2**31),
    2**31,
    -(2**31) - 1,
    2**53 + 1,
    -(2**53) - 1,
    2**63 - 1,
    -(2**63),
    2**63 - 2,
)
FLOATS: tuple[float, ...] = (
    0.0,
    -0.0,
    0.1,
    -1.5,
    5e-324,
    -5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    1 / 3,
    2.0**53,
)
FLOATS += (2.225073858507201e-308, -1.7976931348623157e308, 1.1, 2.0**-1074 * 3, 9007199254740993.0, 1e15, 1e-5)
FLOATS += (1e16, 1e22, 123456789.12345679, math.inf, -math.inf, math.nan)
UUIDS = (
    UUID(int=0),
    UUID(int=2**128 - 1),
    UUID("12345678-9abc-def0-8123-456789abcdef"),
    UUID(int=1),
    UUID(int=1 << 127),
)
BYTES = (b"", b"\0", bytes(range(256)), b"\xff" * 5, b"'\\\"", b"\0" * 1000, b"a ", b"a")

CASES = [
    Case("int", int, pa.int64(), INTS, st.integers(-(2**63), 2**63 - 1)),
    Case("float", float, pa.float64(), FLOATS, st.floats()),
    Case("bool", bool, pa.bool_(), (True, False), st.booleans()),
    Case(
        "text",
        str,
        pa.string(),
        tuple(TEXTS),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    ),
    Case(
        "bounded text",
        Annotated[str, MaxLength(5_000)],
        pa.string(),
        tuple(text for text in TEXTS if len(text) <= 5_000),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5_000),
    ),
    Case("bytes", bytes, pa.binary(), BYTES, st.binary()),
    Case("uuid", UUID, pa.uuid(), UUIDS, st.uuids()),
    Case("instant", datetime, pa.timestamp("us", "UTC"), tuple(map(_instant, TIMES)), st.datetimes().map(_instant)),
    Case("wall", Annotated[datetime, Naive()], pa.timestamp("us"), TIMES, st.datetimes()),
    _decimal(10),
    _decimal(0),
    _decimal(38),
]
