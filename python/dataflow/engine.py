"""`DataFlow`: one database, its models, and the way to both. No I/O happens before the first operation."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, Unpack, dataclass_transform, overload

from dataflow import _core
from dataflow._option import Seconds
from dataflow._spelling import not_built, suggest
from dataflow.config import Options, resolve
from dataflow.errors import InvalidOptionError
from dataflow.model.declare import declare
from dataflow.model.markers import field
from dataflow.model.register import register_type
from dataflow.model.registry import Registry
from dataflow.nodes import source
from dataflow.query.bridge import arun, run
from dataflow.query.context import Scope
from dataflow.query.handle import read_flag
from dataflow.query.isolation import read_isolation
from dataflow.query.ledger import Ledger
from dataflow.query.observers import Observer, Observers
from dataflow.query.quarantine import Quarantine
from dataflow.query.table import Table
from dataflow.query.transaction import Begin, Transaction

__all__ = ["DataFlow"]

_T = TypeVar("_T")
_P = ParamSpec("_P")
_R = TypeVar("_R")

_LATER = frozenset({"amigrate", "arollback", "execute", "generate_migration", "migrate", "rollback"})


class DataFlow:
    """A database and the models kept in it.

    Thread-safe, and for blocking and async use alike. The process may not fork after the first operation.

    Args:
        url: `sqlite:///file.db`, `sqlite:///:memory:`, `postgresql://…`, `mariadb://…` or `mysql://…`; else
            `DATABASE_URL` of the environment, else `sqlite:///dataflow.db` in the working directory.
        **options: See `dataflow.config.Options`; each is also read from `DATAFLOW_<OPTION>`.

    Raises:
        ConfigurationError: URL or options cannot be used. The database is not looked at yet.
    """

    def __init__(self, url: str | None = None, **options: Unpack[Options]) -> None:
        self._settings = resolve(url, options, os.environ)
        self._engine = _core.Engine(self._settings.url, self._settings.engine_options())
        self._models = Registry(self._engine, multi_tenant=self._settings.multi_tenant)
        self._scope = Scope()
        self._observers = Observers()
        self._closed = False

    # `auto` is no field specifier: a checker takes one without `default=` for a required field.
    @dataclass_transform(kw_only_default=True, field_specifiers=(field,))
    def model(self, cls: type[_T]) -> type[_T]:
        """Makes a class a model of this database: `@db.model`. The class becomes a keyword-only dataclass.

        A class may be a model of several `DataFlow`; a dataclass stays as it is.

        Raises:
            ModelError: The class cannot become a table, or its name or table is taken.
            ConfigurationError: `__dataflow__` has an option that is unknown, wrong or not built.
        """
        self._models.add(declare(cls, sys._getframe(1).f_locals))
        if not self._closed:
            source.remember(self)
        return cls

    # Types belong to the process, as classes do: here for those who look for it here.
    register_type = staticmethod(register_type)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of its models, in the order of their declaration."""
        return self._models.names

    @overload
    def table(self, model: type[_T]) -> Table[_T]: ...
    @overload
    def table(self, model: str) -> Table[Any]: ...
    def table(self, model: type[Any] | str) -> Table[Any]:
        """The rows of a model, given as its class or name.

        Raises:
            UnknownModelError: It is no model of this `DataFlow`.
        """
        return Table(self._scope, self._models.find(model), self._settings.clock)

    @property
    def ledger(self) -> Ledger:
        """What was done once: the bulk writes with a `load_id`."""
        return Ledger(self._scope, self._engine, self._settings.clock)

    def rejects(self, load_id: str) -> Quarantine:
        """The refused rows that a bulk write with `on_error="quarantine"` has kept.

        Args:
            load_id: The `load_id` of the write, or of its `BulkResult`.

        Raises:
            InvalidOptionError: It is no str.
        """
        return Quarantine(self._scope, self._engine, self._models, self._settings.clock, load_id)

    def transaction(
        self, isolation: str | None = None, read_only: bool = False, timeout: float | None = None
    ) -> Transaction:
        """A transaction for `with` or `async with`; inside another one, a savepoint.

        Args:
            isolation: `READ COMMITTED`, `REPEATABLE READ`, `SERIALIZABLE` or `READ UNCOMMITTED`, in any spelling with
                blanks or underscores; None for the server's default.
            read_only: Whether the database shall refuse writes.
            timeout: Seconds after which the transaction is ended and rolled back.

        Raises:
            InvalidOptionError: There is no such level, or the timeout is no number of seconds.
        """
        seconds = None if timeout is None else Seconds().read_number(timeout, "timeout")
        return Transaction(
            self._scope, self._engine, Begin(read_isolation(isolation), read_flag(read_only, "read_only"), seconds)
        )

    def tenant(self, name: str) -> AbstractContextManager[None]:
        """The tenant of every operation inside: `with db.tenant("a"):`.

        Raises:
            InvalidTenantError: It is no str. (Length and characters are checked by the first operation.)
        """
        return self._scope.tenant(name)

    def bind(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Carries the transaction and tenant of now into threads and executors, which begin without any."""
        return self._scope.bind(function)

    def on(self, kind: str, observer: Observer) -> None:
        """Calls `observer` with a dict for every event of a kind, from one background thread.

        It never blocks an operation: when the observer is too slow, events are dropped and counted.

        Args:
            kind: `statement`, `transaction`, `rows_changed`, `pool` or `span`.
            observer: Takes one dict; times in it are microseconds (`duration_us`). What a node of a workflow does has
                `run_id` and `node_id` too, and `user` and `trace_id` where they are known.

        Raises:
            InvalidOptionError: There is no such kind.
        """
        self._observers.add(_check_kind(kind), observer, self._engine)

    def off(self, kind: str, observer: Observer) -> None:
        """Ends what `on` began with the same arguments.

        Raises:
            InvalidOptionError: There is no such kind.
        """
        self._observers.remove(_check_kind(kind), observer)

    def capabilities(self) -> dict[str, object]:
        """What the server is and can: name, version and flags. Connects where nothing has yet."""
        return run(self._engine.capabilities())

    async def acapabilities(self) -> dict[str, object]:
        """`capabilities`, awaited."""
        return await arun(self._engine.capabilities())

    def pool_status(self) -> Mapping[str, int]:
        """How many connections there are, by what they are doing."""
        return self._engine.pool_status()

    def close(self) -> None:
        """Closes the connections, those in use when they come back; operations after it raise `ClosedError`.

        Its models' nodes are found by no workflow any more.
        """
        self._leave()
        run(self._engine.close())

    async def aclose(self) -> None:
        """`close`, awaited."""
        self._leave()
        await arun(self._engine.close())

    def _leave(self) -> None:
        self._closed = True
        source.close(self)

    def __enter__(self) -> DataFlow:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> DataFlow:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    if not TYPE_CHECKING:  # a type checker shall report these names

        def __getattr__(self, name: str) -> NoReturn:
            if name in _LATER:
                raise not_built(f"`DataFlow.{name}`", path=name)
            raise AttributeError(f"DataFlow has no `{name}`", name=name, obj=self)

    def __repr__(self) -> str:
        return f"<DataFlow {self._settings.scheme}, {len(self._models)} models>"


def _check_kind(kind: str) -> str:
    if kind not in _core.EVENT_KINDS:
        hint = suggest(str(kind), _core.EVENT_KINDS)
        raise InvalidOptionError("there is no such kind of event", path="kind", hint=hint)
    return kind
