"""Random filters asked through random lists of fields: what is allowed finds the same, and all else nothing."""

from collections.abc import Iterator
from random import Random, SystemRandom
from typing import Any

import pytest

from dataflow import DataFlow, errors
from tests.conftest import FaultScale
from tests.integration.fresh import fresh
from tests.property.filters import Maker

ROWS, FILTERS = 15, 80
LOGIC = ("$and", "$or", "$nor")
REFUSALS = (errors.UnknownFieldError, errors.UnknownOperatorError)


def asked(filter: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every field that a filter names, with each operator."""
    for name, operand in filter.items():
        if name in LOGIC:
            for part in operand:
                yield from asked(part)
        elif name == "$not":
            yield from asked(operand)
        elif name == "$expr":
            yield from compared(operand)
        elif name != "$comment":
            yield from ((name.split(".")[0], operator) for operator in conditions(operand))


def compared(expression: Any) -> Iterator[tuple[str, str]]:
    ((operator, operands),) = expression.items()
    if operator in (*LOGIC, "$not"):
        for inner in operands if isinstance(operands, list) else [operands]:
            yield from compared(inner)
        return
    yield from ((side[1:], operator) for side in operands if isinstance(side, str) and side.startswith("$"))


def conditions(condition: Any) -> Iterator[str]:
    if not isinstance(condition, dict):
        yield "$eq"
        return
    for operator, operand in condition.items():
        if operator == "$not":
            yield from conditions(operand)
        elif operator != "$options":
            yield operator
            yield from of_items(operator, operand)


def of_items(operator: str, operand: Any) -> Iterator[str]:
    """The operators on items, which are those of the field."""
    if operator == "$all":
        for inner in operand:
            if isinstance(inner, dict) and "$elemMatch" in inner:
                yield from conditions(inner)
    if operator != "$elemMatch":
        return
    for name, inner in operand.items():
        if name in LOGIC:
            for part in inner:
                yield from of_items("$elemMatch", part)
        else:
            yield from conditions({name: inner} if name.startswith("$") else inner)


def some_of(random: Random, filters: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Most of what the filters ask."""
    fields: dict[str, set[str]] = {"no": {"$eq"}}
    for filter in filters:
        for name, operator in asked(filter):
            fields.setdefault(name, set()).add(operator)
    shown = {name: operators for name, operators in fields.items() if name == "no" or random.random() < 0.85}
    return {name: sorted(kept for kept in operators if random.random() < 0.9) for name, operators in shown.items()}


@pytest.mark.parametrize("database", ["postgres", "mariadb", "sqlite"], indirect=True)
def test_what_is_allowed_finds_the_same_and_nothing_else_is_found(db: DataFlow, fault_scale: FaultScale) -> None:
    seed = SystemRandom().randrange(2**32)
    random, told = Random(seed), dict.fromkeys(("same", "hidden", "limit"), 0)
    for number in range(fault_scale.pick(fast=8, full=400)):
        maker = Maker(random, f"Public{number}")
        table = fresh(db, maker.model)
        table.bulk_create(maker.rows(ROWS))
        filters = [maker.filter() for _ in range(FILTERS)]
        allowed = some_of(random, filters)
        public = table.public(allowed)
        for filter in filters:
            where = f"seed {seed}, round {number}: {filter!r} by {allowed!r}"
            hidden = [(name, operator) for name, operator in asked(filter) if operator not in allowed.get(name, ())]
            try:
                got = [row.no for row in public.list(filter, order_by="no")]
            except errors.LimitExceededError:
                told["limit"] += 1
                continue
            except REFUSALS:
                assert hidden, where
                told["hidden"] += 1
                continue
            assert not hidden, f"{hidden} in {where}"
            assert got == [row.no for row in table.list(filter, order_by="no")], where
            told["same"] += 1
    assert min(told.values()) > 0, f"seed {seed}: {told}"
    assert told["same"] > sum(told.values()) / 4, f"seed {seed}: {told}"
    print(f"seed {seed}: {told}")
