"""A process that loads rows is killed at random moments and run again: each row is there once."""

import random
import secrets
import time
from collections import Counter

import pytest

from tests.conftest import FaultScale
from tests.database import Database
from tests.faults.marked import open_flow
from tests.faults.oracle import Oracle
from tests.runtime.child import Child

ROWS = 1_500
KILLED = -9
# Kills of one load before it is left to come to its end.
KILLS_OF_A_LOAD = 5


class Killer:
    """Kills loads at moments that a seed decides; the machine decides what they meet."""

    def __init__(self, database: Database, oracle: Oracle, seed: int) -> None:
        self._database, self._oracle = database, oracle
        self._chance = random.Random(seed)
        # The longest that a load takes to be done after it has begun: kills come before.
        self._span_s = 0.0
        self.kills = 0
        self.inside = 0

    def run(self, scene: str, nonce: int, *, to_its_end: bool) -> bool:
        """One run, killed unless it is to come to its end; whether the load is done."""
        with Child("loading", scene, self._database.url, nonce, ROWS, timeout_s=120) as child:
            if to_its_end:
                began = time.monotonic()
                child.end().check()
                self._span_s = self._span_s or (time.monotonic() - began) / 2
                return True
            child.wait_for("begun")
            time.sleep(self._chance.uniform(0, self._span_s / KILLS_OF_A_LOAD))
            child.kill()
            ended = child.end()
            if "done" in ended.output.splitlines():
                return True
        self.kills += 1
        self.inside += 0 < len(self.stored(nonce)) < ROWS
        return False

    def load(self, scene: str, nonce: int, kills: int) -> None:
        """Run after run, so many of them killed, until the load is done."""
        while not self.run(scene, nonce, to_its_end=kills <= 0):
            kills -= 1

    def stored(self, nonce: int) -> Counter[int]:
        return self._oracle.stored(nonce)[nonce]


@pytest.fixture
def killer(database: Database, oracle: Oracle) -> Killer:
    flow = open_flow(database.url, schema_mode="create")
    with flow.db:
        flow.table.bulk_create([], load_id="the ledger is there")
    seed = secrets.randbits(31)
    print(f"seed {seed}")
    made = Killer(database, oracle, seed)
    made.load("named", 0, kills=0)
    assert made.stored(0) == Counter(range(ROWS))
    return made


@pytest.mark.slow
def test_a_load_that_is_killed_and_run_again_has_each_row_once(killer: Killer, fault_scale: FaultScale) -> None:
    wanted = fault_scale.pick(fast=10, full=200)
    nonce = 0
    while killer.kills < wanted:
        nonce += 1
        killer.load("named", nonce, min(KILLS_OF_A_LOAD, wanted - killer.kills))
        assert killer.stored(nonce) == Counter(range(ROWS)), f"load {nonce}"
    assert killer.inside >= wanted / 2, f"{killer.inside} of {killer.kills} kills met a load that had begun to commit"


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_without_a_load_id_a_killed_load_is_seen_to_write_twice(killer: Killer) -> None:
    """The control: what the test above would find."""
    nonce = 1_000_000
    while not killer.inside:
        nonce += 1
        killer.load("nameless", nonce, kills=1)
    assert max(killer.stored(nonce).values()) == 2
