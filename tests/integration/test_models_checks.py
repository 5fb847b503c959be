"""Checks and choices: refused in Rust with the row and the constraint's name, and by the table whoever writes."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest

from dataflow import DataFlow, MaxLength, Table, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh

Code = Annotated[str, MaxLength(40)]


@pytest.fixture(params=[False, True], ids=["alone", "tenant"])
def shop(request: pytest.FixtureRequest, database: Database) -> Iterator[DataFlow]:
    """A tenant changes nothing about checks."""
    with DataFlow(database.url, multi_tenant=request.param) as db, db.tenant("a"):
        yield db


def table_name(table: Table[Any]) -> str:
    return table._model.table


class Order:
    __dataflow__ = {"checks": {"positive": {"total": {"$gte": 0}}, "sane": {"$or": [{"note": None}, {"total": 1}]}}}  # noqa: RUF012
    total: int
    note: str | None = None


def test_a_check_is_refused_with_its_row_and_name(shop: DataFlow) -> None:
    orders = fresh(shop, Order)
    with pytest.raises(errors.CheckViolationError) as caught:
        orders.bulk_create([{"total": 1, "note": "x"}, {"total": -1}, {"total": -2}])
    assert caught.value.path == "data[1].total"
    assert caught.value.constraint == f"ck_{table_name(orders)}_positive"
    assert "-1" not in str(caught.value)
    with pytest.raises(errors.CheckViolationError) as caught:
        orders.create(total=5, note="x")
    assert caught.value.constraint == f"ck_{table_name(orders)}_sane"
    assert orders.count() == 0


def test_a_check_holds_for_every_way_to_write(shop: DataFlow) -> None:
    orders = fresh(shop, Order)
    key = orders.create(total=1, note="x").id
    calls: list[Callable[[], object]] = [
        lambda: orders.update(key, {"total": 2}),
        lambda: orders.upsert({"id": key, "total": 2}),
        lambda: orders.upsert({"id": key + 1, "total": -1}),
        lambda: orders.bulk_update(data=[{"id": key, "total": 2}]),
        lambda: orders.bulk_upsert([{"id": key + 1, "total": 3}, {"id": key, "total": 2}]),
        lambda: orders.bulk_update({"id": key}, {"total": 2}),
    ]
    for call in calls:
        with pytest.raises(errors.CheckViolationError) as caught:
            call()
        assert caught.value.constraint is not None
        assert caught.value.constraint.startswith(f"ck_{table_name(orders)}_")
    assert [(row.id, row.total) for row in orders.list()] == [(key, 1)]


def test_the_table_itself_refuses_what_a_check_refuses(database: Database, db: DataFlow) -> None:
    orders = fresh(db, Order)
    orders.count()
    insert = f"INSERT INTO {table_name(orders)} (total, note) VALUES ({{}}, {{}})"
    bare.refused(database, insert.format("-1", "NULL"))
    bare.refused(database, insert.format("2", "'x'"))
    bare.execute(database, insert.format("1", "'x'"), insert.format("2", "NULL"))
    assert orders.count() == 2


class Wide:
    n: int | None = None
    f: float | None = None
    t: Code | None = None
    d: Decimal | None = None
    on: bool | None = None
    u: UUID | None = None
    b: bytes | None = None
    day: date | None = None
    at: datetime | None = None


AT = datetime(2024, 5, 17, 12, tzinfo=UTC)
# A field, its condition, values that meet it, and values that do not.
CONDITIONS: list[tuple[str, Any, list[Any], list[Any]]] = [
    ("n", 5, [5], [4, None]),
    ("n", None, [None], [0]),
    ("n", {"$eq": -(2**63)}, [-(2**63)], [2**63 - 1, None]),
    ("n", {"$ne": 5}, [4, None], [5]),
    ("n", {"$ne": None}, [4], [None]),
    ("n", {"$gt": 5}, [6], [5, None]),
    ("n", {"$gte": 5, "$lt": 10}, [5, 9], [4, 10, None]),
    ("n", {"$lte": 5}, [5], [6, None]),
    ("n", {"$in": [1, None]}, [1, None], [2]),
    ("n", {"$in": [1, 2]}, [1], [3, None]),
    ("n", {"$nin": [1, 2]}, [3, None], [2]),
    ("n", {"$nin": [1, None]}, [3], [1, None]),
    ("n", {"$not": {"$gt": 5}}, [5, None], [6]),
    ("n", {"$exists": True}, [0], [None]),
    ("n", {"$exists": False}, [None], [0]),
    ("f", {"$gt": 0.1}, [0.30000000000000004, 0.10000000000000002], [0.1, None]),
    ("f", {"$lte": 5e-324}, [5e-324, -1.0], [1e-323]),
    ("f", {"$gte": 1.7976931348623157e308}, [1.7976931348623157e308], [1.7976931348623155e308]),
    ("t", 'it\'s \\ "%"', ['it\'s \\ "%"'], ["it's", 'IT\'S \\ "%"', None]),
    ("t", {"$ne": ""}, [" ", None], [""]),
    ("t", {"$gt": "Z"}, ["a", "\u00e9"], ["A", "Z", ""]),
    ("t", {"$in": ["a", "\u00e9"]}, ["a", "\u00e9"], ["A", "a ", "e\u0301"]),
    ("t", {"$like": "a_c%"}, ["abc", "a\u00e9cd", "a%c"], ["ac", "Abc", None]),
    ("t", {"$like": "50\\%"}, ["50%"], ["50x", "50"]),
    ("t", {"$ilike": "aB%"}, ["Abc", "ab"], ["xab", None]),
    ("t", {"$regex": "^[a-z]+[0-9]{2}$"}, ["ab12"], ["ab1", "AB12", "x ab12", None]),
    ("t", {"$regex": "a|'|\\\\"}, ["xa", "'", "\\"], ["b", ""]),
    ("t", {"$contains": "%'_\\"}, ["x%'_\\y"], ["x'_\\y", "%'x\\"]),
    ("t", {"$startsWith": "_a"}, ["_ab"], ["xab", "_A"]),
    ("t", {"$endsWith": "a%"}, ["xa%"], ["a%x", "ab"]),
    ("t", {"$not": {"$like": "a%"}}, ["b", None], ["a"]),
    ("d", {"$gte": "0.0000000001"}, [Decimal("0.0000000001"), Decimal(10) ** 27], [Decimal(0), Decimal(-5)]),
    ("d", {"$in": [Decimal("1.5"), Decimal(-2)]}, [Decimal("1.50"), Decimal(-2)], [Decimal("1.49"), None]),
    ("on", True, [True], [False, None]),
    ("on", {"$ne": True}, [False, None], [True]),
    ("u", {"$lt": UUID(int=5)}, [UUID(int=4)], [UUID(int=5), UUID(int=2**128 - 1)]),
    ("b", {"$gt": b"\x00'\\"}, [b"\x00'\\\x00", b"\xff"], [b"", b"\x00'\\", None]),
    ("day", {"$gte": "2024-05-17", "$lt": date(2025, 1, 1)}, [date(2024, 5, 17)], [date(2025, 1, 1), None]),
    ("at", {"$lte": AT}, [AT, datetime.min.replace(tzinfo=UTC)], [AT.replace(microsecond=1), None]),
]


@pytest.mark.parametrize(("field", "condition", "good", "bad"), CONDITIONS)
def test_every_operator_holds_in_rust_and_in_the_table(
    db: DataFlow, field: str, condition: Any, good: list[Any], bad: list[Any]
) -> None:
    model = type("Wide", (Wide,), {"__dataflow__": {"checks": {"it": {field: condition}}}})
    table = fresh(db, model)
    key = table.create(**{field: good[0]}).id
    assert table.bulk_create([{field: value} for value in good]).inserted == len(good)
    for value in bad:
        with pytest.raises(errors.CheckViolationError) as caught:
            table.bulk_create([{field: good[0]}, {field: value}])
        assert (caught.value.path, caught.value.constraint) == (f"data[1].{field}", f"ck_{table_name(table)}_it")
        # A write by filter is checked by the table alone.
        with pytest.raises(errors.CheckViolationError) as caught:
            table.bulk_update({"id": key}, {field: value})
        assert caught.value.constraint == f"ck_{table_name(table)}_it"
    for value in good:
        assert table.bulk_update({"id": key}, {field: value}).matched == 1
    assert table.count() == len(good) + 1


class Colour(Enum):
    RED = "red"
    QUOTED = 'it\'s \\ "red"'


class Level(IntEnum):
    LOW = 1
    HIGH = 10


class Chosen:
    colour: Colour | None = None
    level: Level | None = None
    state: Literal["open", "paid"] | None = None
    stars: Literal[1, 2, 3] | None = None


@pytest.mark.parametrize(("field", "good", "bad"), [("colour", Colour.QUOTED, "'blue'"), ("state", "paid", "'x'")])
def test_text_choices_are_checked_by_us_and_by_the_table(
    database: Database, db: DataFlow, field: str, good: Any, bad: str
) -> None:
    table = fresh(db, Chosen)
    stored = getattr(table.create(**{field: good}), field)
    assert (type(stored), stored) == (type(good), good)
    with pytest.raises(errors.NotAChoiceError) as caught:
        table.bulk_create([{field: good}, {field: bad.strip("'")}])
    assert caught.value.path == f"data[1].{field}"
    bare.refused(database, f"INSERT INTO {table_name(table)} ({field}) VALUES ({bad})")
    assert table.count() == 1


@pytest.mark.parametrize(("field", "good", "bad"), [("level", Level.HIGH, 2), ("stars", 3, 4)])
def test_number_choices_are_checked_by_us_and_by_the_table(
    database: Database, db: DataFlow, field: str, good: int, bad: int
) -> None:
    table = fresh(db, Chosen)
    made = getattr(table.create(**{field: good}), field)
    assert (made, type(made)) == (good, type(good))
    with pytest.raises(errors.CheckViolationError) as caught:
        table.bulk_create([{field: None}, {field: bad}])
    assert (caught.value.path, caught.value.constraint) == (
        f"data[1].{field}",
        f"ck_{table_name(table)}_{field}_choice",
    )
    bare.refused(database, f"INSERT INTO {table_name(table)} ({field}) VALUES ({bad})")
    assert table.count() == 1
