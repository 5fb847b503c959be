"""Random filters, equal to a naive reading of the documented rules in plain Python; a failure prints its seed."""

from random import Random, SystemRandom
from typing import Any

import pytest

from dataflow import DataFlow, errors
from tests.conftest import FaultScale
from tests.integration.fresh import fresh
from tests.property.filters import Maker
from tests.property.filters_oracle import BITS, NOTHING, ORDERS, TEXT, Oracle, is_number, ordered

ROWS, FILTERS = 25, 100
EVERY = {
    "$and",
    "$or",
    "$nor",
    "$not",
    "$comment",
    "$expr",
    "$eq",
    "$ne",
    "$in",
    "$nin",
    "$exists",
    "$type",
    "$mod",
    "$options",
}
EVERY |= {"$size", "$all", "$elemMatch", *ORDERS, *BITS, *TEXT}


def differences(db: DataFlow, seed: int, rounds: int, oracle: type[Oracle] = Oracle) -> tuple[list[str], set[str], int]:
    """What differs in the first round that does, the operators asked, and how many filters told rows apart."""
    random, found, operators, telling = Random(seed), [], set(), 0
    for number in range(rounds):
        maker = Maker(random, f"Filtered{number}")
        table, rows = fresh(db, maker.model), maker.rows(ROWS)
        table.bulk_create(rows)
        judge = oracle(maker.kinds)
        for _ in range(FILTERS):
            filter = maker.filter()
            expected = [row["no"] for row in rows if judge.holds(filter, row)]
            try:
                got = [row.no for row in table.list(filter, order_by="no", limit=None)]
            except errors.DataFlowError as error:
                error.add_note(f"seed {seed}, round {number}: {filter!r}")
                raise
            if got != expected:
                differing = [row for row in rows if (row["no"] in got) is not (row["no"] in expected)]
                found.append(
                    f"seed {seed}, round {number}: {filter!r}\ngot {got}, expected {expected}: {differing[:2]!r}"
                )
            telling += 0 < len(expected) < ROWS
        operators |= maker.operators
        if found:
            break
    return found, operators, telling


@pytest.mark.parametrize("database", ["postgres", "postgres18", "mariadb", "sqlite"], indirect=True)
def test_filters_find_what_the_rules_say(db: DataFlow, fault_scale: FaultScale) -> None:
    seed = SystemRandom().randrange(2**32)
    rounds = fault_scale.pick(fast=12, full=1_000)
    found, operators, telling = differences(db, seed, rounds)
    print(f"seed {seed}: {rounds * FILTERS} filters, {telling} of them told rows apart")
    assert not found, f"{len(found)} in one round of {FILTERS}:\n" + "\n".join(found[:5])
    assert telling > rounds * FILTERS / 4, f"seed {seed}: too many filters matched all or nothing"
    assert EVERY - operators == set(), f"seed {seed}: not every operator was asked"


class NullFailsNegation(Oracle):
    def negated(self, met: bool, value: Any) -> bool:
        return not met and value is not None and value is not NOTHING


class FloorModulo(Oracle):
    def modulo(self, value: int, divisor: int, remainder: int) -> bool:
        return value % divisor == remainder


class AsciiFold(Oracle):
    def fold(self, text: str) -> str:
        return "".join(letter.lower() if letter.isascii() else letter for letter in text)


class NumbersAsText(Oracle):
    def compares(self, kind: str, value: Any, name: str, operand: Any) -> bool:
        if kind == "inside" and is_number(value) and is_number(operand):
            return ORDERS[name](str(value), str(operand))
        return super().compares(kind, value, name, operand)


class EmptyAllMatches(Oracle):
    def empty_all(self) -> bool:
        return True


class TextAcrossKinds(Oracle):
    def compares(self, kind: str, value: Any, name: str, operand: Any) -> bool:
        if kind == "inside":
            return ORDERS[name](ordered(str(value)), ordered(str(operand)))
        return super().compares(kind, value, name, operand)


@pytest.mark.parametrize(
    "wrong", [NullFailsNegation, FloorModulo, AsciiFold, NumbersAsText, EmptyAllMatches, TextAcrossKinds]
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_wrong_rule_is_caught(db: DataFlow, wrong: type[Oracle]) -> None:
    """The control: an oracle with one fault differs."""
    found, _, _ = differences(db, 7, 100, wrong)
    assert found, f"{wrong.__name__} went unseen"
