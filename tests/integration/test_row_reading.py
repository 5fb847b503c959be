"""Dicts and instances value by value: the frequent classes by a short way, all others by a long one, to one end."""

import asyncio
import dataclasses
import subprocess
import sys
from collections import OrderedDict, UserDict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pydantic
import pytest

from dataflow import DataFlow, MaxLength, Naive, Precision, Ref, Table, errors
from tests.database import Database
from tests.integration.fresh import fresh

EAST = timezone(timedelta(hours=5, minutes=30))
BERLIN = ZoneInfo("Europe/Berlin")
MOMENT = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Row:
    number: int | None = None
    share: float | None = None
    text: Annotated[str, MaxLength(5)] | None = None
    flag: bool | None = None
    made: datetime | None = None
    wall: Annotated[datetime, Naive()] | None = None
    day: date | None = None
    price: Annotated[Decimal, Precision(12, 2)] | None = None
    blob: bytes | None = None
    ref: UUID | None = None


class Whole(int):
    def __str__(self) -> str:
        return "another"


class Word(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another"


class Real(float):
    def __float__(self) -> float:
        return 0.0


class Moment(datetime):
    pass


class Day(date):
    pass


class Size(IntEnum):
    SMALL = 3


class Colour(StrEnum):
    RED = "red"


class Flag(Enum):
    ON = True


class Zone(tzinfo):
    """A zone that is none of Python's own, with an offset that is not the same all year."""

    def utcoffset(self, when: datetime | None) -> timedelta:
        return timedelta(hours=2 if when is not None and 3 < when.month < 11 else 1)

    def dst(self, when: datetime | None) -> timedelta:
        return timedelta(0)


class Cell(NamedTuple):
    """A value, and what is stored of it."""

    field: str
    given: object
    stored: object


CELLS = [
    *(Cell("number", given, 3) for given in (3, Whole(3), Size.SMALL, np.int64(3), np.uint8(3), 3.0, Decimal(3), "3")),
    *(Cell("number", given, given) for given in (0, -1, 2**63 - 1, -(2**63), 2**31, -(2**62) - 1)),
    *(Cell("share", given, 1.5) for given in (1.5, Real(1.5), np.float64(1.5), np.float32(1.5), "1.5")),
    *(Cell("share", given, given) for given in (0.0, 5e-324, 1.7976931348623157e308, 2.0**70)),
    Cell("share", 3, 3.0),
    *(Cell("text", given, "red") for given in ("red", Word("red"), Colour.RED, np.str_("red"))),
    *(Cell("text", given, given) for given in ("", "\u00fc\u00e9", "\U0001f600" * 5, "12345", "\u65e5\u672c\u8a9e")),
    *(Cell("flag", given, True) for given in (True, Flag.ON, np.bool_(True), "true")),
    Cell("flag", False, False),
    *(
        Cell("made", given, MOMENT)
        for given in (
            MOMENT,
            MOMENT.astimezone(EAST),
            MOMENT.astimezone(BERLIN),
            MOMENT.astimezone(ZoneInfo("UTC")),
            MOMENT.astimezone(ZoneInfo("Etc/GMT-14")),
            MOMENT.astimezone(timezone(timedelta(hours=-23, minutes=-59))),
            MOMENT.astimezone(Zone()),
            Moment.fromtimestamp(MOMENT.timestamp(), UTC),
            pd.Timestamp(MOMENT),
            "2024-01-02T03:04:05.678901Z",
        )
    ),
    Cell("made", datetime(2024, 7, 1, 12, tzinfo=BERLIN), datetime(2024, 7, 1, 10, tzinfo=UTC)),
    Cell("made", datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
    Cell("made", datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN), datetime(2024, 10, 27, 1, 30, tzinfo=UTC)),
    Cell("made", datetime(2024, 7, 1, 12, tzinfo=Zone()), datetime(2024, 7, 1, 10, tzinfo=UTC)),
    *(
        Cell("made", given, given)
        for given in (
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
        )
    ),
    *(
        Cell("wall", given, given)
        for given in (datetime.min, datetime.max, datetime(1970, 1, 1), datetime(2000, 2, 29, 1))
    ),
    Cell("wall", Moment(2024, 1, 2, 3), datetime(2024, 1, 2, 3)),
    *(
        Cell("day", given, given)
        for given in (date.min, date.max, date(1970, 1, 1), date(1969, 12, 31), date(2000, 2, 29))
    ),
    Cell("day", Day(2024, 2, 29), date(2024, 2, 29)),
    *(Cell("price", given, Decimal("1.50")) for given in (Decimal("1.50"), Decimal("1.5"), 1.5, "1.5")),
    *(Cell("blob", given, b"\0\xff") for given in (b"\0\xff", bytearray(b"\0\xff"))),
    *(Cell("ref", given, UUID(int=5)) for given in (UUID(int=5), UUID(int=5).bytes, str(UUID(int=5)))),
    *(Cell(name, None, None) for name in Row.__annotations__),
    *(Cell(name, pd.NA, None) for name in Row.__annotations__),
]

REFUSED: list[tuple[str, object, type[errors.DataFlowError]]] = [
    ("number", True, errors.WrongTypeError),
    ("number", 1.5, errors.WrongTypeError),
    ("number", 2**63, errors.OutOfRangeError),
    ("number", Whole(2**63), errors.OutOfRangeError),
    ("number", -(2**63) - 1, errors.OutOfRangeError),
    ("number", MOMENT, errors.WrongTypeError),
    ("share", True, errors.WrongTypeError),
    ("share", 2**53 + 1, errors.OutOfRangeError),
    ("text", 5, errors.WrongTypeError),
    ("text", "123456", errors.DataTooLongError),
    ("text", "\u00fc" * 6, errors.DataTooLongError),
    ("text", "a\0b", errors.NulCharacterError),
    ("text", "\ud800", errors.WrongTypeError),
    ("text", b"red", errors.WrongTypeError),
    ("flag", 1, errors.WrongTypeError),
    ("flag", 1.0, errors.WrongTypeError),
    ("made", MOMENT.replace(tzinfo=None), errors.TimezoneMismatchError),
    ("made", datetime.min.replace(tzinfo=EAST), errors.OutOfRangeError),
    ("made", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), errors.OutOfRangeError),
    ("made", 5, errors.WrongTypeError),
    ("wall", MOMENT, errors.TimezoneMismatchError),
    ("wall", MOMENT.astimezone(BERLIN), errors.TimezoneMismatchError),
    ("day", MOMENT, errors.WrongTypeError),
    ("day", 20240229, errors.WrongTypeError),
    ("price", Decimal("1.505"), errors.TooManyDigitsError),
    ("blob", "text", errors.WrongTypeError),
    ("ref", 5, errors.WrongTypeError),
]


@pytest.fixture
def table(db: DataFlow) -> Table[Any]:
    return fresh(db, Row)


def exactly(value: object) -> tuple[type, str]:
    return type(value), repr(value)


def test_every_class_of_a_value_is_read_as_what_it_stands_for(table: Table[Any]) -> None:
    table.bulk_create([{cell.field: cell.given} for cell in CELLS])
    found = table.list(limit=None).records()
    assert len(found) == len(CELLS)
    for record, cell in zip(found, CELLS, strict=True):
        assert exactly(record[cell.field]) == exactly(cell.stored), cell
        others = {name: value for name, value in record.items() if name not in (cell.field, "id")}
        assert set(others.values()) == {None}


def test_instances_are_read_as_dicts_are(table: Table[Any]) -> None:
    cls: Any = table._cls
    table.bulk_create([{cell.field: cell.given} for cell in CELLS])
    whole = table.list(limit=None).records()
    for form in (list, iter):
        table.bulk_delete(all_rows=True)
        table.bulk_create(form([cls(**{cell.field: cell.given}) for cell in CELLS]))
        found = table.list(limit=None).records()
        assert [list(map(exactly, list(row.values())[1:])) for row in found] == [
            list(map(exactly, list(row.values())[1:])) for row in whole
        ]


@pytest.mark.parametrize("form", ["list", "generator", "instances", "instances one by one"])
@pytest.mark.parametrize(("field", "value", "error"), REFUSED)
def test_what_a_field_refuses_is_named_by_its_row(
    table: Table[Any], form: str, field: str, value: object, error: type[errors.DataFlowError]
) -> None:
    rows: list[Any] = [{"number": 1}, {field: value}, {"number": 2}]
    if form.startswith("instances"):
        rows = [table._cls(**row) for row in rows]
    data = iter(rows) if form in ("generator", "instances one by one") else rows
    with pytest.raises(error) as caught:
        table.bulk_create(data)
    assert (caught.value.path, table.count()) == (f"data[1].{field}", 0)


@pytest.mark.parametrize("form", [list, iter])
def test_rows_of_every_mapping_are_rows(table: Table[Any], form: Callable[[Any], Any]) -> None:
    class Own(dict[str, Any]):
        pass

    rows: list[Any] = [OrderedDict(number=1), UserDict(number=2), Own(number=3), {"number": 4}]
    assert table.bulk_create(form(rows)).inserted == 4
    assert [row.number for row in table.list()] == [1, 2, 3, 4]


# --- kinds of classes ---


@dataclasses.dataclass
class Plain:
    code: int
    note: str | None = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    code: int
    note: str | None = None


class Pydantic(pydantic.BaseModel):
    code: int
    note: str | None = None
    _hidden: int = pydantic.PrivateAttr(default=5)


def keyed(db: DataFlow, kind: type[Any]) -> Table[Any]:
    table = fresh(db, type(kind.__name__, (kind,), {"__dataflow__": {"key": "code"}, "__module__": kind.__module__}))
    assert table._model.key == ("code",)
    return table


@pytest.mark.parametrize("kind", [Plain, Frozen, Pydantic])
@pytest.mark.parametrize("form", [list, iter])
def test_instances_of_every_kind_of_class_are_rows(db: DataFlow, kind: type[Any], form: Callable[[Any], Any]) -> None:
    table = keyed(db, kind)
    derived = type("Derived", (table._cls,), {"__module__": kind.__module__})
    rows = [table._cls(code=1, note="a"), derived(code=2, note="b"), {"code": 3}, table._cls(code=4)]
    assert table.bulk_create(form(rows)).inserted == 4
    assert table.list().records() == [
        {"code": 1, "note": "a"},
        {"code": 2, "note": "b"},
        {"code": 3, "note": None},
        {"code": 4, "note": None},
    ]
    assert table.bulk_upsert(form([table._cls(code=1, note="z"), derived(code=5)])).inserted == 1
    assert table.bulk_delete(keys=form([table._cls(code=1), derived(code=2, note="ignored")])).deleted == 2
    assert [row.code for row in table.list()] == [3, 4, 5]


@pytest.mark.parametrize("form", [list, iter])
def test_instances_with_slots_are_rows(db: DataFlow, form: Callable[[Any], Any]) -> None:
    @db.model
    @dataclasses.dataclass(slots=True)
    class SlottedRow:
        id: int
        note: str | None = None

    table = db.table(SlottedRow)
    table.bulk_delete(all_rows=True)
    assert table.bulk_create(form([SlottedRow(1, "a"), SlottedRow(2)])).inserted == 2
    assert table.list().records() == [{"id": 1, "note": "a"}, {"id": 2, "note": None}]


@pytest.mark.parametrize("form", [list, iter])
def test_an_instance_of_another_model_is_no_row(db: DataFlow, table: Table[Any], form: Callable[[Any], Any]) -> None:
    other = fresh(db, Row)
    with pytest.raises(errors.UnsupportedDataError) as caught:
        table.bulk_create(form([table._cls(number=1), other._cls(number=2)]))
    assert (caught.value.path, table.count()) == ("data[1]", 0)


# --- lists that are larger than a piece ---

PIECE = 65_536
MANY = 2 * PIECE + 5


@pytest.mark.parametrize("form", ["dicts", "instances", "tuple"])
def test_a_large_list_is_stored_as_a_whole(table: Table[Any], form: str) -> None:
    make: Any = table._cls if form == "instances" else dict
    rows = [make(number=n) for n in range(MANY)]
    assert table.bulk_create(tuple(rows) if form == "tuple" else rows).inserted == MANY
    assert table.list(limit=None, fields=["number"]).to_arrow()["number"].to_pylist() == list(range(MANY))


@pytest.mark.parametrize("at", [5, PIECE - 1, PIECE, MANY - 1])
@pytest.mark.parametrize(
    ("bad", "error", "path"),
    [
        ({"number": "x"}, errors.WrongTypeError, ".number"),
        ({"number": 1, "numbr": 1}, errors.UnknownFieldError, ".numbr"),
        (7, errors.UnsupportedDataError, ""),
    ],
)
def test_a_bad_row_of_a_large_list_takes_back_all(
    table: Table[Any], at: int, bad: Any, error: type[errors.DataFlowError], path: str
) -> None:
    rows: list[Any] = [{"number": n} for n in range(MANY)]
    rows[at] = bad
    with pytest.raises(error) as caught:
        table.bulk_create(rows)
    assert caught.value.path == f"data[{at}]{path}"
    # Among keys that the database may generate, what is no row is found before any of them is sent.
    assert caught.value.outcome == ("rolled back" if at >= PIECE and path else None)
    assert table.count() == 0
    assert table.create(number=1).number == 1


class Pressing(UserDict[str, Any]):
    """Ctrl-C, while it is read."""

    def keys(self) -> Any:
        raise KeyboardInterrupt


@pytest.mark.parametrize("awaited", [False, True])
def test_a_row_that_the_database_refuses_goes_before_one_that_no_field_takes(db: DataFlow, awaited: bool) -> None:
    table = keyed(db, Plain)
    table.create(code=15)
    rows: list[Any] = [{"code": n} for n in range(30)]
    rows[25] = {"code": "x"}

    def write(**options: Any) -> Any:
        if awaited:
            return asyncio.run(table.abulk_create(rows, chunk_rows=10, **options))
        return table.bulk_create(rows, chunk_rows=10, **options)

    with pytest.raises(errors.UniqueViolationError):
        write()
    assert table.count() == 1
    table.delete(15)
    with pytest.raises(errors.WrongTypeError) as caught:
        write(atomic=False)
    assert (caught.value.path, caught.value.rows_done, table.count()) == ("data[25].code", 20, 20)


def test_ctrl_c_while_the_next_rows_are_read_says_what_stands(db: DataFlow) -> None:
    table = keyed(db, Plain)
    rows: list[Any] = [{"code": n} for n in range(25)]
    rows[15] = Pressing()
    for atomic in (True, False):
        with pytest.raises(KeyboardInterrupt) as caught:
            table.bulk_create(rows, chunk_rows=10, atomic=atomic)
        kept = table.count()
        assert kept in ((0,) if atomic else (0, 10))
        outcome = "committed" if kept else "rolled back"
        assert (getattr(caught.value, "outcome", None), getattr(caught.value, "rows_done", None)) == (
            outcome,
            None if atomic else kept,
        )
    table.create(code=100)


@pytest.mark.parametrize("form", ["dicts", "instances"])
def test_keys_that_are_given_at_the_end_of_a_large_list_are_kept(table: Table[Any], form: str) -> None:
    make: Any = table._cls if form == "instances" else dict
    given = [make(id=n, number=-n) for n in (5, PIECE + 3)]
    assert table.bulk_create([*(make(number=n) for n in range(PIECE + 10)), *given]).inserted == PIECE + 12
    assert [table.read(n).number for n in (5, PIECE + 3)] == [-5, -PIECE - 3]


class LargeTree:
    id: int
    parent: Annotated[int | None, Ref("LargeTree")] = None


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_row_of_a_large_list_may_refer_to_one_at_its_end(db: DataFlow) -> None:
    """PostgreSQL looks at references when a statement has ended; others at each row."""
    table = db.table(db.model(LargeTree))
    rows: list[dict[str, Any]] = [{"id": n, "parent": None} for n in range(1, PIECE + 10)]
    rows[0]["parent"] = PIECE + 9
    assert table.bulk_create(rows).inserted == PIECE + 9


async def test_an_awaited_list_is_what_it_was_when_it_was_given(table: Table[Any]) -> None:
    rows = [{"number": n} for n in range(MANY)]
    task = asyncio.create_task(table.abulk_create(rows))
    while not task.done():
        await asyncio.sleep(0)
        rows.clear()
    assert (await task).inserted == table.count() == MANY


GROWTH = """
import resource, sys
from dataflow import DataFlow

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

with DataFlow(sys.argv[1]) as db:
    @db.model
    class GrowingRow:
        id: int
        name: str
        note: str | None = None

    table = db.table(GrowingRow)
    make = GrowingRow if sys.argv[2] == "instances" else dict
    table.bulk_create([make(id=-n, name="warm") for n in range(1, 70_000)])
    table.bulk_delete(all_rows=True)
    rows = [make(id=n, name=f"name {n}", note=None) for n in range(1, 500_001)]
    before = peak()
    table.bulk_create(rows)
    assert table.count() == 500_000
    print(peak() - before)
    table.bulk_delete(all_rows=True)
"""


@pytest.mark.parametrize("form", ["dicts", "instances"])
def test_a_large_list_takes_no_second_place_in_memory(database: Database, form: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", GROWTH, database.url, form]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # A dict of each instance alone would take 90 MiB.
    assert int(done.stdout) < 64
