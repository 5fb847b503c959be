"""Interpreters that end with work in flight. Each scene begins its work, waits for a random moment and returns."""

import asyncio
import random
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from importlib import import_module
from typing import Any

from dataflow import DataFlow, DataFlowError, Table
from tests.runtime.programs.stage import Item, open_database, say, use_database

Scene = Callable[[DataFlow, Table[Item]], None]
LOOPS: list[asyncio.AbstractEventLoop] = []
KEPT: list[object] = []


def work_on(items: Table[Item], turns: int = 1_000_000) -> None:
    """Writes and reads until DataFlow says that it is over."""
    try:
        for turn in range(turns):
            items.create(name=f"row {turn}")
            len(items.list())
    except DataFlowError as error:
        assert error.kind in ("Cancelled", "Closed"), error


def start_threads(target: Callable[[], None], *, daemon: bool) -> None:
    for _ in range(12):
        threading.Thread(target=target, daemon=daemon).start()


def daemon_threads(db: DataFlow, items: Table[Item]) -> None:
    start_threads(lambda: work_on(items), daemon=True)


def threads(db: DataFlow, items: Table[Item]) -> None:
    start_threads(lambda: work_on(items, 20), daemon=False)


def threads_in_transactions(db: DataFlow, items: Table[Item]) -> None:
    def work() -> None:
        try:
            while True:
                with db.transaction():
                    work_on(items, 3)
        except DataFlowError:
            return

    start_threads(work, daemon=True)


def open_transaction(db: DataFlow, items: Table[Item]) -> None:
    KEPT.append(transaction := db.transaction())
    transaction.__enter__()
    items.create(name="in doubt")


def cancelled_tasks(db: DataFlow, items: Table[Item]) -> None:
    async def work() -> None:
        while True:
            await items.acreate(name="row")

    async def main() -> None:
        KEPT.extend(asyncio.create_task(work()) for _ in range(20))
        await asyncio.sleep(random.uniform(0, 0.05))

    asyncio.run(main())


def run_a_little(work: Coroutine[Any, Any, object]) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    LOOPS.append(loop)
    KEPT.append(loop.create_task(work))
    loop.run_until_complete(asyncio.sleep(random.uniform(0, 0.02)))
    return loop


def stopped_loop(db: DataFlow, items: Table[Item]) -> None:
    """The loop stands still and is neither closed nor is its task ended."""
    run_a_little(items.alist())


def closed_loop(db: DataFlow, items: Table[Item]) -> None:
    run_a_little(items.acreate(name="row")).close()


def operation_never_begun(db: DataFlow, items: Table[Item]) -> None:
    KEPT.append(items._count(None, False))


def slow_observers(db: DataFlow, items: Table[Item]) -> None:
    for kind in ("statement", "transaction", "rows_changed", "pool"):
        db.on(kind, lambda event: time.sleep(0.005))
    work_on(items, 10)
    daemon_threads(db, items)


def observers_that_use_it(db: DataFlow, items: Table[Item]) -> None:
    def count(event: object) -> None:
        try:
            items.count()
        except DataFlowError as error:
            assert error.kind in ("Cancelled", "Closed"), error

    db.on("rows_changed", count)
    work_on(items, 5)


def bulk_in_a_thread(db: DataFlow, items: Table[Item]) -> None:
    def load() -> None:
        try:
            items.bulk_create([{"name": f"row {number}"} for number in range(50_000)])
        except DataFlowError as error:
            assert error.kind in ("Cancelled", "Closed"), error

    threading.Thread(target=load, daemon=True).start()


def slow_producer_in_a_thread(db: DataFlow, items: Table[Item]) -> None:
    """DataFlow reads an Arrow stream that is a Python generator and sleeps."""
    pa = import_module("pyarrow")
    batch = pa.record_batch({"name": ["row"]})
    began = threading.Event()

    def batches() -> Iterator[Any]:
        while True:
            began.set()
            time.sleep(0.5)
            yield batch

    def load() -> None:
        try:
            items.bulk_create(pa.RecordBatchReader.from_batches(batch.schema, batches()))
        except DataFlowError as error:
            assert error.kind in ("Cancelled", "Closed"), error

    threading.Thread(target=load, daemon=True).start()
    began.wait()


def unused(db: DataFlow, items: Table[Item]) -> None:
    """Nothing is under way."""


def exit_code(db: DataFlow, items: Table[Item]) -> None:
    daemon_threads(db, items)
    say("leaving")
    sys.exit(3)


def uncaught(db: DataFlow, items: Table[Item]) -> None:
    daemon_threads(db, items)
    say("leaving")
    raise RuntimeError("on purpose")


def waits_for_a_lock(url: str) -> None:
    """A thread, and a task of a loop that stands still, wait for the lock of another session."""
    _, items = use_database(url)
    say("used")
    assert sys.stdin.readline()
    threading.Thread(target=lambda: work_on(items), daemon=True).start()
    run_a_little(items.acreate(name="row"))
    say("waiting")
    assert sys.stdin.readline()


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        bulk_in_a_thread,
        cancelled_tasks,
        closed_loop,
        daemon_threads,
        exit_code,
        observers_that_use_it,
        open_transaction,
        operation_never_begun,
        slow_observers,
        slow_producer_in_a_thread,
        stopped_loop,
        threads,
        threads_in_transactions,
        uncaught,
        unused,
    )
}

if __name__ == "__main__":
    name, url, seed = sys.argv[1:]
    random.seed(int(seed))
    if name == "waits_for_a_lock":
        waits_for_a_lock(url)
    else:
        opened = (open_database if name == "unused" else use_database)(url)
        SCENES[name](*opened)
        time.sleep(random.uniform(0, 0.1))
    say("leaving")
