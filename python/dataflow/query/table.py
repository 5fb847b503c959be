"""`db.table(Model)`: the operations on one model's rows. Each is written once; its colour is added at the edge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, Unpack, overload

from dataflow._spelling import not_built
from dataflow.errors import InvalidFilterError, NotFoundError, UnsupportedDataError
from dataflow.model.markers import UNSET
from dataflow.query.bridge import arun, run
from dataflow.query.bulk import BulkCreateOptions, check_options
from dataflow.query.input import ArrowInput, read_data, read_instance
from dataflow.query.result import BulkResult, Rows
from dataflow.query.transaction import live

if TYPE_CHECKING:
    from dataflow import _core
    from dataflow.model.registry import Registered
    from dataflow.query.context import Scope

__all__ = ["Filter", "Table"]

_T = TypeVar("_T")
Filter = Mapping[str, Any]

_LATER_VERBS = ("aggregate", "delete", "explain", "stream", "update", "upsert", "watch")
_LATER_NAMES = (*_LATER_VERBS, "bulk_delete", "bulk_update", "bulk_upsert")
_LATER = frozenset({"c", *_LATER_NAMES, *(f"a{name}" for name in _LATER_NAMES)})


class Table(Generic[_T]):
    """The rows of one model. Thread-safe; methods that begin with `a` are to be awaited and do the same.

    Operations run in the transaction and for the tenant of the place where they are called. All of them raise
    `DataFlowError` of some kind: `MissingTenantError` for a multi-tenant model without tenant, `PoolTimeoutError`,
    `ConnectionLostError`, `ClosedError` and what their own descriptions say.
    """

    def __init__(self, scope: Scope, registered: Registered) -> None:
        self._scope = scope
        self._model = registered.description
        self._cls: type[_T] = registered.description.cls
        self._core = registered.table

    @overload
    def create(self, instance: _T, /) -> _T: ...
    @overload
    def create(self, /, **fields: Any) -> _T: ...
    def create(self, instance: Any = None, /, **fields: Any) -> _T:
        """Stores one row, given as an instance or as fields.

        Returns:
            A new instance, as stored, with its key.

        Raises:
            DataError: A field is unknown, missing, or has a value its column cannot hold.
            UniqueViolationError: The key is there already.
        """
        return self._only(run(self._append_one(instance, fields)))

    @overload
    async def acreate(self, instance: _T, /) -> _T: ...
    @overload
    async def acreate(self, /, **fields: Any) -> _T: ...
    async def acreate(self, instance: Any = None, /, **fields: Any) -> _T:
        """`create`, awaited."""
        return self._only(await arun(self._append_one(instance, fields)))

    def read(self, key: Any) -> _T:
        """The row with this key.

        Raises:
            NotFoundError: There is none.
        """
        return self._only(run(self._select_one(key)))

    async def aread(self, key: Any) -> _T:
        """`read`, awaited."""
        return self._only(await arun(self._select_one(key)))

    def list(
        self,
        filter: Filter | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = 100,
        offset: int | None = None,
        after: None = None,
        fields: None = None,
        include_deleted: bool = False,
    ) -> Rows[_T]:
        """The rows that match a filter.

        Args:
            filter: `{"price": {"$lt": 10}}`; None for all rows.
            order_by: A field or several, `-price` for descending. The key comes last, so that the order is total.
            limit: Most rows; None for all of them.
            offset: Rows to pass over.
            after: Not built yet.
            fields: Not built yet.
            include_deleted: Not built yet.

        Raises:
            QueryError: Filter, order, limit or offset are not well formed.
            UnknownFieldError: The model has no such field.
        """
        _refuse_later(after=after, fields=fields, include_deleted=include_deleted)
        return self._rows(run(self._select(filter, order_by, limit, offset)))

    async def alist(
        self,
        filter: Filter | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = 100,
        offset: int | None = None,
        after: None = None,
        fields: None = None,
        include_deleted: bool = False,
    ) -> Rows[_T]:
        """`list`, awaited."""
        _refuse_later(after=after, fields=fields, include_deleted=include_deleted)
        return self._rows(await arun(self._select(filter, order_by, limit, offset)))

    def count(self, filter: Filter | None = None) -> int:
        """The number of rows that match a filter; of all rows without one.

        Raises:
            QueryError: The filter is not well formed.
            UnknownFieldError: The model has no such field.
        """
        return run(self._count(filter))

    async def acount(self, filter: Filter | None = None) -> int:
        """`count`, awaited."""
        return await arun(self._count(filter))

    def bulk_create(self, data: Iterable[Any], **options: Unpack[BulkCreateOptions]) -> BulkResult:
        """Stores many rows, all or none.

        Args:
            data: Anything with an Arrow capsule, a pandas or polars DataFrame, or an iterable of dicts or instances.
            **options: See `BulkCreateOptions`.

        Raises:
            DataError: A field is unknown or missing, or a value cannot be held; `path` is e.g. `data[17].price`.
            UniqueViolationError: A key is there already, or twice in the data.
            NotBuiltError: An option differs from its default.
        """
        started = perf_counter()
        return _bulk_result(run(self._append_many(data, options)), started)

    async def abulk_create(self, data: Iterable[Any], **options: Unpack[BulkCreateOptions]) -> BulkResult:
        """`bulk_create`, awaited."""
        started = perf_counter()
        return _bulk_result(await arun(self._append_many(data, options)), started)

    if not TYPE_CHECKING:  # a type checker shall report these names

        def __getattr__(self, name: str) -> NoReturn:
            if name in _LATER:
                raise not_built(f"`{name}`", path=f"{self._model.name}.{name}")
            raise AttributeError(f"a table has no `{name}`", name=name, obj=self)

    def __repr__(self) -> str:
        return f"<Table of {self._model.name}>"

    def _here(self) -> tuple[_core.Transaction | None, str | None]:
        """The transaction and tenant of the caller."""
        transaction, tenant = self._scope.state
        return (None if transaction is None else live(transaction)), tenant

    def _append_one(self, instance: object, fields: Mapping[str, object]) -> _core.Operation[_core.Batch]:
        if instance is None:
            given = {name: value for name, value in fields.items() if value is not UNSET}
            return self._core.append_rows([given], *self._here())
        if not isinstance(instance, self._cls) or fields:
            message = f"create takes one {self._model.name} or its fields, got {type(instance).__name__}"
            raise UnsupportedDataError(message, path="instance", hint="a dict is given as create(**fields)")
        return self._core.append_rows([read_instance(self._model, instance)], *self._here())

    def _append_many(self, data: object, options: BulkCreateOptions) -> _core.Operation[int]:
        check_options(options)
        given = read_data(self._model, data)
        if isinstance(given, ArrowInput):
            return self._core.append_arrow(given.data, given.nan_is_null, *self._here())
        return self._core.append_dicts(given.rows, *self._here())

    def _select(
        self, filter: Filter | None, order_by: str | Sequence[str] | None, limit: int | None, offset: int | None
    ) -> _core.Operation[_core.Batch]:
        _check_rows("limit", limit)
        _check_rows("offset", offset)
        return self._core.read(filter, _read_order(order_by), limit, offset or 0, *self._here())

    def _select_one(self, key: object) -> _core.Operation[_core.Batch]:
        # $eq: a dict given as key is a wrong type, not a filter.
        return self._core.read({self._model.key: {"$eq": key}}, [], 1, 0, *self._here())

    def _count(self, filter: Filter | None) -> _core.Operation[int]:
        return self._core.count(filter, *self._here())

    def _rows(self, batch: _core.Batch) -> Rows[_T]:
        return Rows(batch, self._cls)

    def _only(self, batch: _core.Batch) -> _T:
        instances = batch.instances(self._cls)
        if not instances:
            raise NotFoundError(f"no {self._model.name} has this key", path=self._model.key)
        return instances[0]


def _bulk_result(inserted: int, started: float) -> BulkResult:
    seconds = perf_counter() - started
    return BulkResult(inserted=inserted, seconds=seconds, rows_per_second=inserted / seconds if seconds else 0.0)


def _read_order(order_by: str | Sequence[str] | None) -> Sequence[str]:
    if order_by is None:
        return []
    names = [order_by] if isinstance(order_by, str) else order_by
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InvalidFilterError("order_by is the name of a field or a list of names", path="order_by")
    return names


def _check_rows(name: str, value: object) -> None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63):
        return
    raise InvalidFilterError(f"{name} is an int from 0, or None", path=name)


def _refuse_later(**options: object) -> None:
    for name, value in options.items():
        if value is not None and value is not False:
            raise not_built(f"`{name}`", path=name)
