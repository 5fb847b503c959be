"""The compiled module: Rust behind the Python API. Private; `dataflow` is the public face."""

from asyncio import AbstractEventLoop, Future
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar, final

from typing_extensions import CapsuleType

__all__ = [
    "DEBUG_BUILD",
    "EVENT_KINDS",
    "Batch",
    "Engine",
    "Events",
    "Operation",
    "Table",
    "Transaction",
    "__version__",
    "did_you_mean",
    "error_kinds",
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
def shutdown() -> None:
    """Ends all work in flight; called at interpreter exit."""

@final
class Operation(Generic[_R]):
    """One operation, not yet begun. Exactly one of `wait` and `start` runs it."""

    @classmethod
    def __class_getitem__(cls, item: object, /) -> type[Operation[Any]]: ...
    def wait(self) -> _R:
        """Runs it without the GIL and returns its result; Ctrl-C cancels it."""

    def start(self, loop: AbstractEventLoop, done: Future[None]) -> None:
        """Runs it in the background; `done` gets None in `loop` when it has settled."""

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
    def table(
        self,
        model: str,
        table: str,
        columns: Sequence[tuple[str, str, int | None, int | None, bool, bool, object]],
        key: str,
        automatic_key: bool,
        multi_tenant: bool,
    ) -> Table:
        """Columns: (name, type, precision or length, scale, nullable, has_default, default)."""

    def begin(self, isolation: str | None, read_only: bool, timeout_s: float | None) -> Operation[Transaction]: ...
    def capabilities(self) -> Operation[dict[str, object]]: ...
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

@final
class Table:
    def append_rows(
        self, rows: list[dict[str, object]], transaction: Transaction | None, tenant: str | None
    ) -> Operation[Batch]:
        """Stores dicts and gives them back as stored, with their keys."""

    def append_dicts(
        self, rows: list[dict[str, object]], transaction: Transaction | None, tenant: str | None
    ) -> Operation[int]:
        """Stores dicts in bulk; the number of rows."""

    def append_arrow(
        self, data: object, nan_is_null: bool, transaction: Transaction | None, tenant: str | None
    ) -> Operation[int]:
        """Stores an object with `__arrow_c_stream__` or `__arrow_c_array__` in bulk; the number of rows."""

    def read(
        self,
        filter: Mapping[str, object] | None,
        order_by: Sequence[str],
        limit: int | None,
        offset: int,
        transaction: Transaction | None,
        tenant: str | None,
    ) -> Operation[Batch]: ...
    def count(
        self, filter: Mapping[str, object] | None, transaction: Transaction | None, tenant: str | None
    ) -> Operation[int]: ...
    def ensure(self) -> Operation[None]:
        """Makes the table if the schema mode says so; every other operation does it by itself."""

@final
class Batch:
    """Rows of one table, in Arrow memory."""

    def __len__(self) -> int: ...
    def records(self) -> list[dict[str, Any]]: ...
    def instances(self, cls: type[_T]) -> list[_T]:
        """Objects of `cls` made without calling its `__init__`."""

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
