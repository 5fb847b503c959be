"""A fork of a process that has used DataFlow raises at once and never touches the parent's connections."""

import pytest

from tests.conftest import FaultScale
from tests.database import Database
from tests.runtime import child
from tests.runtime.server import sessions, wait_until

USED = ["after_sync_use", "after_async_use", "with_a_new_database", "inside_a_transaction", "while_threads_work"]
LEAVING = ["leaves", "leaves_without_a_word", "leaves_an_awaited_operation"]


@pytest.mark.parametrize("scene", USED)
def test_child_of_a_used_parent_is_refused(database: Database, fault_scale: FaultScale, scene: str) -> None:
    repeats = fault_scale.pick(fast=4, full=20)  # for each of five scenes
    story = child.run("forking", scene, database.url, repeats, timeout_s=60).check().story
    assert len(story["answers"]) == repeats
    for answer in story["answers"]:
        assert answer["kind"] == "Forked", answer
        assert str(story["pid"]) in answer["message"]
        assert str(answer["pid"]) in answer["message"]
        assert answer["seconds"] < 1


def test_child_forked_before_the_first_use_works(database: Database, fault_scale: FaultScale) -> None:
    repeats = fault_scale.pick(fast=4, full=100)
    story = child.run("forking", "before_first_use", database.url, repeats, timeout_s=100).check().story
    assert [answer["kind"] for answer in story["answers"]] == [None] * (repeats + 1)


def test_spawned_child_works(database: Database) -> None:
    assert child.run("forking", "by_spawn", database.url).check().story == {"code": 0}


@pytest.mark.parametrize("scene", LEAVING)
def test_child_that_leaves_does_not_touch_the_parents_connection(
    database: Database, fault_scale: FaultScale, scene: str
) -> None:
    repeats = fault_scale.pick(fast=7, full=100)
    with child.Child("forking", scene, database.url, repeats, timeout_s=20) as program:
        program.wait_for("used")
        before = sessions(database).keys()
        program.tell("fork")
        program.wait_for("done")
        wait_until(lambda: sessions(database).keys() == before, f"the sessions are {before} again", 3)
        program.tell("end")
        story = program.end().check().story
    assert story["codes"] == [0] * repeats
    assert story["count"] == repeats + 1
    assert story["pool"] == []
