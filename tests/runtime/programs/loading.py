"""Loads numbered rows in small chunks, under a load id or without one, until it is done or killed."""

from collections.abc import Iterator
from typing import Any

from tests.faults.marked import open_flow
from tests.runtime.programs.stage import play, say

CHUNK = 10


def rows(nonce: int, count: int) -> Iterator[dict[str, Any]]:
    """Told to the test once the first chunk is on its way: a kill before it would meet nothing."""
    for part in range(count):
        if part == 2 * CHUNK:
            say("begun")
        yield {"nonce": nonce, "part": part}


def load(url: str, nonce: str, count: str, load_id: str | None = None) -> None:
    flow = open_flow(url)
    with flow.db:
        flow.table.count()
        flow.table.bulk_create(rows(int(nonce), int(count)), chunk_rows=CHUNK, atomic=False, load_id=load_id)
    say("done")


if __name__ == "__main__":
    play({"named": lambda url, nonce, count: load(url, nonce, count, f"load {nonce}"), "nameless": load})
