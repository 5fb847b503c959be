"""The calls of a storm, made by DataFlow. Each marks its attempt and returns only what it was given."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from tests.faults.marked import Flow, seeds
from tests.faults.verdict import Attempt

BULK_ROWS = 200
PARTS = {
    "create": frozenset({0}),
    "read": frozenset[int](),
    "count": frozenset[int](),
    "bulk": frozenset(range(BULK_ROWS)),
    "pair": frozenset({0, 1}),
    "savepoint": frozenset({0, 2}),
}


class Foreign(AssertionError):
    """An answer was not the caller's own."""


class Undo(Exception):
    """Ends a savepoint without keeping it."""


class Client(Protocol):
    """One method for each action in PARTS."""

    async def create(self, attempt: Attempt) -> None: ...
    async def read(self, attempt: Attempt) -> None: ...
    async def count(self, attempt: Attempt) -> None: ...
    async def bulk(self, attempt: Attempt) -> None: ...
    async def pair(self, attempt: Attempt) -> None: ...
    async def savepoint(self, attempt: Attempt) -> None: ...


def call(client: Client, attempt: Attempt) -> Awaitable[None]:
    method: Callable[[Attempt], Awaitable[None]] = getattr(client, attempt.action)
    return method(attempt)


def expect(answer: object, wanted: object) -> None:
    if answer != wanted:
        raise Foreign(f"{str(answer)[:120]} instead of {str(wanted)[:120]}")


class DataFlowClient:
    """The calls through `db.table`, awaited."""

    def __init__(self, flow: Flow) -> None:
        self.db, self.table = flow

    async def create(self, attempt: Attempt) -> None:
        attempt.committing = True
        await self._write(attempt.nonce, 0)

    async def read(self, attempt: Attempt) -> None:
        await self._read(attempt.nonce, [])

    async def count(self, attempt: Attempt) -> None:
        expect(await self.table.acount({"nonce": attempt.nonce}), len(seeds(attempt.nonce)))

    async def bulk(self, attempt: Attempt) -> None:
        attempt.committing = True
        result = await self.table.abulk_create([{"nonce": attempt.nonce, "part": part} for part in attempt.parts])
        expect(result["inserted"], len(attempt.parts))

    async def pair(self, attempt: Attempt) -> None:
        async with self.db.transaction():
            await self._write(attempt.nonce, 0)
            await self._read(attempt.nonce, [0])
            await self._write(attempt.nonce, 1)
            attempt.committing = True

    async def savepoint(self, attempt: Attempt) -> None:
        async with self.db.transaction():
            await self._write(attempt.nonce, 0)
            try:
                async with self.db.transaction():
                    await self._write(attempt.nonce, 1)
                    raise Undo
            except Undo:
                await self._write(attempt.nonce, 2)
            attempt.committing = True

    async def _write(self, nonce: int, part: int) -> None:
        row = await self.table.acreate(nonce=nonce, part=part)
        expect((row.nonce, row.part), (nonce, part))

    async def _read(self, nonce: int, written: list[int]) -> None:
        rows = await self.table.alist({"nonce": nonce})
        expect(sorted((row.nonce, row.part) for row in rows), sorted((nonce, part) for part in seeds(nonce) + written))
