"""A bulk write on its way: rows are cut into pieces, and each is written before a source is asked for the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dataflow import _core
from dataflow.errors import (
    DataFlowError,
    InvalidOptionError,
    SerializationFailureError,
    TooManyRejectsError,
    TransactionStateError,
)
from dataflow.query.activity import current
from dataflow.query.bridge import Awaited, Steps
from dataflow.query.indexes import without_indexes
from dataflow.query.input import ArrowInput
from dataflow.query.loaded import Loaded, Sum, Written
from dataflow.query.pieces import Pieces
from dataflow.query.progress import Reporter, nothing
from dataflow.query.result import Rejects
from dataflow.query.side_by_side import Account, Ranges, check_parallel, side_by_side
from dataflow.query.size import count_bytes
from dataflow.query.source import Items, Stream, Whole
from dataflow.query.together import fill, note, together
from dataflow.query.tolerance import Tolerance

if TYPE_CHECKING:
    from dataflow.query.activity import Labels
    from dataflow.query.input import Data

    _Caller: TypeAlias = tuple[_core.Transaction | None, str | None, int | None, Labels | None]

__all__ = ["Job", "load"]

# How often the transaction of a load is begun whose name another is about to take.
_ATTEMPTS = 10


class Job(NamedTuple):
    """What is done with the rows.

    Attributes:
        make: Makes the operation that writes a piece, some rows of which may be refused.
        changes: Whether stored rows are read to decide what is written.
        keys: Whether the rows are keys.
        whole: What needs all rows at once, as a caller calls it: which row is the last of a key, or what is not among
            the rows, nobody knows before the end.
        defaults: Whether absent fields get their defaults: only an insert needs them.
        tolerance: That rows may be refused; None where none may be.
        ranges: Cuts rows by their keys, in pieces of so many rows, for writers side by side; None: any cut will do.
    """

    make: Callable[[Any, Any, _Caller], _core.Operation[Written]]
    changes: bool = True
    keys: bool = False
    whole: str | None = None
    defaults: bool = True
    tolerance: Tolerance | None = None
    ranges: Callable[[Any, int], _core.Ranges] | None = None


class _Load:
    def __init__(
        self, table: _core.Table, source: Whole | Stream | Items, job: Job, caller: _Caller, options: Mapping[str, Any]
    ) -> None:
        self._table = table
        self._source = source
        self._job = job
        self._caller = caller
        self._atomic: bool = options["atomic"]
        self._parallel: int = options["parallel"]
        self._defers: bool = options.get("defer_indexes", False)
        self._rows: int | None = options["chunk_rows"]
        self._load = _core.Load(not self._atomic) if options["load_id"] is not None else None
        self._reporter = Reporter(options["progress"])
        self._sum = Sum()
        self._kept = False
        self._started = perf_counter()

    def run(self) -> Steps[Loaded]:
        try:
            yield from self._run()
            yield from self._tell(done=True)
        except GeneratorExit:
            raise
        except BaseException as error:
            if self._kept:
                self._tell_what_stands(error)
            if isinstance(error, TooManyRejectsError):
                last: Any = error.rejects
                error.rejects = Rejects(self._sum.rejects(*([last] if isinstance(last, _core.Batch) else [])))
            if isinstance(error, DataFlowError):
                raise self._explained(error) from error.__cause__
            raise
        finally:
            self._reporter.close()
        resumed_at = None if self._load is None else self._load.resumed_at
        tolerance = self._job.tolerance
        return Loaded(self._sum.written(), resumed_at or 0, None if tolerance is None else tolerance.load_id)

    def _run(self) -> Steps[None]:
        alone = self._caller[0] is None
        if not self._atomic and not alone:
            hint = "leave atomic=False out, or load outside of the transaction"
            raise TransactionStateError("inside a transaction no chunk commits by itself", path="atomic", hint=hint)
        if self._reporter.asynchronous:
            # Refused before anything is written, not after it.
            yield Awaited(nothing, _unawaited())
        most = check_parallel(self._parallel, self._table)
        self._reporter.open(self._source.total)
        if self._defers:
            yield from without_indexes(self._table, self._caller, self._write_source)
            self._kept = alone
            return
        if self._parallel > 1 and self._job.ranges is not None:
            yield from self._write_chunks(Ranges(self._source, self._job.ranges, self._rows), most)
            return
        if isinstance(self._source, Whole):
            data = self._source.data
            yield from self._write_whole(data, _count(data), count_bytes(data))
            return
        pieces = self._pieces(self._source)
        if not self._atomic:
            yield from self._write_chunks(pieces, most)
            return
        first = yield from self._first(pieces)
        if first.ended:
            yield from self._write_whole(first, len(first), first.nbytes)
        else:
            yield from self._write_together(first, pieces)

    def _pieces(self, source: Stream | Items) -> Pieces:
        tolerance = self._job.tolerance
        return Pieces(
            self._table,
            source,
            self._rows,
            self._load,
            keys=self._job.keys,
            defaults=self._job.defaults,
            tolerates=None if tolerance is None else tolerance.load_id is not None,
        )

    def _first(self, pieces: Pieces) -> Steps[_core.Piece]:
        """The first piece, where more may follow it.

        What shows at the end only cannot be asked of the first piece, and what was written cannot be taken back.
        """
        first = yield from pieces.next()
        if self._job.whole is not None and not first.ended and len((yield from pieces.next())):
            message = f"{self._job.whole} needs all rows at once, and these come in pieces"
            hint = "collect them first, e.g. list(rows) or pyarrow.table(data), without chunk_rows"
            path = "data" if self._job.whole == "bulk_sync" else "duplicates"
            raise InvalidOptionError(message, path=path, hint=hint)
        return first

    def _make(self, data: Any, caller: _Caller, *, whole: bool) -> _core.Operation[Written]:
        tolerance = self._job.tolerance
        return self._job.make(data, tolerance and tolerance.core(self._sum.rejected, whole=whole), caller)

    def _check_rejects(self, *, ended: bool) -> None:
        """How many rows a share allows is known at the end; pieces written side by side do not know of each other."""
        limit = None if self._job.tolerance is None else self._job.tolerance.limit
        most, share = (None, limit) if isinstance(limit, float) else (limit, None)
        _core.check_rejects(most, share if ended else None, self._sum.rejected, self._sum.rows)

    def _write_whole(self, data: Data | _core.Piece, rows: int | None, size: int | None) -> Steps[None]:
        """All rows in one operation."""
        alone = self._caller[0] is None
        try:
            written = yield self._make(data, self._caller, whole=True)
        except BaseException as error:
            # A cancel that came during the commit: the rows stay.
            if alone and rows is not None and getattr(error, "outcome", None) == "committed":
                self._kept, self._sum.rows = True, rows
            raise
        self._kept = alone
        yield from self._note(written, sum(written[0].values()) - written[0]["matched"], size)

    def _write(self, piece: _core.Piece, pieces: Pieces, caller: _Caller) -> Steps[None]:
        try:
            written = yield pieces.beside(self._make(piece, caller, whole=False), piece)
        except BaseException as error:
            if caller[0] is None and getattr(error, "outcome", None) == "committed":
                self._sum.rows += len(piece)
            raise
        yield from self._note(written, len(piece), piece.nbytes)

    def _note(self, written: Written, rows: int, size: int | None, place: int | None = None) -> Steps[None]:
        self._sum.add(written, rows, size, place)
        yield from self._tell(done=False)

    def _write_all(self, first: _core.Piece, pieces: Pieces, caller: _Caller) -> Steps[None]:
        yield from self._write(first, pieces, caller)
        piece = first
        while not piece.ended:
            piece = yield from pieces.next()
            # A load with a name is done when its last piece is, even if that has no rows.
            if len(piece) or self._load is not None:
                yield from self._write(piece, pieces, caller)
        self._check_rejects(ended=True)

    def _write_together(self, first: _core.Piece, pieces: Pieces) -> Steps[None]:
        """All pieces in one transaction, which is begun again where another has done the same load meanwhile."""
        alone, named = self._caller[0] is None, self._load is not None
        write, changes = partial(self._write_all, first, pieces), self._job.changes
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                yield from together(
                    self._table, self._caller, write, changes=changes, ledger=named, kept=lambda: not self._sum.replayed
                )
            except SerializationFailureError:
                # Of a caller's transaction more has failed than this load, and a second piece cannot be read again.
                if not alone or not named or self._sum.pieces or attempt == _ATTEMPTS:
                    raise
            else:
                self._kept = alone
                return

    def _write_source(self, caller: _Caller) -> Steps[None]:
        """All rows in the transaction of `caller`."""
        if isinstance(self._source, Whole):
            data = self._source.data
            written = yield self._make(data, caller, whole=True)
            yield from self._note(written, sum(written[0].values()) - written[0]["matched"], count_bytes(data))
            return
        pieces = self._pieces(self._source)
        first = yield from self._first(pieces)
        yield from self._write_all(first, pieces, caller)

    def _write_chunks(self, pieces: Pieces | Ranges, most: int) -> Steps[None]:
        """Each piece in a transaction of its own, up to `most` of them at the same time."""
        try:
            if isinstance(pieces, Ranges):
                yield from self._write_side_by_side(pieces.next(), pieces, most)
                self._sum.leave_out(pieces.duplicates)
            elif self._parallel > 1:
                yield from self._write_side_by_side(self._first(pieces), pieces, most)
            else:
                first = yield from self._first(pieces)
                yield from self._write_all(first, pieces, self._caller)
        except GeneratorExit:
            raise
        except BaseException as error:
            self._tell_what_stands(error)
            raise
        self._kept = True

    def _write_side_by_side(self, first: Steps[_core.Piece], pieces: Pieces | Ranges, most: int) -> Steps[None]:
        def note(written: Written, rows: int, size: int, place: int) -> Steps[None]:
            yield from self._note(written, rows, size, place)
            self._check_rejects(ended=False)

        def stands(rows: int) -> None:
            self._sum.rows += rows

        make = partial(self._make, caller=self._caller, whole=False)
        yield from side_by_side(first, pieces.next, most, Account(make, note, self._sum.add, stands))
        self._check_rejects(ended=True)

    def _tell_what_stands(self, error: BaseException) -> None:
        """A load of which some rows stay was not rolled back, whatever became of the chunk that failed."""
        rows = self._rows_kept()
        if rows and getattr(error, "outcome", None) == "rolled back":
            note(error, outcome=None)
        fill(error, outcome="committed" if rows or self._kept else "rolled back")
        note(error, rows_done=rows)
        if rows and not isinstance(error, DataFlowError):
            error.add_note(f"{rows} rows of the load are committed and stay")

    def _rows_kept(self) -> int | None:
        """Rows that are committed, of earlier runs too; None where the ledger knows them and was not asked yet."""
        if self._load is None or self._atomic:
            return self._sum.rows
        return self._load.committed

    def _tell(self, *, done: bool) -> Steps[None]:
        answer = self._reporter.tell(self._sum, perf_counter() - self._started, done)
        if hasattr(answer, "__await__"):
            try:
                yield Awaited(lambda: answer, _unawaited())
            finally:
                with suppress(AttributeError):
                    answer.close()

    def _explained(self, error: DataFlowError) -> DataFlowError:
        """The error with the file it is about, and what the producer of a stream could not say."""
        if isinstance(self._source, Whole):
            return error
        told = self._source.failure() if isinstance(self._source, Stream) else None
        if told is not None:
            note(told, outcome=error.outcome, rows_done=error.rows_done)
            return told
        about = error.path is not None and error.path.startswith(("data", "keys"))
        if self._source.file is not None and about and self._source.file not in error.message:
            error.message = f"{self._source.file}: {error.message}"
            error.args = (error.message,)
        return error


def _count(data: Data) -> int | None:
    """How many rows are in memory; None where they do not tell."""
    rows = data.data if isinstance(data, ArrowInput) else data
    return len(rows) if isinstance(rows, Sized) else None


def _unawaited() -> DataFlowError:
    return InvalidOptionError("a blocking call cannot await its progress", path="progress")


def load(
    table: _core.Table, source: Whole | Stream | Items, job: Job, caller: _Caller, options: Mapping[str, Any]
) -> Steps[Loaded]:
    """The steps that write all rows of a source; `options` are those of a bulk write."""
    activity = current.get()
    if activity is not None and not isinstance(source, Whole) and source.once:
        activity.drained = True
    return _Load(table, source, job, caller, options).run()
