"""Bare drivers beside DataFlow: the oracle, and what no model can say. SQLite only ever from another process.

Statements quote names with double quotes on every database.
"""

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest

from tests.database import Database

_SQLITE = """
import pickle, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
connection.execute("PRAGMA foreign_keys = on")
rows = []
try:
    for statement in pickle.load(sys.stdin.buffer):
        rows = connection.execute(statement).fetchall()
except sqlite3.Error as error:
    rows = f"{type(error).__name__}: {error}"
pickle.dump(rows, sys.stdout.buffer)
sys.stdout.flush()
sys.stdin.buffer.read()  # holds what is open until the parent lets go
"""
_SQLITE_ONE_BY_ONE = """
import pickle, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
connection.execute("PRAGMA foreign_keys = on")
for statement in iter(lambda: pickle.load(sys.stdin.buffer), None):
    pickle.dump(connection.execute(statement).fetchall(), sys.stdout.buffer)
    sys.stdout.flush()
"""


class SQLiteRefusedError(Exception):
    """What SQLite said in its own process: the name of its error, and the message."""


# A unique value, a row referred to, a row that is referred to, a check, null, a length.
_MARIADB_REFUSALS = (1062, 1451, 1452, 4025, 1048, 1406)
# Names in double quotes, strings without escapes, nothing changed silently.
_MARIADB_MODE = "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'"


def execute(database: Database, *statements: str, admin: bool = False) -> list[tuple[Any, ...]]:
    """Runs statements, each committed by itself, and returns the rows of the last."""
    with _connection(database, autocommit=True, admin=admin) as run:
        rows: list[tuple[Any, ...]] = []
        for statement in statements:
            rows = run(statement)
        return rows


def refused(database: Database, *statements: str) -> None:
    """The statements meet a constraint of the database."""
    with pytest.raises((psycopg.errors.IntegrityError, pymysql.MySQLError, SQLiteRefusedError)) as caught:
        execute(database, *statements)
    if isinstance(caught.value, pymysql.MySQLError):
        assert caught.value.args[0] in _MARIADB_REFUSALS, caught.value
    if isinstance(caught.value, SQLiteRefusedError):
        assert str(caught.value).startswith("IntegrityError: "), caught.value


@contextmanager
def connected(database: Database) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
    """A function that runs statements on one connection, each committed by itself, and returns their rows."""
    if database.kind == "sqlite":
        with _sqlite_one_by_one(database) as run:
            yield run
        return
    with _connection(database, autocommit=True, admin=False) as run:
        yield run


@contextmanager
def held(database: Database, *statements: str) -> Iterator[None]:
    """Holds a transaction open in which the statements have run; it is rolled back in the end."""
    if database.kind == "sqlite":
        with _sqlite(database, "BEGIN IMMEDIATE", *statements):
            yield
        return
    with _connection(database, autocommit=False, admin=False) as run:
        for statement in statements:
            run(statement)
        yield


def name_of(database: Database) -> str:
    """The database's name on its server."""
    return urlsplit(database.url).path.removeprefix("/")


def admin_url(database: Database) -> str:
    """The database's URL for a user who may do everything."""
    if database.admin_url is None:
        return database.url
    return urlsplit(database.admin_url)._replace(path=f"/{name_of(database)}").geturl()


def owner_url(database: Database) -> str:
    """The database's URL for a user who may make schemas in it."""
    return database.url if database.kind == "postgres" else admin_url(database)


def end_connections(database: Database) -> None:
    """Ends every connection to the database from the server's side."""
    if database.kind == "postgres":
        query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(database)}'"
        execute(database, f"{query} AND pid <> pg_backend_pid()", admin=True)
        return
    query = f"SELECT id FROM information_schema.processlist WHERE db = '{name_of(database)}'"
    for (number,) in execute(database, f"{query} AND id <> connection_id()", admin=True):
        execute(database, f"KILL {number}", admin=True)


@contextmanager
def _connection(database: Database, *, autocommit: bool, admin: bool) -> Iterator[Any]:
    if database.kind == "sqlite":
        yield lambda statement: _run_sqlite(database, statement)
        return
    url = admin_url(database) if admin else database.url
    parts, name = urlsplit(url), name_of(database)
    if database.kind == "postgres":
        with closing(psycopg.connect(url, autocommit=autocommit)) as connection:
            yield lambda statement: _rows(connection.execute(statement))
        return
    with closing(
        pymysql.connect(
            host=parts.hostname or "",
            port=parts.port or 3306,
            user=parts.username,
            password=parts.password or "",
            database=name,
            charset="utf8mb4",
            autocommit=autocommit,
            init_command=_MARIADB_MODE,
        )
    ) as maria:
        yield lambda statement: _run_mariadb(maria, statement)


def _rows(cursor: "psycopg.Cursor[Any]") -> list[tuple[Any, ...]]:
    return cursor.fetchall() if cursor.description else []


def _run_mariadb(connection: "pymysql.connections.Connection[Any]", statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _run_sqlite(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with _sqlite(database, statement) as rows:
        return rows


@contextmanager
def _sqlite(database: Database, *statements: str) -> Iterator[list[tuple[Any, ...]]]:
    path = database.url.removeprefix("sqlite:///")
    command = [sys.executable, "-I", "-c", _SQLITE, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pickle.dump(statements, process.stdin)
        process.stdin.flush()
        found: list[tuple[Any, ...]] | str = pickle.load(process.stdout)
        if isinstance(found, str):
            raise SQLiteRefusedError(found)
        yield found


@contextmanager
def _sqlite_one_by_one(database: Database) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
    command = [sys.executable, "-I", "-c", _SQLITE_ONE_BY_ONE, database.url.removeprefix("sqlite:///")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        source, target = process.stdout, process.stdin

        def run(statement: str | None) -> list[tuple[Any, ...]]:
            pickle.dump(statement, target)
            target.flush()
            rows: list[tuple[Any, ...]] = [] if statement is None else pickle.load(source)
            return rows

        yield run
        run(None)
