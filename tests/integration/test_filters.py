"""Filters mean the same everywhere: compared with a naive reading of MongoDB's rules in Python."""

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest

from dataflow import DataFlow, MaxLength, Precision, errors
from tests.database import Database
from tests.integration.fresh import fresh

DAY = datetime(2024, 5, 17, tzinfo=UTC)
VALUES: dict[str, list[Any]] = {
    "whole": [None, -(2**63), -1, 0, 1, 2, 2**53 + 1, 2**63 - 1],
    "real": [None, -1.5, 0.0, 0.1, 1.0, 1e300, -1e-300],
    "word": [None, "", "a", "A", "a ", "b", "\u00e9", "e\u0301", "\U0001f600", "%", "_"],
    "code": [None, "x", "X", "xx"],
    "flag": [None, True, False],
    "price": [None, Decimal("-1.50"), Decimal("0.00"), Decimal("9.99"), Decimal("10.00"), Decimal("99999999.99")],
    "made": [None, DAY, DAY.replace(microsecond=1), DAY.replace(year=1), DAY.replace(year=9999)],
    "ref": [None, UUID(int=0), UUID(int=1), UUID(int=2**128 - 1), UUID(int=1 << 127)],
    "blob": [None, b"", b"\0", b"a", b"A", b"\xff", b"a "],
}
ORDERS = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}
ROWS, FILTERS = 60, 300


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


def ordered(value: Any) -> Any:
    """Text is ordered by its UTF-8 bytes."""
    return value.encode() if isinstance(value, str) else value


def holds(filter: dict[str, Any], row: dict[str, Any]) -> bool:
    """MongoDB's reading, two-valued: null equals null only, and has no order."""
    return all(holds_one(name, condition, row) for name, condition in filter.items())


def holds_one(name: str, condition: Any, row: dict[str, Any]) -> bool:
    if name == "$and":
        return all(holds(part, row) for part in condition)
    if name == "$or":
        return any(holds(part, row) for part in condition)
    if name == "$not":
        return not holds(condition, row)
    if not isinstance(condition, dict):
        condition = {"$eq": condition}
    return all(compares(row[name], operator, operand) for operator, operand in condition.items())


def compares(value: Any, operator: str, operand: Any) -> bool:
    match operator:
        case "$eq":
            return bool(value == operand)
        case "$ne":
            return bool(value != operand)
        case "$in":
            return value in operand
        case "$nin":
            return value not in operand
        case "$not":
            return not all(compares(value, inner, other) for inner, other in operand.items())
    return value is not None and ORDERS[operator](ordered(value), ordered(operand))


def random_filter(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    roll = rng.random()
    if depth < 3 and roll < 0.3:
        return {rng.choice(["$and", "$or"]): [random_filter(rng, depth + 1) for _ in range(rng.randrange(4))]}
    if depth < 3 and roll < 0.45:
        return {"$not": random_filter(rng, depth + 1)}
    return {name: condition(rng, name) for name in rng.sample(sorted(VALUES), rng.choice([1, 1, 2]))}


def condition(rng: random.Random, name: str, depth: int = 0) -> Any:
    values = VALUES[name]
    operator = rng.choice(["", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$not", "two"])
    match operator:
        case "":
            return rng.choice(values) if depth == 0 else {"$eq": rng.choice(values)}
        case "$eq" | "$ne":
            return {operator: rng.choice(values)}
        case "$in" | "$nin":
            return {operator: rng.choices(values, k=rng.randrange(4))}
        case "$not" if depth < 2:
            inner = condition(rng, name, depth + 1)
            return {"$not": inner}
        case "two" | "$not":
            return {"$gte": rng.choice(values[1:]), "$lt": rng.choice(values[1:])}
    return {operator: rng.choice(values[1:])}


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
        found = table.list(filter, order_by="no", limit=None).to_arrow().column("no").to_pylist()
        assert found == expected, f"seed {seed}, filter {number}: {filter!r}"
        assert table.count(filter) == len(expected), f"seed {seed}, filter {number}: {filter!r}"
        found_some += bool(0 < len(expected) < ROWS)
    assert found_some > FILTERS / 4, f"seed {seed}: nearly every filter matched all or nothing"


@pytest.mark.parametrize("name", VALUES)
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
    for filter, expected in [
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
        ({}, 3),
        (None, 3),
    ]:
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
