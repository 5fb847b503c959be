"""Ctrl-C ends a blocking call within half a second, and the server's statement with it."""

import json
import time
from typing import Any

import pytest

from tests.conftest import FaultScale
from tests.database import Database
from tests.runtime.child import Child
from tests.runtime.programs.interrupted import BLOCKED, BUSY
from tests.runtime.server import is_busy, locked, wait_until

PROMISED_S = 0.5
# What a loaded machine may add: the test, the program and the servers share two cores with other runs.
TOLERANCE_S = 0.5


def interrupt(program: Child) -> dict[str, Any]:
    """Sends Ctrl-C and returns what the call said about it; it must have ended within its time."""
    sent = program.interrupt()
    program.wait_for("interrupted")
    said: dict[str, Any] = json.loads(program.output.splitlines()[-2])
    assert said["interrupted"], program.output
    assert said["at"] - sent < PROMISED_S + TOLERANCE_S, f"{said['at'] - sent:.2f} s\n{program.output}"
    return said


def check_usable(program: Child) -> int:
    """The same DataFlow goes on; returns how many rows it found."""
    program.tell("again")
    story = program.end().check().story
    assert story["after"] == story["before"] + 2
    return int(story["before"])


@pytest.mark.parametrize("call", [call.__name__ for call in BLOCKED])
def test_ctrl_c_ends_a_call_that_waits_for_a_lock(database: Database, fault_scale: FaultScale, call: str) -> None:
    for turn in range(fault_scale.pick(fast=1, full=6)):  # times six calls and three databases: 108
        with Child("interrupted", call, database.url) as program:
            program.wait_for("used")
            with locked(database):
                program.tell("call")
                program.wait_for("calling")
                wait_until_blocked(database, program)
                said = interrupt(program)
                wait_until(lambda: not is_busy(database), "the server's statement is gone", 1)
            assert said["outcome"] == "rolled back"
            assert check_usable(program) == 3 * turn + 1


def wait_until_blocked(database: Database, program: Child) -> None:
    if database.kind == "sqlite":
        program.wait_for("waiting")
    else:
        wait_until(lambda: is_busy(database), "a statement waits for the lock")


@pytest.mark.parametrize("call", [call.__name__ for call in BUSY])
def test_ctrl_c_ends_a_load_at_work(database: Database, call: str) -> None:
    with Child("interrupted", call, database.url, timeout_s=40) as program:
        program.wait_for("used")
        program.tell("call")
        program.wait_for("handed over" if call.startswith("load_of") else "calling")
        time.sleep(0.3)
        said = interrupt(program)
        wait_until(lambda: not is_busy(database), "the server's statement is gone", 1)
        # While the caller's first rows are read there is no operation yet, and nothing to tell.
        begun = call != "load_from_a_slow_iterator"
        assert said["outcome"] == ("rolled back" if begun else "not told")
        assert check_usable(program) == 1


def test_second_ctrl_c_ends_a_blocking_call_inside_a_loop(database: Database) -> None:
    with Child("interrupted", "synchronous_in_a_loop", database.url) as program:
        program.wait_for("used")
        with locked(database):
            program.tell("call")
            program.wait_for("calling")
            wait_until_blocked(database, program)
            program.interrupt()
            program.wait_for("taken by asyncio")
            assert interrupt(program)["outcome"] == "rolled back"
        assert check_usable(program) == 1
