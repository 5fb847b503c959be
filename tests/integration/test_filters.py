"""Filters mean the same everywhere: compared with a naive reading of MongoDB's rules in Python."""

import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest

from dataflow import DataFlow, MaxLength, Precision, errors
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.reference import DAY, LISTS, ORDERS, VALUES, holds, random_filter

ROWS, FILTERS, CHECKS = 60, 20_000, 200


class Mixed:
    no: int
    whole: int | None = None
    real: float | None = None
    word: str | None = None
    code: Annotated[str, MaxLength(4)] | None = None
    flag: bool | None = None
    price: Annotated[Decimal, Precision(10, 2)] | None = None
    made: datetime | None = None
    ref: UUID | None = None
    blob: bytes | None = None
    day: date | None = None
    clock: time | None = None
    span: timedelta | None = None
    state: Literal["open", "paid", "OPEN", "open "] | None = None
    tags: list[str] | None = None
    marks: list[int] | None = None
    rates: list[float] | None = None
    costs: list[Annotated[Decimal, Precision(10, 2)]] | None = None
    dates: list[date] | None = None
    flags: list[bool] | None = None
    meta: dict[str, Any] | None = None


@pytest.mark.slow
def test_random_filters_find_what_python_finds(db: DataFlow) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    table = fresh(db, Mixed)
    rows = [{"no": at, **{name: rng.choice(values) for name, values in VALUES.items()}} for at in range(ROWS)]
    table.bulk_create(rows)
    found_some = 0
    for number in range(FILTERS):
        filter = random_filter(rng)
        expected = [row["no"] for row in rows if holds(filter, row)]
        found = [row.no for row in table.list(filter, order_by="no", limit=None)]
        assert found == expected, f"seed {seed}, filter {number}: {filter!r}"
        if number % 20 == 0:
            assert table.count(filter) == len(expected), f"seed {seed}, filter {number}: {filter!r}"
        found_some += bool(0 < len(expected) < ROWS)
    assert found_some > FILTERS / 4, f"seed {seed}: nearly every filter matched all or nothing"


def test_random_checks_let_pass_what_python_lets_pass(db: DataFlow) -> None:
    """Asked in memory, and by the table: a row that one of the two refuses too much is missed here."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    refused = 0
    for number in range(CHECKS):
        filter = random_filter(rng)
        context = f"seed {seed}, filter {number}: {filter!r}"
        model = type("Checked", (Mixed,), {"__dataflow__": {"checks": {"random": filter}}, "__module__": __name__})
        table = fresh(db, model)
        rows = [{"no": at, **{name: rng.choice(values) for name, values in VALUES.items()}} for at in range(ROWS)]
        good = [row for row in rows if holds(filter, row)]
        assert table.bulk_create(good).inserted == len(good), context
        for row in [row for row in rows if row not in good][:3]:
            with pytest.raises(errors.CheckViolationError) as told:
                table.bulk_create([row])
            assert "the row does not meet the check `random`" in str(told.value), f"in memory it passed: {context}"
            refused += 1
    assert refused > CHECKS / 2, f"seed {seed}"


@pytest.mark.parametrize("name", [name for name in VALUES if name not in LISTS and name != "meta"])
def test_each_value_of_each_type_is_found_by_every_operator(db: DataFlow, name: str) -> None:
    table = fresh(db, Mixed)
    rows = [{"no": at, name: value} for at, value in enumerate(VALUES[name])]
    table.bulk_create(rows)
    for value in VALUES[name]:
        operators = ["$eq", "$ne"] if value is None else ["$eq", "$ne", *ORDERS]
        filters = [{name: {operator: value}} for operator in operators]
        filters += [
            {name: {"$in": [value]}},
            {name: {"$nin": [value, None]}},
            {name: {"$not": {"$eq": value}}},
            {name: value},
        ]
        for filter in filters:
            expected = [row["no"] for row in rows if holds(filter, row)]
            assert [row.no for row in table.list(filter, order_by="no")] == expected, filter


def test_null_matches_the_negations(db: DataFlow) -> None:
    table = fresh(db, Mixed)
    table.bulk_create([{"no": 0, "whole": None}, {"no": 1, "whole": 1}, {"no": 2, "whole": 2}])
    cases: list[tuple[dict[str, Any] | None, int]] = [
        ({"whole": None}, 1),
        ({"whole": {"$ne": 1}}, 2),
        ({"whole": {"$nin": [1]}}, 2),
        ({"whole": {"$not": {"$gt": 1}}}, 2),
        ({"$not": {"whole": 1}}, 2),
        ({"whole": {"$in": [None, 1]}}, 2),
        ({"whole": {"$nin": [None]}}, 2),
        ({"whole": {"$in": []}}, 0),
        ({"whole": {"$nin": []}}, 3),
        ({"$or": []}, 0),
        ({"$and": []}, 3),
        ({"whole": {"$exists": True}}, 2),
        ({"whole": {"$exists": False}}, 1),
        ({"word": {"$not": {"$contains": "a"}}}, 3),
        ({}, 3),
        (None, 3),
    ]
    for filter, expected in cases:
        assert table.count(filter) == expected, filter


def test_values_are_read_by_the_type_of_their_field(db: DataFlow) -> None:
    table = fresh(db, Mixed)
    table.create(no=1, price=Decimal("9.90"), made=DAY, ref=UUID(int=1), whole=5, real=5.0, flag=True)
    for filter in (
        {"price": "9.9"},
        {"price": 9.9},
        {"made": "2024-05-17T02:00:00+02:00"},
        {"made": "2024-05-17"},
        {"ref": "00000000-0000-0000-0000-000000000001"},
        {"whole": "5"},
        {"real": 5},
    ):
        assert table.count(filter) == 1, filter


def test_text_equality_is_byte_equality(db: DataFlow) -> None:
    table = fresh(db, Mixed)
    words = ["acme", "ACME", "acme ", "acm\u00e9", "acme\u0301", "1abc", "0", ""]
    table.bulk_create([{"no": at, "word": word, "code": word[:4]} for at, word in enumerate(words)])
    for word in words:
        assert [row.word for row in table.list({"word": word})] == [word]
        assert [row.word for row in table.list({"word": {"$in": [word]}})] == [word]
    with pytest.raises(errors.WrongTypeError):
        table.count({"word": 0})


def test_a_long_list_is_one_condition(database: Database, db: DataFlow) -> None:
    table = fresh(db, Mixed)
    table.bulk_create([{"no": number} for number in range(3_000)])
    assert table.count({"no": {"$in": list(range(1_000, 11_000))}}) == 2_000
    assert table.count({"no": {"$nin": list(range(1_000, 11_000))}}) == 1_000
