"""The answer to a commit of a load is lost: running it again resolves what happened, and each row is there once."""

from collections import Counter
from collections.abc import Iterator

import pytest

from dataflow import BulkResult, errors
from tests.conftest import FaultScale
from tests.database import Database
from tests.faults.client import expect
from tests.faults.conftest import open_trial
from tests.faults.cut import Cut, ends_statement, holds
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
    with open_trial(database, oracle) as trial:
        yield trial


@pytest.mark.parametrize("lost", ["answer", "request"])
def test_a_lost_commit_of_a_load_is_resolved_by_running_it_again(
    trial: Trial, fault_scale: FaultScale, lost: str
) -> None:
    times = fault_scale.pick(fast=25, full=500)
    for turn in range(times):
        how = HOWS[turn % len(HOWS)]
        cut = Cut.answer(b"COMMIT", how=how) if lost == "answer" else lose_request(LOAD, trial.proxy.protocol, how)
        attempt = trial.cut(LOAD, cut)
        trial.carry_on(attempt.action)
        result = load(trial.flow, attempt.nonce)
        # The server had committed just those whose answer was lost.
        assert (result.inserted, result.replayed) == (len(PARTS), lost == "answer")
        assert trial.oracle.stored(attempt.nonce)[attempt.nonce] == Counter(PARTS)
    assert not trial.violations, f"{trial.violations}\n{trial.ends}"
    assert trial.ends == {"CommitOutcomeUnknownError": times}


CHUNK = 5
COMMITS = -(-len(PARTS) // CHUNK)


def load_chunks(flow: Flow, nonce: int) -> BulkResult:
    rows = [{"nonce": nonce, "part": part} for part in PARTS]
    return flow.table.bulk_create(rows, load_id=f"load {nonce}", chunk_rows=CHUNK, atomic=False)


@pytest.mark.parametrize("lost", ["answer", "request"])
def test_a_lost_commit_of_a_chunk_is_resolved_by_running_the_load_again(
    trial: Trial, fault_scale: FaultScale, lost: str
) -> None:
    times = fault_scale.pick(fast=25, full=500)
    for turn in range(times):
        nonce, commit, how = 10_000_000 + trial.nonce + turn, 1 + turn % COMMITS, HOWS[turn // COMMITS % len(HOWS)]
        trial.proxy.clear()
        trial.proxy.plan(
            Cut("server", index=commit, matches=ends_statement, answer_to=holds(b"COMMIT"), how=how)
            if lost == "answer"
            else Cut("client", index=commit, matches=holds(b"COMMIT"), how=how)
        )
        with pytest.raises(errors.CommitOutcomeUnknownError) as caught:
            load_chunks(trial.flow, nonce)
        trial.proxy.wait_closed(trial.proxy.cuts[0].connection)
        known, kept = (commit - 1) * CHUNK, min(commit * CHUNK, len(PARTS))
        assert (caught.value.outcome, caught.value.rows_done or 0) == ("unknown", known)
        assert trial.oracle.settle(trial.proxy.open) == 0
        there = kept if lost == "answer" else known
        assert sum(trial.oracle.stored(nonce)[nonce].values()) == there
        trial.carry_on(f"commit {commit}")
        result = load_chunks(trial.flow, nonce)
        done = there == len(PARTS)
        assert (result.inserted, result.replayed, result.resumed_at) == (len(PARTS), done, 0 if done else there)
        assert trial.oracle.stored(nonce)[nonce] == Counter(PARTS)
    assert not trial.violations, f"{trial.violations}"
