"""The answer to the commit of a load is lost: running it again resolves what happened, and each row is there once."""

from collections import Counter
from collections.abc import Iterator

import pytest

from dataflow import BulkResult
from tests.conftest import FaultScale
from tests.database import Database
from tests.faults.client import expect
from tests.faults.conftest import make_proxy
from tests.faults.cut import Cut
from tests.faults.exchange import BULK_ROWS, Exchange, Trial
from tests.faults.losses import HOWS, lose_request
from tests.faults.marked import Flow, open_flow
from tests.faults.oracle import Oracle

pytestmark = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True, scope="module")

PARTS = range(1, BULK_ROWS)


def load(flow: Flow, nonce: int) -> BulkResult:
    rows = [{"nonce": nonce, "part": part} for part in PARTS]
    return flow.table.bulk_create(rows, load_id=f"load {nonce}")


def run(flow: Flow, nonce: int) -> None:
    expect(load(flow, nonce)["inserted"], len(PARTS))


LOAD = Exchange("load", run, frozenset(PARTS))


@pytest.fixture
def trial(database: Database, oracle: Oracle) -> Iterator[Trial]:
    made = open_flow(database.url, schema_mode="create")
    with made.db:
        made.table.bulk_create([], load_id="the ledger is there")
    with make_proxy(database, disguised=True) as proxy:
        flow = open_flow(proxy.url(database.url), pool_size=1, acquire_timeout=5)
        with flow.db:
            trial = Trial(flow, proxy, oracle, nonce=max(oracle.stored(), default=0))
            trial.warm()
            yield trial


@pytest.mark.parametrize("lost", ["answer", "request"])
def test_a_lost_commit_of_a_load_is_resolved_by_running_it_again(
    trial: Trial, fault_scale: FaultScale, lost: str
) -> None:
    times = fault_scale.pick(fast=20, full=500)
    for turn in range(times):
        how = HOWS[turn % len(HOWS)]
        cut = Cut.answer(b"COMMIT", how=how) if lost == "answer" else lose_request(LOAD, how)
        attempt = trial.cut(LOAD, cut)
        trial.carry_on(attempt.action)
        result = load(trial.flow, attempt.nonce)
        # The server had committed just those whose answer was lost.
        assert (result.inserted, result.replayed) == (len(PARTS), lost == "answer")
        assert trial.oracle.stored(attempt.nonce)[attempt.nonce] == Counter(PARTS)
    assert not trial.violations, f"{trial.violations}\n{trial.ends}"
    assert trial.ends == {"CommitOutcomeUnknownError": times}
