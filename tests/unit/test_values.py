"""Python values and Arrow layouts on their way into columns of the described types, and back."""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dataflow import _core, errors
from tests.described import NOBODY, describe

NAMES = ["int", "float", "instant", "walltime", "date", "time", "duration", "json", "uuid", "bytes", "bool"]
TYPES: dict[str, dict[str, Any]] = {
    **{name: {"name": name} for name in NAMES},
    "text": {"name": "text", "max_length": None},
    "choice": {"name": "choice", "values": ["open", "paid"]},
    "ints": {"name": "list", "item": {"name": "int"}},
    "texts": {"name": "list", "item": {"name": "text", "max_length": 3}},
}


@pytest.fixture(scope="module")
def engine() -> Iterator[_core.Engine]:
    engine = _core.Engine("sqlite:///:memory:", {})
    yield engine
    engine.close().wait()


@pytest.fixture
def table(engine: _core.Engine) -> _core.Table:
    return engine.table(describe("Value", TYPES))


def append(table: _core.Table, rows: list[dict[str, object]], *, single: bool) -> _core.Batch:
    """Stores rows and gives them back."""
    _, batch, *_ = table.append(rows, True, single, None, None, NOBODY).wait()
    assert batch is not None
    return batch


@pytest.fixture
def kept(table: _core.Table) -> Callable[[str, object], Any]:
    """Stores one value and reads it back."""

    def keep(name: str, value: object) -> Any:
        [row] = append(table, [{name: value}], single=True).records()
        [again] = table.read({"id": row["id"]}, [], None, False, [], NOBODY).wait().records()
        assert row == again
        return row[name]

    return keep


class State(enum.StrEnum):
    OPEN = "open"


class Level(enum.IntEnum):
    HIGH = 3


class Mixed(str, enum.Enum):  # noqa: UP042  (the form of before StrEnum)
    PAID = "paid"


class Holder(enum.Enum):
    DAY = date(2024, 2, 29)
    PLAIN = "paid"


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("choice", State.OPEN, "open"),
        ("choice", Mixed.PAID, "paid"),
        ("choice", Holder.PLAIN, "paid"),
        ("int", Level.HIGH, 3),
        ("date", Holder.DAY, date(2024, 2, 29)),
        ("json", {"a": [State.OPEN, Level.HIGH]}, {"a": ["open", 3]}),
        ("texts", (State.OPEN.value[:3],), ["ope"]),
    ],
)
def test_a_member_of_an_enum_goes_by_its_value(kept: Callable[..., Any], name: str, given: object, expected: object):
    found = kept(name, given)
    assert found == expected
    assert type(found) is type(expected)


def test_an_enum_of_another_type_is_refused(kept: Callable[..., Any]):
    with pytest.raises(errors.WrongTypeError):
        kept("choice", Level.HIGH)
    with pytest.raises(errors.WrongTypeError):
        kept("date", State.OPEN)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("date", np.datetime64("2024-02-29"), date(2024, 2, 29)),
        ("walltime", np.datetime64("2024-02-29T01:02:03.000004000", "ns"), datetime(2024, 2, 29, 1, 2, 3, 4)),
        ("walltime", np.datetime64("2024-02-29T01:02", "m"), datetime(2024, 2, 29, 1, 2)),
        ("walltime", pd.Timestamp("2024-02-29T01:02:03.000004"), datetime(2024, 2, 29, 1, 2, 3, 4)),
        ("duration", np.timedelta64(-1500, "ns") * 2, timedelta(microseconds=-3)),
        ("duration", np.timedelta64(2, "h"), timedelta(hours=2)),
        ("duration", pd.Timedelta(microseconds=-1), timedelta(microseconds=-1)),
        ("duration", np.timedelta64("NaT"), None),
        ("date", np.datetime64("NaT"), None),
        ("date", pd.NaT, None),
        ("time", pd.NaT, None),
        ("int", np.int16(3), 3),
        ("int", Decimal("-3.00"), -3),
        ("float", np.float32(0.5), 0.5),
        ("ints", np.array([1, 2], dtype="int32"), [1, 2]),
        ("texts", np.array(["a", "b"], dtype=object), ["a", "b"]),
        ("json", {"a": np.array([[1, 2], [3, 4]]), "b": np.float64(0.5)}, {"a": [[1, 2], [3, 4]], "b": 0.5}),
    ],
)
def test_values_of_numpy_and_pandas_are_read(kept: Callable[..., Any], name: str, given: object, expected: object):
    assert kept(name, given) == expected


@pytest.mark.parametrize(
    ("name", "given", "error"),
    [
        ("walltime", np.datetime64(1, "ns"), errors.OutOfRangeError),
        ("walltime", np.datetime64(10_000, "Y"), errors.OutOfRangeError),
        ("duration", np.timedelta64(1, "ns"), errors.OutOfRangeError),
        ("int", Decimal("0.5"), errors.WrongTypeError),
        ("int", Decimal("NaN"), errors.WrongTypeError),
        ("int", Decimal(2**63), errors.OutOfRangeError),
        ("int", np.datetime64(1, "ns"), errors.WrongTypeError),
        ("int", np.timedelta64(1, "ns"), errors.WrongTypeError),
        ("duration", pd.Timedelta(1, "ns"), errors.OutOfRangeError),
        ("duration", timedelta.max, errors.OutOfRangeError),
        ("duration", timedelta(microseconds=2**63), errors.OutOfRangeError),
        ("duration", "PT1S", errors.WrongTypeError),
        ("duration", 1, errors.WrongTypeError),
        ("date", datetime(2024, 1, 1), errors.WrongTypeError),
        ("date", datetime(2024, 1, 1, tzinfo=UTC), errors.WrongTypeError),
        ("time", time(1, tzinfo=UTC), errors.TimezoneMismatchError),
        ("time", datetime(2024, 1, 1), errors.WrongTypeError),
        ("time", "12:00+00:00", errors.TimezoneMismatchError),
        ("choice", "OPEN", errors.NotAChoiceError),
        ("choice", 1, errors.WrongTypeError),
        ("ints", 1, errors.WrongTypeError),
        ("ints", {"a": 1}, errors.WrongTypeError),
        ("ints", [[1]], errors.WrongTypeError),
        ("ints", [2**63], errors.OutOfRangeError),
        ("texts", ["abcd"], errors.DataTooLongError),
        ("json", Decimal(1), errors.WrongTypeError),
        ("json", UUID(int=1), errors.WrongTypeError),
        ("json", [10**5000], errors.WrongTypeError),
        ("json", {"a": {1: 2}}, errors.WrongTypeError),
        ("int", [1], errors.WrongTypeError),
    ],
)
def test_what_is_no_value_of_the_type_is_refused(
    kept: Callable[..., Any], name: str, given: object, error: type[errors.DataFlowError]
):
    with pytest.raises(error) as caught:
        kept(name, given)
    assert (caught.value.path or "").startswith(name)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("time", "01:02", time(1, 2)),
        ("time", "01:02:03.5", time(1, 2, 3, 500_000)),
        ("instant", date(2024, 2, 29), datetime(2024, 2, 29, tzinfo=UTC)),
        ("walltime", date(2024, 2, 29), datetime(2024, 2, 29)),
        ("json", "[1]", "[1]"),
        ("json", (1, (2,)), [1, [2]]),
        ("json", {"z": 1.0, "a": -0.0}, {"a": 0, "z": 1}),
        ("ints", (), []),
    ],
)
def test_other_forms_are_read(kept: Callable[..., Any], name: str, given: object, expected: object):
    found = kept(name, given)
    assert found == expected
    assert repr(found) == repr(expected)


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_a_tree_is_bounded_however_deep(kept: Callable[..., Any], table: _core.Table):
    assert kept("json", nested(31)) == nested(31)
    for levels in (32, 100, 100_000):
        with pytest.raises(errors.LimitExceededError) as caught:
            kept("json", nested(levels))
        assert caught.value.path == "json" + "[0]" * 31
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(errors.LimitExceededError):
        kept("json", circle)
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"$not": deep}
    with pytest.raises(errors.LimitExceededError):
        table.count(deep, False, NOBODY)


@dataclass
class Point:
    x: int
    y: Any = None


@dataclass
class Marked(Point):
    pass


class Loop:
    """Encodes to something that holds itself."""


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class Broken:
    pass


def break_down(_value: object) -> object:
    raise RuntimeError("no encoding today")


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    _core.register_class(Point, vars)
    _core.register_class(Money, lambda money: money.cents // 100)
    _core.register_class(Loop, lambda loop: [loop])
    _core.register_class(Broken, break_down)


def test_instances_of_registered_classes_are_read_as_what_they_encode_to(kept: Callable[..., Any]):
    assert kept("json", Point(1, [Marked(2)])) == {"x": 1, "y": [{"x": 2, "y": None}]}
    assert kept("int", Money(500)) == 5


def test_the_class_first_in_the_mro_decides(kept: Callable[..., Any]):
    _core.register_class(Marked, lambda marked: f"marked {marked.x}")
    assert kept("json", [Point(1), Marked(2)]) == [{"x": 1, "y": None}, "marked 2"]


def test_an_encoder_that_never_ends_is_bounded(kept: Callable[..., Any]):
    with pytest.raises(errors.LimitExceededError):
        kept("json", Loop())


def test_an_encoder_that_fails_tells_its_own_error(kept: Callable[..., Any]):
    with pytest.raises(RuntimeError, match="no encoding today"):
        kept("json", [Broken()])


@pytest.mark.parametrize(
    "description",
    [
        {"name": "nothing"},
        {},
        {"name": "choice", "values": []},
        {"name": "choice", "values": ["a", "a"]},
        {"name": "list", "item": {"name": "json"}},
        {"name": "list", "item": {"name": "list", "item": {"name": "int"}}},
        {"name": "decimal", "precision": 3, "scale": 4},
        {"name": "decimal", "precision": 300, "scale": 4},
    ],
)
def test_a_type_that_there_is_not_is_refused(engine: _core.Engine, description: dict[str, Any]):
    with pytest.raises((ValueError, OverflowError, errors.InvalidModelError)):
        engine.table(describe("M", {"value": description}))


def load(table: _core.Table, name: str, array: Any) -> list[Any]:
    """Stores an Arrow column and reads its rows back."""
    before = table.count(None, False, NOBODY).wait()
    table.append((pa.table({name: array}), False), False, False, None, None, NOBODY).wait()
    rows = table.read(None, ["id"], None, False, [], NOBODY).wait().records()[before:]
    return [row[name] for row in rows]


DAY = datetime(2024, 2, 29)
LAYOUTS = [
    ("date", pa.array([date(2024, 2, 29)], pa.date64()), [date(2024, 2, 29)]),
    ("date", pa.array([DAY, None], pa.timestamp("ns")), [date(2024, 2, 29), None]),
    ("date", pa.array(["2024-02-29"]), [date(2024, 2, 29)]),
    ("time", pa.array([3600], pa.time32("s")), [time(1)]),
    ("time", pa.array([1], pa.time32("ms")), [time(0, 0, 0, 1000)]),
    ("time", pa.array([1000], pa.time64("ns")), [time(0, 0, 0, 1)]),
    ("duration", pa.array([-1], pa.duration("s")), [timedelta(seconds=-1)]),
    ("duration", pa.array([-1000], pa.duration("ns")), [timedelta(microseconds=-1)]),
    ("instant", pa.array([date(2024, 2, 29)], pa.date32()), [DAY.replace(tzinfo=UTC)]),
    ("choice", pa.array(["open", None, "paid"]).dictionary_encode(), ["open", None, "paid"]),
    ("choice", pa.array(["open"], pa.large_string()), ["open"]),
    ("choice", pa.array(["open"], pa.string_view()), ["open"]),
    (
        "json",
        pa.array(['{"b": 1.50, "a": "\\u00e9"}', "null", None], pa.large_string()),
        [{"a": "é", "b": 1.5}, None, None],
    ),
    ("ints", pa.array([[1], [2, 3], None, []], pa.list_(pa.int32())).slice(1, 3), [[2, 3], None, []]),
    ("ints", pa.array([[1], [2, 3]], pa.large_list(pa.uint8())).slice(1), [[2, 3]]),
    ("ints", pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)).slice(1), [None, [3, 4]]),
    ("ints", pa.array([[1], [2, 3]], pa.list_view(pa.int64())).slice(1), [[2, 3]]),
    ("ints", pa.array([[1.0, 2.0]]), [[1, 2]]),
    ("texts", pa.array([["a"], ["b", "a"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))).slice(1), [["b", "a"]]),
    ("ints", pa.nulls(1), [None]),
]


@pytest.mark.parametrize(("name", "array", "expected"), LAYOUTS)
def test_arrow_layouts_are_read_by_the_target(table: _core.Table, name: str, array: Any, expected: list[Any]):
    assert load(table, name, array) == expected


@pytest.mark.parametrize(
    ("name", "array", "error", "path"),
    [
        ("date", pa.array([DAY, DAY + timedelta(hours=1)]), errors.WrongTypeError, "data[1].date"),
        ("date", pa.array([DAY], pa.timestamp("us", "UTC")), errors.WrongTypeError, "data[0].date"),
        ("time", pa.array([0, 1], pa.time64("ns")), errors.OutOfRangeError, "data[1].time"),
        ("duration", pa.array([0, 1], pa.duration("ns")), errors.OutOfRangeError, "data[1].duration"),
        ("duration", pa.array([0, 2**62], pa.duration("s")), errors.OutOfRangeError, "data[1].duration"),
        ("duration", pa.array([1]), errors.WrongTypeError, "data[0].duration"),
        ("choice", pa.array(["open", "x"]).dictionary_encode(), errors.NotAChoiceError, "data[1].choice"),
        ("json", pa.array(["{}", '{"a": [1, 1e999]}']), errors.OutOfRangeError, "data[1].json.a[1]"),
        ("json", pa.array(["{}", "{'a': 1}"]), errors.WrongTypeError, "data[1].json"),
        ("json", pa.array([{"a": None}, {"a": Decimal(1)}]), errors.WrongTypeError, "data[1].json.a"),
        ("ints", pa.array([[1], [2, None]]).slice(1), errors.NullValueError, "data[0].ints[1]"),
        ("ints", pa.array([["1"], ["2", "x"]]), errors.WrongTypeError, "data[1].ints[1]"),
        ("texts", pa.array([["a"], [], ["b", "abcd"]]), errors.DataTooLongError, "data[2].texts[1]"),
        ("texts", pa.array(["a"]), errors.WrongTypeError, "data[0].texts"),
        ("int", pa.array([[1]]), errors.WrongTypeError, "data[0].int"),
    ],
)
def test_arrow_that_is_no_value_of_the_type_is_refused(
    table: _core.Table, name: str, array: Any, error: type[errors.DataFlowError], path: str
):
    with pytest.raises(error) as caught:
        load(table, name, array)
    assert caught.value.path == path


def test_rows_go_out_and_in_again_as_arrow(table: _core.Table):
    given = {"date": date(1, 1, 1), "time": time(1), "duration": timedelta(-1), "json": {"a": [1]}, "choice": "open"}
    row = append(table, [{**given, "ints": [1], "texts": []}], single=True)
    copied = pa.table(row).drop_columns(["id"])
    assert copied.schema.field("json").type == pa.json_()
    before = table.count(None, False, NOBODY).wait()
    table.append((copied, False), False, False, None, None, NOBODY).wait()
    [found] = table.read(None, ["id"], None, False, [], NOBODY).wait().records()[before:]
    [expected] = row.records()
    assert {**found, "id": 0} == {**expected, "id": 0}
