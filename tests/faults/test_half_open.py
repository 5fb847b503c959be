"""A peer that has gone silent, without closing anything: every call ends within its bound."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from dataflow.errors import ConnectionRefusedError, StatementTimeoutError
from tests.database import Database
from tests.faults.conftest import make_proxy
from tests.faults.cut import Cut
from tests.faults.marked import open_flow
from tests.faults.oracle import Oracle
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True, scope="module")

GRACE_S = 0.5
TOLERANCE = 0.2


@pytest.fixture
def proxy(database: Database, oracle: Oracle) -> Iterator[Proxy]:
    with make_proxy(database, disguised=False) as proxy:
        yield proxy


def assert_took(started: float, bound_s: float) -> None:
    took = time.monotonic() - started
    assert bound_s * (1 - TOLERANCE) <= took <= bound_s * (1 + TOLERANCE) + GRACE_S


def test_silent_query_ends_at_the_timeout_of_its_transaction(database: Database, proxy: Proxy) -> None:
    flow = open_flow(proxy.url(database.url), pool_size=1)
    with flow.db:
        flow.table.count()
        started = time.monotonic()
        with pytest.raises(StatementTimeoutError) as raised, flow.db.transaction(timeout=2):
            proxy.plan(Cut("server", how="silence"))
            flow.table.count()
        assert_took(started, 2)
        assert raised.value.outcome == "rolled back"
        assert len(proxy.cuts) == 1
        assert flow.db.pool_status()["open"] == 0, "the silent connection was kept"
        assert flow.table.count() == 0


@pytest.mark.parametrize("message", [1, 2])
def test_silent_server_ends_connecting_at_its_timeout(database: Database, proxy: Proxy, message: int) -> None:
    """Silent from the start, and in the middle of the login."""
    proxy.plan(Cut("server", index=message, how="silence"))
    flow = open_flow(proxy.url(database.url), connect_timeout=1)
    with flow.db:
        started = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            flow.table.count()
        assert_took(started, 1)
        assert len(proxy.cuts) == 1
        assert flow.table.count() == 0


async def test_waiting_for_a_silent_server_can_be_cancelled(database: Database, proxy: Proxy) -> None:
    proxy.plan(Cut("server", index=1, how="silence"))
    flow = open_flow(proxy.url(database.url), connect_timeout=30)
    async with flow.db:
        task = asyncio.create_task(flow.table.acount())
        await asyncio.sleep(0.2)
        started = time.monotonic()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert time.monotonic() - started <= 1.0
        assert len(proxy.cuts) == 1
