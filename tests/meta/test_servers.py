"""The private servers keep their promises: version, settings, logins, isolation, no trace."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest

from tests.servers import MariaDB, PgBouncer, PostgreSQL, ServerError

SERVERS = ["postgres15", "postgres18", "mariadb", "pgbouncer"]
STANDARD_PORTS = {3306, 5432, 6432}
START_AND_WAIT = """
import time
from tests.servers import PostgreSQL
server = PostgreSQL()
server.start()
print(server.pid, server.directory, flush=True)
time.sleep(60)
"""


def query(url: str, statement: str) -> list[Any]:
    """Rows of one statement on a bare connection, committed at once."""
    parts = urlsplit(url)
    if parts.scheme == "postgresql":
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []
    login: dict[str, Any] = {"user": parts.username, "password": parts.password, "database": parts.path[1:]}
    with pymysql.connect(host=parts.hostname or "", port=parts.port or 0, autocommit=True, **login) as maria:
        cursor = maria.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> PostgreSQL | MariaDB | PgBouncer:
    found: PostgreSQL | MariaDB | PgBouncer = request.getfixturevalue(request.param)
    return found


def test_server_is_private_and_unprivileged(server: PostgreSQL | MariaDB | PgBouncer) -> None:
    assert server.port not in STANDARD_PORTS
    assert os.stat(f"/proc/{server.pid}").st_uid != 0
    assert server.directory.stat().st_mode & 0o077 == 0


def test_created_databases_are_empty_and_different(server: PostgreSQL | MariaDB | PgBouncer) -> None:
    first, second = server.create_database(), server.create_database()
    query(first, "CREATE TABLE only_here (id int)")
    with pytest.raises((psycopg.errors.UndefinedTable, pymysql.err.ProgrammingError)):
        query(second, "SELECT * FROM only_here")


def test_plain_login_administers_nothing(server: PostgreSQL | MariaDB | PgBouncer) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, pymysql.err.OperationalError)):
        query(server.url, "CREATE ROLE intruder")


def test_postgres_versions_and_settings(postgres15: PostgreSQL, postgres18: PostgreSQL) -> None:
    for server, version in ((postgres15, "15."), (postgres18, "18.")):
        assert query(server.url, "SHOW server_version")[0][0].startswith(version)
        assert query(server.url, "SHOW wal_level") == [("logical",)]
        assert query(server.url, "SHOW max_prepared_transactions") == [("64",)]
        assert query(server.url, "SHOW max_connections") == [("200",)]
        assert query(server.admin_url, "SELECT current_setting('is_superuser')") == [("on",)]


def test_mariadb_version_and_settings(mariadb: MariaDB) -> None:
    columns = "version() LIKE '10.11.%', @@binlog_format, @@binlog_row_metadata, @@max_connections, @@local_infile"
    assert query(mariadb.url, f"SELECT {columns}") == [(1, "ROW", "FULL", 300, 1)]
    assert query(mariadb.admin_url, "SELECT count(*) FROM mysql.user WHERE user IN ('', 'root')") == [(0,)]


def test_pgbouncer_pools_transactions(pgbouncer: PgBouncer) -> None:
    with psycopg.connect(pgbouncer.admin_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as console:
        settings = {row[0]: row[1] for row in console.execute("SHOW CONFIG")}
    assert settings["pool_mode"] == "transaction"


@pytest.mark.parametrize("make", [PostgreSQL, MariaDB])
def test_crash_keeps_commits_and_port(make: type[PostgreSQL] | type[MariaDB]) -> None:
    with make() as server:
        query(server.url, "CREATE TABLE kept (id int)")
        query(server.url, "INSERT INTO kept VALUES (7)")
        port, pid = server.port, server.pid
        server.restart_immediate()
        assert (server.port, server.pid != pid) == (port, True)
        assert query(server.url, "SELECT id FROM kept") == [(7,)]


def test_stopped_server_leaves_nothing() -> None:
    with PostgreSQL() as server:
        pid, directory = server.pid, server.directory
    assert not directory.exists()
    assert not is_running(pid)


def test_killed_run_leaves_no_process() -> None:
    run = subprocess.Popen([sys.executable, "-c", START_AND_WAIT], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    pid, directory = run.stdout.readline().split()
    run.kill()
    run.communicate()
    deadline = time.monotonic() + 10
    while is_running(int(pid)):
        assert time.monotonic() < deadline, "the server outlives its test run"
        time.sleep(0.02)
    shutil.rmtree(directory)


def is_running(pid: int) -> bool:
    """Neither gone nor a zombie that init has yet to reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Misconfigured(PostgreSQL):
    def _command(self) -> Sequence[str]:
        return [*super()._command(), "-c", "no_such_setting=1"]


def test_failed_start_shows_the_log() -> None:
    server = Misconfigured()
    with pytest.raises(ServerError, match="no_such_setting"):
        server.start()
