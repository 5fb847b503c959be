"""A call that Ctrl-C meets in the middle: it says when and how it was interrupted, and then uses the database again."""

import asyncio
import io
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from typing import Any

from dataflow import DataFlow, LoadProgress, Table
from tests.runtime.programs.stage import Item, listen, play, say, say_when, say_when_in_use, tell_story, use_database

Call = Callable[[DataFlow, Table[Item]], object]


def interrupt(url: str, call: Call) -> None:
    db, items = use_database(url)
    if call in BUSY:
        pyarrow()
    say("used")
    listen("call")
    if call not in BUSY:
        say_when_in_use(db, "waiting")
    say("calling")
    try:
        call(db, items)
        story: dict[str, object] = {"interrupted": False}
    except KeyboardInterrupt as signal:
        story = {"interrupted": True, "outcome": outcome_of(signal)}
    story["at"] = time.monotonic()  # the clock of the machine: the test reads the same
    say(json.dumps(story))
    say("interrupted")
    listen("again")
    before = items.count()
    items.create(name="again")
    with db.transaction():
        items.create(name="once more")
    tell_story(story | {"before": before, "after": items.count()})


def pyarrow() -> Any:
    """Imported by the scenes that need it: it takes longer than the rest of the program."""
    return import_module("pyarrow")


def outcome_of(signal: KeyboardInterrupt) -> object:
    """asyncio.run makes the KeyboardInterrupt itself, out of the CancelledError that we raised."""
    known = signal if hasattr(signal, "outcome") else signal.__context__
    return getattr(known, "outcome", "not told")


def create(db: DataFlow, items: Table[Item]) -> None:
    items.create(name="second")


def bulk_create(db: DataFlow, items: Table[Item]) -> None:
    items.bulk_create([{"name": f"row {number}"} for number in range(1000)])


def transaction(db: DataFlow, items: Table[Item]) -> None:
    with db.transaction():
        items.create(name="second")


def nested_transaction(db: DataFlow, items: Table[Item]) -> None:
    with db.transaction(), db.transaction():
        items.create(name="second")


def asynchronous(db: DataFlow, items: Table[Item]) -> None:
    asyncio.run(items.acreate(name="second"))


def asynchronous_transaction(db: DataFlow, items: Table[Item]) -> None:
    async def main() -> None:
        async with db.transaction():
            await items.acreate(name="second")

    asyncio.run(main())


def synchronous_in_a_loop(db: DataFlow, items: Table[Item]) -> None:
    """asyncio.run takes the first Ctrl-C for itself, as it does from any call that blocks its loop."""

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        say_when(lambda: task.cancelling() > 0, "taken by asyncio")
        items.create(name="second")

    asyncio.run(main())


class Screen(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO())

    def isatty(self) -> bool:
        return True


def load_of_what_is_drawn(db: DataFlow, items: Table[Item]) -> None:
    """Drawn anew again and again, by a thread too."""
    sys.stderr = Screen()

    def rows() -> Iterator[dict[str, object]]:
        for number in itertools.count():
            if number == 2_000:
                say("handed over")
            yield {"name": "row"}

    items.bulk_create(rows(), chunk_rows=100, progress=True)


def load_of_arrow(db: DataFlow, items: Table[Item]) -> None:
    """Much to send: the server is busy, not blocked."""
    rows = pyarrow().concat_tables([pyarrow().table({"name": ["some row"] * 100_000})] * 30)
    say("handed over")
    items.bulk_create(rows)


def load_of_dicts(db: DataFlow, items: Table[Item]) -> None:
    """Much to read while what was read before is sent."""

    def tell(progress: LoadProgress) -> None:
        if progress.pieces == 1:
            say("handed over")

    items.bulk_create([{"name": "row"}] * 12_000_000, progress=tell)


def load_of_a_generator(db: DataFlow, items: Table[Item]) -> None:
    """Rows without an end, of which some pieces are written when the signal comes."""

    def rows() -> Iterator[dict[str, object]]:
        for number in itertools.count():
            if number == 150_000:
                say("handed over")
            yield {"name": "row"}

    items.bulk_create(rows())


def load_of_an_asynchronous_generator(db: DataFlow, items: Table[Item]) -> None:
    async def rows() -> AsyncIterator[dict[str, object]]:
        for number in itertools.count():
            if number == 150_000:
                say("handed over")
            yield {"name": "row"}

    asyncio.run(items.abulk_create(rows()))


def load_from_a_slow_producer(db: DataFlow, items: Table[Item]) -> None:
    """An Arrow stream that is Python and takes its time."""

    def batches() -> Iterator[Any]:
        for _ in range(4):
            time.sleep(0.7)
            yield pyarrow().record_batch({"name": ["row"]})

    schema = pyarrow().schema({"name": pyarrow().string()})
    items.bulk_create(pyarrow().RecordBatchReader.from_batches(schema, batches()))


def load_from_a_slow_iterator(db: DataFlow, items: Table[Item]) -> None:
    def rows() -> Iterator[dict[str, object]]:
        for _ in range(40):
            time.sleep(0.1)
            yield {"name": "row"}

    items.bulk_create(rows())


BLOCKED = (
    asynchronous,
    asynchronous_transaction,
    bulk_create,
    create,
    nested_transaction,
    transaction,
)
BUSY = (
    load_from_a_slow_iterator,
    load_from_a_slow_producer,
    load_of_a_generator,
    load_of_an_asynchronous_generator,
    load_of_arrow,
    load_of_dicts,
    load_of_what_is_drawn,
)


def scene(call: Call) -> Callable[[str], None]:
    return lambda url: interrupt(url, call)


if __name__ == "__main__":
    sys.setswitchinterval(0.001)
    play({call.__name__: scene(call) for call in (*BLOCKED, *BUSY, synchronous_in_a_loop)})
