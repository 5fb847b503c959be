"""Rows one after the other, of which no more are in memory than a chunk holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dataflow.query.bridge import aend, arun, run
from dataflow.query.result import Rows

if TYPE_CHECKING:
    from types import TracebackType

    from dataflow import _core

__all__ = ["AsyncRowStream", "RowStream"]

_T = TypeVar("_T")


class _Stream(Generic[_T]):
    """What both colours have: it is read once, by one reader."""

    def __init__(self, stream: _core.RowStream, cls: type[_T]) -> None:
        self._stream = stream
        self._cls = cls

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._cls.__name__}>"


class RowStream(_Stream[_T]):
    """Rows as they are read: `for row in table.stream():`. Whoever takes Arrow takes it too.

    `pyarrow.RecordBatchReader.from_stream(stream)`, `polars.DataFrame(stream)` and DuckDB read its batches without a
    copy, each when it is asked for. It is read once. Leaving the loop ends it, and so does the end of a `with` block:
    its connection is free again then.
    """

    def __iter__(self) -> Generator[_T]:
        for rows in self.chunks():
            yield from rows

    def chunks(self) -> Generator[Rows[_T]]:
        """The rows in chunks of some MiB, in every form that `Rows` has."""
        try:
            while (batch := run(self._stream.next())) is not None:
                yield Rows(batch, self._cls)
        finally:
            self.close()

    def close(self) -> None:
        """Ends it. What is open in a transaction of the caller stays open."""
        run(self._stream.close())

    def __enter__(self) -> RowStream[_T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._stream.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> Any:
        return self._stream.__arrow_c_schema__()


class AsyncRowStream(_Stream[_T]):
    """Rows as they are read: `async for row in table.astream():`. It is read once.

    A loop that is left ends it soon, as asyncio does with generators; the end of an `async with` block at once.
    """

    async def __aiter__(self) -> AsyncGenerator[_T]:
        try:
            async for rows in self.chunks():
                for row in rows:
                    yield row
        finally:
            await self.aclose()

    async def chunks(self) -> AsyncGenerator[Rows[_T]]:
        """The rows in chunks of some MiB, in every form that `Rows` has."""
        try:
            while (batch := await arun(self._stream.next())) is not None:
                yield Rows(batch, self._cls)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Ends it. What is open in a transaction of the caller stays open."""
        await aend(self._stream.close())

    async def __aenter__(self) -> AsyncRowStream[_T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
