"""R1: a filter of ten conditions becomes a statement and its parameters, on one core and without a server.

SQLAlchemy has its cache of compiled statements: the expression is built, found by its key and given its values, as
`session.execute` does before it sends. The string joined by hand checks nothing; it is what Python itself costs.
"""

import datetime as dt
import gc
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from benches.items import items_on
from benches.peers import report, taking_turns
from tests.servers import PostgreSQL

CALLS = 5_000
SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
FILTER: dict[str, Any] = {
    "sku": {"$ne": "a"},
    "name": {"$startsWith": "b"},
    "price": {"$gte": 1.5, "$lt": 900.0},
    "qty": {"$in": [1, 2, 3]},
    "tags": {"$ne": "c"},
    "created_at": {"$gt": SINCE},
    "active": True,
    "$or": [{"qty": 7}, {"price": {"$gt": 10.0}}],
}


def joined() -> tuple[str, list[Any]]:
    """The same statement by a person who knows all that DataFlow looks up."""
    conditions: list[str] = []
    parameters: list[Any] = []

    def add(condition: str, value: Any) -> None:
        parameters.append(value)
        conditions.append(condition.format(f"${len(parameters)}"))

    add('"sku" <> {}', FILTER["sku"]["$ne"])
    add('"name" LIKE {}', FILTER["name"]["$startsWith"] + "%")
    add('"price" >= {}', FILTER["price"]["$gte"])
    add('"price" < {}', FILTER["price"]["$lt"])
    add('"qty" = ANY({})', FILTER["qty"]["$in"])
    add('"tags" IS DISTINCT FROM {}', FILTER["tags"]["$ne"])
    add('"created_at" > {}', FILTER["created_at"]["$gt"])
    add('"active" = {}', FILTER["active"])
    add('("qty" = {}', FILTER["$or"][0]["qty"])
    either = conditions.pop()
    add('"price" > {})', FILTER["$or"][1]["price"]["$gt"])
    conditions[-1] = f"{either} OR {conditions[-1]}"
    columns = '"id", "sku", "name", "price", "qty", "tags", "created_at", "active"'
    return f'SELECT {columns} FROM "item" WHERE {" AND ".join(conditions)} ORDER BY "id" LIMIT 101', parameters


def of_sqlalchemy() -> Callable[[], tuple[str, dict[str, Any]]]:
    names = {"id": sa.BigInteger, "sku": sa.Text, "name": sa.Text, "price": sa.Double, "qty": sa.BigInteger}
    names |= {"tags": sa.Text, "created_at": sa.DateTime, "active": sa.Boolean}
    item = sa.Table("item", sa.MetaData(), *(sa.Column(name, type()) for name, type in names.items()))
    at, dialect, cache = item.c, postgresql.dialect(), dict[Any, Any]()

    def compiled() -> tuple[str, dict[str, Any]]:
        query = (
            sa.select(item)
            .where(
                at.sku != FILTER["sku"]["$ne"],
                at.name.startswith(FILTER["name"]["$startsWith"], autoescape=True),
                at.price >= FILTER["price"]["$gte"],
                at.price < FILTER["price"]["$lt"],
                at.qty.in_(FILTER["qty"]["$in"]),
                at.tags.is_distinct_from(FILTER["tags"]["$ne"]),
                at.created_at > FILTER["created_at"]["$gt"],
                at.active == FILTER["active"],
                sa.or_(at.qty == FILTER["$or"][0]["qty"], at.price > FILTER["$or"][1]["price"]["$gt"]),
            )
            .order_by(at.id)
            .limit(101)
        )
        found, values, *_ = query._compile_w_cache(dialect, compiled_cache=cache, column_keys=[])
        return found.string, found.construct_params(extracted_parameters=values)

    return compiled


def test_a_filter_of_ten_conditions(postgres: PostgreSQL) -> None:
    peer = of_sqlalchemy()
    with items_on(postgres) as items:
        sql, parameters = items.table.sql(FILTER)
        assert parameters == ["a", "b%", 1.5, 900.0, [1, 2, 3], "c", SINCE, True, 7, 10.0], sql
        told = list(peer()[1].values())
        assert all(value in told for value in ("a", "b", 1.5, 900.0, [1, 2, 3], "c", SINCE, 7, 10.0)), told
        assert joined()[1] == parameters
        gc.disable()
        medians = taking_turns(
            {"dataflow": lambda: items.table.sql(FILTER), "SQLAlchemy": peer, "by hand": joined}, CALLS
        )
        gc.enable()
    print()
    report("ten conditions", medians)
    assert medians["SQLAlchemy"] / medians["dataflow"] >= 5
