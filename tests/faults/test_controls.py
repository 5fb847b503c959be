"""The harnesses see what they are for: with a careless driver, and with each fault planted in our own code."""

import json
import os
import secrets
import subprocess
import sys

import pytest

from tests.database import Database
from tests.faults.bare import BareClient
from tests.faults.marked import make_table
from tests.faults.oracle import Oracle, open_oracle
from tests.faults.storm import Storm, check_server, planted_for
from tests.faults.verdict import Violations

TASKS = 600
COMMITS = 10
STORM_LAWS = ["idle_in_transaction", "foreign_results", "lost_acknowledged", "ghosts", "mixed_transactions"]


@pytest.fixture(scope="module")
def table(database: Database) -> Database:
    make_table(database.url)
    with open_oracle(database) as oracle:
        oracle.index()
    return database


@pytest.fixture
def seeded(table: Database) -> Database:
    """Every run counts its nonces from the start."""
    with open_oracle(table) as oracle:
        oracle.plant(planted_for(TASKS))
    return table


def run_report(database: Database, harness: str, size: int, fault: str | None) -> Violations:
    seed = secrets.randbits(31)
    command = [sys.executable, "-m", "tests.faults.report", harness, database.kind, database.url]
    environment = {**os.environ, **({"_DATAFLOW_PLANTED_FAULT": fault} if fault else {})}
    report = subprocess.run(
        [*command, str(database.admin_url), str(size), str(seed)],
        capture_output=True,
        env=environment,
        text=True,
        timeout=100,
    )
    assert report.returncode == 0, f"seed {seed}\n{report.stderr}"
    return Violations(**json.loads(report.stdout))


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_storm_catches_a_pool_that_keeps_cancelled_connections(seeded: Database) -> None:
    with open_oracle(seeded) as oracle:
        oracle.planted = planted_for(TASKS)
        async with BareClient(seeded.url) as client:
            storm = await blow(client, oracle)
        print(storm.tally(), storm.violations)
    counts = storm.violations.counts
    assert counts["idle_in_transaction"] > 0 or counts["mixed_transactions"] > 0
    assert counts["ghosts"] + counts["lost_acknowledged"] + counts["torn"] > 0


async def blow(client: BareClient, oracle: Oracle) -> Storm:
    storm = Storm(client, TASKS, secrets.randbits(32))
    await storm.blow()
    await check_server(storm, oracle)
    return storm


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
@pytest.mark.parametrize(("harness", "size"), [("storm", TASKS), ("commit", COMMITS)])
def test_reports_find_nothing_without_a_fault(seeded: Database, harness: str, size: int) -> None:
    violations = run_report(seeded, harness, size, None)
    assert not violations, violations


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
@pytest.mark.parametrize(
    ("fault", "harness", "laws"),
    [
        ("reuse_cancelled", "storm", STORM_LAWS),
        ("trust_lost_commit", "commit", ["lost_acknowledged"]),
        ("deny_lost_commit", "commit", ["ghosts"]),
    ],
)
def test_planted_fault_is_caught(seeded: Database, fault: str, harness: str, laws: list[str]) -> None:
    violations = run_report(seeded, harness, {"storm": TASKS, "commit": COMMITS}[harness], fault)
    print(violations)
    assert sum(violations.counts[law] for law in laws) > 0, violations
