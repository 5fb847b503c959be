"""Each stage, accumulator and operator by an example on every database, with the table that tells of them."""

import difflib
import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pyarrow as pa
import pytest

from dataflow import DataFlow, Precision, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes
from tests.integration.test_events import Log

GOLDEN = Path(__file__).with_name("PIPELINES.md")
ENGINES = ("postgres", "mariadb", "sqlite")
HEAD = """# What pipelines can do, on every database

Written by `UPDATE_GOLDEN=1 pytest tests/integration/test_pipelines.py`. Each example is asked of every database with
the same rows and the same answer; random pipelines are compared with a reading of the rules in plain Python
(`tests/property/test_pipelines.py`).

- A pipeline is one statement. Every stage is checked against the columns that the one before leaves, and no name that a
  caller made up is part of the SQL.
- The keys of a `$group` are columns: `"_id": "$state"` gives `_id`, `"_id": {"a": "$x", "b": "$y"}` gives `a` and `b`,
  and `"_id": None` none. Null is a group of its own. Of no rows there is no group, also for `"_id": None` and `$count`.
- Rows come in the order of the last `$sort`, where null is the smallest; those that it leaves alike, and all without
  one, in that of the model's key or of the keys of the `$group`. `$limit` and `$skip` count in this order.
- `$unwind` of a list gives a row for each item, in the order of the items; those without items are left out unless
  `preserveNullAndEmptyArrays` is True: then they have None for the item and for the `includeArrayIndex`, which is
  counted from 0. A field that is no list is refused.
- `$lookup` finds rows of another model, live ones of the same tenant, by a field of the same type: null equals nothing,
  where MongoDB takes it for another null. They are a list of dicts; a `$unwind` right behind it puts them beside the
  row as columns, `author.name`, in the order of the row and then in that of its `pipeline`, which counts `$limit` and
  `$skip` for each row by itself and has no `$group`. A list of rows is kept or left out, and asked nothing as it is.
- `$unionWith` puts the rows of another model, live ones of the same tenant, behind those so far, each side in its
  order; its `pipeline` has every stage. Fields go together by their names and have one type, texts of any length and
  decimals of as many places; where a side does not have one it is None. A list of rows of a `$lookup` is not united:
  the `$lookup` comes behind it.
- `$bucket` needs its `default`, which is None or a value of the type of `groupBy`: no row is an error by its value.
- `$sample` takes rows by chance; those that it takes come in the order of their keys.
- `$project` names what is kept; nothing else is, and no `_id` that was not named.
- `$replaceRoot` and `$replaceWith` take a dict of names and expressions, where 1 is the number; of a field alone only
  one that is a row, and no other dict within: columns are typed.
- `$setWindowFields` adds columns with `$sum $avg $min $max $count $first $last` of the rows of a window, `$rank
  $denseRank $documentNumber` and `$shift`, and leaves the rows in the order that they have. Within `sortBy` null is the
  smallest, and rows that it leaves alike come in the order of the model's key; `$rank` and `$denseRank` take these for
  one. A window counts rows (`documents`, at most 1,000,000 away); without one it is the whole partition. `$sum` and
  `$avg` of floats begin at "unbounded": what is left of a sum of floats depends on the database.
- `$sum` of no number is 0, the other totals of nothing are None. A sum of ints is an int, of decimals a Decimal of 38
  digits; what does not fit is `OutOfRangeError`. `$avg` of ints is their exact sum as a float by their number; of
  decimals it has four places more, where 38 digits leave room, and is rounded half away from zero.
- Sums, averages and standard deviations of floats depend on the order in which a database reads the rows: their last
  digits may differ. `$stdDevPop` and `$stdDevSamp` take ints and decimals as the nearest floats.
- `$push` and `$addToSet` give lists of scalars without the values that are None: no list holds one, and MongoDB leaves
  out fields that are not there. `$push` has them in the order of the `$sort` before, which it needs; `$addToSet` in
  their own, ascending. They are not of float, which the databases write differently, lists and JSON, nor public.
- `$min` and `$max` are not of bool, UUID, bytes, lists and JSON; no group is by a list or JSON.
- In expressions null equals null and has no order, as in `$expr`. Functions of null are null, but `$substrCP`,
  `$toUpper` and `$toLower` give an empty text; the two change ASCII letters only. What is divided by 0 is None, of
  `$mod` too, whose remainder has the sign of the number.
- Numbers of different kinds: ints become decimals or floats; floats and decimals do not mix, and ints are not compared
  with floats. There is no quotient of decimals. A literal is read by the type of what it stands beside.
- `$trim`, `$ltrim` and `$rtrim` take off the white space of MongoDB. `$trunc` goes towards zero; it leaves as many
  places of a decimal as it is told, none of a float. `$size` of None is None.
- Parts of moments and `$dateTrunc` are in UTC; naive datetimes, dates and times are taken as they are.
- A name replaces what was called so, and what was inside it: `author.name` of `author`. `$replaceRoot` by a `$lookup`
  that found nothing for a row gives a row of None. On MariaDB the rows of one list are at most `max_allowed_packet`.
- Most stages behind a `$group`, an `$unwind` or a `$limit`, and each output of a `$setWindowFields`, are a query of
  their own, of which a pipeline has 50 at most.
- Not built: the stage `$facet`, `let` of `$lookup`, `includeArrayIndex` of looked up rows, `range` of a
  `$setWindowFields`, a `default` of `$shift`, `chars` of `$trim`, paths into JSON in expressions, `$round`.

"""


class State(Enum):
    OPEN = "open"
    PAID = "paid"


class Sale:
    no: int
    state: State
    qty: int | None = None
    price: Annotated[Decimal, Precision(10, 2)] | None = None
    name: str | None = None
    made: datetime | None = None
    tags: list[str] | None = None


MADE = datetime(2024, 5, 17, 23, 59, 58, 7, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "no": 1,
        "state": "open",
        "qty": 3,
        "price": Decimal("1.10"),
        "name": "K\u00e4se",
        "made": MADE,
        "tags": ["b", "a"],
    },
    {"no": 2, "state": "paid", "qty": 4, "price": Decimal("-2.25"), "name": "a", "made": MADE.replace(month=1)},
    {
        "no": 3,
        "state": "paid",
        "qty": -5,
        "price": Decimal("0.01"),
        "name": "",
        "made": MADE.replace(hour=1),
        "tags": ["b"],
    },
    {"no": 4, "state": "open", "tags": []},
]
Examples = dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]]
STAGES: Examples = {
    "$match": ([{"$match": {"qty": {"$gt": 3}}}, {"$project": {"no": 1}}], [{"no": 2}]),
    "$group": (
        [{"$group": {"_id": {"of": "$state"}, "n": {"$sum": 1}}}, {"$match": {"n": 2}}],
        [{"of": State.OPEN, "n": 2}, {"of": State.PAID, "n": 2}],
    ),
    "$sort": ([{"$sort": {"qty": 1}}, {"$project": {"no": 1}}], [{"no": 4}, {"no": 3}, {"no": 1}, {"no": 2}]),
    "$limit": ([{"$limit": 1}, {"$project": {"no": 1}}], [{"no": 1}]),
    "$skip": ([{"$skip": 3}, {"$project": {"no": 1}}], [{"no": 4}]),
    "$count": ([{"$match": {"qty": None}}, {"$count": "n"}], [{"n": 1}]),
    "$project": ([{"$project": {"double": {"$multiply": ["$qty", 2]}}}, {"$limit": 1}], [{"double": 6}]),
    "$addFields": ([{"$addFields": {"no": "$qty"}}, {"$project": {"no": 1}}, {"$limit": 1}], [{"no": 3}]),
    "$set": ([{"$limit": 1}, {"$set": {"x": {"$literal": 1}}}, {"$project": {"x": 1}}], [{"x": 1}]),
    "$unset": ([{"$limit": 1}, {"$unset": ["qty", "price", "name", "made", "state", "tags", "id"]}], [{"no": 1}]),
    "$replaceRoot": (
        [{"$replaceRoot": {"newRoot": {"sku": "$name", "one": 1}}}, {"$limit": 2}],
        [{"sku": "K\u00e4se", "one": 1}, {"sku": "a", "one": 1}],
    ),
    "$replaceWith": ([{"$replaceWith": {"x": {"$add": ["$qty", "$no"]}}}, {"$match": {"x": 4}}], [{"x": 4}]),
    "$setWindowFields": (
        [
            {
                "$setWindowFields": {
                    "partitionBy": "$state",
                    "sortBy": {"qty": -1},
                    "output": {
                        "rank": {"$rank": {}},
                        "sum": {"$sum": "$qty", "window": {"documents": ["unbounded", "current"]}},
                    },
                }
            },
            {"$project": {"rank": 1, "sum": 1}},
        ],
        [{"rank": 1, "sum": 3}, {"rank": 1, "sum": 4}, {"rank": 2, "sum": -1}, {"rank": 2, "sum": 3}],
    ),
    "$bucket": (
        [{"$bucket": {"groupBy": "$qty", "boundaries": [-5, 3, 4], "default": None, "output": {"n": {"$sum": "$no"}}}}],
        [{"_id": None, "n": 6}, {"_id": -5, "n": 3}, {"_id": 3, "n": 1}],
    ),
    "$sample": (
        [{"$sample": {"size": 9}}, {"$project": {"no": 1}}],
        [{"no": 1}, {"no": 2}, {"no": 3}, {"no": 4}],
    ),
    "$unwind": (
        [{"$unwind": {"path": "$tags", "includeArrayIndex": "at"}}, {"$project": {"no": 1, "tags": 1, "at": 1}}],
        [{"no": 1, "tags": "b", "at": 0}, {"no": 1, "tags": "a", "at": 1}, {"no": 3, "tags": "b", "at": 0}],
    ),
    "$lookup": (
        [
            {"$lookup": {"from": "Sale", "localField": "qty", "foreignField": "no", "as": "of"}},
            {"$unwind": "$of"},
            {"$project": {"no": 1, "of.no": 1}},
        ],
        [{"no": 1, "of.no": 3}, {"no": 2, "of.no": 4}],
    ),
    "$unionWith": (
        [
            {"$match": {"no": 4}},
            {"$project": {"no": 1}},
            {"$unionWith": {"coll": "Sale", "pipeline": [{"$match": {"qty": 4}}, {"$project": {"no": 1, "qty": 1}}]}},
        ],
        [{"no": 4, "qty": None}, {"no": 2, "qty": 4}],
    ),
    "$sortByCount": (
        [{"$match": {"qty": {"$ne": None}}}, {"$sortByCount": "$state"}],
        [{"_id": State.PAID, "count": 2}, {"_id": State.OPEN, "count": 1}],
    ),
}


def group(total: dict[str, Any], *before: dict[str, Any]) -> list[dict[str, Any]]:
    return [*before, {"$group": {"_id": "$state", "x": total}}, {"$project": {"x": 1}}]


TOTALS: Examples = {
    "$sum": (group({"$sum": "$price"}), [{"x": Decimal("1.10")}, {"x": Decimal("-2.24")}]),
    "$avg": (group({"$avg": "$price"}), [{"x": Decimal("1.100000")}, {"x": Decimal("-1.120000")}]),
    "$min": (group({"$min": "$name"}), [{"x": "K\u00e4se"}, {"x": ""}]),
    "$max": (group({"$max": "$made"}), [{"x": MADE}, {"x": MADE.replace(hour=1)}]),
    "$stdDevPop": (group({"$stdDevPop": "$qty"}), [{"x": 0.0}, {"x": 4.5}]),
    "$stdDevSamp": (group({"$stdDevSamp": "$qty"}), [{"x": None}, {"x": 40.5**0.5}]),
    "$count": (group({"$count": {}}), [{"x": 2}, {"x": 2}]),
    "$push": (group({"$push": "$qty"}, {"$sort": {"price": -1}}), [{"x": [3]}, {"x": [-5, 4]}]),
    "$addToSet": (group({"$addToSet": "$state"}), [{"x": [State.OPEN]}, {"x": [State.PAID]}]),
    "$first": (group({"$first": "$no"}, {"$sort": {"qty": 1}}), [{"x": 4}, {"x": 3}]),
    "$last": (group({"$last": "$qty"}, {"$sort": {"no": 1}}), [{"x": None}, {"x": -5}]),
}
# An expression, and what it is of the four rows.
OPERATORS: dict[str, tuple[Any, list[Any]]] = {
    "$literal": ({"$literal": "$qty"}, ["$qty"] * 4),
    "$add": ({"$add": ["$qty", 1, 2]}, [6, 7, -2, None]),
    "$subtract": ({"$subtract": ["$price", "$qty"]}, [Decimal("-1.90"), Decimal("-6.25"), Decimal("5.01"), None]),
    "$multiply": ({"$multiply": ["$price", "$qty"]}, [Decimal("3.30"), Decimal("-9.00"), Decimal("-0.05"), None]),
    "$divide": ({"$divide": ["$qty", {"$add": ["$qty", -4]}]}, [-3.0, None, 5 / 9, None]),
    "$mod": ({"$mod": ["$qty", 3]}, [0, 1, -2, None]),
    "$abs": ({"$abs": "$price"}, [Decimal("1.10"), Decimal("2.25"), Decimal("0.01"), None]),
    "$ceil": ({"$ceil": "$price"}, [Decimal(2), Decimal(-2), Decimal(1), None]),
    "$floor": ({"$floor": "$price"}, [Decimal(1), Decimal(-3), Decimal(0), None]),
    "$trunc": (
        {"$trunc": ["$price", 1]},
        [Decimal("1.1"), Decimal("-2.2"), Decimal("0.0"), None],
    ),
    "$size": ({"$size": "$tags"}, [2, None, 1, 0]),
    "$trim": ({"$trim": {"input": {"$concat": ["\t\u00a0", "$name", " \u2003"]}}}, ["K\u00e4se", "a", "", None]),
    "$ltrim": ({"$ltrim": {"input": {"$concat": [" ", "$name", " "]}}}, ["K\u00e4se ", "a ", "", None]),
    "$rtrim": ({"$rtrim": {"input": {"$concat": [" ", "$name", " "]}}}, [" K\u00e4se", " a", "", None]),
    "$concat": ({"$concat": ["$state", ":", "$name"]}, ["open:K\u00e4se", "paid:a", "paid:", None]),
    "$substrCP": ({"$substrCP": ["$name", 1, 2]}, ["\u00e4s", "", "", ""]),
    "$toUpper": ({"$toUpper": "$name"}, ["K\u00e4SE", "A", "", ""]),
    "$toLower": ({"$toLower": ["$name"]}, ["k\u00e4se", "a", "", ""]),
    "$strLenCP": ({"$strLenCP": "$name"}, [4, 1, 0, None]),
    "$cond": ({"$cond": {"if": {"$gt": ["$qty", 3]}, "then": "$name", "else": "-"}}, ["-", "a", "-", "-"]),
    "$switch": (
        {
            "$switch": {
                "branches": [{"case": {"$lt": ["$qty", 0]}, "then": 0}, {"case": {"$lt": ["$qty", 4]}, "then": 1}]
            }
        },
        [1, None, 0, None],
    ),
    "$ifNull": ({"$ifNull": ["$qty", "$no"]}, [3, 4, -5, 4]),
    "$eq": ({"$eq": ["$qty", None]}, [False, False, False, True]),
    "$ne": ({"$ne": ["$name", "a"]}, [True, False, True, True]),
    "$gt": ({"$gt": ["$price", 0]}, [True, False, True, False]),
    "$gte": ({"$gte": ["$qty", "$no"]}, [True, True, False, False]),
    "$lt": ({"$lt": ["$made", "2024-05-01"]}, [False, True, False, False]),
    "$lte": ({"$lte": ["$name", "a"]}, [True, True, True, False]),
    "$and": ({"$and": [{"$gt": ["$qty", 3]}, True]}, [False, True, False, False]),
    "$or": ({"$or": [{"$gt": ["$qty", 3]}, {"$eq": ["$qty", 3]}]}, [True, True, False, False]),
    "$not": ({"$not": {"$gt": ["$qty", 3]}}, [True, False, True, True]),
    "$in": ({"$in": ["$qty", [3, None]]}, [True, False, False, True]),
    "$year": ({"$year": "$made"}, [2024, 2024, 2024, None]),
    "$month": ({"$month": "$made"}, [5, 1, 5, None]),
    "$dayOfMonth": ({"$dayOfMonth": "$made"}, [17, 17, 17, None]),
    "$hour": ({"$hour": "$made"}, [23, 23, 1, None]),
    "$minute": ({"$minute": "$made"}, [59, 59, 59, None]),
    "$second": ({"$second": "$made"}, [58, 58, 58, None]),
    "$dateTrunc": (
        {"$dateTrunc": {"date": "$made", "unit": "month"}},
        [datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC), None],
    ),
}


@pytest.fixture
def sales(db: DataFlow) -> Any:
    table = fresh(db, Sale)
    table.bulk_create(ROWS)
    return table


@pytest.mark.parametrize("name", [*STAGES, *(f"{name} of a group" for name in TOTALS)])
def test_each_stage_and_total_gives_its_rows(sales: Any, name: str) -> None:
    pipeline, expected = TOTALS[name.removesuffix(" of a group")] if " of" in name else STAGES[name]
    assert list(sales.aggregate(called(sales._model.name, pipeline))) == expected


def called(model: str, part: Any) -> Any:
    """With the model's own name for `Sale`."""
    if isinstance(part, list):
        return [called(model, item) for item in part]
    if isinstance(part, dict):
        return {name: model if name in ("from", "coll") else called(model, item) for name, item in part.items()}
    return part


@pytest.mark.parametrize("name", OPERATORS)
def test_each_operator_gives_its_values(sales: Any, name: str) -> None:
    expression, expected = OPERATORS[name]
    found = [row["x"] for row in sales.aggregate([{"$project": {"x": expression}}])]
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


def test_the_table_of_stages_is_what_is_tested() -> None:
    yes = ["yes" for _ in ENGINES]
    rows = [["name", "is", "example", *ENGINES], ["---"] * 6]
    for kind, examples in {"stage": STAGES, "total of a group": TOTALS}.items():
        rows += [[f"`{name}`", kind, shown(pipeline), *yes] for name, (pipeline, _) in examples.items()]
    rows += [[f"`{name}`", "operator", shown(expression), *yes] for name, (expression, _) in OPERATORS.items()]
    text = HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    stored = GOLDEN.read_text(encoding="utf-8")
    assert stored == text, "\n".join(difflib.unified_diff(stored.splitlines(), text.splitlines(), lineterm=""))


def shown(spec: object) -> str:
    return f"`{json.dumps(spec, ensure_ascii=False)}`"


def test_a_pipeline_is_one_statement(db: DataFlow, sales: Any) -> None:
    log = Log(db, "statement")
    sales.aggregate([{"$limit": 3}, {"$sort": {"qty": 1}}, {"$group": {"_id": "$state", "x": {"$first": "$no"}}}])
    assert [event["operation"] for event in log.settled()] == ["aggregate"]


def test_the_result_comes_in_every_form(sales: Any) -> None:
    records = sales.aggregate([{"$group": {"_id": "$state", "sum": {"$sum": "$price"}, "mean": {"$avg": "$qty"}}}])
    assert len(records) == 2
    assert records[1]["mean"] == -0.5
    table = records.to_arrow()
    assert table.schema.names == ["_id", "sum", "mean"]
    assert table.schema.field("sum").type == pa.decimal128(38, 2)
    assert table.schema.field("mean").type == pa.float64()
    assert (table.schema.field("sum").nullable, table.schema.field("mean").nullable) == (False, True)
    assert records.to_polars().shape == (2, 3)
    assert list(records.to_pandas()["_id"]) == ["open", "paid"]


def test_the_node_gives_records_and_their_count(sales: Any, awaited: bool) -> None:
    found = Nodes(sales, awaited).run("Aggregate", {"pipeline": [{"$sortByCount": "$state"}]})
    assert (found["count"], found["records"][0]) == (2, {"_id": State.OPEN, "count": 2})


async def test_the_awaited_twin_does_the_same(sales: Any) -> None:
    assert list(await sales.aaggregate([{"$count": "n"}])) == [{"n": 4}]


def test_a_pipeline_sees_what_its_transaction_wrote(db: DataFlow, sales: Any) -> None:
    with db.transaction():
        sales.create(no=5, state="open", qty=10)
        assert list(sales.aggregate([{"$group": {"_id": None, "sum": {"$sum": "$qty"}}}])) == [{"sum": 12}]


class Deleted:
    __dataflow__: ClassVar = {"soft_delete": True}
    name: str


def test_deleted_rows_are_left_out(db: DataFlow) -> None:
    table = fresh(db, Deleted)
    table.bulk_create([{"id": no, "name": "a"} for no in (1, 2, 3)])
    table.delete(2)
    pipeline = [{"$group": {"_id": "$name", "n": {"$sum": 1}, "sum": {"$sum": "$id"}}}]
    assert list(table.aggregate(pipeline)) == [{"_id": "a", "n": 2, "sum": 4}]
    assert list(table.aggregate(pipeline, include_deleted=True)) == [{"_id": "a", "n": 3, "sum": 6}]


@pytest.mark.parametrize("total", [{"$count": {}}, {"$avg": {"$add": ["$no", 1]}}])
def test_groups_of_rows_in_another_order_come_in_their_own(sales: Any, total: dict[str, Any]) -> None:
    """SQLite 3.51 by itself would give the order of the rows."""
    pipeline = [{"$match": {"qty": {"$ne": None}}}, {"$sort": {"qty": -1}}, {"$limit": 3}]
    found = sales.aggregate([*pipeline, {"$group": {"_id": "$qty", "x": total}}])
    assert [row["_id"] for row in found] == [-5, 3, 4]


def test_texts_that_were_put_together_are_found_behind_a_group(sales: Any) -> None:
    """MariaDB would push the condition into the group, read the literal as a number on the way, and warn of that."""
    key = {"$ifNull": ["$name", {"$literal": "b"}]}
    pipeline = [{"$set": {"x": key}}, {"$group": {"_id": {"name": "$name", "x": "$x"}, "n": {"$sum": 1}}}]
    found = sales.aggregate([*pipeline, {"$match": {"x": {"$gte": ""}, "name": {"$ne": "a"}}}])
    assert [row["x"] for row in found] == ["b", "", "K\u00e4se"]


def test_the_deepest_and_longest_pipelines_run(db: DataFlow, sales: Any) -> None:
    deep: Any = "$qty"
    for _ in range(15):
        deep = {"$add": [{"$literal": 0}] * 7 + [deep]}
    case: Any = "$qty"
    for _ in range(14):
        case = {"$cond": [{"$eq": [1, 1]}, {"$ifNull": [case, 0]}, 0]} if _ % 2 else {"$abs": case}
    assert sales.aggregate([{"$project": {"x": deep}}, {"$limit": 1}])[0] == {"x": 3}
    with pytest.raises(errors.LimitExceededError):
        sales.aggregate([{"$project": {"x": {"$abs": {"$abs": deep}}}}])
    steps = [{"$set": {"qty": {"$add": ["$qty", 1]}}}, {"$limit": 3}] * 24
    assert sales.aggregate([*steps, {"$project": {"qty": 1}}])[0] == {"qty": 27}


class Indexed:
    __dataflow__: ClassVar = {"indexes": [{"fields": ["kind"]}]}
    kind: int
    qty: int


def test_a_match_before_a_group_goes_by_the_index(database: Database, db: DataFlow) -> None:
    table = fresh(db, Indexed)
    table.bulk_create([{"kind": no % 1_000, "qty": no} for no in range(20_000)])
    name, log = table._model.table, Log(db, "statement")
    pipeline = [{"$match": {"kind": {"$eq": 7}}}, {"$group": {"_id": "$kind", "sum": {"$sum": "$qty"}}}]
    assert list(table.aggregate(pipeline)) == [{"_id": 7, "sum": 190_140}]
    [statement] = [event["sql"] for event in log.settled()]
    asked = statement.replace("`", '"').replace("$1", "7").replace("?1", "7").replace("= ?", "= 7")
    match database.kind:
        case "postgres":
            plan = str(bare.execute(database, f"ANALYZE {name}", f"EXPLAIN {asked}"))
            assert f"ix_{name}_kind" in plan
        case "mariadb":
            assert f"ix_{name}_kind" in str(bare.execute(database, f"EXPLAIN {asked}"))
        case "sqlite":
            own = asked.replace("dataflow_sum", "sum")
            assert f"USING INDEX ix_{name}_kind" in str(bare.execute(database, f"EXPLAIN QUERY PLAN {own}"))
