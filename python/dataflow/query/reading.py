"""The operations that read: `read`, `list`, `count`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_args

from dataflow._spelling import suggest
from dataflow.errors import InvalidCursorError, InvalidFilterError
from dataflow.query.bridge import arun, run
from dataflow.query.handle import Filter, Handle, is_name, read_flag, read_order
from dataflow.query.include import Include, read_include
from dataflow.query.partial import partial_class
from dataflow.query.result import Rows
from dataflow.query.stream import AsyncRowStream, RowStream

if TYPE_CHECKING:
    from dataflow import _core

__all__ = ["Page", "Reading", "Total"]

_T = TypeVar("_T")
Total = Literal["none", "estimate", "exact"]
_TOTALS = get_args(Total)


class Page(NamedTuple):
    """The arguments of `list`."""

    filter: Filter | None = None
    order_by: str | Sequence[str] | None = None
    limit: int | None = 100
    offset: int | None = None
    after: str | None = None
    before: str | None = None
    fields: Sequence[str] | None = None
    distinct: bool = False
    include_deleted: bool = False
    total: Total = "none"
    include: Include | None = None


class Reading(Handle[_T]):
    """Nothing here changes a row."""

    def read(self, key: Any, *, include: Include | None = None, include_deleted: bool = False) -> _T:
        """The row with this key; a tuple for a key of several fields.

        Args:
            key: The row's key.
            include: Rows of related models that come with it, as in `list`.
            include_deleted: Whether it may be soft-deleted.

        Raises:
            NotFoundError: There is none.
        """
        return self._only(run(self._select_one(key, include, include_deleted)))

    async def aread(self, key: Any, *, include: Include | None = None, include_deleted: bool = False) -> _T:
        """`read`, awaited."""
        return self._only(await arun(self._select_one(key, include, include_deleted)))

    def list(
        self,
        filter: Filter | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = 100,
        offset: int | None = None,
        after: str | None = None,
        before: str | None = None,
        fields: Sequence[str] | None = None,
        distinct: bool = False,
        include_deleted: bool = False,
        total: Total = "none",
        include: Include | None = None,
    ) -> Rows[_T]:
        """The rows that match a filter, by pages: `rows.next` goes in as `after=`, `rows.previous` as `before=`.

        Pages are found by the place of their first row, not by counting rows: a deep page costs what the first one does
        where an index has the order, and rows that are there throughout come exactly once, whatever is written
        meanwhile (a row whose own place in the order is changed moves with it).

        Args:
            filter: `{"price": {"$lt": 10}}` or `table.c.price < 10`; None for all rows.
            order_by: A field or several, `-price` for descending. None is smaller than every value: it comes first in
                an ascending order and last in a descending one, on every database. Text is ordered by its UTF-8 bytes.
                The key comes last, so that the order is total.
            limit: Most rows; None for all of them, without cursors.
            offset: Rows to pass over; not together with a cursor.
            after: `rows.next` of another page: the rows behind it. Filter, order and tenant must be those of that page.
            before: `rows.previous` of another page: the rows before it, in the same order. A page without rows behind
                the end has one where a cursor led there; behind an offset, which has passed over nobody knows how many
                rows, it is None.
            fields: The fields to read; the others raise `FieldNotLoadedError` when they are looked at.
            distinct: Whether rows that are equal in all of `fields` come once. The order then ends with these fields
                instead of the key, and names no others.
            include_deleted: Whether soft-deleted rows are there too.
            total: What `rows.total` is: `exact` counts the rows that match, in the same statement and so of the same
                moment; `estimate` asks PostgreSQL and MariaDB for the guess of their planner, which costs nothing and
                may be far off (SQLite has none, and rows that are distinct have none: they are counted); a page that
                is all there is tells the number itself. `none` does not ask.
            include: Relations whose rows come along, in the same statement: `"author"`, `["author", "reviews"]`, or
                `{"reviews": {"filter": {"stars": {"$gt": 3}}, "order_by": "-stars", "limit": 5, "fields": ["stars"],
                "include": "reader"}}`, at most 4 levels deep. They are attributes of the instances: one instance or
                None where this model refers to the other, else a list: of all of them without a `limit`. Only live
                rows of the same tenant come. Instances of a class with slots have no place for them; `.records()` does.

        Raises:
            QueryError: Filter, order, limit or offset are not well formed.
            InvalidCursorError: The cursor is of another list, was changed, or was sealed with another key.
            UnknownFieldError: The model has no such field or relation.
        """
        page = Page(filter, order_by, limit, offset, after, before, fields, distinct, include_deleted, total, include)
        return self._rows(run(self._page(page)), fields)

    async def alist(
        self,
        filter: Filter | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = 100,
        offset: int | None = None,
        after: str | None = None,
        before: str | None = None,
        fields: Sequence[str] | None = None,
        distinct: bool = False,
        include_deleted: bool = False,
        total: Total = "none",
        include: Include | None = None,
    ) -> Rows[_T]:
        """`list`, awaited."""
        page = Page(filter, order_by, limit, offset, after, before, fields, distinct, include_deleted, total, include)
        return self._rows(await arun(self._page(page)), fields)

    def stream(
        self,
        filter: Filter | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
        include_deleted: bool = False,
    ) -> RowStream[_T]:
        """All rows that match a filter, in constant memory: `for row in products.stream():`.

        The rows are of one moment, that of the first one, and come from one statement: a cursor on PostgreSQL, rows
        that wait for their reader on MariaDB and SQLite. It takes a connection for as long as it is read; a stream that
        is left early closes it on MariaDB, elsewhere it is used again.

        Inside a transaction it reads there, beside the transaction's other operations. MariaDB and SQLite, and
        `sqlite:///:memory:` always, then read chunk after chunk as pages: an index should have the order, and what is
        changed meanwhile shows, but every row that stays comes exactly once.

        Args:
            filter: As of `list`.
            order_by: As of `list`; the key comes last.
            fields: As of `list`.
            include_deleted: As of `list`.

        Raises:
            QueryError: Filter or order are not well formed.
            UnknownFieldError: The model has no such field.
        """
        return RowStream(*self._stream(filter, order_by, fields, include_deleted))

    def astream(
        self,
        filter: Filter | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
        include_deleted: bool = False,
    ) -> AsyncRowStream[_T]:
        """`stream`, for `async for`."""
        return AsyncRowStream(*self._stream(filter, order_by, fields, include_deleted))

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

    def _select_one(self, key: object, include: Include | None, include_deleted: bool) -> _core.Operation[_core.Batch]:
        deleted, included = read_flag(include_deleted, "include_deleted"), self._included(include)
        return self._core.read(self._key_filter(key), [], 1, deleted, included, self._here())

    def _included(self, include: Include | None) -> Sequence[tuple[Any, ...]]:
        return read_include(self._registered, include)

    def _page(self, page: Page) -> _core.Operation[tuple[_core.Batch, str | None, str | None, int | None]]:
        return self._core.page(*self._asked(page), self._here())

    def _asked(self, page: Page) -> _core._Asked:
        """The arguments of a page as the compiled module takes them."""
        _check_rows("limit", page.limit)
        _check_rows("offset", page.offset)
        names, order = _read_fields(page.fields), read_order(page.order_by)
        distinct, deleted = read_flag(page.distinct, "distinct"), read_flag(page.include_deleted, "include_deleted")
        place, total, offset = _read_place(page.after, page.before), _read_total(page.total), page.offset or 0
        include = self._included(page.include)
        return page.filter, order, page.limit, offset, place, names, distinct, deleted, total, include

    def _stream(
        self,
        filter: Filter | None,
        order_by: str | Sequence[str] | None,
        fields: Sequence[str] | None,
        include_deleted: bool,
    ) -> tuple[_core.RowStream, type[_T]]:
        names, order, deleted = (
            _read_fields(fields),
            read_order(order_by),
            read_flag(include_deleted, "include_deleted"),
        )
        return self._core.rows(filter, order, names, deleted, self._here()), self._row_class(fields)

    def _count(self, filter: Filter | None, include_deleted: bool) -> _core.Operation[int]:
        return self._core.count(filter, read_flag(include_deleted, "include_deleted"), self._here())

    def _rows(
        self, page: tuple[_core.Batch, str | None, str | None, int | None], fields: Sequence[str] | None
    ) -> Rows[_T]:
        batch, next, previous, total = page
        return Rows(batch, self._row_class(fields), next, previous, total)

    def _row_class(self, fields: Sequence[str] | None) -> type[_T]:
        if fields is None:
            return self._cls
        return partial_class(self._model, fields)


def _read_fields(fields: object) -> list[str] | None:
    if isinstance(fields, str):
        raise InvalidFilterError("fields is a list of names", path="fields", hint=f'write fields=["{fields}"]')
    if fields is None:
        return None
    names: list[Any] = [*fields] if isinstance(fields, Iterable) and not isinstance(fields, Mapping) else [fields]
    if not all(is_name(name) for name in names):
        raise InvalidFilterError("fields is a list of names", path="fields")
    return names


def _check_rows(name: str, value: object) -> None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63):
        return
    raise InvalidFilterError(f"{name} is an int from 0, or None", path=name)


def _read_place(after: object, before: object) -> tuple[str, str] | None:
    """The cursor and the name of its parameter."""
    given = [(name, cursor) for name, cursor in (("after", after), ("before", before)) if cursor is not None]
    if len(given) > 1:
        hint = "give one of them: a page begins at one cursor"
        raise InvalidFilterError("after and before do not go together", path="before", hint=hint)
    for name, cursor in given:
        if not isinstance(cursor, str) or not cursor.isascii():
            message = f"{name} is no cursor: those are of letters, digits, - and _"
            raise InvalidCursorError(message, path=name, hint="give rows.next as after=, rows.previous as before=")
        return name, cursor
    return None


def _read_total(total: object) -> str:
    if not isinstance(total, str) or total not in _TOTALS:
        known = ", ".join(_TOTALS)
        hint = suggest(total, _TOTALS) if isinstance(total, str) and is_name(total) else None
        raise InvalidFilterError(f"total is one of {known}", path="total", hint=hint)
    return total
