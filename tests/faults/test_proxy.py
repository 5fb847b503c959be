"""The proxy itself, proved with bare drivers: if these fail, no fault test of DataFlow means anything."""

import itertools
import select
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, get_args
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest

from tests.database import Database
from tests.faults.cut import Cut, How, When, holds
from tests.faults.framing import Direction, Protocol
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True, scope="module")

ERRORS = (psycopg.Error, pymysql.Error)
COMMIT = holds(b"COMMIT")
NUMBERS = itertools.count(1)


def connect(url: str) -> Any:
    """A bare DB-API connection, outside autocommit, by the URL's driver."""
    if url.startswith("postgresql:"):
        return psycopg.connect(f"{url}?sslmode=disable&gssencmode=disable&connect_timeout=5")
    parts = urlsplit(url)
    login: dict[str, Any] = {"user": parts.username, "password": parts.password, "database": parts.path[1:]}
    return pymysql.connect(host=parts.hostname or "", port=parts.port or 0, read_timeout=5, **login)


def run(url: str, statement: str) -> list[Any]:
    """Rows of one statement, committed."""
    connection = connect(url)
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        rows = list(cursor.fetchall()) if cursor.description else []
        connection.commit()
        return rows
    finally:
        with suppress(*ERRORS):
            connection.close()


def write_row(url: str, number: int) -> None:
    """One row and its commit, then a read: the conversation that the tests cut."""
    connection = connect(url)
    try:
        cursor = connection.cursor()
        cursor.execute(f"INSERT INTO rows_written VALUES ({number})")
        connection.commit()
        cursor.execute("SELECT 1")
        assert cursor.fetchall()
    finally:
        with suppress(*ERRORS):
            connection.close()


def stored_numbers(database: Database) -> set[int]:
    """Asked on a direct connection, once the server is done with every cut one."""
    sessions = {
        "postgres": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()",
        "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE db = database()",
    }[database.kind]
    deadline = time.monotonic() + 10
    while run(database.url, sessions) != [(1,)]:
        assert time.monotonic() < deadline, "the server still holds a cut connection"
        time.sleep(0.01)
    return {number for (number,) in run(database.url, "SELECT number FROM rows_written")}


@pytest.fixture(scope="module")
def table(database: Database) -> Database:
    run(database.url, "CREATE TABLE rows_written (number int PRIMARY KEY)")
    return database


@pytest.fixture
def proxy(table: Database) -> Iterator[Proxy]:
    parts = urlsplit(table.url)
    protocol: Protocol = "postgres" if table.kind == "postgres" else "mysql"
    with Proxy(parts.hostname or "", parts.port or 0, protocol) as proxy:
        yield proxy


def conversation(proxy: Proxy, database: Database) -> dict[Direction, int]:
    """How many messages `write_row` sends each way, the goodbye left out."""
    write_row(proxy.url(database.url), next(NUMBERS))
    proxy.wait_closed()
    assert proxy.messages[-1].type == ("X" if database.kind == "postgres" else "quit")
    return {"client": proxy.count("client") - 1, "server": proxy.count("server")}


def position(proxy: Proxy, database: Database, cut: Cut) -> int:
    """The number of the message at which this cut happens in `write_row`."""
    proxy.clear()
    proxy.plan(cut)
    with pytest.raises(ERRORS):
        write_row(proxy.url(database.url), next(NUMBERS))
    return proxy.count(cut.direction, connection=proxy.cuts[0].connection)


def test_large_values_pass_unchanged(proxy: Proxy, table: Database) -> None:
    text = "þúsund " * 200_000
    assert run(proxy.url(table.url), f"SELECT '{text}'") == [(text,)]
    longest = max(message.size for message in proxy.messages if message.direction == "server")
    assert longest > len(text.encode())


def test_messages_are_recorded_with_their_types(proxy: Proxy, table: Database) -> None:
    run(proxy.url(table.url), "SELECT 1")
    proxy.wait_closed()
    types = [message.type for message in proxy.messages]
    expected = {"postgres": {"startup", "Q", "C", "Z", "X"}, "mariadb": {"greeting", "query", "ok", "packet", "quit"}}
    assert expected[table.kind] <= set(types)
    assert all(message.connection == 1 for message in proxy.messages)


@pytest.mark.parametrize("how", ["rst", "fin"])
@pytest.mark.parametrize("when", get_args(When))
@pytest.mark.parametrize("direction", get_args(Direction))
def test_cut_at_each_message_raises(proxy: Proxy, table: Database, direction: Direction, when: When, how: How) -> None:
    total = conversation(proxy, table)[direction]
    asked = position(proxy, table, Cut("client", matches=COMMIT))
    answered = position(proxy, table, Cut.answer(b"COMMIT"))
    committing = {"client": asked + (when == "before"), "server": answered}[direction]
    # After the last answer the client has all it wanted: nothing to see, so nothing to raise.
    last = total - (direction == "server" and when == "after")
    numbers = {index: next(NUMBERS) for index in range(1, last + 1)}
    for index, number in numbers.items():
        proxy.clear()
        proxy.plan(Cut(direction, index=index, when=when, how=how))
        with pytest.raises(ERRORS):
            write_row(proxy.url(table.url), number)
        assert len(proxy.cuts) == 1
    stored = stored_numbers(table)
    assert 1 < committing <= last
    assert [index for index in numbers if numbers[index] in stored] == list(range(committing, last + 1))


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_lost_answer_to_commit_leaves_row_committed(proxy: Proxy, table: Database, how: How) -> None:
    number = next(NUMBERS)
    proxy.plan(Cut.answer(b"COMMIT", how=how))
    with pytest.raises(ERRORS):
        write_row(proxy.url(table.url), number)
    assert number in stored_numbers(table)


def test_lost_commit_leaves_no_row(proxy: Proxy, table: Database) -> None:
    number = next(NUMBERS)
    proxy.plan(Cut("client", matches=COMMIT))
    with pytest.raises(ERRORS):
        write_row(proxy.url(table.url), number)
    assert number not in stored_numbers(table)


def test_silence_keeps_the_socket_open_and_empty(proxy: Proxy, table: Database) -> None:
    connection = connect(proxy.url(table.url))
    proxy.plan(Cut("server", how="silence"))
    if table.kind == "postgres":
        connection.pgconn.send_query(b"SELECT 1")
        file = connection.fileno()
    else:
        connection._execute_command(3, b"SELECT 1")
        file = connection._sock.fileno()
    readable, _, _ = select.select([file], [], [], 0.3)
    assert readable == []  # neither data nor the end of the stream
    assert len(proxy.cuts) == 1
    if table.kind == "postgres":
        connection.pgconn.finish()
    connection.close()


def test_only_the_named_connection_is_cut(proxy: Proxy, table: Database) -> None:
    first, second = (connect(proxy.url(table.url)) for _ in range(2))
    proxy.plan(Cut("client", connection=2))
    first.cursor().execute("SELECT 1")
    with pytest.raises(ERRORS):
        second.cursor().execute("SELECT 1")
    assert [cut.connection for cut in proxy.cuts] == [2]
    first.close()


def test_a_cut_happens_as_often_as_planned(proxy: Proxy, table: Database) -> None:
    proxy.plan(Cut.answer(b"SELECT 7", times=2))
    outcomes = []
    for _ in range(3):
        try:
            outcomes.append(run(proxy.url(table.url), "SELECT 7") == [(7,)])
        except ERRORS:
            outcomes.append(False)
    assert outcomes == [False, False, True]
    assert len(proxy.cuts) == 2


def test_stopped_proxy_ends_its_connections(table: Database) -> None:
    parts = urlsplit(table.url)
    protocol: Protocol = "postgres" if table.kind == "postgres" else "mysql"
    with Proxy(parts.hostname or "", parts.port or 0, protocol) as proxy:
        connection = connect(proxy.url(table.url))
    with pytest.raises(ERRORS):
        connection.cursor().execute("SELECT 1")
    with suppress(*ERRORS):
        connection.close()
