"""What a server says about its sessions, and locks that make another session wait."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dataflow import DataFlow
from tests.database import Database
from tests.integration.bare import execute, held, name_of

SESSIONS = {
    "postgres": """
        SELECT pid, state = 'active' FROM pg_stat_activity
        WHERE datname = '{}' AND application_name = 'dataflow' AND backend_type = 'client backend'""",
    "mariadb": """
        SELECT id, command NOT IN ('Sleep', 'Killed') FROM information_schema.processlist
        WHERE db = '{}' AND user = 'dataflow'""",
}
LOCK_WAITS = {
    "postgres": "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '{}'",
    "mariadb": """
        SELECT count(*) FROM information_schema.innodb_trx AS t
        JOIN information_schema.processlist AS p ON p.id = t.trx_mysql_thread_id
        WHERE t.trx_state = 'LOCK WAIT' AND p.db = '{}'""",
}
LOCKS = {
    "postgres": 'LOCK TABLE "{}" IN ACCESS EXCLUSIVE MODE',
    "mariadb": 'LOCK TABLES "{}" WRITE',
}


def sessions(database: Database) -> dict[int, bool]:
    """DataFlow's sessions in the database by the server's number, and whether each runs a statement now."""
    if database.kind == "sqlite":
        return {}
    rows = execute(database, SESSIONS[database.kind].format(name_of(database)), admin=True)
    return {number: bool(busy) for number, busy in rows}


def is_busy(database: Database) -> bool:
    """Whether the server runs a statement of DataFlow."""
    return any(sessions(database).values())


@contextmanager
def locked(database: Database, name: str = "item") -> Iterator[None]:
    """Holds a lock on a table, so that every write to it waits."""
    with held(database, *(LOCKS[database.kind].format(name),) if database.kind in LOCKS else ()):
        yield


def lock_waits(database: Database) -> int:
    """How many connections to the database wait for a row that another one has locked."""
    return int(execute(database, LOCK_WAITS[database.kind].format(name_of(database)), admin=True)[0][0])


def wait_for_lock_waits(database: Database, count: int) -> None:
    """Until so many connections wait."""
    # InnoDB renews its list only when nobody has read it for 0.1 s.
    wait_until(lambda: lock_waits(database) >= count, f"{count} wait for a lock", 20, pause_s=0.15)


def wait_until_waiting(database: Database, db: DataFlow, count: int = 1) -> None:
    """Until so many calls of `db`, which does nothing else, wait for what somebody else has locked.

    SQLite has no server that tells it. There the one connection that writes can do nothing else while the file is
    locked, and who comes later waits for that connection.
    """
    if database.kind != "sqlite":
        wait_for_lock_waits(database, count)
    else:
        wait_until(lambda: in_use(db) + db.pool_status()["waiting"] >= count, f"{count} wait for the file", 20)


def in_use(db: DataFlow) -> int:
    """How many connections of the pool are in use."""
    status = db.pool_status()
    return status["open"] - status["idle"]


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 10, *, pause_s: float = 0.01) -> float:
    """Returns how many seconds it took until the condition held."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(pause_s)
    return time.monotonic() - started
