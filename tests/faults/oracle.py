"""What the server itself says, on a connection that no fault touches."""

import json
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, ClassVar
from urllib.parse import urlsplit

import psycopg
import pymysql

from tests.database import Database
from tests.faults.marked import TABLE, gone, seed_id, seeds

SETTLED_S = 0.2  # the law: so long after a fault nothing of it is left on the server
GONE_S = 10.0
LOOK_S = 0.002
STATEMENT_ROWS = 2_000  # a statement is an argument of a process for SQLite, and those are short


class Held(Exception):
    """A lock is not given back."""


class Oracle(ABC):
    """Asks one database."""

    # The transaction that wrote a row, where the server tells.
    writer: ClassVar[str] = "NULL"
    # What keeps all others from writing to the table, and what ends it.
    lock: ClassVar[Sequence[str]] = ()
    unlock: ClassVar[Sequence[str]] = ()
    # The nonces whose seeds were planted.
    planted: range = range(0)

    @abstractmethod
    def ask(self, statement: str) -> Sequence[Sequence[Any]]: ...

    @abstractmethod
    def idle_in_transaction(self) -> int:
        """Transactions open in our database, or 1 for a write lock that is held."""

    @abstractmethod
    def sessions(self) -> int:
        """Connections to our database but this one."""

    def index(self) -> None:
        """Nonces are looked up by the thousand."""
        self.ask(f"CREATE INDEX by_nonce ON {TABLE} (nonce)")

    def plant(self, nonces: range) -> None:
        """The seeds of these nonces and nothing else."""
        self.ask(f"DELETE FROM {TABLE}")
        self.add(nonces)

    def add(self, nonces: range) -> None:
        """The seeds of these nonces, the only ones from now on to be missed."""
        self.planted = nonces
        rows = [f"({seed_id(nonce, seed)}, {nonce}, {seed})" for nonce in nonces for seed in seeds(nonce)]
        for at in range(0, len(rows), STATEMENT_ROWS):
            self.ask(f"INSERT INTO {TABLE} (id, nonce, part) VALUES {', '.join(rows[at : at + STATEMENT_ROWS])}")

    def stored(self, nonce: int | None = None) -> dict[int, Counter[int]]:
        """What became of each nonce: how often each part is there, and which seeds are gone."""
        only = "" if nonce is None else f" WHERE nonce = {nonce}"
        found: dict[int, Counter[int]] = defaultdict(Counter)
        for number, part in self.ask(f"SELECT nonce, part FROM {TABLE}{only}"):
            found[number][part] += 1
        for number in self.planted if nonce is None else range(nonce, nonce + 1):
            if number in self.planted:
                parts = found[number]
                missed = [seed for seed in seeds(number) if parts.pop(seed, 0) != 1]
                parts.update(gone(seed) for seed in missed)
        return found

    def counts(self) -> Counter[int]:
        """How many rows each nonce has, seeds and all."""
        return Counter(number for (number,) in self.ask(f"SELECT nonce FROM {TABLE}"))

    def mixed_transactions(self) -> int:
        """Transactions that wrote rows of more than one nonce."""
        mixed = f"SELECT {self.writer} FROM {TABLE} WHERE part >= 0 GROUP BY 1 HAVING count(DISTINCT nonce) > 1"
        return 0 if self.writer == "NULL" else len(self.ask(mixed))

    @contextmanager
    def locked(self, timeout_s: int = 5) -> Iterator[None]:
        """The table locked against writing from before the block until after it, where that can be done from here.

        Raises:
            Held: Somebody has held locks for `timeout_s`: with five seconds, no transaction can be behind them which
                is still at work. Nothing is locked then, and the block has not begun.
        """
        try:
            self._take(timeout_s)
            yield
        finally:
            for statement in self.unlock:
                self.ask(statement)

    def _take(self, timeout_s: int) -> None:
        try:
            for statement in self.lock:
                self.ask(statement.format(timeout_s=timeout_s))
        except (psycopg.errors.LockNotAvailable, pymysql.OperationalError) as error:
            raise Held from error

    def settle(self, healthy: int = 0) -> int:
        """Wait until only healthy sessions are left; the transactions that were open when none should have been."""
        started, looks = time.monotonic(), 0
        idle = None
        while self.sessions() > healthy:
            waited, looks = time.monotonic() - started, looks + 1
            assert waited < GONE_S, "the server still holds the connection"
            # On a busy machine the server has had its time when it has answered so often, not before.
            if idle is None and waited > SETTLED_S and looks * LOOK_S > SETTLED_S:
                idle = self.idle_in_transaction()
            time.sleep(LOOK_S)
        return idle or 0


class Postgres(Oracle):
    """xmin is the transaction that inserted a row; savepoints have numbers of their own."""

    writer = "xmin::text"
    lock = ("BEGIN", "SET LOCAL lock_timeout = '{timeout_s}s'", f"LOCK TABLE {TABLE} IN EXCLUSIVE MODE")
    unlock = ("ROLLBACK",)

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def ask(self, statement: str) -> Sequence[Sequence[Any]]:
        cursor = self._connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def idle_in_transaction(self) -> int:
        return self._count("state LIKE 'idle in transaction%'")

    def sessions(self) -> int:
        return self._count("true")

    def _count(self, condition: str) -> int:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        return int(self.ask(f"SELECT count(*) FROM pg_stat_activity WHERE {others} AND {condition}")[0][0])


class MariaDB(Oracle):
    """Its list of transactions shows those that have touched a table, and is as old as 0.1 s."""

    lock = ("SET lock_wait_timeout = {timeout_s}", f"LOCK TABLES {TABLE} WRITE")
    unlock = ("UNLOCK TABLES",)
    _ours = "FROM information_schema.processlist p{join} WHERE p.db = database() AND p.id <> connection_id()"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def ask(self, statement: str) -> Sequence[Sequence[Any]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def idle_in_transaction(self) -> int:
        join = " JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id"
        return int(self.ask("SELECT count(*) " + self._ours.format(join=join))[0][0])

    def sessions(self) -> int:
        return int(self.ask("SELECT count(*) " + self._ours.format(join=""))[0][0])


class SQLite(Oracle):
    """Another process: Python's sqlite3 in this one would drop the engine's locks on the file."""

    _program = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    rows = connection.execute(sys.argv[2]).fetchall()
except sqlite3.OperationalError as error:
    rows = [[str(error)]]
print(json.dumps(rows))
"""

    def __init__(self, path: str) -> None:
        self._path = path

    def ask(self, statement: str) -> Sequence[Sequence[Any]]:
        command = [sys.executable, "-c", self._program, self._path, statement]
        answer = subprocess.run(command, capture_output=True, check=True, timeout=60)
        rows: Sequence[Sequence[Any]] = json.loads(answer.stdout)
        return rows

    def idle_in_transaction(self) -> int:
        return len(self.ask("BEGIN IMMEDIATE"))

    def sessions(self) -> int:
        return 0


@contextmanager
def open_oracle(database: Database) -> Iterator[Oracle]:
    """Servers as superuser: a plain login does not see the state of other sessions."""
    name = urlsplit(database.url).path[1:]
    admin = urlsplit(database.admin_url or "")
    match database.kind:
        case "postgres":
            url = admin._replace(path=f"/{name}").geturl()
            with closing(psycopg.connect(url, autocommit=True)) as connection:
                yield Postgres(connection)
        case "mariadb":
            login: dict[str, Any] = {"user": admin.username, "password": admin.password, "database": name}
            place: dict[str, Any] = {"host": admin.hostname or "", "port": admin.port or 0}
            with closing(pymysql.connect(**place, **login, autocommit=True)) as server:
                yield MariaDB(server)
        case "sqlite":
            yield SQLite(database.url.removeprefix("sqlite:///"))
