"""A workflow that is built when its module is imported, before there is any event loop."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dataflow import AsyncLocalRuntime, DataFlow, LocalRuntime, Workflow, WorkflowBuilder, node
from tests.runtime.programs.stage import Item, play, tell_story

db = DataFlow(sys.argv[2])
db.model(Item)


@node
async def name(number: int) -> dict[str, Any]:
    await asyncio.sleep(0)
    return {"name": f"item {number}"}


def build() -> Workflow:
    workflow = WorkflowBuilder()
    workflow.add_node(name, "name")
    workflow.add_node("ItemCreateNode", "create")
    workflow.add_node("ItemCountNode", "count")
    workflow.add_connection("name", "name", "create", "name")
    workflow.add_connection("create", "count")
    return workflow.build()


WORKFLOW = build()
RUNTIME, ASYNC_RUNTIME = LocalRuntime(), AsyncLocalRuntime()


def given(number: int) -> dict[str, Any]:
    return {"name": {"number": number}}


async def run(number: int) -> int:
    results, _ = await ASYNC_RUNTIME.execute_workflow_async(WORKFLOW, given(number))
    return int(results["count"]["count"])


def run_blocking(number: int) -> int:
    results, _ = RUNTIME.execute(WORKFLOW, given(number))
    return int(results["count"]["count"])


def loops_in_turn(url: str) -> None:
    """Some by asyncio.run, some without any loop, some inside a loop that waits for them."""

    async def blocking(number: int) -> int:
        return run_blocking(number)

    counts = [asyncio.run(run(number)) for number in range(5)]
    counts += [run_blocking(number) for number in range(5)]
    counts += [asyncio.run(blocking(number)) for number in range(5)]
    tell_story(counts)


def loops_at_once(url: str) -> None:
    run_blocking(0)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: asyncio.run(run(number)), range(12)))
    tell_story(db.table(Item).count())


def left_open(url: str) -> None:
    """Nothing is closed, a loop is not either, and a thread that nobody waits for still runs."""
    loop = asyncio.new_event_loop()
    tell_story(loop.run_until_complete(run(1)))


def left_in_flight(url: str) -> None:
    """A loop ends while its workflow runs: the cancel is the workflow's end."""

    async def main() -> None:
        running = asyncio.create_task(run(1))
        await asyncio.sleep(0)
        running.cancel()

    asyncio.run(main())
    tell_story(run_blocking(2) >= 1)


if __name__ == "__main__":
    play({scene.__name__: scene for scene in (loops_in_turn, loops_at_once, left_open, left_in_flight)})
