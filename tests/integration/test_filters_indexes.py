"""Which operators find their rows in an index, by the plans of the databases for a large table."""

from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, Explanation, MaxLength, Table
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh

COUNT = 100_000
EVERY = ("postgres", "mariadb", "sqlite")


class Event:
    __dataflow__ = {"indexes": [{"fields": ["qty"]}, {"fields": ["name"]}, {"fields": ["low"]}]}  # noqa: RUF012
    qty: int | None
    low: int
    name: Annotated[str, MaxLength(40)]
    tags: list[int] | None = None
    meta: dict[str, Any] | None = None


# By operator, a filter that few rows meet, and the databases that look these up.
LOOKED_UP: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "$eq": ({"qty": {"$eq": 6}}, EVERY),
    "$gt": ({"qty": {"$gt": COUNT - 100}}, EVERY),
    "$gte": ({"name": {"$gte": "n9999"}}, EVERY),
    "$lt": ({"qty": {"$lt": 90}}, EVERY),
    "$lte": ({"qty": {"$lte": 90}}, EVERY),
    "$in": ({"qty": {"$in": [6, None, *range(40_000, 40_300)]}}, EVERY),
    "$exists": ({"qty": {"$exists": False}}, EVERY),
    "$and": ({"$and": [{"qty": 6}, {"name": "n6"}]}, EVERY),
    "$or": ({"$or": [{"qty": 6}, {"low": 6}]}, EVERY),
    "$comment": ({"$comment": "why", "qty": 6}, EVERY),
    "$expr": ({"$expr": {"$eq": ["$qty", 6]}}, EVERY),
    "$startsWith": ({"name": {"$startsWith": "n999"}}, EVERY),
    "$like": ({"name": {"$like": "n999%"}}, EVERY),
    "$regex": ({"name": {"$regex": "^n999"}}, ("postgres",)),
}
# Those that look at every row. An index that is walked for its order, or because it is narrow, finds none.
LOOKED_AT: dict[str, dict[str, Any]] = {
    "$ne": {"qty": {"$ne": 6}},
    "$nin": {"qty": {"$nin": [6]}},
    "$not": {"qty": {"$not": {"$gt": 50}}},
    "$nor": {"$nor": [{"qty": 6}]},
    "$type": {"qty": {"$type": "int"}},
    "$mod": {"qty": {"$mod": [50_000, 6]}},
    "$bitsAllSet": {"qty": {"$bitsAllSet": 2**16}},
    "$bitsAllClear": {"qty": {"$bitsAllClear": 2**17 - 8}},
    "$bitsAnySet": {"qty": {"$bitsAnySet": 2**16}},
    "$bitsAnyClear": {"qty": {"$bitsAnyClear": 2**17 - 8}},
    "$contains": {"name": {"$contains": "999"}},
    "$icontains": {"name": {"$icontains": "N999"}},
    "$endsWith": {"name": {"$endsWith": "999"}},
    "$ilike": {"name": {"$ilike": "n999%"}},
    "$options": {"name": {"$regex": "^n999", "$options": "i"}},
    "$all": {"tags": {"$all": [6]}},
    "$elemMatch": {"tags": {"$elemMatch": {"$gt": 6}}},
    "$size": {"tags": {"$size": 6}},
}


@pytest.fixture(scope="module")
def events(database: Database) -> Iterator[Table[Any]]:
    with closing(DataFlow(database.url)) as db:
        table = fresh(db, Event)
        rows = ({"qty": at if at % 1_000 else None, "low": at, "name": f"n{at}"} for at in range(COUNT))
        table.bulk_create(rows)
        bare.execute(database, f"ANALYZE {'TABLE ' if database.kind == 'mariadb' else ''}{table._model.table}")
        yield table


def explained(table: Table[Any], filter: dict[str, Any]) -> list[Explanation]:
    """As a count, and as rows in the order of what is asked for."""
    field = next((name for name in ("name", "tags") if name in str(filter)), "qty")
    order = "qty" if field == "tags" else field
    return [table.explain(filter, operation="count"), table.explain(filter, order_by=order, limit=None)]


@pytest.mark.parametrize("operator", LOOKED_UP)
def test_an_operator_finds_its_rows_in_an_index(database: Database, events: Table[Any], operator: str) -> None:
    filter, databases = LOOKED_UP[operator]
    for told in explained(events, filter):
        if database.kind in databases:
            assert told.indexes, str(told)
            assert (told.walked, told.scanned) == ((), ()), str(told)
        else:
            assert told.indexes == (), str(told)


@pytest.mark.parametrize("operator", LOOKED_AT)
def test_an_operator_that_no_index_serves_looks_at_every_row(events: Table[Any], operator: str) -> None:
    for told in explained(events, LOOKED_AT[operator]):
        assert told.indexes == (), str(told)
        assert told.walked or told.scanned, str(told)
