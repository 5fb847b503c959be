"""PostgreSQL's own parser reads conditions as what the filter says, and finds nothing of the caller's texts in them."""

import itertools
import re
from collections.abc import Iterator
from random import Random, SystemRandom
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from tests.conftest import FaultScale
from tests.integration.fresh import fresh
from tests.property.filters import Maker
from tests.property.filters_oracle import Filter
from tests.property.trees import MARK, condition, poisoned, put_together, words

FILTERS = 50
FIELD = re.compile(r"f\d+")
KINDS = ("array", "boolean", "null", "number", "object", "string")
FUNCTIONS = ("cardinality", "jsonb_array_elements", "jsonb_array_length", "jsonb_typeof", "translate", "unnest")
# What stands in conditions beside parameters and fields.
OURS: set[tuple[str, Any]] = {("name", "dataflow_item"), ("constant", "{}"), ("constant", 0), ("constant", 1)}
OURS |= {("constant", kind) for kind in KINDS} | {("function", name) for name in FUNCTIONS}
# Those that few filters have.
RARE = {("constant", "boolean"), ("constant", "null"), ("function", "jsonb_array_length")}


class Reader:
    """The trees of a table's conditions; those of one field alone are read once."""

    def __init__(self, table: Table[Any]) -> None:
        self.table, self.known = table, dict[str, Any]()

    def sql(self, filter: Filter) -> str:
        return self.table.explain(filter, operation="count").sql

    def leaf(self, filter: Filter) -> Any:
        """Within a negation: of no condition at all there would be no tree."""
        shown = repr(filter)
        if shown not in self.known:
            self.known[shown] = dict(condition(self.sql({"$nor": [filter]}))[1:])["arg"]
        return self.known[shown]


def cases(db: DataFlow, seed: int, rounds: int) -> Iterator[tuple[str, Reader, Filter]]:
    random, number = Random(seed), itertools.count()
    for round in range(rounds):
        maker = Maker(random, "Hostile")
        reader = Reader(fresh(db, maker.model))
        for _ in range(FILTERS):
            filter = poisoned(maker.filter(), number)
            yield f"seed {seed}, round {round}: {filter!r}", reader, filter


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_condition_is_what_its_filter_says(db: DataFlow, fault_scale: FaultScale) -> None:
    seed, rounds = SystemRandom().randrange(2**32), fault_scale.pick(fast=10, full=2_400)
    seen, refused = set[tuple[str, Any]](), 0
    for told, reader, filter in cases(db, seed, rounds):
        try:
            sql = reader.sql(filter)
            found, expected = condition(sql), put_together(filter, reader.leaf)
        except errors.DataError:
            refused += 1  # a hostile text is no choice of the field
            continue
        assert MARK not in sql, told
        if found is not None:
            assert found == expected, told
            seen |= set(words(found))
    print(f"seed {seed}: {rounds * FILTERS - refused} conditions, {refused} filters were refused")
    unknown = {word for word in seen if word not in OURS and not (word[0] == "name" and FIELD.fullmatch(word[1]))}
    assert unknown == set(), f"seed {seed}"
    assert OURS - seen <= RARE, f"seed {seed}: too few kinds of conditions were read"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM t WHERE f1 = 'a'",
        "SELECT count(*) FROM t WHERE f1 = $1 OR 2 = 2",
        "SELECT count(*) FROM t WHERE pg_sleep(1) IS NULL",
        "SELECT count(*) FROM t WHERE f1 = (SELECT secret FROM u)",
    ],
)
def test_what_is_not_ours_is_seen(text: str) -> None:
    assert any(word not in OURS and not FIELD.fullmatch(str(word[1])) for word in words(condition(text)))


@pytest.mark.parametrize(
    "text", ["SELECT 1 FROM t; DROP TABLE t", "DELETE FROM t", "SELECT 1 FROM t, u", "SELECT 1 FROM f()"]
)
def test_what_is_no_count_of_a_table_is_seen(text: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        condition(text)


def test_another_tree_is_another() -> None:
    one, other = (condition(f"SELECT 1 FROM t WHERE f1 = $1 {word} (f2 > $2 AND f3 = $3)") for word in ("AND", "OR"))
    assert one != other
    assert one == condition("SELECT 1 FROM t WHERE (f1 = $4 AND f2 > $5) AND f3 = $6")
