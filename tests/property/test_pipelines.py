"""Random pipelines, equal to a naive reading of the documented rules in plain Python; a failure prints its seed."""

from collections.abc import Callable
from decimal import Decimal
from random import Random, SystemRandom
from typing import Any, ClassVar

import pytest

from dataflow import DataFlow, errors
from tests.conftest import FaultScale
from tests.database import Database
from tests.integration.fresh import fresh
from tests.property.pipelines import Maker
from tests.property.pipelines_oracle import Kept, Near, NotANumberError, OverflowedError, Pipelines, Row, UndecidedError
from tests.property.pipelines_rows import Mixed, rows

ROWS, PIPELINES = 40, 100
EVERY = {"$match", "$group", "$sort", "$limit", "$skip", "$project", "$set", "$unset", "$count", "$sortByCount"}
EVERY |= {"$unwind", "$bucket", "$replaceWith", "$setWindowFields", "$stdDevPop", "$stdDevSamp"}
EVERY |= {
    "$sum",
    "$avg",
    "$min",
    "$max",
    "$first",
    "$last",
    "$push",
    "$addToSet",
    "$add",
    "$subtract",
    "$multiply",
    "$divide",
    "$mod",
}
EVERY |= {"$rank", "$denseRank", "$documentNumber", "$shift"}
EVERY |= {
    "$abs",
    "$ceil",
    "$floor",
    "$trunc",
    "$concat",
    "$substrCP",
    "$strLenCP",
    "$toUpper",
    "$toLower",
    "$cond",
    "$switch",
    "$ifNull",
    "$in",
}
EVERY |= {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$and", "$or", "$not", "$dateTrunc", "$year", "$second"}


def same(a: Any, b: Any) -> bool:
    """An int that became a Decimal is one in the oracle still."""
    alike = (
        type(a) is type(b) or (isinstance(b, Near) and type(a) is float) or (isinstance(a, Decimal) and type(b) is int)
    )
    return alike and bool(b == a)


def alike(got: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    return len(got) == len(expected) and all(
        list(a) == list(b) and all(same(a[name], b[name]) for name in a) for a, b in zip(got, expected, strict=True)
    )


def unlike(got: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[tuple[str, Any, Any]]:
    """Columns, and what differs in them: got and expected."""
    pairs = zip(got, expected, strict=False)
    values = ((name, a.get(name), b.get(name)) for a, b in pairs for name in {**a, **b})
    return [(name, a, b) for name, a, b in values if not same(a, b)]


Rows = list[dict[str, Any]]


def expected_of(oracle: type[Pipelines], maker: Maker, data: Rows) -> Rows | OverflowedError:
    """The error where a number that the result needs does not fit."""
    try:
        return oracle(maker.places).result(data, maker.pipeline)
    except OverflowedError as error:
        return error


def may_overflow(oracle: type[Pipelines], maker: Maker, data: Rows) -> bool:
    """A database may calculate for a row before it leaves it out."""
    for keeps_all in (False, True):
        try:
            oracle(maker.places, calculates_all=True, keeps_all=keeps_all).result(data, maker.pipeline)
        except OverflowedError:
            return True
    return False


def asked(table: Any, pipeline: list[dict[str, Any]]) -> Rows | None:
    """None where a number does not fit."""
    try:
        return list(table.aggregate(pipeline))
    except errors.OutOfRangeError:
        return None


def difference(oracle: type[Pipelines], maker: Maker, data: Rows, got: Rows | None, keeps_nan: bool) -> str | None:
    expected = expected_of(oracle, maker, data)
    match expected, got:
        case NotANumberError(), _ if keeps_nan:
            return None
        case OverflowedError(), None:
            return None
        case UndecidedError(), _:
            return None
        case OverflowedError(), [] if any("$match" in stage or "$skip" in stage for stage in maker.pipeline):
            return None  # where no row is left nothing has to be calculated
        case OverflowedError(), list():
            return f"a number does not fit, got {got[:3]!r}"
        case list(), None:
            return None if may_overflow(oracle, maker, data) else f"refused, expected {expected[:3]!r}"
        case list(), list() if not alike(got, expected):
            return f"{len(got)} rows, expected {len(expected)}; {unlike(got, expected)[:4]!r}"
    return None


def differences(
    database: Database,
    db: DataFlow,
    seed: int,
    rounds: int,
    oracle: type[Pipelines] = Pipelines,
    ask: Callable[[Any, list[dict[str, Any]]], Rows | None] = asked,
) -> tuple[list[str], set[str], int, int]:
    """What differs in the first round that does, the operators asked, how many gave rows, how many were refused."""
    random = Random(seed)
    found: list[str] = []
    used: set[str] = set()
    telling, refused = 0, 0
    for number in range(rounds):
        table, data = fresh(db, Mixed), rows(random, ROWS, infinity=database.kind != "mariadb")
        table.bulk_create(data)
        for _ in range(PIPELINES):
            maker = Maker(random)
            context = f"seed {seed}, round {number}: {maker.pipeline!r}"
            try:
                got = ask(table, maker.pipeline)
            except errors.TooManyDigitsError:
                continue  # a product with more places than a Decimal has, told before it is asked
            except errors.DataFlowError as error:
                error.add_note(context)
                raise
            used |= maker.used
            unlike = difference(oracle, maker, data, got, database.kind == "postgres")
            found += [] if unlike is None else [f"{context}\n{unlike}"]
            refused += got is None
            telling += len(got or []) > 1
        if found:
            break
    return found, used, telling, refused


@pytest.mark.parametrize("database", ["postgres", "postgres18", "mariadb", "sqlite"], indirect=True)
def test_pipelines_give_what_the_rules_say(database: Database, db: DataFlow, fault_scale: FaultScale) -> None:
    seed = SystemRandom().randrange(2**32)
    rounds = fault_scale.pick(fast=12, full=1_000)
    found, used, telling, refused = differences(database, db, seed, rounds)
    print(f"seed {seed}: {rounds * PIPELINES} pipelines, {telling} gave several rows, {refused} did not fit")
    assert not found, f"{len(found)} in one round of {PIPELINES}:\n" + "\n".join(found[:5])
    assert telling > rounds * PIPELINES / 4, f"seed {seed}: too many pipelines gave a row or none"
    assert EVERY - used == set(), f"seed {seed}: not every operator was asked"


class Shared(Mixed):
    __dataflow__: ClassVar = {"key": "no", "multi_tenant": True}


def test_each_tenant_gets_what_it_would_get_alone(database: Database, db: DataFlow) -> None:
    """The tenants have the same keys; what they have beside them differs."""
    seed = SystemRandom().randrange(2**32)
    random, table, told = Random(seed), fresh(db, Shared), 0
    data = {tenant: rows(random, ROWS) for tenant in ("a", "A", "b")}
    for tenant, own in data.items():
        with db.tenant(tenant):
            table.bulk_create(own)
    for _ in range(100):
        maker = Maker(random)
        for tenant, own in data.items():
            try:
                with db.tenant(tenant):
                    got = asked(table, maker.pipeline)
            except errors.TooManyDigitsError:
                continue
            unlike = difference(Pipelines, maker, own, got, database.kind == "postgres")
            assert unlike is None, f"seed {seed}, tenant {tenant}: {maker.pipeline!r}\n{unlike}"
            told += got is not None
    assert told > 200, f"seed {seed}: most pipelines were refused"


class NullIsNoGroup(Pipelines):
    def is_group(self, key: tuple[Any, ...]) -> bool:
        return None not in key


class NullCounts(Pipelines):
    def average(self, name: str, values: list[Any], all_rows: int) -> Any:
        mean = super().average(name, values, all_rows)
        return mean if mean is None or len(values) == all_rows else mean * len(values) / all_rows


class AverageIsCut(Pipelines):
    def average(self, name: str, values: list[Any], all_rows: int) -> Any:
        mean = super().average(name, values, all_rows)
        if not isinstance(mean, Decimal):
            return mean
        step = Decimal(1).scaleb(-self.places[name])
        exact = sum(values, Decimal(0)) / len(values)
        return mean - step if mean > exact else mean


class EmptySumIsNull(Pipelines):
    def sum(self, values: list[Any], zero: Any) -> Any:
        return super().sum(values, zero) if values else None


class NullIsLess(Pipelines):
    def compared(self, operator: str, a: Any, b: Any) -> bool:
        if (a is None) is not (b is None):
            return (operator in ("$lt", "$lte")) is (a is None)
        return super().compared(operator, a, b)


class NullSortsLast(Pipelines):
    def arranged(self, kept: list[Kept], order: list[tuple[str, int]]) -> list[Kept]:
        kept = super().arranged(kept, order)
        return sorted(kept, key=lambda one: one.row[order[0][0]] is None) if order else kept


class NoDivisionByZero(Pipelines):
    def quotient(self, a: float, b: float) -> float | None:
        return 0.0 if b == 0 else super().quotient(a, b)


class OverflowIsZero(Pipelines):
    def value(self, spec: Any, row: Row) -> Any:
        try:
            return super().value(spec, row)
        except OverflowedError:
            return 0


FAULTS = [NullIsNoGroup, NullCounts, AverageIsCut, EmptySumIsNull, NullIsLess, NullSortsLast, NoDivisionByZero]


@pytest.mark.parametrize("wrong", [*FAULTS, OverflowIsZero])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_wrong_rule_is_caught(database: Database, db: DataFlow, wrong: type[Pipelines]) -> None:
    """The control: an oracle with one fault differs."""
    found, _, _, _ = differences(database, db, 7, 100, wrong)
    assert found, f"{wrong.__name__} went unseen"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_rows_where_a_number_does_not_fit_are_caught(database: Database, db: DataFlow) -> None:
    """The control: a database that gives something where it has to refuse."""

    def forgiving(table: Any, pipeline: list[dict[str, Any]]) -> Rows:
        got = asked(table, pipeline)
        return [{}] if got is None else got

    found, _, _, _ = differences(database, db, 7, 100, ask=forgiving)
    assert any("does not fit" in one for one in found)
