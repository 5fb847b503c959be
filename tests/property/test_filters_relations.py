"""Random filters on rows of other models, equal to a naive reading of the rules; a failure prints its seed."""

from collections.abc import Iterator
from random import Random, SystemRandom
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, Ref, Table, errors
from tests.conftest import FaultScale
from tests.integration.fresh import subclass
from tests.property.filters import Maker
from tests.property.filters_oracle import Filter, Oracle, Row

ROWS, FILTERS = 25, 40
QUANTIFIERS = ("$some", "$every", "$none")


class Ties:
    """What relations mean; a test plants a fault by overriding a rule."""

    def one(self, judge: Oracle, parent: Row | None, filter: Filter) -> bool:
        """No row is asked as a row of nulls would be."""
        return judge.holds(filter, dict.fromkeys(judge.kinds) if parent is None else parent)

    def many(self, met: list[bool], quantifier: str) -> bool:
        return {"$some": any(met), "$every": all(met), "$none": not any(met)}[quantifier]


class Family:
    """Parents, and children that have one of them or none."""

    def __init__(self, db: DataFlow, random: Random) -> None:
        self.random = random
        self.makers = Maker(random, "Parent"), Maker(random, "Child")
        parent = subclass(self.makers[0].model)
        child = subclass(self.makers[1].model)
        child.__annotations__ = {"parent_id": Annotated[int | None, Ref(parent.__name__, related="children")]}
        child.parent_id = None
        self.tables: list[Table[Any]] = [db.table(db.model(model)) for model in (parent, child)]
        self.parents, self.children = (
            [{"id": row["no"] + 1, **row} for row in maker.rows(ROWS)] for maker in self.makers
        )
        for row in self.children:
            row["parent_id"] = random.choice([None, *range(1, ROWS + 1)])
        for table, rows in zip(self.tables, (self.parents, self.children), strict=True):
            table.bulk_create(rows)

    def cases(self, ties: Ties) -> Iterator[tuple[Table[Any], Filter, list[int]]]:
        """A table, what to ask of it, and the rows that match."""
        (of_parents, of_children), (parents, children) = self.makers, self.tables
        judges = [Oracle({"id": "int", **maker.kinds}) for maker in self.makers]
        by_id = {row["id"]: row for row in self.parents}
        for _ in range(FILTERS):
            path, condition = of_parents.on_field()
            met = [ties.one(judges[0], by_id.get(row["parent_id"]), {path: condition}) for row in self.children]
            yield children, {f"parent.{path}": condition}, self.numbers(self.children, met)
            filter, quantifier = of_children.filter(), self.random.choice(QUANTIFIERS)
            met = []
            for row in self.parents:
                own = [child for child in self.children if child["parent_id"] == row["id"]]
                met.append(ties.many([judges[1].holds(filter, child) for child in own], quantifier))
            yield parents, {"children": {quantifier: filter}}, self.numbers(self.parents, met)

    def numbers(self, rows: list[Row], met: list[bool]) -> list[int]:
        return [row["id"] for row, is_met in zip(rows, met, strict=True) if is_met]


def differences(db: DataFlow, seed: int, rounds: int, ties: Ties) -> tuple[list[str], int]:
    """What differs in the first round that does, and how many filters told rows apart."""
    random, found, telling = Random(seed), [], 0
    for number in range(rounds):
        for table, filter, expected in Family(db, random).cases(ties):
            try:
                got = [row.id for row in table.list(filter, order_by="id", limit=None)]
            except errors.DataFlowError as error:
                error.add_note(f"seed {seed}, round {number}: {filter!r}")
                raise
            if got != expected:
                found.append(f"seed {seed}, round {number}: {filter!r}\ngot {got}, expected {expected}")
            telling += 0 < len(expected) < ROWS
        if found:
            break
    return found, telling


@pytest.mark.parametrize("database", ["postgres", "postgres18", "mariadb", "sqlite"], indirect=True)
def test_relations_find_what_the_rules_say(db: DataFlow, fault_scale: FaultScale) -> None:
    seed, rounds = SystemRandom().randrange(2**32), fault_scale.pick(fast=8, full=400)
    found, telling = differences(db, seed, rounds, Ties())
    print(f"seed {seed}: {rounds * FILTERS * 2} filters, {telling} of them told rows apart")
    assert not found, f"{len(found)} in one round:\n" + "\n".join(found[:5])
    assert telling > rounds * FILTERS / 2, f"seed {seed}: too many filters matched all or nothing"


class NoRowMeetsNothing(Ties):
    def one(self, judge: Oracle, parent: Row | None, filter: Filter) -> bool:
        return parent is not None and super().one(judge, parent, filter)


class EveryOfNoneIsFalse(Ties):
    def many(self, met: list[bool], quantifier: str) -> bool:
        return super().many(met, quantifier) and (quantifier != "$every" or bool(met))


@pytest.mark.parametrize("wrong", [NoRowMeetsNothing, EveryOfNoneIsFalse])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_wrong_rule_of_relations_is_caught(db: DataFlow, wrong: type[Ties]) -> None:
    found, _ = differences(db, 7, 20, wrong())
    assert found, f"{wrong.__name__} went unseen"
