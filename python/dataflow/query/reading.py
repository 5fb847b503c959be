"""The operations that read: `read`, `list`, `count`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from dataflow._spelling import not_built
from dataflow.errors import InvalidFilterError
from dataflow.query.bridge import arun, run
from dataflow.query.handle import Filter, Handle, read_flag, read_order
from dataflow.query.partial import partial_class
from dataflow.query.result import Rows

if TYPE_CHECKING:
    from dataflow import _core

__all__ = ["Reading"]

_T = TypeVar("_T")


class Reading(Handle[_T]):
    """Nothing here changes a row."""

    def read(self, key: Any, *, include_deleted: bool = False) -> _T:
        """The row with this key; a tuple for a key of several fields.

        Raises:
            NotFoundError: There is none.
        """
        return self._only(run(self._select_one(key, include_deleted)))

    async def aread(self, key: Any, *, include_deleted: bool = False) -> _T:
        """`read`, awaited."""
        return self._only(await arun(self._select_one(key, include_deleted)))

    def list(
        self,
        filter: Filter | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = 100,
        offset: int | None = None,
        after: None = None,
        fields: Sequence[str] | None = None,
        include_deleted: bool = False,
    ) -> Rows[_T]:
        """The rows that match a filter.

        Args:
            filter: `{"price": {"$lt": 10}}` or `table.c.price < 10`; None for all rows.
            order_by: A field or several, `-price` for descending. The key comes last, so that the order is total.
            limit: Most rows; None for all of them.
            offset: Rows to pass over.
            after: Not built yet.
            fields: The fields to read; the others raise `FieldNotLoadedError` when they are looked at.
            include_deleted: Whether soft-deleted rows are there too.

        Raises:
            QueryError: Filter, order, limit or offset are not well formed.
            UnknownFieldError: The model has no such field.
        """
        return self._rows(run(self._select(filter, order_by, limit, offset, after, fields, include_deleted)), fields)

    async def alist(
        self,
        filter: Filter | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = 100,
        offset: int | None = None,
        after: None = None,
        fields: Sequence[str] | None = None,
        include_deleted: bool = False,
    ) -> Rows[_T]:
        """`list`, awaited."""
        selected = self._select(filter, order_by, limit, offset, after, fields, include_deleted)
        return self._rows(await arun(selected), fields)

    def count(self, filter: Filter | None = None, *, include_deleted: bool = False) -> int:
        """The number of rows that match a filter; of all rows without one.

        Raises:
            QueryError: The filter is not well formed.
            UnknownFieldError: The model has no such field.
        """
        return run(self._count(filter, include_deleted))

    async def acount(self, filter: Filter | None = None, *, include_deleted: bool = False) -> int:
        """`count`, awaited."""
        return await arun(self._count(filter, include_deleted))

    def _select_one(self, key: object, include_deleted: bool) -> _core.Operation[_core.Batch]:
        deleted = read_flag(include_deleted, "include_deleted")
        return self._core.read(self._key_filter(key), [], 1, 0, None, deleted, self._here())

    def _select(
        self,
        filter: Filter | None,
        order_by: str | Sequence[str] | None,
        limit: int | None,
        offset: int | None,
        after: object,
        fields: Sequence[str] | None,
        include_deleted: bool,
    ) -> _core.Operation[_core.Batch]:
        if after is not None:
            raise not_built("`after`", path="after")
        _check_rows("limit", limit)
        _check_rows("offset", offset)
        if isinstance(fields, str):
            raise InvalidFilterError("fields is a list of names", path="fields", hint=f'write fields=["{fields}"]')
        names, deleted = None if fields is None else [*fields], read_flag(include_deleted, "include_deleted")
        return self._core.read(filter, read_order(order_by), limit, offset or 0, names, deleted, self._here())

    def _count(self, filter: Filter | None, include_deleted: bool) -> _core.Operation[int]:
        return self._core.count(filter, read_flag(include_deleted, "include_deleted"), self._here())

    def _rows(self, batch: _core.Batch, fields: Sequence[str] | None) -> Rows[_T]:
        return Rows(batch, self._cls if fields is None else partial_class(self._model, fields))


def _check_rows(name: str, value: object) -> None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63):
        return
    raise InvalidFilterError(f"{name} is an int from 0, or None", path=name)
