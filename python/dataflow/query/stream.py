"""Rows one after the other, of which no more are in memory than a chunk holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from dataflow.query.bridge import aend, arun, run
from dataflow.query.result import Rows

if TYPE_CHECKING:
    from types import AsyncGeneratorType, TracebackType

    from dataflow import _core

__all__ = ["AsyncReader", "AsyncRowStream", "Reader", "RowStream"]

_T = TypeVar("_T")


class Reader(chain[_T]):
    """The one reader of a stream. Where it ends before the rows do, reading on raises `TransactionStateError`."""

    _rows: Generator[_T]

    @classmethod
    def _of(cls, rows: Generator[_T], stream: _core.RowStream) -> Reader[_T]:
        def end() -> _T | None:
            run(stream.next())
            return None

        # A generator that has failed ends without a word: behind it the stream tells whether it was at its end.
        reader = cls(rows, iter(end, None))
        reader._rows = rows
        return reader

    def close(self) -> None:
        """Ends the stream."""
        self._rows.close()


class AsyncReader(AsyncIterator[_T]):
    """The one reader of a stream. Where it ends before the rows do, reading on raises `TransactionStateError`."""

    def __init__(self, rows: AsyncGenerator[_T], stream: _core.RowStream) -> None:
        self._rows, self._stream = cast("AsyncGeneratorType[_T, None]", rows), stream

    def __aiter__(self) -> AsyncReader[_T]:
        return self

    def __anext__(self) -> Awaitable[_T]:
        # A generator that has failed ends without a word.
        return self._end() if self._rows.ag_frame is None else self._rows.__anext__()

    async def _end(self) -> _T:
        await arun(self._stream.next())
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends the stream."""
        await self._rows.aclose()


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
    copy, each when it is asked for. It has one reader, once. Leaving the loop ends it, and so does the end of a `with`
    block: its connection is free again then, and who reads on gets a `TransactionStateError` instead of an end.
    """

    def __iter__(self) -> Reader[_T]:
        self._stream.claim()
        return Reader._of(self._read_rows(), self._stream)

    def chunks(self) -> Reader[Rows[_T]]:
        """The rows in chunks of some MiB, in every form that `Rows` has.

        Raises:
            TransactionStateError: The stream has a reader already. While it is read: it was closed before its end.
        """
        self._stream.claim()
        return Reader._of(self._read_chunks(), self._stream)

    def close(self) -> None:
        """Ends it: who reads on gets an error. What is open in a transaction of the caller stays open."""
        run(self._stream.close())

    def _read_rows(self) -> Generator[_T]:
        for rows in self._read_chunks():
            yield from rows

    def _read_chunks(self) -> Generator[Rows[_T]]:
        try:
            while (batch := run(self._stream.next())) is not None:
                yield Rows(batch, self._cls)
        finally:
            self.close()

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
    """Rows as they are read: `async for row in table.astream():`. It has one reader, once.

    A loop that is left ends it soon, as asyncio does with generators; the end of an `async with` block at once.
    """

    def __aiter__(self) -> AsyncReader[_T]:
        self._stream.claim()
        return AsyncReader(self._read_rows(), self._stream)

    def chunks(self) -> AsyncReader[Rows[_T]]:
        """The rows in chunks of some MiB, in every form that `Rows` has.

        Raises:
            TransactionStateError: The stream has a reader already. While it is read: it was closed before its end.
        """
        self._stream.claim()
        return AsyncReader(self._read_chunks(), self._stream)

    async def aclose(self) -> None:
        """Ends it: who reads on gets an error. What is open in a transaction of the caller stays open."""
        await aend(self._stream.close())

    async def _read_rows(self) -> AsyncGenerator[_T]:
        try:
            async for rows in self._read_chunks():
                for row in rows:
                    yield row
        finally:
            await self.aclose()

    async def _read_chunks(self) -> AsyncGenerator[Rows[_T]]:
        try:
            while (batch := await arun(self._stream.next())) is not None:
                yield Rows(batch, self._cls)
        finally:
            await self.aclose()

    async def __aenter__(self) -> AsyncRowStream[_T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
