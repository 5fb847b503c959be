"""Whatever moment a task is cancelled at, nothing of it stays behind and nothing acknowledged is lost."""

import secrets
from collections.abc import Iterator

import pytest

from tests.conftest import FaultScale
from tests.database import Database
from tests.faults.client import PARTS, READS
from tests.faults.marked import make_table
from tests.faults.oracle import Oracle, open_oracle
from tests.faults.storm import planted_for, storm_dataflow

# One in five is a bystander: 10,000 are cancelled in full size.
FAST_TASKS, FULL_TASKS = 1_500, 12_500


@pytest.fixture
def oracle(database: Database, fault_scale: FaultScale) -> Iterator[Oracle]:
    make_table(database.url)
    with open_oracle(database) as oracle:
        oracle.index()
        oracle.plant(planted_for(fault_scale.pick(fast=FAST_TASKS, full=FULL_TASKS)))
        yield oracle


async def test_cancelled_tasks_leave_nothing_behind(
    database: Database, oracle: Oracle, fault_scale: FaultScale
) -> None:
    tasks, seed = fault_scale.pick(fast=FAST_TASKS, full=FULL_TASKS), secrets.randbits(32)
    storm = await storm_dataflow(database.url, oracle, tasks, seed)
    print(storm.tally())
    assert not storm.violations, f"{storm.tally()}\n{storm.violations}"
    assert len(storm.cancels) > tasks // 20, "too few cancels hit anything"
    ends = {(attempt.action, attempt.outcome) for attempt in storm.attempts}
    assert ends >= {(action, "committed") for action in PARTS}
    assert ends >= {(action, "rolled back") for action in PARTS.keys() - READS}
    if database.kind != "sqlite":  # its connections survive a cancel
        assert storm.discards["cancelled in the middle of an exchange"] > tasks // 50
