"""What a server says about its sessions, and locks that make another session wait."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 10) -> float:
    """Returns how many seconds it took until the condition held."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - started
