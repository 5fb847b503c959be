"""The control: psycopg with the pool people write themselves, which takes a cancelled connection back as it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import psycopg

from tests.faults.client import expect
from tests.faults.marked import TABLE, seeds
from tests.faults.storm import POOL_SIZE
from tests.faults.verdict import Attempt

INSERT = f"INSERT INTO {TABLE} (nonce, part) VALUES (%s, %s) RETURNING nonce, part"
COUNT = f"SELECT count(*) FROM {TABLE} WHERE nonce = %s"
READ = f"SELECT part FROM {TABLE} WHERE nonce = %s"


class BareClient:
    """Each action is one transaction, committed at its end; whoever is cancelled believes that nothing happened."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: asyncio.Queue[psycopg.AsyncConnection] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        for _ in range(POOL_SIZE):
            self._free.put_nowait(await psycopg.AsyncConnection.connect(self._url))
        return self

    async def __aexit__(self, *_: object) -> None:
        while not self._free.empty():
            await self._free.get_nowait().close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        connection = await self._free.get()
        try:
            yield connection
        finally:
            if connection.closed:  # what psycopg does when it is cancelled twice
                connection = await psycopg.AsyncConnection.connect(self._url)
            self._free.put_nowait(connection)

    async def create(self, attempt: Attempt) -> None:
        await self._write(attempt, [0])

    async def bulk(self, attempt: Attempt) -> None:
        await self._write(attempt, sorted(attempt.parts))

    async def pair(self, attempt: Attempt) -> None:
        await self._write(attempt, [0, 1])

    async def savepoint(self, attempt: Attempt) -> None:
        await self._write(attempt, [0, 2])

    async def read(self, attempt: Attempt) -> None:
        async with self._connection() as connection:
            cursor = await connection.execute(READ, [attempt.nonce])
            expect(sorted(part for (part,) in await cursor.fetchall()), sorted(seeds(attempt.nonce)))
            await connection.commit()

    async def count(self, attempt: Attempt) -> None:
        async with self._connection() as connection:
            cursor = await connection.execute(COUNT, [attempt.nonce])
            expect(await cursor.fetchone(), (len(seeds(attempt.nonce)),))
            await connection.commit()

    async def _write(self, attempt: Attempt, parts: list[int]) -> None:
        async with self._connection() as connection:
            for part in parts:
                cursor = await connection.execute(INSERT, [attempt.nonce, part])
                expect(await cursor.fetchone(), (attempt.nonce, part))
            await connection.commit()
