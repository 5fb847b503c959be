"""Pieces of a load that are written at the same time, each by a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from dataflow.errors import DataFlowError, InvalidOptionError
from dataflow.query.activity import current
from dataflow.query.bridge import Steps, Twofold
from dataflow.query.source import PIECE_ROWS, Items, Stream, Whole
from dataflow.query.together import note

if TYPE_CHECKING:
    from asyncio import Future

    from dataflow import _core
    from dataflow.query.loaded import Written

__all__ = ["Account", "Ranges", "check_parallel", "side_by_side"]

_SIGNAL_INTERVAL = 0.05


class Account(NamedTuple):
    """What is made of the pieces, and kept of what became of them.

    Attributes:
        make: Makes the operation that writes a piece and commits it.
        note: Steps after a piece was written: what it did, its rows and bytes, and its place among the pieces. They may
            fail.
        add: As `note`, for a piece that was written although the load was given up meanwhile.
        stands: Rows are committed of which nothing else is known: the answer came after a cancel.
    """

    make: Callable[[_core.Piece], _core.Operation[Written]]
    note: Callable[[Written, int, int, int], Steps[None]]
    add: Callable[[Written, int, int, int], None]
    stands: Callable[[int], None]


class Ranges:
    """The pieces of rows that are in memory, cut by their keys."""

    def __init__(
        self, source: Whole | Stream | Items, make: Callable[[Any, int], _core.Ranges], rows: int | None
    ) -> None:
        if not isinstance(source, Whole):
            message = "rows that are written side by side are cut by their keys: all are needed at once"
            hint = "collect them first, e.g. list(rows) or pyarrow.table(data), or leave parallel out"
            raise InvalidOptionError(message, path="parallel", hint=hint)
        self._ranges = make(source.data, rows or PIECE_ROWS)

    def next(self) -> Steps[_core.Piece]:
        """The next one; only the first may be without rows."""
        return (yield self._ranges.next())  # type: ignore[no-any-return]

    @property
    def duplicates(self) -> int:
        """Rows that were left out because another one has their key."""
        return self._ranges.duplicates


def check_parallel(parallel: int, table: _core.Table) -> int:
    """How many pieces can be written at the same time: SQLite has one writer.

    Raises:
        InvalidOptionError: The pool has not so many connections.
    """
    writers, size = table.connections
    if parallel > max(writers, size):
        message = f"parallel={parallel} is more than the {max(writers, size)} connections of the pool"
        raise InvalidOptionError(message, path="parallel", hint="DataFlow(url, pool_size=…) sets how many there are")
    return min(parallel, writers)


def side_by_side(
    first: Steps[_core.Piece], following: Callable[[], Steps[_core.Piece]], most: int, account: Account
) -> Steps[None]:
    """Writes up to `most` pieces at the same time, and reads one more meanwhile.

    The first failure stops the others: each of them ends as committed, rolled back or unknown before it is raised. An
    unknown end goes before all others.
    """
    crowd, place = _Crowd(), 0
    try:
        piece = yield from first
        while True:
            while len(crowd) >= most or crowd.has_settled:
                yield from _note_next(crowd, account)
            # Of no rows at all it is asked too whether they could be written.
            if len(piece) or not place:
                crowd.begin(account.make(piece), piece, place)
                place += 1
            if piece.ended:
                break
            piece = yield from following()
        while len(crowd):
            yield from _note_next(crowd, account)
    except GeneratorExit:
        crowd.cancel()
        raise
    except BaseException as error:
        yield from crowd.stop()
        unknown = _add_rest(crowd, account)
        if unknown is None or getattr(error, "outcome", None) == "unknown":
            raise
        if isinstance(error, DataFlowError):
            raise unknown from error
        note(error, outcome="unknown")
        raise


def _note_next(crowd: _Crowd, account: Account) -> Steps[None]:
    member = yield from crowd.next()
    yield from account.note(_written(member, account), member.rows, member.size, member.place)


def _written(member: _Member, account: Account) -> Written:
    try:
        return member.operation.take()
    except BaseException as error:
        if getattr(error, "outcome", None) == "committed":
            account.stands(member.rows)
        raise


def _add_rest(crowd: _Crowd, account: Account) -> DataFlowError | None:
    """Counts what was committed although the load was given up; returns the failure whose outcome is unknown."""
    unknown = None
    for member in crowd.take():
        try:
            account.add(_written(member, account), member.rows, member.size, member.place)
        except DataFlowError as error:
            if error.outcome == "unknown":
                unknown = error
    return unknown


class _Member:
    """One operation under way. To the compiled module it is the loop too in which its end is told."""

    __slots__ = ("_ring", "operation", "place", "rows", "settled", "size")

    def __init__(
        self, operation: _core.Operation[Written], piece: _core.Piece, place: int, ring: Callable[[], None]
    ) -> None:
        self.operation = operation
        self.rows = len(piece)
        self.size = piece.nbytes
        self.place = place
        self.settled = False
        self._ring = ring

    def call_soon_threadsafe(self, call: Callable[[], object]) -> None:
        call()

    def tell(self) -> None:
        self.settled = True
        self._ring()


class _Crowd:
    """Operations that run at the same time."""

    def __init__(self) -> None:
        self._members: list[_Member] = []
        # Rung at every end. What has settled is told by the members: a ring may get lost in a Ctrl-C.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._wake: Callable[[], object] | None = None
        self._activity = current.get()

    def __len__(self) -> int:
        return len(self._members)

    @property
    def has_settled(self) -> bool:
        return any(member.settled for member in self._members)

    @property
    def _is_running(self) -> bool:
        return any(not member.settled for member in self._members)

    def begin(self, operation: _core.Operation[Written], piece: _core.Piece, place: int) -> None:
        member: Any = _Member(operation, piece, place, self._ring)
        operation.start(member, member.tell)
        self._members.append(member)

    def next(self) -> Steps[_Member]:
        """One that has settled, after which it is no member any more."""
        while not self.has_settled:
            yield Twofold(self._wait, self._await)
        return next(self.take())

    def stop(self) -> Steps[None]:
        """Cancels all, and waits through further cancels: they end by themselves within the bound of an operation."""
        self.cancel()
        while self._is_running:
            try:
                yield Twofold(self._wait, self._await)
            except GeneratorExit:
                raise
            except BaseException:
                continue

    def cancel(self) -> None:
        for member in self._members:
            member.operation.cancel()

    def take(self) -> Iterator[_Member]:
        """Takes out those that have settled, in the order in which they began."""
        for member in [member for member in self._members if member.settled]:
            self._members.remove(member)
            if self._activity is not None:
                self._activity.leave(member.operation)
            yield member

    def _ring(self) -> None:
        self._bell.put(None)
        if self._wake is not None:
            self._wake()

    def _wait(self) -> None:
        """Until the bell rings, or a little while, blocking."""
        if self._activity is not None:
            for member in self._members:
                self._activity.enter(member.operation)
        # A signal that another thread was sent shows between two waits only.
        with suppress(Empty):
            self._bell.get(timeout=_SIGNAL_INTERVAL)

    async def _await(self) -> None:
        """Until the bell rings, or has rung already."""
        import asyncio

        loop = asyncio.get_running_loop()
        rung: Future[None] = loop.create_future()
        self._wake = lambda: loop.call_soon_threadsafe(_set, rung)
        if self._bell.empty():
            await asyncio.wait([rung])
        while not self._bell.empty():
            self._bell.get_nowait()


def _set(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)
