"""The control: psycopg with the pool people write themselves, which takes a cancelled connection back as it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import psycopg

from tests.faults.client import READS, expect
from tests.faults.marked import TABLE, gone, is_row, seed_id, seeds
from tests.faults.storm import POOL_SIZE
from tests.faults.verdict import Attempt

INSERT = f"INSERT INTO {TABLE} (nonce, part) VALUES (%s, %s) RETURNING nonce, part"
DELETE = f"DELETE FROM {TABLE} WHERE id = %s"
READ = f"SELECT part FROM {TABLE} WHERE nonce = %s"


class BareClient:
    """Each action is one transaction of deletes and inserts; whoever is cancelled believes that nothing happened."""

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

    async def call(self, attempt: Attempt) -> None:
        async with self._connection() as connection:
            if attempt.action in READS:
                cursor = await connection.execute(READ, [attempt.nonce])
                expect(sorted(part for (part,) in await cursor.fetchall()), sorted(seeds(attempt.nonce)))
            for seed in seeds(attempt.nonce):
                if gone(seed) in attempt.parts:
                    await connection.execute(DELETE, [seed_id(attempt.nonce, seed)])
            for part in sorted(filter(is_row, attempt.parts)):
                cursor = await connection.execute(INSERT, [attempt.nonce, part])
                expect(await cursor.fetchone(), (attempt.nonce, part))
            await connection.commit()
