"""Operators in updates, each by an example on every database and by every way that takes them."""

import difflib
import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest

from dataflow import DataFlow, Precision, Table
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes
from tests.integration.statements import Statements

GOLDEN = Path(__file__).with_name("UPDATES.md")
ENGINES = ("postgres", "mariadb", "sqlite")
HEAD = """# What updates can say, on every database

Written by `UPDATE_GOLDEN=1 pytest tests/integration/test_update_operators.py`. Each example is run on every database by
`update`, `bulk_update` with and without `return_rows`, and as a node, with the same rows after it; random updates of
all operators are compared with a reading of the rules in plain Python (`tests/property/test_updates.py`).

- Values alone, and paths with them, are `$set`; beside operators they go into `$set`. Two operators on one place are
  refused.
- Null, a key that is not there and JSON's null are the same: `$inc`, `$min`, `$max` and `$set` give the value, `$mul`
  gives 0, `$bit` begins with 0, `$push` and `$addToSet` make a list, `$pull`, `$pullAll` and `$pop` leave it.
- Arithmetic is exact or refused: a result that the field does not hold is `OutOfRangeError`, one with more places
  than the field's scale `TooManyDigitsError`; nothing is rounded. In JSON ints have 64 bits, other numbers are floats.
  No operand of arithmetic is NaN or infinite; `$min` and `$max` take what the column keeps, and NaN is the largest.
- `$unset` writes null, which the field must take; of a path it takes the key away.
- A path leads through objects only, and makes those that are not there. `$min`, `$max` and `$sort` order JSON as
  MongoDB does: null, numbers, texts, objects, lists, False, True.
- `$push` takes `$each`, then `$position`, then `$sort`, which is 1, -1 or of objects a dict of paths with these, then
  `$slice`. `$pull` takes a value, operators for an item, or
  for items that are objects a filter on them.
- `$currentDate` is the one time of the write, in a datetime with a zone or a date (in UTC).
- Keys, and the fields that DataFlow keeps, take no operator; a dataclass or pydantic document is written whole.
- A row that an update does not change keeps its version and its times, and is counted as `unchanged`.
- `bulk_update` is one UPDATE for "one statement" (a `$push` of items without other modifiers too); for the others it
  reads the rows under a lock, in pieces of 10,000, and writes those that change.

"""


class Item:
    id: int
    qty: int | None = None
    cost: Annotated[Decimal | None, Precision(10, 2)] = None
    ratio: float | None = None
    name: str | None = None
    seen: datetime | None = None
    day: date | None = None
    tags: list[str] | None = None
    sizes: list[int] | None = None
    meta: dict[str, Any] | None = None


class Example(NamedTuple):
    of: str
    updates: dict[str, Any]
    # The field that changes, before and after in two rows.
    field: str
    before: list[Any]
    after: list[Any]
    statement: bool = False


EXAMPLES: dict[str, list[Example]] = {
    "$set": [
        Example("every field", {"$set": {"name": "x"}}, "name", ["a", None], ["x", "x"], True),
        Example(
            "JSON path",
            {"$set": {"meta.a.b": [1]}},
            "meta",
            [{"a": {"c": 2}}, None],
            [{"a": {"b": [1], "c": 2}}, {"a": {"b": [1]}}],
        ),
    ],
    "$unset": [
        Example("every optional field", {"$unset": {"name": True}}, "name", ["a", None], [None, None], True),
        Example("JSON path", {"$unset": {"meta.a": True}}, "meta", [{"a": 1, "b": 2}, {"b": 2}], [{"b": 2}, {"b": 2}]),
    ],
    "$inc": [
        Example("int, Decimal", {"$inc": {"qty": -2}}, "qty", [5, None], [3, -2], True),
        Example("float", {"$inc": {"ratio": 0.5}}, "ratio", [0.25, None], [0.75, 0.5]),
        Example("JSON path", {"$inc": {"meta.n": 1}}, "meta", [{"n": 1.5}, {}], [{"n": 2.5}, {"n": 1}]),
    ],
    "$mul": [
        Example(
            "int; Decimal, by a whole factor",
            {"$mul": {"cost": 3}},
            "cost",
            [Decimal("1.10"), None],
            [Decimal("3.30"), Decimal("0.00")],
            True,
        ),
        Example(
            "Decimal, by any factor",
            {"$mul": {"cost": 1.5}},
            "cost",
            [Decimal("1.10"), None],
            [Decimal("1.65"), Decimal("0.00")],
        ),
        Example("float, JSON path", {"$mul": {"ratio": 2}}, "ratio", [0.25, None], [0.5, 0.0]),
    ],
    "$min": [
        Example("scalars", {"$min": {"name": "b"}}, "name", ["a", "c"], ["a", "b"], True),
        Example("JSON path", {"$min": {"meta.n": 2}}, "meta", [{"n": 1.5}, {"n": "2"}], [{"n": 1.5}, {"n": 2}]),
    ],
    "$max": [
        Example(
            "scalars",
            {"$max": {"cost": "1.2"}},
            "cost",
            [Decimal("1.10"), None],
            [Decimal("1.20"), Decimal("1.20")],
            True,
        ),
        Example("JSON path", {"$max": {"meta.n": 2}}, "meta", [{"n": 10}, None], [{"n": 10}, {"n": 2}]),
    ],
    "$currentDate": [
        Example(
            "datetime with a zone, date",
            {"$currentDate": {"day": True}},
            "day",
            [None, date(2024, 1, 1)],
            [date(2031, 5, 6)] * 2,
            True,
        )
    ],
    "$bit": [
        Example("int", {"$bit": {"qty": {"xor": -1}}}, "qty", [6, None], [-7, -1], True),
        Example("int", {"$bit": {"qty": {"and": 3}}}, "qty", [6, None], [2, 0], True),
        Example("int", {"$bit": {"qty": {"or": 1}}}, "qty", [6, None], [7, 1], True),
        Example("JSON path", {"$bit": {"meta.n": {"or": 1}}}, "meta", [{"n": 6}, {}], [{"n": 7}, {"n": 1}]),
    ],
    "$push": [
        Example("lists", {"$push": {"tags": "b]"}}, "tags", [["b", '"['], None], [["b", '"[', "b]"], ["b]"]], True),
        Example(
            "lists",
            {"$push": {"sizes": {"$each": [2, 2**63 - 1]}}},
            "sizes",
            [[-(2**63)], []],
            [[-(2**63), 2, 2**63 - 1], [2, 2**63 - 1]],
            True,
        ),
        Example(
            "lists",
            {"$push": {"sizes": {"$each": [9, 3], "$position": 0, "$sort": -1, "$slice": 3}}},
            "sizes",
            [[5, 1], []],
            [[9, 5, 3], [9, 3]],
        ),
        Example(
            "lists in JSON",
            {"$push": {"meta.l": {"$each": [{"k": 1}], "$sort": {"k": 1}, "$slice": -2}}},
            "meta",
            [{"l": [{"k": 2}, {"k": 0}]}, None],
            [{"l": [{"k": 1}, {"k": 2}]}, {"l": [{"k": 1}]}],
        ),
    ],
    "$addToSet": [
        Example(
            "lists, one item",
            {"$addToSet": {"tags": "b"}},
            "tags",
            [["b", "a"], ["bb"]],
            [["b", "a"], ["bb", "b"]],
            True,
        ),
        Example(
            "lists",
            {"$addToSet": {"tags": {"$each": ["a", "b", "b"]}}},
            "tags",
            [["a"], None],
            [["a", "b"], ["a", "b"]],
        ),
        Example(
            "lists in JSON",
            {"$addToSet": {"meta.l": 1.0}},
            "meta",
            [{"l": [1]}, {"l": ["1"]}],
            [{"l": [1]}, {"l": ["1", 1]}],
        ),
    ],
    "$pull": [
        Example("lists", {"$pull": {"sizes": {"$gte": 5}}}, "sizes", [[5, 1, 9], None], [[1], None]),
        Example("lists", {"$pull": {"tags": "a"}}, "tags", [["a", "b", "a"], []], [["b"], []]),
        Example(
            "lists in JSON",
            {"$pull": {"meta.l": {"k": {"$lt": 2}}}},
            "meta",
            [{"l": [{"k": 2}, {"k": 1}, 7]}, {}],
            [{"l": [{"k": 2}, 7]}, {}],
        ),
    ],
    "$pullAll": [
        Example("lists", {"$pullAll": {"sizes": [1, 9]}}, "sizes", [[5, 1, 9], None], [[5], None]),
        Example(
            "lists in JSON",
            {"$pullAll": {"meta.l": [None, "a"]}},
            "meta",
            [{"l": ["a", None, 1]}, None],
            [{"l": [1]}, None],
        ),
    ],
    "$pop": [
        Example("lists", {"$pop": {"tags": 1}}, "tags", [["a", "b"], []], [["a"], []]),
        Example("lists in JSON", {"$pop": {"meta.l": -1}}, "meta", [{"l": [1, 2]}, None], [{"l": [2]}, None]),
    ],
    "$rename": [
        Example(
            "JSON path", {"$rename": {"meta.a": "meta.b.c"}}, "meta", [{"a": 1}, {"x": 1}], [{"b": {"c": 1}}, {"x": 1}]
        )
    ],
}
CASES = [(f"{name}-{at}", example) for name, examples in EXAMPLES.items() for at, example in enumerate(examples)]
NOW = datetime(2031, 5, 6, 23, 59, tzinfo=UTC)


def by_key(db: DataFlow, table: Table[Any], updates: Any) -> None:
    for key in (1, 2):
        table.update(key, updates)


def by_statement(db: DataFlow, table: Table[Any], updates: Any) -> None:
    assert table.bulk_update({"id": {"$lte": 2}}, updates).matched == 2


def by_rows(db: DataFlow, table: Table[Any], updates: Any) -> None:
    told = table.bulk_update({"id": {"$lte": 2}}, updates, return_rows=True)
    assert told.rows is not None
    assert len(told.rows) == 2


def by_node(db: DataFlow, table: Table[Any], updates: Any) -> None:
    result = Nodes(table).run("BulkUpdate", {"filter": {"id": {"$lte": 1}}, "updates": updates})
    assert result["matched"] == 1
    row = Nodes(table, awaited=True).run("Update", {"filter": {"id": 2}, "updates": updates})
    assert row == table.read(2).__dict__


WAYS: list[Callable[[DataFlow, Table[Any], Any], None]] = [by_key, by_statement, by_rows, by_node]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("example", [example for _, example in CASES], ids=[name for name, _ in CASES])
def test_each_operator_does_what_its_example_says(
    database: Database, way: Callable[[DataFlow, Table[Any], Any], None], example: Example
) -> None:
    with DataFlow(database.url, clock=lambda: NOW) as db:
        table = fresh(db, Item)
        table.bulk_create([{"id": at + 1, example.field: value} for at, value in enumerate(example.before)])
        table.create(id=3)
        way(db, table, example.updates)
        rows = table.list(order_by="id").records()
        assert [row[example.field] for row in rows[:2]] == example.after
        assert {name for row in rows[:2] for name, value in row.items() if value is not None} <= {"id", example.field}
        assert all(value is None for name, value in rows[2].items() if name != "id")


def test_the_table_of_operators_is_what_is_tested() -> None:
    rows = [["operator", "of", "example", "before", "after", "by filter", *ENGINES], ["---"] * 9]
    for operator, examples in EXAMPLES.items():
        for example in examples:
            by_filter = "one statement" if example.statement else "under a lock"
            shown = [
                f"`{json.dumps(value, default=str)}`" for value in (example.updates, example.before, example.after)
            ]
            rows.append([f"`{operator}`", example.of, *shown, by_filter, *("yes" for _ in ENGINES)])
    rows.append(
        [
            "`$setOnInsert`",
            "whole fields, in an upsert",
            '`{"$setOnInsert": {"name": "x"}}`',
            "",
            "",
            "",
            *("yes" for _ in ENGINES),
        ]
    )
    text = HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    stored = GOLDEN.read_text(encoding="utf-8")
    assert stored == text, "\n".join(difflib.unified_diff(stored.splitlines(), text.splitlines(), lineterm=""))


@pytest.mark.parametrize("example", [example for _, example in CASES], ids=[name for name, _ in CASES])
def test_an_update_by_filter_is_one_statement_where_the_table_says_so(db: DataFlow, example: Example) -> None:
    table = fresh(db, Item)
    table.bulk_create([{"id": at + 1, example.field: value} for at, value in enumerate(example.before)])
    statements = Statements(db)
    statements.of(table)
    table.bulk_update({"id": {"$lte": 2}}, example.updates)
    told = statements.of(table)
    assert ("read" not in told) is example.statement, told
    assert told.count("update") == 1
