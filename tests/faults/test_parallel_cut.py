"""One of the connections that write a load side by side is cut: the others stop, and what stands is told exactly."""

from collections import Counter
from collections.abc import Iterator

import pytest

from dataflow import errors
from tests.conftest import FaultScale
from tests.database import Database
from tests.faults.conftest import make_proxy
from tests.faults.cut import Cut, ends_statement, holds
from tests.faults.losses import HOWS
from tests.faults.marked import Flow, open_flow
from tests.faults.oracle import Oracle
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True, scope="module")

CHUNK, CHUNKS, WRITERS = 5, 12, 3
PARTS = range(1, CHUNK * CHUNKS + 1)


@pytest.fixture
def proxy(database: Database) -> Iterator[Proxy]:
    with make_proxy(database, disguised=True) as proxy:
        yield proxy


@pytest.fixture
def flow(database: Database, proxy: Proxy) -> Iterator[Flow]:
    flow = open_flow(proxy.url(database.url), pool_size=WRITERS, acquire_timeout=5)
    with flow.db:
        yield flow


def load(flow: Flow, nonce: int) -> None:
    rows = [{"nonce": nonce, "part": part} for part in PARTS]
    flow.table.bulk_create(rows, chunk_rows=CHUNK, atomic=False, parallel=WRITERS)


def cut(lost: str, turn: int) -> Cut:
    """Any word of the client, or a commit or its answer in the first, second, … chunk that a connection writes."""
    how = HOWS[turn % len(HOWS)]
    if lost == "word":
        return Cut("client", index=1 + turn, how=how)
    if lost == "commit":
        return Cut("client", index=1 + turn % 3, matches=holds(b"COMMIT"), how=how)
    return Cut("server", index=1 + turn % 3, matches=ends_statement, answer_to=holds(b"COMMIT"), how=how)


@pytest.mark.parametrize("lost", ["word", "commit", "answer"])
def test_rows_done_is_what_the_server_has(
    flow: Flow, proxy: Proxy, oracle: Oracle, fault_scale: FaultScale, lost: str
) -> None:
    first, ends = max(oracle.stored(), default=0) + 1, Counter[tuple[str, bool]]()
    load(flow, first)
    for turn in range(fault_scale.pick(fast=15, full=300)):
        nonce = first + 1 + turn
        proxy.clear()
        proxy.plan(cut(lost, turn % 15))
        error = None
        try:
            load(flow, nonce)
        except errors.DataFlowError as raised:
            error = raised
        proxy.wait_closed(proxy.cuts[0].connection)
        if error is None:
            # MariaDB's pool asks a connection whether it lives, and takes another one.
            assert (lost, sum(oracle.stored(nonce)[nonce].values())) == ("word", len(PARTS))
            continue
        assert oracle.settle(proxy.open) == 0
        stored = oracle.stored(nonce)[nonce]
        assert set(stored.values()) <= {1}
        there, told = sum(stored.values()), error.rows_done or 0
        ends[error.kind, there > 0] += 1
        if isinstance(error, errors.CommitOutcomeUnknownError):
            # Of one chunk nobody can know here whether it stands.
            assert there - told in {"commit": {0}, "answer": {CHUNK}, "word": {0, CHUNK}}[lost]
        else:
            assert lost == "word"
            assert (told, error.outcome) == (there, "committed" if there else "rolled back")
        proxy.clear()
        load(flow, nonce + 1_000_000)
        assert sum(oracle.stored(nonce + 1_000_000)[nonce + 1_000_000].values()) == len(PARTS)
    print(ends)
    assert any(stands for _, stands in ends)
    assert lost != "word" or {kind for kind, _ in ends} >= {"ConnectionLost"}
