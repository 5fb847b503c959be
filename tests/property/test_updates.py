"""Random updates, equal to a naive reading of the documented rules in plain Python; a failure prints its seed."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random, SystemRandom
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from tests.conftest import FaultScale
from tests.database import Database
from tests.integration.fresh import fresh
from tests.property.filters_oracle import Row, same
from tests.property.updates import JSON_OPERATORS, LISTS, Updates, kinds
from tests.property.updates_oracle import EXACT, Oracle, RefusedError, plain

ROWS, UPDATES = 8, 40
NOW = datetime(2031, 5, 6, 7, 8, 9, 10, tzinfo=UTC)
EVERY = {*JSON_OPERATORS, *LISTS, "$currentDate", "$each", "$position", "$slice", "$sort"}


class Told:
    """What was asked of a database in all, and what of it differs from the rules."""

    def __init__(self) -> None:
        self.differs: list[str] = []
        self.operators: set[str] = set()
        self.changed = self.refused = 0


def equal(a: Row, b: Row) -> bool:
    return all(same(a[name], b[name]) if isinstance(a[name], dict | list) else a[name] == b[name] for name in b)


def stored(table: Table[Any], rows: list[Row]) -> list[Row]:
    return [{name: row[name] for name in rows[0]} for row in table.list(order_by="no", limit=None).records()]


def expected_of(judge: Oracle, rows: list[Row], chosen: set[int], updates: Any) -> tuple[list[Row], set[str]]:
    """The rows after it, or why it is refused."""
    after, refusals = [], set[str]()
    for row in rows:
        try:
            after.append(judge.updated(row, updates) if row["no"] in chosen else row)
        except RefusedError as refused:
            refusals |= refused.kinds
    return after, refusals


def run(table: Table[Any], way: str, chosen: set[int], updates: Any) -> tuple[set[str], int | None]:
    """Why it was refused, or how many rows changed."""
    try:
        if way == "one":
            table.update({"no": min(chosen)}, updates)
            return set(), None
        result = table.bulk_update({"no": {"$in": list(chosen)}}, updates, return_rows=way == "told")
    except (errors.OutOfRangeError, errors.TooManyDigitsError, errors.WrongTypeError) as error:
        return {type(error).__name__.removesuffix("Error")}, None
    return set(), result.updated


def ask(db: DataFlow, seed: int, rounds: int, oracle: type[Oracle] = Oracle) -> Told:
    """Ends with the first round that differs."""
    random, told = Random(seed), Told()
    for number in range(rounds):
        maker = Updates(random, f"Updated{number}")
        table, rows = fresh(db, maker.model), [plain_row(row, maker) for row in maker.rows(ROWS)]
        table.bulk_create(rows)
        judge = oracle(kinds(maker), NOW)
        for _ in range(UPDATES):
            updates, way = maker.update(), random.choice(["one", "many", "told"])
            chosen = set(random.sample(range(ROWS), 1 if way == "one" else random.randrange(1, ROWS)))
            try:
                refusals, updated = run(table, way, chosen, updates)
            except errors.DataFlowError as error:
                error.add_note(f"seed {seed}, round {number}, {way}: {updates!r}")
                raise
            after, expected = expected_of(judge, rows, chosen, updates)
            after, got = rows if expected else after, stored(table, rows)
            changes = sum(not equal(old, new) for old, new in zip(rows, after, strict=True))
            where = f"seed {seed}, round {number}, {way}: {updates!r}"
            if bool(refusals) is not bool(expected) or not refusals <= expected:
                told.differs.append(f"{where}\nrefused {refusals}, expected {expected}")
            if updated is not None and not expected and updated != changes:
                told.differs.append(f"{where}\nupdated {updated}, expected {changes}")
            for old, new, is_now in zip(rows, after, got, strict=True):
                if not equal(is_now, new):
                    told.differs.append(f"{where}\nof {old!r}\ngot {is_now!r}\nexpected {new!r}")
            told.changed += changes > 0
            told.refused += bool(expected)
            rows = got
        told.operators |= maker.operators
        if told.differs:
            break
    return told


def plain_row(row: Row, maker: Updates) -> Row:
    return {name: plain(value) if maker.names.get(name) in ("json", "jsons") else value for name, value in row.items()}


@pytest.mark.parametrize("database", ["postgres", "postgres18", "mariadb", "sqlite"], indirect=True)
def test_updates_do_what_the_rules_say(database: Database, fault_scale: FaultScale) -> None:
    seed, rounds = SystemRandom().randrange(2**32), fault_scale.pick(fast=20, full=1_000)
    with DataFlow(database.url, clock=lambda: NOW) as db:
        told = ask(db, seed, rounds)
    print(f"seed {seed}: {rounds * UPDATES} updates, {told.changed} changed rows and {told.refused} were refused")
    assert not told.differs, f"{len(told.differs)} in one round of {UPDATES}:\n" + "\n".join(told.differs[:3])
    assert told.changed > rounds * UPDATES / 3, f"seed {seed}: too many updates changed nothing"
    assert told.refused > rounds, f"seed {seed}: too few updates were refused"
    assert EVERY - told.operators == set(), f"seed {seed}: not every operator was asked"


class NullStaysLeast(Oracle):
    def chosen(self, stored: Any, operator: str, operand: Any) -> Any:
        return None if stored is None else super().chosen(stored, operator, operand)


class NullTimesFactor(Oracle):
    def product_of_null(self, kind: str, factor: Any) -> Any:
        return factor if kind != "decimal" else super().product_of_null(kind, factor)


class IntsWrap(Oracle):
    def beyond(self, result: int) -> int:
        return (result + 2**63) % 2**64 - 2**63


class DecimalsAreRounded(Oracle):
    def rounded(self, result: Decimal) -> Decimal:
        return EXACT.quantize(result, Decimal("0.01"))


class SliceBeforeSort(Oracle):
    def pushed(self, items: list[Any], push: dict[str, Any], *, json: bool) -> list[Any]:
        cut = super().pushed(items, {**push, "$slice": push.get("$slice", len(items) + 9), "$sort": 1}, json=json)
        unsorted = {name: value for name, value in push.items() if name != "$sort"}
        return (
            self.sorted(super().pushed(items, unsorted, json=json), push["$sort"], json=json)
            if "$sort" in push
            else cut
        )


class EachMayRepeat(Oracle):
    def added(self, items: list[Any], new: list[Any], equal: Any) -> list[Any]:
        return items + [value for value in new if not any(equal(item, value) for item in items)]


class FirstIsPulled(Oracle):
    def pulled(self, items: list[Any], goes: Any) -> list[Any]:
        at = next((at for at, item in enumerate(items) if goes(item)), None)
        return items if at is None else items[:at] + items[at + 1 :]


class TextBeforeNumbers(Oracle):
    def rank(self, value: Any) -> tuple[Any, ...]:
        rank = super().rank(value)
        return (1.5 - rank[0] + 1, *rank[1:]) if rank[0] in (1, 2) else rank


@pytest.mark.parametrize(
    "wrong",
    [
        NullStaysLeast,
        NullTimesFactor,
        IntsWrap,
        DecimalsAreRounded,
        SliceBeforeSort,
        EachMayRepeat,
        FirstIsPulled,
        TextBeforeNumbers,
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_wrong_rule_is_caught(database: Database, wrong: type[Oracle]) -> None:
    """The control: an oracle with one fault differs."""
    with DataFlow(database.url, clock=lambda: NOW) as db:
        assert ask(db, 7, 100, wrong).differs, f"{wrong.__name__} went unseen"
