"""What a filter from outside costs, and what the errors of a database tell about it."""

import asyncio
from collections.abc import Callable
from time import monotonic, thread_time
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Table, errors
from tests.database import Database
from tests.integration.bare import execute
from tests.integration.fresh import fresh

TIMEOUT, SOON = 0.3, 5.0
DEEP = 1_000_000
# Never ends by itself, or not soon.
SLOW = {
    "postgres": "pg_sleep(60) IS NOT NULL",
    "mariadb": "SLEEP(60) = 0",
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000000000) "
    "SELECT count(*) FROM n) > 0",
}
RUNNING = {
    "postgres": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND state = 'active'",
    "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE db = database() "
    "AND id <> connection_id() AND command NOT IN ('Sleep', 'Killed')",
}


class Part:
    id: int
    name: Annotated[str, MaxLength(20)] = "a"
    secret: Annotated[str, MaxLength(20)] = "s"
    __dataflow__ = {"soft_delete": True}  # noqa: RUF012


def stored(db: DataFlow) -> Table[Any]:
    table = fresh(db, Part)
    table.create(id=1)
    return table


def name_of(table: Table[Any]) -> str:
    return str(table._cls.__tablename__)


@pytest.fixture
def slow(database: Database, db: DataFlow) -> Table[Any]:
    """A table whose queries do not end."""
    table = stored(db)
    name = name_of(table)
    execute(
        database,
        f'ALTER TABLE "{name}" RENAME TO "{name}_rows"',
        f'CREATE VIEW "{name}" AS SELECT * FROM "{name}_rows" WHERE {SLOW[database.kind]}',
    )
    return table


ASKS: dict[str, Callable[[Any], Any]] = {
    "list": lambda public: public.list(),
    "count": lambda public: public.count({"name": "a"}),
    "read": lambda public: public.read(1),
    "stream": lambda public: list(public.stream()),
    "aggregate": lambda public: public.aggregate([{"$count": "n"}]),
    "alist": lambda public: asyncio.run(public.alist()),
}


@pytest.mark.parametrize("ask", ASKS)
def test_a_statement_that_takes_too_long_is_cancelled_at_the_server(
    database: Database, db: DataFlow, slow: Table[Any], ask: str
) -> None:
    public = slow.public({"id": True, "name": True}, aggregate=True, timeout=TIMEOUT)
    start = monotonic()
    with pytest.raises(errors.StatementTimeoutError):
        ASKS[ask](public)
    assert TIMEOUT <= monotonic() - start < SOON
    if database.kind in RUNNING:
        assert execute(database, RUNNING[database.kind]) == [(0,)]
    assert stored(db).public({"id": True}, timeout=TIMEOUT).count() == 1


def test_the_timeout_of_a_transaction_counts_too(db: DataFlow, slow: Table[Any]) -> None:
    public = slow.public({"id": True}, timeout=60)
    start = monotonic()
    with pytest.raises(errors.StatementTimeoutError), db.transaction(timeout=TIMEOUT):
        public.list()
    assert monotonic() - start < SOON


@pytest.mark.parametrize("ask", ASKS)
def test_what_a_database_says_of_its_columns_is_not_told(database: Database, db: DataFlow, ask: str) -> None:
    table = stored(db)
    execute(database, f'ALTER TABLE "{name_of(table)}" RENAME COLUMN "deleted_at" TO "gone"')
    with pytest.raises(errors.DatabaseFailureError) as caught:
        ASKS[ask](table.public({"id": True, "name": True}, aggregate=True))
    shown = f"{caught.value} {caught.value.hint} {caught.value.constraint} {caught.value.__cause__}"
    assert not any(word in shown for word in ("deleted_at", "secret", name_of(table)))


def test_what_a_check_of_the_table_says_is_not_told(database: Database) -> None:
    with DataFlow(database.url) as db:
        table = stored(db)
    execute(database, f'ALTER TABLE "{name_of(table)}" RENAME COLUMN "secret" TO "gone"')
    with DataFlow(database.url) as db:
        later = db.table(db.model(table._cls))
        for ask in ASKS.values():
            with pytest.raises(errors.DataFlowError) as caught:
                ask(later.public({"id": True, "name": True}, aggregate=True))
            assert not any(word in f"{caught.value} {caught.value.hint}" for word in ("secret", "gone"))
        with pytest.raises(errors.DataFlowError) as caught:
            later.list()
        assert "secret" in f"{caught.value} {caught.value.hint}"


def nested(make: Callable[[Any], Any]) -> Any:
    inner: Any = {"id": 1}
    for _ in range(DEEP):
        inner = make(inner)
    return inner


def dismantle(value: Any) -> None:
    """Lets go of it level by level."""
    while isinstance(value, dict | list) and value:
        value = value.popitem()[1] if isinstance(value, dict) else value.pop()


DEEPS: dict[str, Callable[[Any], Any]] = {
    "$and": lambda inner: {"$and": [inner]},
    "$not": lambda inner: {"$not": inner},
    "field": lambda inner: {"name": inner},
    "operator": lambda inner: {"name": {"$not": inner}},
    "list": lambda inner: [inner],
}


@pytest.mark.parametrize("form", DEEPS)
@pytest.mark.parametrize("trusted", [True, False])
def test_a_million_levels_are_refused_at_once(db: DataFlow, form: str, trusted: bool) -> None:
    table = stored(db)
    asked: Any = table if trusted else table.public({"id": True, "name": True}, aggregate=True)
    filter = nested(DEEPS[form])
    whole = filter if isinstance(filter, dict) else {"$and": filter}
    asks: list[Callable[[], Any]] = [
        lambda: asked.list(whole),
        lambda: asked.count({"$or": [{"id": 1}, whole]}),
        lambda: asked.aggregate([{"$match": whole}]),
        lambda: asked.aggregate([{"$addFields": {"x": whole}}]),
    ]
    try:
        for ask in asks:
            fastest = SOON
            for _ in range(3):
                start = thread_time()
                with pytest.raises((errors.QueryError, errors.DataError)):
                    ask()
                fastest = min(fastest, thread_time() - start)
            assert fastest < 0.01
    finally:
        dismantle(filter)
