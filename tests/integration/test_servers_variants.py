"""The slice on PostgreSQL 18 and through PgBouncer, with and without kept statements; and what a pool promises."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from typing import Annotated, Any
from uuid import UUID

import psycopg
import pytest

from dataflow import DataFlow, MaxLength, Precision, Table, auto, errors
from tests.database import Database
from tests.integration.bare import end_connections, execute, name_of
from tests.integration.fresh import fresh
from tests.servers import MariaDB, PostgreSQL

MADE = datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)
MARK = UUID("12345678-1234-5678-1234-567812345678")
# (database, options, what is added to its URL): PgBouncer by detection, by option and by URL.
VARIANTS = [
    ("postgres18", {}, ""),
    ("postgres18", {"statement_cache": False}, ""),
    ("postgres", {"statement_cache": False}, ""),
    ("postgres", {"pgbouncer": True}, ""),
    ("mariadb", {"statement_cache": False}, ""),
    ("pgbouncer", {}, ""),
    ("pgbouncer", {"pgbouncer": True}, ""),
    ("pgbouncer", {}, "?pgbouncer=true"),
    ("pgbouncer", {"statement_cache": False}, ""),
]
SERVERS = ["postgres", "mariadb"]
each_variant = pytest.mark.parametrize(
    ("database", "options", "suffix"),
    VARIANTS,
    indirect=["database"],
    ids=["-".join([name, *options, *([suffix[1:]] if suffix else [])]) for name, options, suffix in VARIANTS],
)
behind_pgbouncer = pytest.mark.parametrize("database", ["pgbouncer"], indirect=True)
on_postgres = pytest.mark.parametrize("database", ["postgres", "postgres18"], indirect=True)
on_servers = pytest.mark.parametrize("database", SERVERS, indirect=True)


class Item:
    id: int = auto()
    name: Annotated[str, MaxLength(40)]
    price: Annotated[Decimal, Precision(10, 2)] | None = None
    made: datetime | None = None
    mark: UUID | None = None
    data: bytes | None = None
    weight: float | None = None
    sold: bool = False


ROWS = [
    {"name": "Tea", "price": Decimal("4.20"), "made": MADE, "mark": MARK, "data": b"\x00\xff", "weight": 0.5},
    {"name": "Milk", "price": Decimal("-0.01"), "sold": True},
    {"name": "Žluťoučký kůň"},
]


@contextmanager
def opened(database: Database, options: dict[str, Any] | None = None, suffix: str = "") -> Iterator[DataFlow]:
    with closing(DataFlow(database.url + suffix, **options or {})) as db:
        yield db


@pytest.fixture
def items(database: Database, options: dict[str, Any], suffix: str) -> Iterator[Table[Any]]:
    with opened(database, options, suffix) as db:
        yield fresh(db, Item)


@each_variant
def test_created_rows_read_back_equal(items: Table[Any]) -> None:
    for _ in range(3):  # the third time a kept statement is used for sure
        made = [items.create(**row) for row in ROWS]
        assert [items.read(item.id) for item in made] == made
    assert [item.name for item in items.list(order_by="id", limit=3)] == [row["name"] for row in ROWS]
    assert items.count() == 9


@each_variant
def test_filters_find_their_rows(items: Table[Any]) -> None:
    items.bulk_create(ROWS)
    found = {
        "Tea": [{"price": {"$gt": Decimal(4)}}, {"mark": MARK}, {"made": {"$gte": MADE}}, {"data": b"\x00\xff"}],
        "Milk": [{"sold": True}, {"name": {"$in": ["Milk", "Jam"]}}, {"price": {"$lt": 0}}],
        "Žluťoučký kůň": [{"price": None}, {"$and": [{"sold": False}, {"mark": None}]}],
    }
    for name, filters in found.items():
        for filter in filters:
            assert [item.name for item in items.list(filter)] == [name], filter


@each_variant
def test_bulk_takes_dicts_and_arrow(items: Table[Any]) -> None:
    assert items.bulk_create({"name": f"row {number}", "price": number} for number in range(3000))["inserted"] == 3000
    assert items.bulk_create(items.list(limit=None).to_arrow().drop_columns(["id"]))["inserted"] == 3000
    assert items.count() == 6000
    assert items.count({"price": {"$gte": 2999}}) == 2


@each_variant
def test_failed_bulk_stores_nothing(items: Table[Any]) -> None:
    made = items.create(name="first")
    with pytest.raises(errors.UniqueViolationError):
        items.bulk_create([{"id": number, "name": "row"} for number in (made.id + 1, made.id)])
    assert items.count() == 1


@each_variant
def test_transactions_commit_roll_back_and_nest(database: Database, options: dict[str, Any], suffix: str) -> None:
    with opened(database, options, suffix) as db:
        items = fresh(db, Item)
        with db.transaction(isolation="serializable") as tx:
            assert tx.isolation == "SERIALIZABLE"
            items.create(name="kept")
            items.bulk_create([{"name": "kept too"}] * 100)
            with pytest.raises(ZeroDivisionError), db.transaction():
                items.bulk_create([{"name": "undone"}] * 100)
                raise ZeroDivisionError
            assert items.count() == 101
        with pytest.raises(ZeroDivisionError), db.transaction():
            items.create(name="undone")
            raise ZeroDivisionError
        assert items.count() == 101


@each_variant
async def test_thirty_tasks_at_once(database: Database, options: dict[str, Any], suffix: str) -> None:
    with opened(database, options, suffix) as db:
        items = fresh(db, Item)
        await asyncio.gather(*(write_and_read(db, items, number) for number in range(30)))
        assert await items.acount() == 30 * 4
        assert await items.acount({"sold": True}) == 30


async def write_and_read(db: DataFlow, items: Table[Any], number: int) -> None:
    made = await items.acreate(name=f"single {number}")
    async with db.transaction():
        await items.abulk_create([{"name": f"bulk {number}"}] * 2)
        await items.acreate(name=f"inside {number}", sold=True)
    assert await items.aread(made.id) == made
    assert await items.acount({"name": {"$in": [f"single {number}", f"bulk {number}"]}}) == 3


@behind_pgbouncer
@pytest.mark.parametrize("options", [{}, {"pgbouncer": True}], ids=["detected", "told"])
def test_nothing_stays_prepared_behind_pgbouncer(database: Database, options: dict[str, Any]) -> None:
    """Its 20 server connections are handed on after every transaction, to whom they come."""
    with opened(database, {"pool_size": 30, **options}) as db, opened(database, options) as other:
        items, others = fresh(db, Item), fresh(other, Item)
        items.create(name="first")
        others.create(name="first")
        with ThreadPoolExecutor(30) as threads:
            counts = list(threads.map(lambda turn: (items.count(), others.count()), range(300)))
    assert counts == [(1, 1)] * 300
    assert prepared_behind_pgbouncer(database) == []


def prepared_behind_pgbouncer(database: Database) -> list[str]:
    """The statements kept on any of PgBouncer's server connections: each is held by a transaction of its own."""
    with ExitStack() as stack:
        clients = [stack.enter_context(psycopg.connect(database.url, prepare_threshold=None)) for _ in range(20)]
        rows = [client.execute("SELECT name FROM pg_prepared_statements").fetchall() for client in clients]
    return [name for found in rows for (name,) in found]


@behind_pgbouncer
def test_statement_kept_behind_pgbouncer_is_found(database: Database) -> None:
    with psycopg.connect(database.url) as careless:
        careless.execute("SELECT 1", prepare=True)
        careless.commit()
        assert len(prepared_behind_pgbouncer(database)) == 1


def pool_events(db: DataFlow) -> list[dict[str, object]]:
    seen: list[dict[str, object]] = []
    db.on("pool", seen.append)
    return seen


CHANGES = {
    "a column more": ['ALTER TABLE "{}" ADD COLUMN extra int'],
    "a column anew": ['ALTER TABLE "{}" DROP COLUMN weight', 'ALTER TABLE "{}" ADD COLUMN weight float8'],
    "a type": ['ALTER TABLE "{}" ALTER COLUMN name TYPE varchar(50)'],
    "a default": ['ALTER TABLE "{}" ALTER COLUMN sold SET DEFAULT true'],
}


@on_postgres
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("cached", [True, False], ids=["cached", "not cached"])
def test_kept_statement_survives_a_changed_table(database: Database, change: list[str], cached: bool) -> None:
    with opened(database, {"pool_size": 1, "statement_cache": cached}) as db:
        items, seen = fresh(db, Item), pool_events(db)
        made = use_all(items)
        execute(database, *(statement.format(table_of(items)) for statement in change))
        for _ in range(3):
            made += use_all(items)
        assert items.count() == len(made)
        assert [event["action"] for event in seen if event["action"] != "open"] == []


def use_all(items: Table[Any]) -> list[Any]:
    """Every statement twice: prepared, and as kept."""
    made = []
    for _ in range(2):
        made.append(items.create(name="row"))
        assert items.read(made[-1].id).name == "row"
        assert items.list({"name": "row"}, order_by="-id")[0].id == made[-1].id
        assert items.count({"sold": False}) > 0
    return made


def table_of(items: Table[Any]) -> str:
    return str(items._model.name).lower()


@on_postgres
def test_changed_type_breaks_a_statement_that_is_kept_for_ever(database: Database) -> None:
    """What the tests above would see of a client that does not prepare anew."""
    execute(database, "CREATE TABLE control (name text)")
    with psycopg.connect(database.url, autocommit=True) as careless:
        careless.execute("SELECT name FROM control", prepare=True)
        execute(database, "ALTER TABLE control ALTER COLUMN name TYPE varchar(50)")
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="cached plan"):
            careless.execute("SELECT name FROM control", prepare=True)


@on_postgres
def test_changed_table_costs_at_most_one_transaction(database: Database) -> None:
    """Inside a transaction nothing can be prepared anew: its first failure ends it, and the next one works."""
    with opened(database, {"pool_size": 1}) as db:
        items = fresh(db, Item)
        use_all(items)
        failures = 0
        for length in (60, 70):
            execute(database, f'ALTER TABLE "{table_of(items)}" ALTER COLUMN name TYPE varchar({length})')
            for _ in range(3):
                try:
                    with db.transaction():
                        use_all(items)
                except errors.DataFlowError:
                    failures += 1
        assert failures <= 2
        assert items.count() == 2 + 2 * (6 - failures)


@on_servers
async def test_pool_size_is_kept_under_a_hundred_tasks(database: Database) -> None:
    with opened(database, {"pool_size": 4, "application_name": "counted"}) as db:
        items = fresh(db, Item)
        tasks = [asyncio.create_task(write_and_read(db, items, number)) for number in range(100)]
        most = 0
        while not all(task.done() for task in tasks):
            most = max(most, await asyncio.to_thread(count_sessions, database))
        await asyncio.gather(*tasks)
        assert 2 <= most <= 4
        assert db.pool_status()["open"] <= 4
        assert db.pool_status() == {"open": 4, "idle": 4, "waiting": 0, "size": 4}


def count_sessions(database: Database) -> int:
    """DataFlow's sessions on the server."""
    name = name_of(database)
    query = {
        "postgres": f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'counted'",
        "mariadb": f"SELECT count(*) FROM information_schema.processlist WHERE db = '{name}' AND user = 'dataflow'",
    }
    return int(execute(database, query[database.kind], admin=True)[0][0])


@on_servers
def test_wait_for_a_connection_ends_in_time(database: Database) -> None:
    with opened(database, {"pool_size": 1, "acquire_timeout": 0.3}) as db:
        items = fresh(db, Item)
        items.create(name="first")
        with db.transaction(), ThreadPoolExecutor(1) as threads:
            times = [threads.submit(seconds_refused, items).result() for _ in range(5)]
        assert min(times) >= 0.3
        assert median(times) < 0.3 + 0.1
        assert items.count() == 1


def seconds_refused(items: Table[Any]) -> float:
    began = time.monotonic()
    with pytest.raises(errors.PoolTimeoutError):
        items.count()
    return time.monotonic() - began


@on_servers
async def test_idle_connections_are_closed(database: Database) -> None:
    with opened(database, {"pool_size": 5, "idle_timeout": 0.5, "application_name": "counted"}) as db:
        items, seen = fresh(db, Item), pool_events(db)
        await asyncio.gather(*(items.acreate(name="row") for _ in range(20)))
        assert db.pool_status()["open"] > 1
        await wait_until(lambda: db.pool_status()["open"] == 0, 2)
        await wait_until(lambda: count_sessions(database) == 0, 1)
        assert {event["reason"] for event in seen if event["action"] == "close"} == {"idle"}
        assert await items.acount() == 20


async def wait_until(condition: Any, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@on_servers
def test_connections_ended_by_the_server_are_replaced(database: Database) -> None:
    with opened(database, {"pool_size": 2}) as db:
        items = fresh(db, Item)
        items.create(name="first")
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda _: items.count(), range(10)))
        for _ in range(3):
            end_connections(database)
            assert seconds_to_recover(items) < 3
        assert items.count() == 1


def seconds_to_recover(items: Table[Any]) -> float:
    """Until eight operations in a row were answered: as many as any pool here has connections, and more."""
    began, answered = time.monotonic(), 0
    while answered < 8:
        assert time.monotonic() - began < 10, "it does not recover"
        try:
            items.count()
            answered += 1
        except errors.DatabaseConnectionError:
            answered = 0
            time.sleep(0.01)
    return time.monotonic() - began


@pytest.mark.parametrize("make", [PostgreSQL, MariaDB])
def test_restarted_server_is_found_again(make: type[PostgreSQL] | type[MariaDB]) -> None:
    with make() as server:
        kind = "postgres" if make is PostgreSQL else "mariadb"
        with opened(Database(kind, server.url), {"pool_size": 4, "connect_timeout": 2}) as db:
            items = fresh(db, Item)
            items.create(name="first")
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(lambda _: items.count(), range(40)))
                for _ in range(2):
                    server.restart_immediate()
                    assert max(threads.map(seconds_to_recover, [items] * 4)) < 3
            items.create(name="second")
            assert items.count() == 2
