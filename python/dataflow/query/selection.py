"""`products.where(...)`: the rows that match conditions, said step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dataflow.errors import InvalidFilterError, MultipleRowsError, NotFoundError
from dataflow.query.expression import plain
from dataflow.query.handle import Filter
from dataflow.query.include import Include, merge_includes

if TYPE_CHECKING:
    from typing import Self, Unpack

    from dataflow.query.bulk_options import BulkDeleteOptions, BulkUpdateOptions
    from dataflow.query.explaining import CompiledRead
    from dataflow.query.explanation import Explanation
    from dataflow.query.reading import Total
    from dataflow.query.result import BulkResult, Rows
    from dataflow.query.stream import AsyncRowStream, RowStream
    from dataflow.query.table import Table

__all__ = ["Query"]

_T = TypeVar("_T")
_STREAMED = frozenset({"order_by", "fields", "include_deleted"})
# Options that say what holds without them.
_NOTHING = (("limit", None), ("offset", 0), ("include", None))


class Query(Generic[_T]):
    """Rows of a table; nothing is asked of the database before a method that ends it, or a loop over it.

        cheap = products.where(products.c.price < 10).order_by("-price").limit(20)
        for product in cheap: ...

    Each step gives a new query and leaves the one before as it is. All of them say what the arguments of the table's
    methods say, and mean the same; `products.list(query.to_filter())` finds the rows of the query.
    """

    __slots__ = ("_filters", "_options", "_table")

    def __init__(self, table: Table[_T], filters: tuple[Filter, ...], options: Mapping[str, Any] | None = None) -> None:
        self._table = table
        self._filters = filters
        self._options = options or {}

    def where(self, *filters: Filter) -> Self:
        """Only rows that match these too: `products.c.price < 10`, or `{"price": {"$lt": 10}}`."""
        return type(self)(self._table, (*self._filters, *map(read_filter, filters)), self._options)

    def order_by(self, *order_by: str) -> Self:
        """The order, as of `list`: fields, `-price` for descending; the key comes last."""
        return self._with(order_by=order_by)

    def limit(self, rows: int | None) -> Self:
        """Most rows; None for all of them. `list` has a limit of 100 where this is not said."""
        return self._with(limit=rows)

    def offset(self, rows: int) -> Self:
        """Rows to pass over."""
        return self._with(offset=rows)

    def fields(self, *fields: str) -> Self:
        """The fields to read; the others raise `FieldNotLoadedError` when they are looked at."""
        return self._with(fields=fields)

    def include(self, *include: Include) -> Self:
        """Rows of related models come along too, as of the table's `list`: names, or dicts that say which rows."""
        return self._with(include=merge_includes(self._options.get("include"), *include))

    def distinct(self) -> Self:
        """Rows that are equal in all of `fields` come once."""
        return self._with(distinct=True)

    def include_deleted(self) -> Self:
        """Soft-deleted rows are there too."""
        return self._with(include_deleted=True)

    def to_filter(self) -> dict[str, Any]:
        """The conditions as one filter of plain dicts and lists."""
        return dict(plain(self._filter))

    def list(self, *, after: str | None = None, before: str | None = None, total: Total = "none") -> Rows[_T]:
        """The rows, by pages, as of the table's `list`."""
        return self._table.list(self._filter, after=after, before=before, total=total, **self._options)

    async def alist(self, *, after: str | None = None, before: str | None = None, total: Total = "none") -> Rows[_T]:
        """`list`, awaited."""
        return await self._table.alist(self._filter, after=after, before=before, total=total, **self._options)

    def stream(self) -> RowStream[_T]:
        """All of the rows in constant memory, as of the table's `stream`.

        Raises:
            InvalidFilterError: The query has a limit or an offset, is distinct, or includes rows of other models.
        """
        return self._table.stream(self._filter, **self._only(_STREAMED, "stream"))

    def astream(self) -> AsyncRowStream[_T]:
        """`stream`, for `async for`."""
        return self._table.astream(self._filter, **self._only(_STREAMED, "astream"))

    def __iter__(self) -> Iterator[_T]:
        # The stream or list is made here, in the transaction and for the tenant of this place.
        return _each(self.stream()) if self._is_streamed else iter(self._all().list())

    def __aiter__(self) -> AsyncIterator[_T]:
        return _each_awaited(self.astream()) if self._is_streamed else _each_listed(self._all())

    def first(self) -> _T | None:
        """The first row of the order; None where there is none."""
        return next(iter(self._at_most(1).list()), None)

    async def afirst(self) -> _T | None:
        """`first`, awaited."""
        return next(iter(await self._at_most(1).alist()), None)

    def one(self) -> _T:
        """The one row that matches.

        Raises:
            NotFoundError: There is none.
            MultipleRowsError: There are more.
        """
        return self._sole(self._at_most(2).list())

    async def aone(self) -> _T:
        """`one`, awaited."""
        return self._sole(await self._at_most(2).alist())

    def exists(self) -> bool:
        """Whether there is such a row."""
        return len(self._keys().list()) > 0

    async def aexists(self) -> bool:
        """`exists`, awaited."""
        return len(await self._keys().alist()) > 0

    def count(self) -> int:
        """How many rows match.

        Raises:
            InvalidFilterError: The query has a limit or an offset, or is distinct: `list(total="exact")` counts these.
        """
        return self._table.count(self._filter, **self._counted())

    async def acount(self) -> int:
        """`count`, awaited."""
        return await self._table.acount(self._filter, **self._counted())

    def explain(self, *, analyze: bool = False, values: bool = False) -> Explanation:
        """How the database reads the rows, as the table's `explain`."""
        return self._table.explain(self._filter, analyze=analyze, values=values, **self._options)

    async def aexplain(self, *, analyze: bool = False, values: bool = False) -> Explanation:
        """`explain`, awaited."""
        return await self._table.aexplain(self._filter, analyze=analyze, values=values, **self._options)

    def sql(self) -> CompiledRead:
        """The statement that reads the rows, as the table's `sql`."""
        return self._table.sql(self._filter, **self._options)

    def update(self, updates: Mapping[str, Any], **options: Unpack[BulkUpdateOptions]) -> BulkResult:
        """Changes the rows, as the table's `bulk_update`.

        Raises:
            InvalidFilterError: The query is more than its conditions.
        """
        self._only(frozenset(), "update")
        return self._table.bulk_update(self._filter, updates, **options)

    async def aupdate(self, updates: Mapping[str, Any], **options: Unpack[BulkUpdateOptions]) -> BulkResult:
        """`update`, awaited."""
        self._only(frozenset(), "aupdate")
        return await self._table.abulk_update(self._filter, updates, **options)

    def delete(self, **options: Unpack[BulkDeleteOptions]) -> BulkResult:
        """Deletes the rows, as the table's `bulk_delete`.

        Raises:
            InvalidFilterError: The query is more than its conditions.
        """
        self._only(frozenset(), "delete")
        return self._table.bulk_delete(self._filter, **options)

    async def adelete(self, **options: Unpack[BulkDeleteOptions]) -> BulkResult:
        """`delete`, awaited."""
        self._only(frozenset(), "adelete")
        return await self._table.abulk_delete(self._filter, **options)

    def __repr__(self) -> str:
        options = "".join(f".{name}({value!r})" for name, value in self._options.items())
        return f"<Query of {self._table._model.name}: {self.to_filter()!r}{options}>"

    @property
    def _filter(self) -> Filter:
        """As it was given: a list in it may have a million values."""
        return self._filters[0] if len(self._filters) == 1 else {"$and": self._filters} if self._filters else {}

    def _with(self, **options: Any) -> Self:
        return type(self)(self._table, self._filters, {**self._options, **options})

    def _only(self, known: frozenset[str], verb: str) -> dict[str, Any]:
        """The options, which are no others than these: one that were left out would mean other rows."""
        for name, value in self._options.items():
            if name not in known and (name, value) not in _NOTHING:
                message = f"`{verb}` is of all rows that match: it takes no `{name}`"
                raise InvalidFilterError(message, path=name, hint="`list` does, and a loop over the query")
        return {name: value for name, value in self._options.items() if name in known}

    def _counted(self) -> dict[str, Any]:
        given = self._only(_STREAMED | {"include"}, "count")
        return {name: value for name, value in given.items() if name == "include_deleted"}

    def _keys(self) -> Self:
        """No more of a row than that it is there."""
        keys = type(self)(
            self._table, self._filters, {"fields": self._table._model.key, **self._options, "include": None}
        )
        return keys._at_most(1)

    def _at_most(self, rows: int) -> Self:
        limit = self._options.get("limit")
        return self.limit(rows if limit is None else min(rows, limit))

    def _all(self) -> Self:
        """`list` alone has a limit that nobody said."""
        return self.limit(self._options.get("limit"))

    @property
    def _is_streamed(self) -> bool:
        return all(name in _STREAMED or (name, value) in _NOTHING for name, value in self._options.items())

    def _sole(self, rows: Rows[_T]) -> _T:
        name = self._table._model.name
        if not rows:
            raise NotFoundError(f"no {name} matches", path="filter")
        if len(rows) > 1:
            raise MultipleRowsError(f"more than one {name} matches", path="filter", hint="`first` takes one of them")
        return rows[0]


def read_filter(filter: object) -> Filter:
    """A filter, and nothing that is only as good as an empty one.

    Raises:
        InvalidFilterError: It is no dict.
    """
    if not isinstance(filter, Mapping):
        message = f"expected a dict, got {type(filter).__name__}"
        raise InvalidFilterError(message, path="filter", hint="write {'price': {'$lt': 10}} or products.c.price < 10")
    return filter


def _each(stream: RowStream[_T]) -> Iterator[_T]:
    with stream as rows:
        yield from rows


async def _each_awaited(stream: AsyncRowStream[_T]) -> AsyncIterator[_T]:
    async with stream as rows:
        async for row in rows:
            yield row


async def _each_listed(query: Query[_T]) -> AsyncIterator[_T]:
    for row in await query.alist():
        yield row
