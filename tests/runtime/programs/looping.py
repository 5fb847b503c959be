"""What could crash or stand still for good: closed loops, and observers that call back."""

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable

from dataflow import DataFlow, Table
from tests.runtime.programs.stage import Item, listen, play, say, tell_story, use_database

LONGEST_STALL_S = 2
KINDS = ("statement", "transaction", "rows_changed", "pool")


def close_loop_in_flight(url: str) -> None:
    """Twenty loops are closed while an operation of each waits for a lock."""
    db, items = use_database(url, pool_size=25, connect_timeout=5)
    say("used")
    listen("call")
    for _ in range(20):
        loop = asyncio.new_event_loop()
        task = loop.create_task(items.acreate(name="row"))
        loop.run_until_complete(asyncio.sleep(0.005))
        loop.close()
        # asyncio tells of a pending task that is collected; that is the caller's own doing.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        del task, loop
        gc.collect()
    say("closed")
    listen("again")
    deadline = time.monotonic() + 5
    while (status := db.pool_status())["open"] != status["idle"] and time.monotonic() < deadline:
        time.sleep(0.01)
    tell_story({"open": status["open"], "idle": status["idle"], "count": items.count()})


class Watch:
    """When each thread was last seen; the longest time between two signs of life."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.turns = 0
        self._seen: dict[str, float] = {}

    def seen(self) -> None:
        name, now = threading.current_thread().name, time.monotonic()
        self.longest_s = max(self.longest_s, now - self._seen.get(name, now))
        self._seen[name] = now
        self.turns += 1

    def check(self) -> None:
        now = time.monotonic()
        for name, seen in dict(self._seen).items():
            if now - seen > LONGEST_STALL_S:
                say(f"{name} stands still for {now - seen:.1f} s")
                sys.exit(1)


def calls_back(url: str, seconds: str) -> None:
    """Eight threads in the blocking API while observers call the same API from the thread of events."""
    db, items = use_database(url, pool_size=4)
    watch, over, told = Watch(), threading.Event(), [0]

    def observe(event: dict[str, object]) -> None:
        told[0] += 1
        if told[0] % 20 == 0:
            items.count()
            db.pool_status()

    for kind in KINDS:
        db.on(kind, observe)
    threads = [threading.Thread(target=work, args=(db, items, watch, over), name=f"worker {n}") for n in range(8)]
    for thread in threads:
        thread.daemon = True  # a deadlock must not keep the program
        thread.start()
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        time.sleep(0.05)
        watch.check()
    over.set()
    for thread in threads:
        thread.join(LONGEST_STALL_S)
    for kind in KINDS:
        db.off(kind, observe)
    time.sleep(0.2)  # for the observer that is at it: an exit with one at work is another test
    alive = sum(thread.is_alive() for thread in threads)
    tell_story({"turns": watch.turns, "longest_s": watch.longest_s, "told": told[0], "alive": alive})


def work(db: DataFlow, items: Table[Item], watch: Watch, over: threading.Event) -> None:
    while not over.is_set():
        watch.seen()
        made = items.create(name="row")
        assert items.read(made.id) == made
        with db.transaction():
            items.bulk_create([{"name": "a"}, {"name": "b"}])
            items.count()


if __name__ == "__main__":
    scenes: dict[str, Callable[..., None]] = {"calls_back": calls_back, "close_loop_in_flight": close_loop_in_flight}
    play(scenes)
