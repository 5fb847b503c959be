"""A run of a workflow that Ctrl-C meets in the middle: how it ended, what is left, and that all goes on."""

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from dataflow import DataFlow, LocalRuntime, RunEvent, Table, WorkflowBuilder, node
from tests.runtime.programs.stage import Item, listen, play, say, say_when_in_use, tell_story, use_database

Build = Callable[[WorkflowBuilder, DataFlow, Table[Item]], bool]


def interrupt(url: str, build: Build) -> None:
    db, items = use_database(url)
    workflow = WorkflowBuilder(db)
    transaction = build(workflow, db, items)
    built = workflow.build()
    told: list[tuple[str, str | None]] = []

    def hear(event: RunEvent) -> None:
        told.append((event.kind, event.node))
        if event.kind == "node_failed":
            say("node failed")

    say("used")
    listen("call")
    if build in BLOCKED:
        say_when_in_use(db, "waiting")
    say("calling")
    try:
        LocalRuntime().execute(built, transaction=transaction, on_event=hear)
        story: dict[str, object] = {"raised": None}
    except BaseException as error:
        story = {"raised": type(error).__name__}
    story["at"] = time.monotonic()  # the clock of the machine: the test reads the same
    story["threads"] = [one.name for one in threading.enumerate() if one.name.startswith("dataflow-")]
    story["told"] = told
    say(json.dumps(story))
    say("interrupted")
    listen("again")
    workflow = WorkflowBuilder(db)
    workflow.add_node("ItemCreateNode", "create", {"name": "again"})
    LocalRuntime().execute(workflow.build())
    tell_story(story | {"names": sorted(row.name for row in items.list())})


def add(workflow: WorkflowBuilder, id: str, function: Callable[..., Any]) -> None:
    workflow.add_node(node(function), id)


def generated(workflow: WorkflowBuilder, db: DataFlow, items: Table[Item]) -> bool:
    """The node that waits for the lock is in the main thread."""
    workflow.add_node("ItemCreateNode", "create", {"name": "lost"})
    return False


def others(workflow: WorkflowBuilder, db: DataFlow, items: Table[Item]) -> bool:
    """Several threads wait for the lock, some in transactions."""

    def pair() -> None:
        with db.transaction():
            items.create(name="lost")
            items.create(name="lost")

    for number in range(3):
        add(workflow, f"pair{number}", pair)
    return False


def awaited(workflow: WorkflowBuilder, db: DataFlow, items: Table[Item]) -> bool:
    """The main thread waits for a loop."""

    async def create() -> None:
        await items.acreate(name="lost")

    add(workflow, "create", create)
    return False


def in_one_transaction(workflow: WorkflowBuilder, db: DataFlow, items: Table[Item]) -> bool:
    """Rows were written already when Ctrl-C comes; the last step would have been reached without it."""
    held = threading.Event()

    def hold() -> None:
        say("holding")
        held.wait(10)

    workflow.add_node("ItemCreateNode", "first", {"name": "lost"})
    add(workflow, "hold", hold)
    workflow.add_node("ItemBulkCreateNode", "never", {"data": [{"name": "lost"}]})
    workflow.add_connection("first", "hold")
    workflow.add_connection("hold", "never")
    return True


def standing(workflow: WorkflowBuilder, db: DataFlow, items: Table[Item]) -> bool:
    """Without one transaction, what was committed stands."""
    in_one_transaction(workflow, db, items)
    return False


def stubborn(workflow: WorkflowBuilder, db: DataFlow, items: Table[Item]) -> bool:
    """A function of the user in a thread that does not return, beside a node in the main thread that does."""

    def block() -> None:
        say("blocking")
        # Not an event: nothing would end it before its time.
        time.sleep(60)

    add(workflow, "block", block)
    add(workflow, "also", block)
    return False


BLOCKED = (awaited, generated, others)


def scene(build: Build) -> Callable[[str], None]:
    return lambda url: interrupt(url, build)


if __name__ == "__main__":
    sys.setswitchinterval(0.001)
    play({build.__name__: scene(build) for build in (*BLOCKED, in_one_transaction, standing, stubborn)})
