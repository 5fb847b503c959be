"""The pieces in which rows are written: cut by their number, or by the memory they take.

A source is asked for a piece when the one before is written. What is in memory anyway is read while that is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from dataflow.errors import DataFlowError, UnsupportedDataError
from dataflow.query.bridge import Awaited, Beside, Steps
from dataflow.query.input import has_columns
from dataflow.query.source import PIECE_ROWS, Items, Stream

if TYPE_CHECKING:
    from dataflow import _core

__all__ = ["Pieces"]

_T = TypeVar("_T")

# A piece ends with the row or byte that reaches its number, unless the rows of one were chosen by the caller.
_BYTES = 32 << 20
_UNBOUNDED = 1 << 62
# Items taken from an asynchronous source between two looks at how full the piece is.
_ITEMS = 100


class Pieces:
    """The pieces of a source."""

    def __init__(
        self,
        table: _core.Table,
        source: Stream | Items,
        rows: int | None,
        load: _core.Load | None,
        *,
        keys: bool,
        defaults: bool,
        tolerates: bool | None,
    ) -> None:
        limits = (PIECE_ROWS, _BYTES) if rows is None else (rows, _UNBOUNDED)
        self._source = source
        self._given: Iterator[Any] = iter(())
        # What came of reading ahead: the next piece, or why there is none.
        self._ahead: _core.Piece | Exception | None = None
        if isinstance(source, Stream):
            self._stream = table.stream(source.data, *limits, keys, defaults, load)
        else:
            self._buffer = table.buffer(source.convert, *limits, keys, defaults, tolerates, load)

    def next(self) -> Steps[_core.Piece]:
        """The next one; only the first and the last may be without rows."""
        if isinstance(self._source, Stream):
            return (yield self._stream.next())  # type: ignore[no-any-return]
        items = self._source.items
        ahead, self._ahead = self._ahead, None
        if isinstance(ahead, Exception):
            raise ahead
        if ahead is not None:
            return ahead
        if not isinstance(items, AsyncIterator):
            return self._buffer.take(self._buffer.fill(items))
        while self._buffer.fill(self._given):
            most = min(_ITEMS, self._buffer.room)
            given = yield Awaited(partial(_collect, items, most), _refusal(items))
            if not given:
                return self._buffer.take(True)
            self._given = iter(given)
        return self._buffer.take(False)

    def beside(self, operation: _core.Operation[_T], piece: _core.Piece) -> _core.Operation[_T] | Beside:
        """The step that writes a piece, and reads the next one where nobody sees when that is done."""
        # A piece that is written again has its next one already.
        known = piece.ended or self._ahead is not None
        if known or not (isinstance(self._source, Items) and self._source.in_memory):
            return operation
        return Beside(operation, partial(self._read_ahead, self._source.items))

    def _read_ahead(self, items: Any) -> None:
        try:
            self._ahead = self._buffer.take(self._buffer.fill(items))
        except Exception as error:
            # It is told when the piece is asked for: what became of the one before goes first.
            self._ahead = error


async def _collect(items: AsyncIterator[Any], most: int) -> list[Any]:
    given: list[Any] = []
    async for item in items:
        given.append(item)
        if len(given) == most or (type(item) is not dict and has_columns(item)):
            break
    return given


def _refusal(items: object) -> DataFlowError:
    hint = "await the call's twin, e.g. `await table.abulk_create(rows)`, or run the node by AsyncLocalRuntime"
    return UnsupportedDataError(f"a blocking call cannot wait for {type(items).__name__}", path="data", hint=hint)
