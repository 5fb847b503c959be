"""A bulk write on its way: rows are cut into pieces, and each is written before the next is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dataflow import _core
from dataflow._spelling import not_built
from dataflow.errors import DataFlowError, InvalidOptionError, TransactionStateError, UnsupportedDataError
from dataflow.query.activity import current
from dataflow.query.bridge import Awaited, Steps
from dataflow.query.input import has_columns
from dataflow.query.progress import Reporter
from dataflow.query.source import Items, Stream, Whole
from dataflow.query.together import together

if TYPE_CHECKING:
    from dataflow.query.activity import Labels

    _Caller: TypeAlias = tuple[_core.Transaction | None, str | None, int | None, Labels | None]

__all__ = ["Job", "Written", "load"]

# Counts, the rows and their outcomes where they were asked for, and whether the load had happened before.
Written: TypeAlias = tuple[dict[str, int], "_core.Batch | None", "_core.Outcomes | None", bool]

# A piece ends with the row that reaches one of them, unless its rows were chosen by the caller.
_ROWS = 65_536
_BYTES = 32 << 20
_UNBOUNDED = 1 << 62
# Items taken from an asynchronous source between two looks at how full the piece is.
_ITEMS = 100


class Job(NamedTuple):
    """What is done with the rows.

    Attributes:
        make: Makes the operation that writes a piece.
        changes: Whether stored rows are read to decide what is written.
        keys: Whether the rows are keys.
        whole: What needs all rows at once, as a caller calls it: which row is the last of a key, or what is not among
            the rows, nobody knows before the end.
    """

    make: Callable[[Any, _Caller], _core.Operation[Written]]
    changes: bool = True
    keys: bool = False
    whole: str | None = None


class _Sum:
    """What the pieces did together."""

    def __init__(self) -> None:
        self.rows = 0
        self.pieces = 0
        self._counts: dict[str, int] = {}
        self._batches: list[_core.Batch] = []
        self._outcomes: list[_core.Outcomes] = []
        self._replayed = False

    def add(self, written: Written, rows: int) -> None:
        counts, batch, outcomes, replayed = written
        self._replayed |= replayed
        self.rows += rows
        self.pieces += 1
        self._counts = {name: self._counts.get(name, 0) + count for name, count in counts.items()}
        if batch is not None:
            self._batches.append(batch)
        if outcomes is not None:
            self._outcomes.append(outcomes)

    def written(self) -> Written:
        batch = _core.Batch.concat(self._batches) if self._batches else None
        outcomes = _core.Outcomes.concat(self._outcomes) if self._outcomes else None
        return self._counts, batch, outcomes, self._replayed


class _Pieces:
    """The pieces of a source."""

    def __init__(self, table: _core.Table, source: Stream | Items, rows: int | None, *, keys: bool) -> None:
        limits = (_ROWS, _BYTES) if rows is None else (rows, _UNBOUNDED)
        self._source = source
        self._given: Iterator[Any] = iter(())
        if isinstance(source, Stream):
            self._stream = table.stream(source.data, *limits)
        else:
            self._buffer = table.buffer(source.convert, *limits, keys)

    def next(self) -> Steps[_core.Piece]:
        """The next one; only the first and the last may be without rows."""
        if isinstance(self._source, Stream):
            return (yield self._stream.next())  # type: ignore[no-any-return]
        items = self._source.items
        if not isinstance(items, AsyncIterator):
            return self._buffer.take(self._buffer.fill(items))
        while self._buffer.fill(self._given):
            most = min(_ITEMS, self._buffer.room)
            given = yield Awaited(partial(_collect, items, most), _refusal(items))
            if not given:
                return self._buffer.take(True)
            self._given = iter(given)
        return self._buffer.take(False)


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


class _Load:
    def __init__(
        self, table: _core.Table, source: Whole | Stream | Items, job: Job, caller: _Caller, options: Mapping[str, Any]
    ) -> None:
        self._table = table
        self._source = source
        self._job = job
        self._caller = caller
        self._atomic: bool = options["atomic"]
        self._rows: int | None = options["chunk_rows"]
        self._named = options["load_id"] is not None
        self._reporter = Reporter(options["progress"])
        self._sum = _Sum()
        self._started = perf_counter()

    def run(self) -> Steps[Written]:
        try:
            yield from self._run()
            yield from self._tell(done=True)
        except DataFlowError as error:
            raise self._explained(error) from error.__cause__
        finally:
            self._reporter.close()
        return self._sum.written()

    def _run(self) -> Steps[None]:
        if not self._atomic and self._caller[0] is not None:
            hint = "leave atomic=False out, or load outside of the transaction"
            raise TransactionStateError("inside a transaction no chunk commits by itself", path="atomic", hint=hint)
        self._reporter.open()
        if isinstance(self._source, Whole):
            data = self._source.data
            written = yield self._job.make(data, self._caller)
            yield from self._note(written, sum(written[0].values()) - written[0]["matched"])
            return
        pieces = _Pieces(self._table, self._source, self._rows, keys=self._job.keys)
        if not self._atomic:
            yield from self._write_chunks(pieces)
            return
        first = yield from self._first(pieces)
        if first.ended:
            yield from self._write(first, self._caller)
        else:
            yield from self._write_together(first, pieces)

    def _first(self, pieces: _Pieces) -> Steps[_core.Piece]:
        """The first piece, where more may follow it.

        What shows at the end only cannot be asked of the first piece, and what was written cannot be taken back.
        """
        first = yield from pieces.next()
        alone = self._job.whole is not None or self._named
        if alone and not first.ended and len((yield from pieces.next())):
            if self._named:
                raise not_built("`load_id` for rows that come in pieces", path="load_id")
            message = f"{self._job.whole} needs all rows at once, and these come in pieces"
            hint = "collect them first, e.g. list(rows) or pyarrow.table(data), without chunk_rows"
            path = "data" if self._job.whole == "bulk_sync" else "duplicates"
            raise InvalidOptionError(message, path=path, hint=hint)
        return first

    def _write(self, piece: _core.Piece, caller: _Caller) -> Steps[None]:
        written = yield self._job.make(piece, caller)
        yield from self._note(written, len(piece))

    def _note(self, written: Written, rows: int) -> Steps[None]:
        self._sum.add(written, rows)
        yield from self._tell(done=False)

    def _write_all(self, first: _core.Piece, pieces: _Pieces, caller: _Caller) -> Steps[None]:
        yield from self._write(first, caller)
        piece = first
        while not piece.ended:
            piece = yield from pieces.next()
            if len(piece):
                yield from self._write(piece, caller)

    def _write_together(self, first: _core.Piece, pieces: _Pieces) -> Steps[None]:
        """All pieces in one transaction: the caller's, up to a savepoint, or one of their own."""
        write = partial(self._write_all, first, pieces)
        yield from together(self._table, self._caller, write, changes=self._job.changes)

    def _write_chunks(self, pieces: _Pieces) -> Steps[None]:
        """Each piece in a transaction of its own."""
        try:
            first = yield from self._first(pieces)
            yield from self._write_all(first, pieces, self._caller)
        except GeneratorExit:
            raise
        except BaseException as error:
            self._tell_what_stands(error)
            raise

    def _tell_what_stands(self, error: BaseException) -> None:
        """A load of which some rows stay was not rolled back, whatever became of the chunk that failed."""
        rows = self._sum.rows
        if rows and getattr(error, "outcome", None) == "rolled back":
            _set(error, outcome=None)
        _fill(error, outcome="committed" if rows else "rolled back")
        _set(error, rows_done=rows)
        if rows and not isinstance(error, DataFlowError):
            error.add_note(f"{rows} rows of the load are committed and stay")

    def _tell(self, *, done: bool) -> Steps[None]:
        answer = self._reporter.tell(self._sum.rows, perf_counter() - self._started, self._sum.pieces, done)
        if hasattr(answer, "__await__"):
            refusal = InvalidOptionError("a blocking call cannot await its progress", path="progress")
            try:
                yield Awaited(lambda: answer, refusal)
            finally:
                with suppress(AttributeError):
                    answer.close()

    def _explained(self, error: DataFlowError) -> DataFlowError:
        """The error with the file it is about, and what the producer of a stream could not say."""
        if isinstance(self._source, Whole):
            return error
        told = self._source.failure() if isinstance(self._source, Stream) else None
        if told is not None:
            _set(told, outcome=error.outcome, rows_done=error.rows_done)
            return told
        about = error.path is not None and error.path.startswith(("data", "keys"))
        if self._source.file is not None and about and self._source.file not in error.message:
            error.message = f"{self._source.file}: {error.message}"
            error.args = (error.message,)
        return error


def _fill(error: BaseException, *, outcome: str) -> None:
    """What is told already says more: an unknown outcome is not a rollback."""
    if getattr(error, "outcome", None) is None:
        _set(error, outcome=outcome)


def _set(error: BaseException, **attributes: Any) -> None:
    for name, value in attributes.items():
        with suppress(AttributeError):  # a class with slots
            setattr(error, name, value)


def load(
    table: _core.Table, source: Whole | Stream | Items, job: Job, caller: _Caller, options: Mapping[str, Any]
) -> Steps[Written]:
    """The steps that write all rows of a source; `options` are those of a bulk write."""
    activity = current.get()
    if activity is not None and not isinstance(source, Whole) and source.once:
        activity.drained = True
    return _Load(table, source, job, caller, options).run()
