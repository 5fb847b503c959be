"""Arrow types and layouts: for each type some values, the column that takes them, and what is stored of them.

What is stored is told by pyarrow: `to_pylist()` of the very array that was given, through the type's `told`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pyarrow as pa

from dataflow import Naive, Precision

Choice = Literal["open", "paid", ""]
MIDNIGHT = datetime(2024, 2, 29)


class Laid:
    """One column for each logical type."""

    batch: int
    at: int
    flag: bool | None = None
    whole: int | None = None
    share: float | None = None
    exact: Annotated[Decimal, Precision(38, 10)] | None = None
    text: str | None = None
    blob: bytes | None = None
    ref: UUID | None = None
    made: datetime | None = None
    wall: Annotated[datetime, Naive()] | None = None
    day: date | None = None
    clock: time | None = None
    span: timedelta | None = None
    kind: Choice | None = None
    extra: dict[str, Any] | None = None
    wholes: list[int] | None = None
    texts: list[str] | None = None
    shares: list[float] | None = None
    days: list[date] | None = None
    amounts: list[Annotated[Decimal, Precision(20, 2)]] | None = None


def same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Kind:
    """An Arrow type and the column it goes to.

    Attributes:
        name: Names the test.
        column: The field of `Laid`.
        arrow: The type; arrays are made by `make` where pyarrow does not make them of values.
        values: Five or more, none of them null.
        told: What is stored of a value that pyarrow tells.
        encoded: Whether its values can stand in a dictionary and in runs.
    """

    name: str
    column: str
    arrow: pa.DataType
    values: Sequence[Any]
    told: Callable[[Any], Any] = same
    make: Callable[[Sequence[Any], pa.DataType], pa.Array] = pa.array
    encoded: bool = True

    def array(self, values: Sequence[Any]) -> pa.Array:
        return self.make(values, self.arrow)

    def stored(self, array: pa.Array) -> list[Any]:
        return [None if value is None else self.told(value) for value in array.to_pylist()]


# --- how types are made and told ---


def of_storage(values: Sequence[Any], arrow: Any) -> pa.Array:
    """An extension type of values of its storage."""
    return pa.ExtensionArray.from_storage(arrow, pa.array(values, arrow.storage_type))


def masked(values: Sequence[Any], arrow: pa.DataType) -> pa.Array:
    """Structures whose fields are valid under a parent that is null."""
    mask = nulls_of(values)
    shown = [value or {"a": 7, "b": "hidden"} for value in values]
    fields = [pa.array([value[field.name] for value in shown], field.type) for field in arrow]
    return pa.StructArray.from_arrays(fields, fields=list(arrow), mask=mask)


def hidden(values: Sequence[Any], arrow: pa.DataType) -> pa.Array:
    """Lists of which the null ones have items."""
    shown = [[7, None] if value is None else value for value in values]
    lists = pa.array(shown, arrow)
    return pa.ListArray.from_arrays(lists.offsets, lists.values, mask=nulls_of(values))


def nulls_of(values: Sequence[Any]) -> pa.Array | None:
    nulls = [value is None for value in values]
    return pa.array(nulls, pa.bool_()) if any(nulls) else None


def instant(value: Any) -> datetime:
    return wall(value).astimezone(UTC)


def wall(value: Any) -> datetime:
    """pyarrow tells nanoseconds as a pandas.Timestamp."""
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value  # type: ignore[no-any-return]


def span(value: Any) -> timedelta:
    return value.to_pytimedelta() if hasattr(value, "to_pytimedelta") else value  # type: ignore[no-any-return]


def interval(value: Any) -> timedelta:
    assert value.months == 0
    return timedelta(days=value.days, microseconds=value.nanoseconds // 1000)


def shortest(value: float) -> Decimal:
    return Decimal(repr(value))


SMALL = [0, 1, -1, 127, -128, 5]
NATURAL = [0, 1, 2, 255, 5, 7]
LARGE = [0, 1, -1, 2**63 - 1, -(2**63), 5]
FLOATS = [0.0, 0.5, -1.5, 1024.0, 0.125, 3.0]
CENTS = [Decimal(text) for text in ("0.00", "1.50", "-0.01", "12345.67", "-99999.99", "3.00")]
TEXTS = ["", "a", "\u00e9\U0001f600", "NULL", "it's \\N \t\n", "x" * 40]
BLOBS = [b"", b"\0", bytes(range(256)), b"\xff\xfe", b"'\\", b"x" * 40]
UUIDS = [UUID(int=n) for n in (0, 1, 2**128 - 1, 2**127, 7, 8)]
DAYS = [date.min, date.max, date(1970, 1, 1), date(1969, 12, 31), date(2024, 2, 29), date(1582, 10, 10)]
CLOCKS = [time(0), time(23, 59, 59), time(12, 30), time(0, 0, 1), time(1, 2, 3), time(5)]
FINE_CLOCKS = [*CLOCKS[:4], time(23, 59, 59, 999_999), time(0, 0, 0, 1)]
MOMENTS = [datetime(1970, 1, 1), datetime(1969, 12, 31, 23, 59, 59), datetime(2024, 2, 29, 12), datetime(2038, 1, 19)]
MOMENTS += [datetime(1900, 1, 1), datetime(2100, 12, 31, 23, 59, 59)]
FINE_MOMENTS = [*MOMENTS[:4], datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(2024, 1, 1, 0, 0, 0, 1)]
SPANS = [timedelta(0), timedelta(seconds=-1), timedelta(days=400), timedelta(hours=-5), timedelta(1), timedelta(2)]
FINE_SPANS = [*SPANS[:4], timedelta(microseconds=1), timedelta(days=-1, microseconds=-1)]
LISTS = [[], [1], [1, 2, 3], [-128, 127], [0, 0], [5]]
PAIRS = [[1, 2], [3, 4], [-128, 127], [0, 0], [5, 6], [7, 8]]
DOCUMENTS = ['{"b": [1, null, 2.5], "a": "x"}', "[]", "{}", '"text"', "-7", "[[[true]]]"]
STRUCTURES = [{"a": n, "b": text} for n, text in zip(SMALL, TEXTS, strict=True)]
AB = pa.struct({"a": pa.int16(), "b": pa.string()})


def _times() -> list[Kind]:
    kinds = []
    for unit in ("s", "ms", "us", "ns"):
        fine = unit in ("us", "ns")
        moments, spans = (FINE_MOMENTS, FINE_SPANS) if fine else (MOMENTS, SPANS)
        kinds += [
            Kind(f"timestamp {unit} UTC", "made", pa.timestamp(unit, "UTC"), moments, instant),
            Kind(f"timestamp {unit}", "wall", pa.timestamp(unit), moments, wall),
            Kind(f"duration {unit}", "span", pa.duration(unit), spans, span),
            Kind(
                f"time {unit}",
                "clock",
                pa.time64(unit) if fine else pa.time32(unit),
                FINE_CLOCKS if fine else CLOCKS,
            ),
        ]
    return kinds


KINDS = [
    *(Kind(str(arrow), "whole", arrow, SMALL) for arrow in (pa.int8(), pa.int16(), pa.int32())),
    Kind("int64", "whole", pa.int64(), LARGE),
    *(Kind(str(arrow), "whole", arrow, NATURAL) for arrow in (pa.uint8(), pa.uint16(), pa.uint32())),
    Kind("uint64", "whole", pa.uint64(), [*NATURAL, 2**63 - 1]),
    Kind("float64 as int", "whole", pa.float64(), [0.0, -1.0, 2.0**53, -(2.0**53), 5.0], int),
    Kind("decimal128(38, 0) as int", "whole", pa.decimal128(38, 0), [Decimal(n) for n in LARGE], int),
    Kind("string as int", "whole", pa.string(), [str(n) for n in LARGE], int),
    Kind("bool", "flag", pa.bool_(), [True, False, True, True, False]),
    Kind("bool8", "flag", pa.bool8(), [1, 0, 1, -1, 0], make=of_storage, encoded=False),
    *(Kind(str(arrow), "share", arrow, FLOATS, float) for arrow in (pa.float16(), pa.float32(), pa.float64())),
    Kind("int32 as float", "share", pa.int32(), SMALL, float),
    *(
        Kind(f"{arrow} as decimal", "exact", arrow, values, Decimal)
        for arrow, values in ((pa.int8(), SMALL), (pa.int32(), SMALL), (pa.int64(), LARGE), (pa.uint64(), NATURAL))
    ),
    Kind("float64 as decimal", "exact", pa.float64(), [0.1, 1e-10, 123456.789, -0.07, 5.0], shortest),
    *(
        Kind(str(arrow), "exact", arrow, CENTS)
        for arrow in (
            pa.decimal32(9, 2),
            pa.decimal64(18, 4),
            pa.decimal128(20, 2),
            pa.decimal128(38, 10),
            pa.decimal256(60, 12),
        )
    ),
    Kind("decimal128(10, -2)", "exact", pa.decimal128(10, -2), [Decimal(n) for n in (0, 100, -300, 500, 100_000)]),
    *(Kind(str(arrow), "text", arrow, TEXTS) for arrow in (pa.string(), pa.large_string(), pa.string_view())),
    Kind("string as choice", "kind", pa.string(), ["open", "paid", "", "open", "paid"]),
    *(Kind(str(arrow), "blob", arrow, BLOBS) for arrow in (pa.binary(), pa.large_binary(), pa.binary_view())),
    Kind("fixed binary", "blob", pa.binary(3), [b"abc", b"\0\0\0", b"\xff\xfe\xfd", b"'\\'", b"xyz"]),
    Kind("uuid", "ref", pa.uuid(), [value.bytes for value in UUIDS], make=of_storage),
    Kind("fixed binary as uuid", "ref", pa.binary(16), [u.bytes for u in UUIDS], lambda value: UUID(bytes=value)),
    Kind("string as uuid", "ref", pa.string(), [str(value) for value in UUIDS], UUID),
    Kind("date32", "day", pa.date32(), DAYS),
    Kind("date64", "day", pa.date64(), DAYS),
    Kind(
        "midnights as dates", "day", pa.timestamp("ms"), [MIDNIGHT, *MOMENTS[:1]] * 3, lambda value: wall(value).date()
    ),
    Kind("timestamp Berlin", "made", pa.timestamp("us", "Europe/Berlin"), FINE_MOMENTS, instant),
    Kind(
        "date32 as instant",
        "made",
        pa.date32(),
        DAYS,
        lambda value: datetime(value.year, value.month, value.day, tzinfo=UTC),
    ),
    *_times(),
    Kind(
        "month_day_nano", "span", pa.month_day_nano_interval(), [(0, n, n * 1000) for n in (0, 1, -1, 400, 5)], interval
    ),
    *(
        Kind(f"json in {arrow.storage_type}", "extra", arrow, DOCUMENTS, json.loads, make=of_storage)
        for arrow in (pa.json_(), pa.json_(pa.large_string()), pa.json_(pa.string_view()))
    ),
    Kind("struct", "extra", AB, STRUCTURES),
    Kind("null structs over values", "extra", AB, STRUCTURES, make=masked),
    Kind("map", "extra", pa.map_(pa.string(), pa.int32()), [[], [("b", 1), ("a", None)], [("", 5)]] * 2, dict),
    Kind("list of structs", "extra", pa.list_(AB), [[], STRUCTURES[:2], [None, STRUCTURES[3]], [None], STRUCTURES]),
    Kind("nested lists", "extra", pa.list_(pa.large_list(pa.int8())), [[], [[]], [[1, None], None], [[2]], [[3], []]]),
    *(
        Kind(str(arrow), "wholes", arrow, values)
        for arrow, values in (
            (pa.list_(pa.int32()), LISTS),
            (pa.large_list(pa.int64()), LISTS),
            (pa.list_(pa.int8(), 2), PAIRS),
            (pa.list_view(pa.int64()), LISTS),
            (pa.large_list_view(pa.int16()), LISTS),
        )
    ),
    Kind("null lists over items", "wholes", pa.list_(pa.int32()), LISTS, make=hidden),
    Kind("list of string views", "texts", pa.list_(pa.string_view()), [[], TEXTS, ["a"], ["", ""], TEXTS[:2]]),
    Kind("list of floats", "shares", pa.list_(pa.float32()), [[], FLOATS, [0.5], [1.0, 1.0], FLOATS[:2]]),
    Kind("list of dates", "days", pa.list_(pa.date64()), [[], DAYS, DAYS[:1], DAYS[1:], DAYS[:2]]),
    Kind("list of decimals", "amounts", pa.list_(pa.decimal128(9, 2)), [[], CENTS, CENTS[:1], CENTS[1:], CENTS[:2]]),
    Kind("null", "text", pa.null(), [None] * 5, encoded=False),
]


# --- layouts ---


def gaps(kind: Kind) -> list[Any]:
    """The values with nulls at the first, the fourth and the last place."""
    values = list(kind.values)
    return [None, *values[:2], None, *values[2:], None]


def odd_slice(kind: Kind) -> list[pa.Array]:
    values = gaps(kind)
    return [kind.array([*values[:3], *values, *values])[3 : 3 + len(values)]]


def twice_sliced(kind: Kind) -> list[pa.Array]:
    values = gaps(kind)
    return [kind.array([*values, *values])[1:][2:-3]]


def chunks(kind: Kind) -> list[pa.Array]:
    array = kind.array(gaps(kind))
    return [array[:3], array[3:4], kind.array(kind.values)]


def empty_chunk(kind: Kind) -> list[pa.Array]:
    array = kind.array(gaps(kind))
    return [array[:2], array[2:2], kind.array([]), array[2:]]


def no_validity(kind: Kind) -> list[pa.Array]:
    array = kind.array(kind.values)
    return [array, array[1:]]


def dictionaries(kind: Kind) -> list[pa.Array]:
    """Another dictionary in each chunk, each with a null value; null keys as well; the second is sliced."""
    first, second = kind.array(gaps(kind)), kind.array([None, *reversed(kind.values)])
    keys = pa.array([*range(len(first)), None, 1, 1], pa.int16())
    others = pa.array([2, 2, 0, None, *range(len(second))], pa.int16())
    encode = pa.DictionaryArray.from_arrays
    return [encode(keys, first), encode(others, second)[1:]]


def runs(kind: Kind) -> list[pa.Array]:
    """Runs of two and more, cut in the middle of the first and the last."""
    values = kind.array(gaps(kind))
    ends = pa.array([2 + n * 3 for n in range(len(values))], pa.int32())
    whole = pa.RunEndEncodedArray.from_arrays(ends, values)
    return [whole[1:-1], whole[4:9][1:]]


LAYOUTS: dict[str, Callable[[Kind], list[pa.Array]]] = {
    "plain": lambda kind: [kind.array(gaps(kind))],
    "sliced at an odd bit": odd_slice,
    "sliced twice": twice_sliced,
    "chunks": chunks,
    "empty chunk": empty_chunk,
    "all null": lambda kind: [kind.array([None] * 5)],
    "no validity": no_validity,
    "dictionaries": dictionaries,
    "runs": runs,
}
ENCODED = ("dictionaries", "runs")


def layouts_of(kind: Kind) -> list[str]:
    return [name for name in LAYOUTS if kind.encoded or name not in ENCODED]


def reader(batch: int, kind: Kind, arrays: list[pa.Array]) -> pa.RecordBatchReader:
    """The chunks as batches, just as they are: a table would leave the empty ones out."""
    at, batches = 0, []
    for array in arrays:
        columns = [pa.array([batch] * len(array), pa.int64()), pa.array(range(at, at + len(array)), pa.int64()), array]
        batches.append(pa.RecordBatch.from_arrays(columns, ["batch", "at", kind.column]))
        at += len(array)
    return pa.RecordBatchReader.from_batches(batches[0].schema, batches)
