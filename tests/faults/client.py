"""The calls of a storm, made by DataFlow. Each marks its attempt and returns only what it was given."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from tests.faults.marked import Flow, gone, seed_id, seeds
from tests.faults.verdict import Attempt

# On MariaDB a LOAD DATA.
BULK_ROWS = 600
MERGED_ROWS = 50


def all_gone(nonce: int) -> frozenset[int]:
    return frozenset(gone(seed) for seed in seeds(nonce))


# What is left of the nonce when all of the action was done. First the eleven operations, then transactions of several.
PARTS: dict[str, Callable[[int], frozenset[int]]] = {
    "create": lambda nonce: frozenset({0}),
    "read": lambda nonce: frozenset(),
    "update": lambda nonce: frozenset({0, gone(-1)}),
    "delete": lambda nonce: frozenset({gone(-1)}),
    "list": lambda nonce: frozenset(),
    "upsert": lambda nonce: frozenset({0, gone(-1)}),
    "count": lambda nonce: frozenset(),
    "bulk_create": lambda nonce: frozenset(range(BULK_ROWS)),
    "bulk_update": lambda nonce: frozenset({0, gone(-1)}),
    "bulk_update_rows": lambda nonce: frozenset(range(len(seeds(nonce)))) | all_gone(nonce),
    "bulk_delete": all_gone,
    "bulk_delete_keys": all_gone,
    "bulk_upsert": lambda nonce: frozenset(range(MERGED_ROWS)) | all_gone(nonce),
    "pair": lambda nonce: frozenset({0, 1}),
    "savepoint": lambda nonce: frozenset({0, 2}),
    "change": lambda nonce: frozenset({0, 1, 2, gone(-1)}),
}
READS = frozenset({"read", "list", "count"})


class Foreign(AssertionError):
    """An answer was not the caller's own."""


class Undo(Exception):
    """Ends a savepoint without keeping it."""


class Client(Protocol):
    """What makes the call of an attempt, by its action."""

    async def call(self, attempt: Attempt) -> None: ...


def expect(answer: object, wanted: object) -> None:
    if answer != wanted:
        raise Foreign(f"{str(answer)[:120]} instead of {str(wanted)[:120]}")


def merged_rows(nonce: int) -> list[dict[str, Any]]:
    """Each seed with a new part, then rows that were not there."""
    known = [{"id": seed_id(nonce, seed), "nonce": nonce, "part": -1 - seed} for seed in seeds(nonce)]
    return known + [{"nonce": nonce, "part": part} for part in range(len(known), MERGED_ROWS)]


class DataFlowClient:
    """The calls through `db.table`, awaited."""

    def __init__(self, flow: Flow) -> None:
        self.db, self.table = flow

    async def call(self, attempt: Attempt) -> None:
        action: Callable[[Attempt], Awaitable[None]] = getattr(self, f"_{attempt.action}")
        # An operation commits by itself; a transaction says when it is about to.
        attempt.committing = attempt.action not in READS | {"pair", "savepoint", "change"}
        await action(attempt)

    async def _create(self, attempt: Attempt) -> None:
        await self._add(attempt.nonce, 0)

    async def _read(self, attempt: Attempt) -> None:
        row = await self.table.aread(seed_id(attempt.nonce, -1))
        expect((row.nonce, row.part), (attempt.nonce, -1))

    async def _update(self, attempt: Attempt) -> None:
        row = await self.table.aupdate(seed_id(attempt.nonce, -1), {"part": 0})
        expect((row.nonce, row.part), (attempt.nonce, 0))

    async def _delete(self, attempt: Attempt) -> None:
        expect(await self.table.adelete({"nonce": attempt.nonce, "part": -1}), 1)

    async def _list(self, attempt: Attempt) -> None:
        await self._see(attempt.nonce, [])

    async def _upsert(self, attempt: Attempt) -> None:
        row = await self.table.aupsert(merged_rows(attempt.nonce)[0])
        expect((row.nonce, row.part), (attempt.nonce, 0))

    async def _count(self, attempt: Attempt) -> None:
        expect(await self.table.acount({"nonce": attempt.nonce}), len(seeds(attempt.nonce)))

    async def _bulk_create(self, attempt: Attempt) -> None:
        result = await self.table.abulk_create([{"nonce": attempt.nonce, "part": part} for part in range(BULK_ROWS)])
        expect(result["inserted"], BULK_ROWS)

    async def _bulk_update(self, attempt: Attempt) -> None:
        result = await self.table.abulk_update({"nonce": attempt.nonce, "part": -1}, {"part": 0})
        expect(result["updated"], 1)

    async def _bulk_update_rows(self, attempt: Attempt) -> None:
        rows = merged_rows(attempt.nonce)[: len(seeds(attempt.nonce))]
        expect((await self.table.abulk_update(data=rows))["updated"], len(rows))

    async def _bulk_delete(self, attempt: Attempt) -> None:
        result = await self.table.abulk_delete({"nonce": attempt.nonce})
        expect(result["deleted"], len(seeds(attempt.nonce)))

    async def _bulk_delete_keys(self, attempt: Attempt) -> None:
        keys = [seed_id(attempt.nonce, seed) for seed in seeds(attempt.nonce)]
        expect((await self.table.abulk_delete(keys=keys))["deleted"], len(keys))

    async def _bulk_upsert(self, attempt: Attempt) -> None:
        result, known = await self.table.abulk_upsert(merged_rows(attempt.nonce)), len(seeds(attempt.nonce))
        expect((result["updated"], result["inserted"]), (known, MERGED_ROWS - known))

    async def _pair(self, attempt: Attempt) -> None:
        async with self.db.transaction():
            await self._add(attempt.nonce, 0)
            await self._see(attempt.nonce, [0])
            await self._add(attempt.nonce, 1)
            attempt.committing = True

    async def _savepoint(self, attempt: Attempt) -> None:
        async with self.db.transaction():
            await self._add(attempt.nonce, 0)
            try:
                async with self.db.transaction():
                    await self._add(attempt.nonce, 1)
                    raise Undo
            except Undo:
                await self._add(attempt.nonce, 2)
            attempt.committing = True

    async def _change(self, attempt: Attempt) -> None:
        """An update that stays and a delete that does not; a merge of rows that are there and that are not."""
        row = merged_rows(attempt.nonce)[0]
        async with self.db.transaction():
            await self._update(attempt)
            try:
                async with self.db.transaction():
                    await self.table.adelete(row["id"])
                    raise Undo
            except Undo:
                more = [{"nonce": attempt.nonce, "part": part} for part in (1, 2)]
                result = await self.table.abulk_upsert([row, *more])
                expect((result["unchanged"], result["inserted"]), (1, 2))
            attempt.committing = True

    async def _add(self, nonce: int, part: int) -> None:
        row = await self.table.acreate(nonce=nonce, part=part)
        expect((row.nonce, row.part), (nonce, part))

    async def _see(self, nonce: int, written: list[int]) -> None:
        rows = await self.table.alist({"nonce": nonce})
        expect(sorted((row.nonce, row.part) for row in rows), sorted((nonce, part) for part in seeds(nonce) + written))
