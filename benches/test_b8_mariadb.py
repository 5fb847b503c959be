"""B8: a million Arrow rows into an existing MariaDB table, and an upsert of which half exist."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncmy
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pymysql
import pytest

from benches.items import COLUMNS, declare
from benches.peers import compare
from dataflow import DataFlow
from tests.servers import MariaDB

ROUNDS, UPSERT_ROUNDS = 5, 3
BATCH = 10_000
INSERT = f"INSERT INTO item ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
UPSERT = INSERT + " ON DUPLICATE KEY UPDATE " + ", ".join(f"{name} = VALUES({name})" for name in COLUMNS[1:])
LOAD_TEXT = "LOAD DATA LOCAL INFILE '{}' INTO TABLE item CHARACTER SET binary ({})"
LOAD_CSV = (
    "LOAD DATA LOCAL INFILE '{}' INTO TABLE item CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' "
    "OPTIONALLY ENCLOSED BY '\"' (id, sku, name, price, qty, @tags, created_at, active) SET tags = NULLIF(@tags, '')"
)


def plain(rows: pa.Table) -> pa.Table:
    """The rows as MariaDB reads text: no zone behind a datetime, 0 and 1 for a bool."""
    naive = pc.cast(rows["created_at"], pa.timestamp("us"))
    rows = rows.set_column(6, "created_at", naive)
    return rows.set_column(7, "active", pc.cast(rows["active"], pa.int8()))


class Peers:
    """The other ways into the table `item`."""

    def __init__(self, url: str, directory: Path) -> None:
        self.parts = urlsplit(url)
        self.directory = directory
        self.database = self.parts.path.removeprefix("/")

    def login(self) -> dict[str, Any]:
        host, port, user, password = self.parts.hostname, self.parts.port, self.parts.username, self.parts.password
        return {"host": host, "port": port, "user": user, "password": password, "database": self.database}

    def client(self, statement: str) -> None:
        """Runs a statement in the server's own client program."""
        login = [f"--host={self.parts.hostname}", f"--port={self.parts.port}", f"--user={self.parts.username}"]
        flags = ["--no-defaults", "--protocol=tcp", "--local-infile=1", f"--password={self.parts.password}"]
        subprocess.run(["mariadb", *flags, *login, self.database, "--execute", statement], check=True)

    def load_csv(self, rows: pa.Table) -> None:
        path = self.directory / "rows.csv"
        csv.write_csv(plain(rows), path, csv.WriteOptions(include_header=False, quoting_style="needed"))
        self.client(LOAD_CSV.format(path))

    def asyncmy(self, statement: str, rows: pa.Table) -> None:
        async def run() -> None:
            connection = await asyncmy.connect(**self.login())
            async with connection.cursor() as cursor:
                for batch in plain(rows).to_batches(BATCH):
                    columns = [column.to_pylist() for column in batch.columns]
                    await cursor.executemany(statement, list(zip(*columns, strict=True)))
            await connection.commit()
            connection.close()

        asyncio.run(run())


@pytest.fixture
def peers(mariadb: MariaDB, tmp_path: Path) -> Peers:
    return Peers(mariadb.create_database(), tmp_path)


@pytest.fixture
def table(peers: Peers) -> Iterator[Any]:
    login = peers.login()
    url = f"mysql://{login['user']}:{login['password']}@{login['host']}:{login['port']}/{login['database']}"
    with DataFlow(url) as db:
        items = db.table(declare(db))
        items.count()
        yield items


@pytest.fixture
def query(peers: Peers) -> Iterator[Callable[[str], Any]]:
    with closing(pymysql.connect(**peers.login(), autocommit=True)) as connection:

        def run(statement: str) -> Any:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchone()

        yield run


def stored(query: Callable[[str], Any]) -> tuple[int, int, float, int]:
    count, qty, price, tags = query("SELECT count(*), sum(qty), round(sum(price), 2), count(tags) FROM item")
    return count, int(qty or 0), float(price or 0), tags


def expected(rows: pa.Table) -> tuple[int, int, float, int]:
    tags = rows.num_rows - rows["tags"].null_count
    return rows.num_rows, pc.sum(rows["qty"]).as_py(), round(pc.sum(rows["price"]).as_py(), 2), tags


@pytest.mark.benchmark(group="B8 MariaDB create, Arrow")
def test_a_million_arrow_rows(
    benchmark: Any, peers: Peers, table: Any, query: Callable[[str], Any], rows: pa.Table
) -> None:
    table.bulk_create(rows)
    wanted, ready = expected(rows), peers.directory / "rows.tsv"
    options = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    text = plain(rows).set_column(5, "tags", pc.fill_null(rows["tags"], "\\N"))
    csv.write_csv(text, ready, options)

    def prepare() -> None:
        query("TRUNCATE item")

    def check() -> None:
        assert stored(query) == wanted

    medians = compare(
        benchmark,
        {
            "dataflow": lambda: table.bulk_create(rows),
            "dataflow, two": lambda: table.bulk_create(rows, atomic=False, parallel=2),
            "limit": lambda: peers.client(LOAD_TEXT.format(ready, ", ".join(COLUMNS))),
            "csv + load": lambda: peers.load_csv(rows),
            "asyncmy": lambda: peers.asyncmy(INSERT, rows),
        },
        prepare,
        ROUNDS,
        check,
    )
    assert medians["limit"].wall / medians["dataflow"].wall >= 0.7


@pytest.mark.benchmark(group="B8 MariaDB upsert, Arrow")
def test_an_upsert_of_which_half_exist(
    benchmark: Any, peers: Peers, table: Any, query: Callable[[str], Any], rows: pa.Table
) -> None:
    changed = rows.set_column(4, "qty", pc.add(rows["qty"], 1))
    half = rows.take(pa.array(range(0, rows.num_rows, 2)))
    wanted = expected(changed)
    table.bulk_create(half)  # makes the table

    def prepare() -> None:
        query("TRUNCATE item")
        table.bulk_create(half)

    def check() -> None:
        assert stored(query) == wanted

    medians = compare(
        benchmark,
        {
            "dataflow": lambda: table.bulk_upsert(changed),
            "asyncmy": lambda: peers.asyncmy(UPSERT, changed),
        },
        prepare,
        UPSERT_ROUNDS,
        check,
    )
    assert medians["asyncmy"].wall / medians["dataflow"].wall >= 0.5
