"""Fixtures of the fault tests: the table, the oracle beside it, and the proxy before it."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.database import Database
from tests.faults.exchange import Trial
from tests.faults.framing import Protocol
from tests.faults.marked import make_table, open_flow
from tests.faults.oracle import Oracle, open_oracle
from tests.faults.proxy import Proxy

PROTOCOLS: dict[str, Protocol] = {"postgres": "postgres", "mariadb": "mysql"}


def make_proxy(database: Database, *, disguised: bool) -> Proxy:
    parts = urlsplit(database.url)
    return Proxy(parts.hostname or "", parts.port or 0, PROTOCOLS[database.kind], disguised=disguised)


@contextmanager
def open_trial(database: Database, oracle: Oracle) -> Iterator[Trial]:
    """With one connection, which is open. What has to be known of the table was asked: where it is not, no statement is
    left to decide by itself what becomes of rows.
    """
    with make_proxy(database, disguised=True) as proxy:
        flow = open_flow(proxy.url(database.url), schema_mode="check", pool_size=1, acquire_timeout=5)
        with flow.db:
            trial = Trial(flow, proxy, oracle, nonce=max(oracle.stored(), default=0))
            trial.warm()
            yield trial


@pytest.fixture(scope="module")
def oracle(database: Database) -> Iterator[Oracle]:
    """On a database that has the table, empty at first."""
    make_table(database.url)
    with open_oracle(database) as oracle:
        oracle.index()
        yield oracle
