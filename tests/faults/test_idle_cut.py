"""A connection that breaks while it lies idle in the pool: a server restart, a firewall, `wait_timeout`."""

import time
from collections.abc import Iterator

import pytest

from tests.database import Database
from tests.faults.conftest import make_proxy
from tests.faults.exchange import NOTICED_S
from tests.faults.marked import Flow, open_flow
from tests.faults.oracle import Oracle

pytestmark = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True, scope="module")


@pytest.fixture
def flow(database: Database, oracle: Oracle) -> Iterator[Flow]:
    """Behind a proxy that has gone, and one in its place: as after a restart of the server."""
    with make_proxy(database, disguised=True) as proxy:
        flow = open_flow(proxy.url(database.url), pool_size=1)
        flow.table.count()
    time.sleep(NOTICED_S)
    with flow.db, make_proxy(database, disguised=True):
        yield flow


def test_read_takes_a_new_connection_for_one_that_broke_while_idle(flow: Flow) -> None:
    assert flow.table.list({"nonce": -1}).records() == []


def test_create_takes_a_new_connection_for_one_that_broke_while_idle(flow: Flow) -> None:
    assert flow.table.create(nonce=1, part=0).part == 0


def test_transaction_takes_a_new_connection_for_one_that_broke_while_idle(flow: Flow) -> None:
    with flow.db.transaction():
        assert flow.table.create(nonce=2, part=0).part == 0
