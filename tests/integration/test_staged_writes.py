"""Many rows found and put by key on MariaDB: through a temporary table, where the login may make one."""

from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any
from urllib.parse import urlsplit

import pytest

from dataflow import DataFlow, MaxLength, Table, Unique, auto, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.test_events import Log
from tests.integration.test_load_data import forms
from tests.integration.triggers import count_inserts

pytestmark = pytest.mark.parametrize("database", ["mariadb"], indirect=True)

MANY = 5_000
STAGED = ["CREATE TEMPORARY", "LOAD DATA"]


class Stock:
    id: int = auto()
    code: Annotated[str, MaxLength(20), Unique()]
    name: str | None = "a"
    size: int | None = None


class Place:
    __dataflow__ = {"key": ["region", "no"], "multi_tenant": True, "versioned": True}  # noqa: RUF012
    region: Annotated[str, MaxLength(10)]
    no: int
    name: str | None = None


def rows(count: int = MANY, **values: Any) -> list[dict[str, Any]]:
    return [{"id": n, "code": f"c{n}", "size": n, **values} for n in range(1, count + 1)]


@pytest.fixture
def stock(db: DataFlow) -> Any:
    table = fresh(db, Stock)
    table.bulk_create(rows()[::2])
    return table


def sent(log: Log, operation: str) -> list[str]:
    return forms(log, 5, operation)


def test_an_upsert_goes_through_the_staging_table(db: DataFlow, stock: Any) -> None:
    log = Log(db, "statement")
    result = stock.bulk_upsert(rows(name="b\t\\N\n"))
    assert (result.updated, result.inserted) == (MANY // 2, MANY // 2)
    assert sent(log, "read") == [*STAGED, "SELECT `id`,"]
    *staged, put = sent(log, "update")
    assert (staged, put) == (STAGED, "INSERT INTO")
    assert sent(log, "append") == ["LOAD DATA"]
    stored = [(row.id, row.code, row.name, row.size) for row in stock.list(order_by="id", limit=None)]
    assert stored == [(n, f"c{n}", "b\t\\N\n", n) for n in range(1, MANY + 1)]


def test_a_row_that_is_there_is_updated_and_not_inserted(database: Database, stock: Any) -> None:
    """A trigger for new rows does not see it."""
    log = count_inserts(database, stock._model.table)
    with DataFlow(database.url) as db:
        table = db.table(db.model(type("Noted", (Stock,), {"__tablename__": stock._model.table})))
        statements = Log(db, "statement")
        result = table.bulk_upsert(rows(name="b"))
        assert sent(statements, "update")[-1].split()[0] == "UPDATE"
    assert (result.updated, result.inserted) == (MANY // 2, MANY // 2)
    noted = bare.execute(database, f'SELECT "id" FROM "{log}" ORDER BY "id"')
    assert noted == [(n,) for n in range(2, MANY + 1, 2)]


def test_an_update_of_rows_writes_what_differs(db: DataFlow, stock: Any) -> None:
    data = [{"id": n, "size": 1 if n % 4 == 1 else n} for n in range(1, MANY + 1, 2)]
    result = stock.bulk_update(data=data)
    assert (result.updated, result.unchanged) == (MANY // 4 - 1, MANY // 4 + 1)
    assert stock.count({"size": 1}) == MANY // 4


def test_keys_by_another_unique_set(stock: Any) -> None:
    data = [{"code": f"c{n}", "size": -n} for n in range(1, MANY + 1)]
    result = stock.bulk_upsert(data, conflict_on=["code"])
    assert (result.updated, result.inserted) == (MANY // 2, MANY // 2)
    assert stock.count({"size": {"$lt": 0}}) == MANY


def test_a_tenant_meets_only_its_own_rows(db: DataFlow) -> None:
    table: Table[Any] = fresh(db, Place)
    data = [{"region": "eu" if n % 2 else "us", "no": n} for n in range(MANY)]
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            assert table.bulk_upsert(data).inserted == MANY
    with db.tenant("a"):
        assert table.bulk_upsert([{**row, "name": "mine"} for row in data]).updated == MANY
    with db.tenant("b"):
        assert (table.count({"name": None}), table.count({"version": 1})) == (MANY, MANY)


def test_several_in_one_transaction(db: DataFlow, stock: Any) -> None:
    with db.transaction():
        stock.bulk_upsert(rows(name="b"))
        stock.bulk_upsert(rows(name="c"))
    assert stock.count({"name": "c"}) == MANY


def test_a_clash_in_another_unique_key_is_told_and_leaves_nothing(db: DataFlow, stock: Any) -> None:
    stock.create(id=MANY + 1, code="taken")
    with pytest.raises(errors.UniqueViolationError) as caught:
        stock.bulk_upsert([{"id": n, "code": "taken" if n == 77 else f"c{n}"} for n in range(1, MANY + 1, 2)])
    assert caught.value.outcome == "rolled back"
    assert stock.count({"code": "taken"}) == 1
    assert stock.bulk_upsert(rows()).inserted == MANY // 2


@pytest.fixture
def plain_login(database: Database) -> Iterator[str]:
    """The URL of a login that may not make temporary tables."""
    name, parts = bare.name_of(database), urlsplit(database.url)
    bare.execute(
        database,
        f"CREATE USER plain IDENTIFIED BY '{parts.password}'",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO plain",
        admin=True,
    )
    yield parts._replace(netloc=f"plain:{parts.password}@{parts.hostname}:{parts.port}").geturl()
    bare.execute(database, "DROP USER plain", admin=True)


def test_a_login_without_temporary_tables_is_sent_statements(plain_login: str, stock: Any) -> None:
    with closing(DataFlow(plain_login, schema_mode="off")) as db:
        model = type("Plain", (Stock,), {"__tablename__": stock._model.table, "__module__": __name__})
        table, log = db.table(db.model(model)), Log(db, "statement")
        assert table.bulk_upsert(rows(name="b")).updated == MANY // 2
        assert sent(log, "update")[:2] == ["CREATE TEMPORARY", "INSERT INTO"]
        assert [event["error"] for event in log.events if "TEMPORARY" in event["sql"]] == ["DF-7005"] * 2
    assert stock.count({"name": "b"}) == MANY
