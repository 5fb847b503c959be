"""The interpreter ends at a random moment with work in flight: soon, with its own exit code, without a crash."""

import random
import time

import pytest

from tests.conftest import FaultScale
from tests.database import Database
from tests.runtime.child import Child
from tests.runtime.programs.leaving import SCENES
from tests.runtime.server import is_busy, locked, sessions, wait_until

CODES = {"exit_code": 3, "uncaught": 1}
LONGEST_S = 5


@pytest.mark.parametrize("scene", SCENES)
def test_exit_with_work_in_flight_is_clean(database: Database, fault_scale: FaultScale, scene: str) -> None:
    # Times 15 scenes and three databases: 45 exits, or 315.
    for _ in range(fault_scale.pick(fast=1, full=7)):
        seed = random.randrange(2**32)
        with Child("leaving", scene, database.url, seed) as program:
            program.wait_for("leaving")
            left = time.monotonic()
            ended = program.end()
        assert time.monotonic() - left < LONGEST_S, f"seed {seed}\n{ended.output}"
        ended.check(CODES.get(scene, 0))


def test_exit_while_waiting_for_a_lock_is_clean(database: Database, fault_scale: FaultScale) -> None:
    for _ in range(fault_scale.pick(fast=1, full=10)):
        with Child("leaving", "waits_for_a_lock", database.url, 0) as program:
            program.wait_for("used")
            with locked(database):
                program.tell("wait")
                program.wait_for("waiting")
                if database.kind != "sqlite":
                    wait_until(lambda: is_busy(database), "a statement waits for the lock")
                program.tell("leave")
                left = time.monotonic()
                program.end().check()
                assert time.monotonic() - left < LONGEST_S
                wait_until(lambda: not is_busy(database), "the server's statement is gone", 1)


def test_exit_leaves_no_session_behind(database: Database) -> None:
    with Child("leaving", "open_transaction", database.url, 0) as program:
        program.end().check()
    wait_until(lambda: not sessions(database), "the server has ended the session", 2)
