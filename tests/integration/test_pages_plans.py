"""A deep page looks at as many rows as it has, by an index: the server says so."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dataflow import DataFlow, Table
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.test_events import Log

COUNT = 100_000
# What a page of 100 rows may look at: its rows, the one behind, and what finds the place.
LOOKED = 250


class Event:
    __dataflow__ = {"indexes": [{"fields": ["kind", "rank", "id"]}]}  # noqa: RUF012
    kind: int
    rank: int
    note: str = "x" * 40


@pytest.fixture(scope="module")
def events(database: Database) -> Iterator[Table[Any]]:
    with closing(DataFlow(database.url)) as db:
        table = fresh(db, Event)
        table.bulk_create([{"kind": at % 10, "rank": at // 10, "id": at + 1} for at in range(COUNT)])
        word = "TABLE " if database.kind == "mariadb" else ""
        bare.execute(database, f"ANALYZE {word}{table._model.table}")
        yield table


ORDERS = [["id"], ["-id"], ["kind", "rank"], ["-kind", "-rank", "-id"], ["kind", "rank", "id"]]


def written_out(database: Database, sql: str, values: list[int]) -> str:
    """The statement with the values of a place in it."""
    if database.kind == "mariadb":
        ways = [values[: end + 1] for end in range(len(values))]
        all_values = iter([*values[:1], *(value for way in ways for value in way)] if len(values) > 1 else values)
        found = re.sub(r"\?", lambda _: str(next(all_values)), sql)
        assert next(all_values, None) is None
        return found.replace("`", '"')
    return re.sub(r"[$?](\d+)", lambda match: str(values[int(match[1]) - 1]), sql)


def rows_looked_at(database: Database, sql: str) -> int:
    """By the server's own count; SQLite tells no more than that it sorts nothing, and seeks in an index."""
    if database.kind == "sqlite":
        plan = " ".join(str(row) for row in bare.execute(database, f"EXPLAIN QUERY PLAN {sql}"))
        assert "SEARCH" in plan, plan
        assert "SCAN" not in plan, plan
        assert "TEMP B-TREE" not in plan, plan
        return 0
    if database.kind == "postgres":
        ((told,),) = bare.execute(database, f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        plan = (told if isinstance(told, list) else json.loads(told))[0]["Plan"]
        scan = plan
        while "Plans" in scan:
            (scan,) = scan["Plans"]
        return int(scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0))
    with bare.connected(database) as run:

        def read() -> int:
            return sum(int(count) for _, count in run("SHOW SESSION STATUS LIKE 'Handler_read%'"))

        # Both looks at the counters count themselves.
        itself = -read() + read()
        before = read()
        run(sql)
        return read() - before - itself


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_deep_page_looks_at_its_own_rows(database: Database, events: Table[Any], order: list[str]) -> None:
    before = events.list(order_by=order, limit=1, offset=COUNT - 1_000)
    with closing(DataFlow(database.url)) as db:
        table, log = db.table(db.model(events._cls)), Log(db, "statement")
        page = table.list(order_by=order, limit=100, after=before.next)
        statements = log.settled(lambda told: any("LIMIT 101" in event["sql"] for event in told))
    assert len(page) == 100
    (sql,) = [event["sql"] for event in statements if "LIMIT 101" in event["sql"]]
    named = [name.removeprefix("-") for name in order]
    place = [getattr(before[0], name) for name in (*named, *(["id"] if "id" not in named else []))]
    assert rows_looked_at(database, written_out(database, sql, place)) <= LOOKED
    # The control: the same page by an offset.
    if database.kind != "sqlite":
        offset = re.sub(r"WHERE .* ORDER", "ORDER", sql).replace("LIMIT 101", f"LIMIT 101 OFFSET {COUNT - 1_000}")
        assert rows_looked_at(database, offset.replace("`", '"')) > COUNT / 2
