"""Dates, times, choices, JSON and lists: the edge values of each, and how to search for more."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import pyarrow as pa
from hypothesis import strategies as st

from dataflow import Naive
from tests.property.cells import Case

Choice = Literal["open", "", "it's", "back\\slash'; --", "\u00e9\U0001f600", "OPEN", "open "]
CHOICES = list(get_args(Choice))
LONGEST = timedelta(microseconds=2**63 - 1)
SHORTEST = timedelta(microseconds=-(2**63))


def _list(name: str, item: Any, arrow: pa.DataType, edges: list[Any], search: st.SearchStrategy[Any]) -> Case:
    lists: tuple[list[Any], ...] = ([], edges, edges[:1], [*edges, *edges])
    arrow = pa.list_(pa.field("item", arrow, nullable=False))
    return Case(f"{name}s", list[item], arrow, lists, st.lists(search, max_size=5), ordered=False)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
DURATIONS = st.timedeltas(SHORTEST, LONGEST)
INSTANTS = st.datetimes(timezones=st.just(UTC))
FIRST = datetime(1, 1, 1, tzinfo=UTC)
JSON_EDGES: tuple[Any, ...] = (
    {},
    [],
    {"b": 1, "a": {"": None, "\u00e9": [True, False]}, "A": "x"},
    [1, 1.5, -0.0, 1e300, 1e-7, 5e-324, 10**30, -(10**30), 2**63, 1.7976931348623157e308, 0.1],
    ["", "\u00e9\U0001f600\u2028\x7f", '"\\/\b\f\n\r\t\x01\x1f', "'", "null", "1"],
    [[[[[[[[{"deep": [[[[]]]]}]]]]]]]],
    "text",
    0,
    False,
    1.5,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
).filter(lambda value: value is not None)

KINDS = [
    Case(
        "date",
        date,
        pa.date32(),
        (date.min, date.max, date(1970, 1, 1), date(1969, 12, 31), date(2000, 2, 29), date(1582, 10, 10)),
        st.dates(),
    ),
    Case(
        "time",
        time,
        pa.time64("us"),
        (time.min, time.max, time(12), time(0, 0, 0, 1), time(23, 59, 59)),
        st.times(),
    ),
    Case(
        "duration",
        timedelta,
        pa.duration("us"),
        (timedelta(0), LONGEST, SHORTEST, timedelta(microseconds=-1), timedelta(days=-1, seconds=1), timedelta(40)),
        DURATIONS,
    ),
    Case(
        "choice",
        Choice,
        pa.string(),
        tuple(CHOICES),
        st.sampled_from(CHOICES),
        ordered=False,
    ),
    Case("json", dict[str, Any], pa.json_(), JSON_EDGES, JSON, ordered=False),
    _list("bool", bool, pa.bool_(), [True, False], st.booleans()),
    _list("int", int, pa.int64(), [0, -1, 2**63 - 1, -(2**63)], INTS),
    _list("float", float, pa.float64(), [0.0, 0.1, -1.0, 1e300, 5e-324, 1e-7], FLOATS),
    _list(
        "decimal",
        Decimal,
        pa.decimal128(38, 10),
        [Decimal("0.0000000000"), Decimal("-1.5000000000"), Decimal(f"{10**38 - 1}e-10")],
        st.integers(-(10**38) + 1, 10**38 - 1).map(lambda digits: Decimal(f"{digits}e-10")),
    ),
    _list("text", str, pa.string(), ["", "a", "NULL", "null", "{},\"'\\", "\u00e9\U0001f600", "\x01\n"], TEXTS),
    _list("bytes", bytes, pa.binary(), [b"", b"\0", bytes(range(256))], st.binary()),
    _list("uuid", UUID, pa.uuid(), [UUID(int=0), UUID(int=2**128 - 1)], st.uuids()),
    _list("instant", datetime, pa.timestamp("us", "UTC"), [FIRST, datetime.max.replace(tzinfo=UTC)], INSTANTS),
    _list("walltime", Annotated[datetime, Naive()], pa.timestamp("us"), [datetime.min, datetime.max], st.datetimes()),
    _list("date", date, pa.date32(), [date.min, date.max], st.dates()),
    _list("time", time, pa.time64("us"), [time.min, time.max], st.times()),
    _list("duration", timedelta, pa.duration("us"), [LONGEST, SHORTEST, timedelta(0)], DURATIONS),
    _list("choice", Choice, pa.string(), CHOICES, st.sampled_from(CHOICES)),
]
