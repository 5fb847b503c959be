"""The compiled module: Rust behind the Python API. Private; `dataflow` is the public face."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Self, TypeAlias, TypeVar, final

from typing_extensions import CapsuleType

__all__ = [
    "DEBUG_BUILD",
    "EVENT_KINDS",
    "Batch",
    "Bell",
    "Buffer",
    "Engine",
    "Events",
    "Explainer",
    "Indexes",
    "Load",
    "Operation",
    "Outcomes",
    "Piece",
    "Ranges",
    "RowStream",
    "Stream",
    "Table",
    "Transaction",
    "__version__",
    "check_rejects",
    "did_you_mean",
    "error_kinds",
    "new_load_id",
    "no_rejects",
    "register_class",
    "renumbered",
    "shutdown",
]

_T = TypeVar("_T")
_R = TypeVar("_R", covariant=True)

DEBUG_BUILD: bool
EVENT_KINDS: list[str]
__version__: str

def error_kinds() -> list[tuple[str, str, str, bool]]:
    """Every kind of failure: (code, name, family, retryable)."""

def did_you_mean(name: str, known: Sequence[str]) -> str | None: ...
def register_class(cls: type[_T], encode: Callable[[_T], object]) -> None:
    """Has values of `cls` and its subclasses read as what `encode` makes of them; the first in the MRO decides.

    Classes that are values themselves (int, date, Decimal, …) stay what they are.
    """

def check_rejects(most: int | None, share: float | None, refused: int, rows: int) -> None:
    """Raises `TooManyRejectsError` where more of so many rows were refused than may be: a number or a share of them."""

def new_load_id() -> str:
    """A name for a load that has none: a UUID of version 7."""

def no_rejects() -> Batch:
    """The rejects of a write in which no row may be refused."""

def renumbered(rejects: Batch, numbers: list[int]) -> Batch:
    """Refused rows with other numbers: that of each is the place of its new one."""

def shutdown() -> None:
    """Ends all work in flight; called at interpreter exit."""

@final
class Bell:
    """By which an event loop hears what has settled: bytes to be read, without a wait for the GIL.

    Raises:
        NotImplementedError: There is none on this system.
    """

    def __new__(cls) -> Bell: ...
    def fileno(self) -> int:
        """What the loop is to watch."""

    def answer(self) -> None:
        """Calls what was told since, in the loop's thread."""

@final
class Operation(Generic[_R]):
    """One operation, not yet begun. Exactly one of `wait` and `start` runs it, or `launch` and then `wait`."""

    @classmethod
    def __class_getitem__(cls, item: object, /) -> type[Operation[Any]]: ...
    def launch(self) -> None:
        """Runs it in the background: the caller does something else, and then waits for it."""

    def wait(self) -> _R:
        """Runs it without the GIL and returns its result; Ctrl-C cancels it."""

    def start(self, loop: Bell | AbstractEventLoop, tell: Callable[[], object]) -> None:
        """Runs it in the background; `tell` is called in `loop`, whose thread this is, when it has settled.

        Args:
            loop: The loop's bell, or what has its method `call_soon_threadsafe`.
            tell: What is called.
        """

    def cancel(self) -> None:
        """Asks a started operation to end: the server's cancel, then at most half a second."""

    def take(self) -> _R:
        """The result of a settled operation, or its error; once."""

    @property
    def outcome(self) -> str | None:
        """`committed`, `rolled back` or `unknown` for a settled write; None for a read."""

@final
class Engine:
    def __new__(cls, url: str, options: dict[str, object]) -> Engine: ...
    @property
    def dialect(self) -> str: ...
    def table(self, model: dict[str, Any]) -> Table:
        """A table of this database, as `dataflow.model.description.Description.core` describes it."""

    def begin(
        self, isolation: str | None, read_only: bool, timeout_s: float | None, labels: _Labels | None
    ) -> Operation[Transaction]: ...
    def capabilities(self) -> Operation[dict[str, object]]: ...
    def quarantine(self) -> Table:
        """The refused rows that are kept, as rows of a table of ours."""

    def prune_ledger(self, older_than: int, unfinished: bool, caller: _Caller) -> Operation[int]:
        """Forgets what was done more than so many microseconds ago; how many entries it were."""

    def close(self) -> Operation[None]: ...
    def events(self) -> Events | None:
        """The events from now on, 10,000 behind at most: more are dropped and counted. None from the second call on."""

    @property
    def dropped_events(self) -> int: ...
    def pool_status(self) -> dict[str, int]: ...

@final
class Events:
    """Lists of events as they come; it ends with its engine."""

    def __iter__(self) -> Events: ...
    def __next__(self) -> list[dict[str, object]]: ...

# An object with `__arrow_c_stream__` or `__arrow_c_array__`, and whether NaN means null in it.
_Arrow: TypeAlias = tuple[object, bool]
_Data: TypeAlias = list[dict[str, object]] | _Arrow | Piece
# The run and the node of a workflow, the user and the trace id: what events tell beside the facts.
_Labels: TypeAlias = tuple[str, str, str | None, str | None]
# The transaction, the tenant, the time in microseconds since 1970 where it is not the system's, and the labels.
_Caller: TypeAlias = tuple[Transaction | None, str | None, int | None, _Labels | None]
_Filter: TypeAlias = Mapping[str, object]
# Filter, order, limit, offset, cursor with its direction, fields, distinct, include_deleted, total, include.
_Asked: TypeAlias = tuple[
    _Filter | None,
    list[str],
    int | None,
    int,
    tuple[str, str] | None,
    Sequence[str] | None,
    bool,
    bool,
    str,
    Sequence[tuple[Any, ...]],
]
# Counts of rows by what became of them, the rows and their outcomes where they were asked for, whether it was done
# before under its load id, and the refused rows where some may be.
_Written: TypeAlias = tuple[dict[str, int], Batch | None, Outcomes | None, bool, Batch | None]
# That rows may be refused: the most of them, as a number or as a share of all; how many were refused before; and, where
# they are kept, under which load id and with what text about the operation.
_Tolerance: TypeAlias = tuple[int | None, float | None, int, tuple[str, str] | None]

@final
class Table:
    """With `single`, errors tell of the one row given without its number; with a load id a write happens once."""

    def relations(self) -> dict[str, tuple[str, bool]]:
        """The model that each relation leads to, and whether there may be several of its rows."""

    def append(
        self,
        data: _Data,
        return_rows: bool,
        single: bool,
        load_id: str | None,
        tolerance: _Tolerance | None,
        caller: _Caller,
    ) -> Operation[_Written]: ...
    def upsert(
        self,
        data: _Data,
        conflict_on: Sequence[str] | None,
        on_conflict: str,
        duplicates: str,
        update_fields: Sequence[str] | None,
        updates: dict[str, Any] | None,
        return_rows: bool,
        single: bool,
        within: tuple[_Filter, bool, bool, int | None] | None,
        load_id: str | None,
        tolerance: _Tolerance | None,
        caller: _Caller,
    ) -> Operation[_Written]:
        """`on_conflict` is `update`, `ignore` or `error`; `duplicates` is `error`, `first` or `last`.

        `updates` are values or operators for a lone row, which its data does not give.

        `within` is a filter of which other rows are deleted, whether it may match every row, whether a soft delete is
        none, and the most rows that may go.
        """

    def update_rows(
        self,
        data: _Data,
        on_missing: str,
        duplicates: str,
        return_rows: bool,
        load_id: str | None,
        tolerance: _Tolerance | None,
        caller: _Caller,
    ) -> Operation[_Written]:
        """Rows found by key; `on_missing` is `error` or `skip`."""

    def update_one(self, filter: _Filter, updates: dict[str, object], caller: _Caller) -> Operation[_Written]: ...
    def update_matching(
        self,
        filter: _Filter,
        updates: dict[str, object],
        max_affected: int | None,
        all_rows: bool,
        return_rows: bool,
        load_id: str | None,
        caller: _Caller,
    ) -> Operation[_Written]: ...
    def delete_one(self, filter: _Filter, version: int | None, hard: bool, caller: _Caller) -> Operation[_Written]: ...
    def delete_matching(
        self,
        filter: _Filter,
        max_affected: int | None,
        hard: bool,
        all_rows: bool,
        return_rows: bool,
        load_id: str | None,
        caller: _Caller,
    ) -> Operation[_Written]: ...
    def delete_rows(
        self,
        data: _Data,
        hard: bool,
        return_rows: bool,
        load_id: str | None,
        tolerance: _Tolerance | None,
        caller: _Caller,
    ) -> Operation[_Written]:
        """Rows by key; of the other fields only the version is looked at."""

    def read(
        self,
        filter: _Filter | None,
        order_by: Sequence[str],
        limit: int | None,
        include_deleted: bool,
        include: Sequence[tuple[Any, ...]],
        caller: _Caller,
    ) -> Operation[Batch]: ...
    def page(
        self,
        filter: _Filter | None,
        order_by: Sequence[str],
        limit: int | None,
        offset: int,
        place: tuple[str, str] | None,
        fields: Sequence[str] | None,
        distinct: bool,
        include_deleted: bool,
        total: str,
        include: Sequence[tuple[Any, ...]],
        caller: _Caller,
    ) -> Operation[tuple[Batch, str | None, str | None, int | None]]:
        """The rows, the cursors for `after` and `before`, and the total; `place` is one of these names and a cursor."""

    def rows(
        self,
        filter: _Filter | None,
        order_by: Sequence[str],
        fields: Sequence[str] | None,
        include_deleted: bool,
        caller: _Caller,
    ) -> RowStream: ...
    def count(self, filter: _Filter | None, include_deleted: bool, caller: _Caller) -> Operation[int]: ...
    def aggregate(
        self,
        pipeline: Sequence[Mapping[str, Any]],
        include_deleted: bool,
        table_of: Callable[[str], Table],
        caller: _Caller,
    ) -> Operation[Batch]:
        """`table_of` gives the table of a model that the pipeline looks into."""

    def public(
        self, fields: Sequence[tuple[str, Sequence[str] | None]], pipelines: bool, max_rows: int, timeout_s: float
    ) -> Table:
        """The table to callers who are not trusted: fields with their operators, None for all but patterns."""

    @property
    def shows_key(self) -> bool:
        """Whether rows are found by their key."""

    def buffer(
        self,
        convert: Callable[[int, object], dict[str, object] | tuple[object, bool]],
        rows: int,
        bytes: int,
        keys: bool,
        defaults: bool,
        tolerates: bool | None,
        load: Load | None,
    ) -> Buffer:
        """Pieces of so many rows or bytes; `convert` gets the number of an item that is no dict, and the item.


        `defaults` says whether absent fields get theirs; `tolerates` is None where a row that is refused is an error,
        else whether such rows are kept.
        """

    def belong_together(self, rows: list[Any] | tuple[Any, ...]) -> bool:
        """Whether rows may need others that come after them, so that they are no two pieces of one load."""

    def stream(self, data: _Arrow, rows: int, bytes: int, keys: bool, defaults: bool, load: Load | None) -> Stream: ...
    def ranges(
        self,
        data: _Data,
        conflict_on: Sequence[str] | None,
        duplicates: str,
        found: bool,
        keys: bool,
        defaults: bool,
        rows: int,
    ) -> Ranges:
        """All rows cut by their keys; `found` says whether every row needs one, `keys` whether errors call them so."""

    def explainer(self) -> Explainer: ...
    def indexes(self) -> Indexes: ...
    @property
    def connections(self) -> tuple[int, int]:
        """How many may write at the same time, and how many may read."""

    def begin(self, changes: bool, labels: _Labels | None) -> Operation[Transaction]:
        """The transaction of a load; `changes` says whether it reads rows to change them."""

    def ensure(self, named: bool) -> Operation[None]:
        """Makes the table if the schema mode says so, and the ledger; every other operation does it by itself."""

@final
class Load:
    """One run of a load with a load id, which its pieces have in common."""

    def __new__(cls, resumable: bool) -> Self:
        """`resumable`: whether each piece commits by itself, so that another run may go on after it."""

    @property
    def resumed_at(self) -> int | None:
        """Rows that an earlier run had committed, after which this one went on."""

    @property
    def committed(self) -> int | None:
        """Rows known to be committed, by whichever run; None before the ledger was looked at."""

@final
class Piece:
    """Some rows of a load, which remembers the keys of those before."""

    @property
    def ended(self) -> bool:
        """Whether it is known to be the last one."""

    @property
    def nbytes(self) -> int:
        """Bytes of its rows as they lie in Arrow, by which pieces are cut."""

    def __len__(self) -> int: ...

@final
class Ranges:
    """Pieces of rows that are in memory, with no key in common."""

    def next(self) -> Operation[Piece]:
        """The next one; only the first may be without rows."""

    @property
    def duplicates(self) -> int:
        """Rows that are left out because another one has their key; 0 before the first piece."""

@final
class Explainer:
    """How the reads of a table are done. `asked` are the arguments of `Table.page`, as one tuple.

    `explain` says whether the read is done too, and whether values are shown.
    """

    def page(self, asked: _Asked, explain: tuple[bool, bool], caller: _Caller) -> Operation[dict[str, Any]]: ...
    def statement(self, asked: _Asked, caller: _Caller) -> tuple[str, list[Any]] | None:
        """The SQL and its parameters; None while it is unknown which server it is, before the `probe`."""

    def probe(self) -> Operation[dict[str, object]]:
        """Asks the server what it is, unless that is known."""

    def query(
        self,
        filter: _Filter | None,
        pipeline: Sequence[Mapping[str, Any]] | None,
        include_deleted: bool,
        explain: tuple[bool, bool],
        caller: _Caller,
    ) -> Operation[dict[str, Any]]:
        """A count, or a pipeline where there is one."""

@final
class Indexes:
    """The indexes of a table that are made when its rows are in."""

    def drop(self, caller: _Caller) -> Operation[None]:
        """Drops them in the caller's transaction; refused where the table has rows."""

    def make(self, caller: _Caller) -> Operation[None]:
        """Makes them again as they were, in the same transaction."""

@final
class Stream:
    """The pieces of an Arrow stream."""

    def next(self) -> Operation[Piece]:
        """The next one; when the one before had not ended it may be without rows."""

@final
class Buffer:
    """Items on their way to a piece."""

    def fill(self, items: Iterator[object]) -> bool:
        """Takes from an iterator until the piece is full (False), or the iterator is at its end (True)."""

    def take(self, ended: bool) -> Piece: ...
    @property
    def room(self) -> int:
        """Rows that it still takes."""

@final
class Batch:
    """Rows of one table, in Arrow memory."""

    @staticmethod
    def concat(batches: Sequence[Batch]) -> Batch: ...
    def head(self, rows: int) -> Batch:
        """The first rows."""

    def __len__(self) -> int: ...
    def records(self) -> list[dict[str, Any]]: ...
    def instances(self, cls: type[_T]) -> list[_T]:
        """Objects of `cls` made without calling its `__init__`."""

    def __arrow_c_stream__(self, requested_schema: CapsuleType | None = None) -> CapsuleType: ...
    def __arrow_c_schema__(self) -> CapsuleType: ...

@final
class RowStream:
    """The rows of a read, some at a time; as an Arrow stream each batch is waited for where it is asked for."""

    def claim(self) -> None:
        """Makes the caller its one reader; `__arrow_c_stream__` does so by itself.

        Raises:
            TransactionStateError: It has a reader.
        """

    def next(self) -> Operation[Batch | None]:
        """The next rows; None at the end."""

    def close(self) -> Operation[None]:
        """Ends it: its connection is free again."""

    def __arrow_c_stream__(self, requested_schema: CapsuleType | None = None) -> CapsuleType: ...
    def __arrow_c_schema__(self) -> CapsuleType: ...

@final
class Outcomes:
    """How each row of a write ended, in the order given."""

    @staticmethod
    def concat(parts: Sequence[Outcomes]) -> Outcomes: ...
    def __len__(self) -> int: ...
    def records(self) -> list[dict[str, Any]]: ...
    def __arrow_c_stream__(self, requested_schema: CapsuleType | None = None) -> CapsuleType: ...
    def __arrow_c_schema__(self) -> CapsuleType: ...

@final
class Transaction:
    @property
    def isolation(self) -> str | None:
        """The level the server reports, e.g. `READ COMMITTED`; None where none was asked for."""

    def commit(self) -> Operation[None]: ...
    def rollback(self) -> Operation[None]: ...
    def savepoint(self) -> Operation[int]: ...
    def release(self, level: int) -> Operation[None]: ...
    def rollback_to(self, level: int) -> Operation[None]: ...
