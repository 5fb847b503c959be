"""The answer to a commit is lost; the caller is told that nobody knows, and nothing is written twice."""

from collections.abc import Iterator

import pytest

from tests.conftest import FaultScale
from tests.database import Database
from tests.faults.conftest import open_trial
from tests.faults.exchange import Trial
from tests.faults.losses import lose_commits
from tests.faults.oracle import Oracle

pytestmark = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True, scope="module")


@pytest.fixture
def trial(database: Database, oracle: Oracle) -> Iterator[Trial]:
    with open_trial(database, oracle) as trial:
        yield trial


@pytest.mark.parametrize(
    "name",
    [
        "create",
        "bulk",
        "keyed",
        "keyed upsert",
        "transaction",
        "update",
        "delete",
        "upsert",
        "upsert of a new row",
        "bulk_upsert",
        "changes",
    ],
)
def test_lost_answer_to_a_commit_is_told_as_unknown(trial: Trial, name: str, fault_scale: FaultScale) -> None:
    times = fault_scale.pick(fast=20, full=500)
    losses = lose_commits(trial, name, times)
    assert not trial.violations, f"{trial.violations}\n{trial.ends}"
    assert losses.answers == times
    assert trial.ends == {"CommitOutcomeUnknownError": losses.answers + losses.requests}
    # The server did commit each of them, once: `violations` would tell of a row that is there twice.
    assert losses.kept == times
