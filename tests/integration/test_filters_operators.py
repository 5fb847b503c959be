"""Each operator by an example on every database, what may be a check, long lists, and filters too deep."""

import difflib
import json
import os
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest

from dataflow import DataFlow, MaxLength, Precision, Ref, Table, Unique, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh, subclass
from tests.integration.test_filters_indexes import LOOKED_AT, LOOKED_UP
from tests.property.mongo import REASONS

GOLDEN = Path(__file__).with_name("FILTERS.md")
ENGINES = ("postgres", "mariadb", "sqlite")
HEAD = """# What filters can ask, on every database

Written by `UPDATE_GOLDEN=1 pytest tests/integration/test_filters_operators.py`. Each example is asked of every database
with the same rows and the same answer; random filters of all operators are compared with a reading of the rules in
plain Python (`tests/property/test_filters.py`), and with what mongomock finds (below).

- Two-valued, as in MongoDB: a null meets no condition but `None` and `$exists: false`, and so it meets each
  negation: `$ne`, `$nin`, `$not`, `$nor`. In `$expr` null equals null and has no order.
- `$ilike`, `$icontains` and `$options: "i"` take two characters for one when their simple lower-case forms in
  Unicode are the same: `K` is `k` is U+212A, but `\u00df` is not `ss` and `\u03c2` not `\u03c3`. DataFlow names
  the characters in the condition: no collation and no server version has a say. `\\d`, `\\w` and `\\s` are
  ASCII and have no case.
- `^` and `$` are the ends of the whole text; with `m` those of each line, and a text that ends with a newline
  has an empty last line. `.` is any character but a newline; with `s` that too.
- `$mod` leaves a remainder with the sign of the number. Bits are those of 64 in two's complement; position 63
  is the sign.
- `$expr` compares fields of one type (decimals of one scale) with each other and with values; `{"$literal":
  "$a"}` is a text that begins with `$`.
- Numbers in JSON are compared exactly, with numbers only; texts with texts only, by their UTF-8 bytes. `meta.0`
  is a key, not a place in a list.
- `$type` takes MongoDB's names, one or a list. A field is of its own type where it is not null, and of `null` where it
  is; an int is `int`, `long` and `number`. In JSON there are `array bool null number object string`.
  MongoDB has no name for a time or a timedelta, and neither has `$type`.
- `$all: []` matches nothing. `$elemMatch` takes operators for an item, or a filter on items that are objects.
  It may be no part of a check or an index, which no database lets look at items one by one; nor may `$all` of
  JSON.
- `author.name` is a field of the row that `author_id` refers to; where there is none, its fields are null.
  `$some`, `$every` and `$none` are of the rows that refer to this one (`related=` of their `Ref`); they and paths
  lead on: `book.author.books`. An `Index()` beside the `Ref` finds them. Rows of other tenants and soft-deleted rows
  are never there.
- `$comment` is checked to be a str, and left out of the statement: a text in it would make every statement a
  new one.
- Index: whether the rows of a field are looked up in an index that begins with it, by the plans of the databases for
  100,000 rows (`tests/integration/test_filters_indexes.py`); `table.explain(filter)` tells for any filter. `$like`
  and `$regex` are where they begin with plain text. What lies in lists and JSON is in no index.
- `$in` and `$nin` of more values than a statement has parameters travel as one: an array (PostgreSQL) or JSON.

"""
TAIL = """
## Compared with MongoDB

Random filters on rows that documents can be find what mongomock 4.3 finds
(`tests/property/test_filters_mongomock.py`). Not compared, each for its reason:

"""


class Item:
    no: int
    qty: int | None = None
    low: int | None = None
    name: str | None = None
    tags: list[str] | None = None
    sizes: list[int] | None = None
    meta: dict[str, Any] | None = None


ROWS: list[dict[str, Any]] = [
    {
        "no": 0,
        "qty": -5,
        "low": 1,
        "name": "K\u00c4se",
        "tags": ["a", "b"],
        "sizes": [1, 9],
        "meta": {"n": 9, "s": "ab"},
    },
    {"no": 1, "qty": 6, "low": 6, "name": "k\u00e4se\nx", "tags": ["B"], "sizes": [], "meta": {"n": 10, "l": [1, "x"]}},
    {"no": 2, "qty": 7, "low": None, "name": "100%", "tags": [], "sizes": [5], "meta": {"l": [{"a": 1, "b": "Ab"}]}},
    {"no": 3},
]
OF_OTHERS = ("$some", "$every", "$none")
# Operator -> where, an example, and the rows it finds.
EXAMPLES: dict[str, tuple[str, dict[str, Any], list[int]]] = {
    "$eq": ("every field, JSON path", {"qty": {"$eq": 6}}, [1]),
    "$ne": ("every field, JSON path", {"qty": {"$ne": 6}}, [0, 2, 3]),
    "$gt": ("scalars, JSON path", {"meta.n": {"$gt": 9}}, [1]),
    "$gte": ("scalars, JSON path", {"meta.n": {"$gte": 9.0}}, [0, 1]),
    "$lt": ("scalars, JSON path", {"qty": {"$lt": 6}}, [0]),
    "$lte": ("scalars, JSON path", {"meta.s": {"$lte": "ab"}}, [0]),
    "$in": ("every field, JSON path", {"qty": {"$in": [6, None]}}, [1, 3]),
    "$nin": ("every field, JSON path", {"qty": {"$nin": [6]}}, [0, 2, 3]),
    "$exists": ("every field, JSON path", {"meta.s": {"$exists": False}}, [1, 2, 3]),
    "$type": ("every field, JSON path", {"meta.n": {"$type": ["string", "number"]}}, [0, 1]),
    "$not": ("every field, whole filter, `$expr`", {"qty": {"$not": {"$gt": 0}}}, [0, 3]),
    "$and": ("whole filter, `$expr`", {"$and": [{"qty": 6}, {"low": 6}]}, [1]),
    "$or": ("whole filter, `$expr`", {"$or": [{"qty": 6}, {"low": 1}]}, [0, 1]),
    "$nor": ("whole filter", {"$nor": [{"qty": 6}, {"low": 1}]}, [2, 3]),
    "$comment": ("whole filter", {"$comment": "why", "qty": 6}, [1]),
    "$expr": ("whole filter", {"$expr": {"$gte": ["$qty", "$low"]}}, [1]),
    "$mod": ("int", {"qty": {"$mod": [3, -2]}}, [0]),
    "$bitsAllSet": ("int", {"qty": {"$bitsAllSet": 6}}, [1, 2]),
    "$bitsAllClear": ("int", {"qty": {"$bitsAllClear": [0, 63]}}, [1]),
    "$bitsAnySet": ("int", {"qty": {"$bitsAnySet": [0, 63]}}, [0, 2]),
    "$bitsAnyClear": ("int", {"qty": {"$bitsAnyClear": 7}}, [0, 1]),
    "$contains": ("str, lists, JSON", {"name": {"$contains": "%"}}, [2]),
    "$icontains": ("str, JSON path", {"name": {"$icontains": "k\u00c4S"}}, [0, 1]),
    "$startsWith": ("str, JSON path", {"name": {"$startsWith": "k"}}, [1]),
    "$endsWith": ("str, JSON path", {"name": {"$endsWith": "%"}}, [2]),
    "$like": ("str, JSON path", {"name": {"$like": "1__\\%"}}, [2]),
    "$ilike": ("str, JSON path", {"name": {"$ilike": "_\u00c4S%"}}, [0, 1]),
    "$regex": ("str, JSON path", {"name": {"$regex": "^\\d+%$"}}, [2]),
    "$options": ("`$regex`", {"name": {"$regex": "^k\u00e4se$", "$options": "im"}}, [0, 1]),
    "$all": ("lists, JSON", {"tags": {"$all": ["b", "a"]}}, [0]),
    "$elemMatch": ("lists, JSON", {"meta.l": {"$elemMatch": {"a": {"$gt": 0}, "b": {"$ilike": "AB"}}}}, [2]),
    "$size": ("lists, JSON", {"tags": {"$size": 0}}, [2]),
    "$some": ("rows that refer to this one", {"parts": {"$some": {"qty": {"$gt": 6}}}}, [0]),
    "$every": ("rows that refer to this one", {"parts": {"$every": {"qty": {"$gt": 6}}}}, [1, 2, 3]),
    "$none": ("rows that refer to this one", {"parts": {"$none": {}}}, [1, 2, 3]),
}


def linked(db: DataFlow) -> Table[Any]:
    """A table of items, which may be parts of each other."""
    model = subclass(Item)
    model.__annotations__ = {"whole_id": Annotated[int | None, Ref(model.__name__, related="parts")]}
    model.whole_id = None
    table: Table[Any] = db.table(db.model(model))
    table.bulk_create(ROWS)
    for part in ROWS[1:3]:
        table.update({"no": part["no"]}, {"whole_id": table.list({"no": 0})[0].id})
    return table


@pytest.mark.parametrize("operator", EXAMPLES)
def test_each_operator_finds_its_rows(db: DataFlow, operator: str) -> None:
    table = linked(db)
    _, filter, expected = EXAMPLES[operator]
    assert [row.no for row in table.list(filter, order_by="no")] == expected
    assert table.count({"$nor": [filter]}) == len(ROWS) - len(expected)


def test_the_table_of_operators_is_what_is_tested() -> None:
    assert {*LOOKED_UP, *LOOKED_AT, *OF_OTHERS} == {*EXAMPLES}
    rows = [["operator", "of", "example", *ENGINES, "index"], ["---"] * 7]
    for operator, (place, filter, _) in EXAMPLES.items():
        engines = LOOKED_UP[operator][1] if operator in LOOKED_UP else ()
        index = "yes" if engines == ENGINES else ", ".join(engines) or "no"
        index = "that of the reference" if operator in OF_OTHERS else index
        example = f"`{json.dumps(filter, ensure_ascii=False)}`"
        rows.append([f"`{operator}`", place, example, *("yes" for _ in ENGINES), index])
    text = HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows) + TAIL + "".join(f"- {why}.\n" for why in REASONS)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    stored = GOLDEN.read_text(encoding="utf-8")
    assert stored == text, "\n".join(difflib.unified_diff(stored.splitlines(), text.splitlines(), lineterm=""))


def test_a_type_may_be_named_often(db: DataFlow) -> None:
    table = linked(db)
    for field in ("name", "meta.s", "tags"):
        once = table.count({field: {"$type": ["string", "array"]}})
        assert table.count({field: {"$type": ["string", "array"] * 2_000}}) == once > 0


@pytest.mark.parametrize(
    "link", [lambda inner: {"$not": inner}, lambda inner: {"$and": [inner]}, lambda inner: [inner]]
)
def test_a_filter_a_million_deep_is_refused_at_once(db: DataFlow, link: Any) -> None:
    table = fresh(db, Item)
    table.count({"qty": 1})
    deep: Any = {"qty": 1}
    chain = [deep]  # taken apart from the outside in, or Python itself would run out of stack
    for _ in range(1_000_000):
        deep = link(deep)
        chain.append(deep)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        with pytest.raises(errors.LimitExceededError if isinstance(deep, dict) else errors.InvalidFilterError):
            table.count(deep)
        took.append(time.perf_counter() - began)
    del deep
    while chain:
        chain.pop()
    assert min(took) < 0.01, f"{min(took) * 1_000:.1f} ms"


def test_code_is_refused_wherever_it_stands(db: DataFlow) -> None:
    table = fresh(db, Item)
    for filter in (
        {"$where": "1"},
        {"$and": [{"$or": [{"$where": "1"}]}]},
        {"qty": {"$not": {"$function": {}}}},
        {"$expr": {"$accumulator": {}}},
        {"$expr": {"$eq": [{"$function": 1}, 1]}},
        {"meta.l": {"$elemMatch": {"$where": "1"}}},
    ):
        with pytest.raises(errors.UnknownOperatorError, match="runs code"):
            table.count(filter)


def test_a_comment_alone_is_no_filter(db: DataFlow) -> None:
    with pytest.raises(errors.UnfilteredWriteError):
        fresh(db, Item).bulk_delete({"$comment": "all of them"})


class Wide:
    no: int
    whole: Annotated[int, Unique()]
    word: Annotated[str, MaxLength(20)]
    price: Annotated[Decimal, Precision(10, 2)]
    day: date
    made: datetime
    ref: UUID
    blob: bytes
    span: timedelta
    flag: bool
    meta: dict[str, Any]


def wide(no: int) -> dict[str, Any]:
    made = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=no)
    row = {
        "no": no,
        "whole": 2**53 + no,
        "word": f'w"\\{no} ',
        "price": Decimal(no) / 100,
        "day": date.fromordinal(no + 1),
    }
    row |= {"made": made, "ref": UUID(int=no), "blob": no.to_bytes(3), "span": timedelta(microseconds=no - 5)}
    return row | {"flag": no % 2 == 0, "meta": {"a": [no, 'x"']}}


@pytest.mark.parametrize("name", [name for name in Wide.__annotations__ if name != "no"])
def test_a_list_beyond_all_parameters_is_taken(db: DataFlow, name: str) -> None:
    table = fresh(db, Wide)
    table.bulk_create([wide(no) for no in range(20)])
    wanted = [wide(no)[name] for no in range(10, 70_010)]
    expected = list(range(20)) if name == "flag" else list(range(10, 20))
    assert [row.no for row in table.list({name: {"$in": wanted}}, order_by="no")] == expected
    assert table.count({name: {"$nin": wanted}}) == 20 - len(expected)


def test_a_change_takes_a_long_list_or_says_why_not(database: Database, db: DataFlow) -> None:
    table = fresh(db, Item)
    table.bulk_create([{"no": no, "qty": no} for no in range(20)])
    filter = {"qty": {"$in": list(range(10, 70_010))}}
    if database.kind == "mariadb":
        with pytest.raises(errors.LimitExceededError):
            table.bulk_update(filter, {"name": "x"})
        assert table.count({"name": "x"}) == 0
    else:
        assert table.bulk_update(filter, {"name": "x"}).matched == 10


def test_a_long_list_goes_by_the_index(database: Database, db: DataFlow) -> None:
    """The conditions are those of the golden file of the dialects."""
    table = fresh(db, Item)
    name = table.create(no=0).__tablename__
    table.bulk_create([{"no": no} for no in range(1, 20_000)])
    numbers = json.dumps(list(range(5)))
    match database.kind:
        case "postgres":
            explain = f"EXPLAIN SELECT * FROM {name} WHERE id = ANY('{{{numbers[1:-1]}}}'::bigint[])"
            plan = bare.execute(database, f"ANALYZE {name}", explain)
            assert "Index" in str(plan)
        case "mariadb":
            rows = f"JSON_TABLE('{numbers}', '$[*]' COLUMNS (v bigint PATH '$')) AS list"
            plan = bare.execute(database, f"EXPLAIN SELECT * FROM {name} WHERE id IN (SELECT v FROM {rows})")
            assert "'eq_ref', 'PRIMARY'" in str(plan)
        case _:
            rows = f"SELECT value FROM json_each('{numbers}')"
            plan = bare.execute(database, f"EXPLAIN QUERY PLAN SELECT * FROM {name} WHERE id IN ({rows})")
            assert "SEARCH" in str(plan)
            assert "USING INTEGER PRIMARY KEY" in str(plan)


CHECKS = {
    "odd": {"qty": {"$mod": [2, 1]}},
    "bits": {"qty": {"$bitsAllClear": [4], "$bitsAnySet": 3}},
    "order": {"$expr": {"$lt": ["$low", "$qty"]}},
    "word": {"name": {"$ilike": "k%", "$icontains": "\u00c4", "$regex": "^.\u00e4", "$options": "i"}},
    "two": {"tags": {"$size": 2, "$all": ["it's"]}},
    "deep": {"meta.n": {"$gt": -1.5, "$lte": 10}, "meta.s": {"$icontains": "X", "$gte": "a"}},
    "many": {"meta.l": {"$size": 1}},
}


class Checked:
    no: int
    qty: int
    low: int
    name: Annotated[str, MaxLength(9)]
    tags: list[str]
    meta: dict[str, Any]
    __dataflow__: ClassVar = {"checks": CHECKS}


GOOD: dict[str, Any] = {"no": 1, "qty": 7, "low": 6, "name": "\u212a\u00c4", "tags": ["it's", "b"]}
GOOD |= {"meta": {"n": 9.5, "s": "ax", "l": [1]}}
BAD: dict[str, dict[str, Any]] = {
    "odd": {"qty": 6, "low": 5},
    "bits": {"qty": 17},
    "order": {"low": 7},
    "word": {"name": "K"},
    "two": {"tags": ["it's"]},
    "deep": {"meta": {"n": -2, "s": "ax", "l": [1]}},
    "many": {"meta": {"n": 9.5, "s": "ax", "l": []}},
}


def test_the_operators_may_be_checks(database: Database, db: DataFlow) -> None:
    table = fresh(db, Checked)
    name = table.create(**GOOD).__tablename__
    for check, change in BAD.items():
        with pytest.raises(errors.CheckViolationError, match=f"`{check}`"):
            table.create(**GOOD | {"no": 2} | change)
    if database.kind != "sqlite":  # its checks call functions of ours
        with pytest.raises(Exception, match=r"check|CONSTRAINT"):
            bare.execute(database, f"UPDATE {name} SET name = 'x\u00e4'")
        with pytest.raises(Exception, match=r"check|CONSTRAINT"):
            bare.execute(database, f"""UPDATE {name} SET meta = '{{"l":[1],"n":100,"s":"ax"}}'""")
        bare.execute(database, f"""UPDATE {name} SET meta = '{{"l":[1],"n":-1,"s":"ax"}}', name = 'k\u00e4'""")


@pytest.mark.parametrize("filter", [{"tags": {"$elemMatch": {"$gt": "a"}}}, {"$or": [{"meta.l": {"$all": [1]}}]}])
def test_items_one_by_one_are_no_check(db: DataFlow, filter: dict[str, Any]) -> None:
    model = type("Each", (Item,), {"__dataflow__": {"checks": {"each": filter}}, "__module__": __name__})
    with pytest.raises(errors.InvalidModelError, match="one by one"):
        db.table(db.model(subclass(model)))
