"""Ctrl-C ends a run of a workflow, with all that its nodes have begun in the database."""

import json
from typing import Any

import pytest

from tests.database import Database
from tests.runtime.child import Child
from tests.runtime.programs.running import BLOCKED
from tests.runtime.server import is_busy, locked, wait_until
from tests.runtime.test_signals import PROMISED_S, TOLERANCE_S, wait_until_blocked


def said(program: Child) -> dict[str, Any]:
    """What the run said about its end."""
    program.wait_for("interrupted")
    story: dict[str, Any] = json.loads(program.output.splitlines()[-2])
    assert story["raised"] == "KeyboardInterrupt", program.output
    return story


def names_after(program: Child) -> list[str]:
    """The same DataFlow goes on; the names of the rows it found."""
    program.tell("again")
    story = program.end().check().story
    return list(story["names"])


def call(program: Child) -> None:
    program.wait_for("used")
    program.tell("call")
    program.wait_for("calling")


@pytest.mark.parametrize("build", [build.__name__ for build in BLOCKED])
def test_ctrl_c_ends_nodes_that_wait_for_a_lock(database: Database, build: str) -> None:
    with Child("running", build, database.url) as program:
        program.wait_for("used")
        with locked(database):
            program.tell("call")
            program.wait_for("calling")
            wait_until_blocked(database, program)
            sent = program.interrupt()
            story = said(program)
            assert story["at"] - sent < PROMISED_S + TOLERANCE_S
            wait_until(lambda: not is_busy(database), "the server's statement is gone", 1)
        assert story["threads"] == []
        assert story["told"][-1] == ["run_failed", None]
        assert names_after(program) == ["again", "first"]


@pytest.mark.parametrize(
    ("build", "stands"), [("in_one_transaction", ["again", "first"]), ("standing", ["again", "first", "lost"])]
)
def test_ctrl_c_leaves_of_one_transaction_nothing(database: Database, build: str, stands: list[str]) -> None:
    with Child("running", build, database.url) as program:
        call(program)
        program.wait_for("holding")
        sent = program.interrupt()
        story = said(program)
        assert story["at"] - sent < PROMISED_S + TOLERANCE_S
        assert story["told"] == [
            ["run_started", None],
            ["node_started", "first"],
            ["node_finished", "first"],
            ["node_started", "hold"],
            ["node_failed", "hold"],
            ["run_failed", None],
        ]
        assert names_after(program) == stands


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_second_ctrl_c_gives_up_waiting_for_a_function_that_does_not_return(database: Database) -> None:
    """The first one ends the node of the main thread; the other thread still sleeps."""
    with Child("running", "stubborn", database.url) as program:
        call(program)
        wait_until(lambda: program.output.count("blocking") == 2, "both nodes block")
        program.interrupt()
        program.wait_for("node failed")
        # And now for the other thread: the run must not give up by itself.
        wait_until(program.is_asleep, "the main thread waits")
        assert "interrupted" not in program.output
        sent = program.interrupt()
        story = said(program)
        assert story["at"] - sent < PROMISED_S + TOLERANCE_S
        assert story["threads"] == ["dataflow-node"]
        assert names_after(program) == ["again", "first"]
