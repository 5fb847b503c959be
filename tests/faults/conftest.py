"""Fixtures of the fault tests: the table, the oracle beside it, and the proxy before it."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.database import Database
from tests.faults.framing import Protocol
from tests.faults.marked import make_table
from tests.faults.oracle import Oracle, open_oracle
from tests.faults.proxy import Proxy

PROTOCOLS: dict[str, Protocol] = {"postgres": "postgres", "mariadb": "mysql"}


def make_proxy(database: Database, *, disguised: bool) -> Proxy:
    parts = urlsplit(database.url)
    return Proxy(parts.hostname or "", parts.port or 0, PROTOCOLS[database.kind], disguised=disguised)


@pytest.fixture(scope="module")
def oracle(database: Database) -> Iterator[Oracle]:
    """On a database that has the table, empty at first."""
    make_table(database.url)
    with open_oracle(database) as oracle:
        oracle.index()
        yield oracle
