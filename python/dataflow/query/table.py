"""`db.table(Model)`: the operations on one model's rows. Each is written once; its colour is added at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn, TypeVar

from dataflow._spelling import not_built
from dataflow.query.aggregating import Aggregating
from dataflow.query.explaining import Explaining
from dataflow.query.expression import Columns
from dataflow.query.handle import Filter
from dataflow.query.public import Operators, PublicTable, open_public
from dataflow.query.selection import Query
from dataflow.query.sync import Sync
from dataflow.query.writing import Writing

__all__ = ["Filter", "Table"]

_T = TypeVar("_T")

_LATER_NAMES = ("watch",)
_LATER = frozenset({*_LATER_NAMES, *(f"a{name}" for name in _LATER_NAMES)})


class Table(Explaining[_T], Aggregating[_T], Writing[_T], Sync[_T]):
    """The rows of one model. Thread-safe; methods that begin with `a` are to be awaited and do the same.

    Operations run in the transaction and for the tenant of the place where they are called. All of them raise
    `DataFlowError` of some kind: `MissingTenantError` for a multi-tenant model without tenant, `PoolTimeoutError`,
    `ConnectionLostError`, `ClosedError` and what their own descriptions say; those that write also
    `AppendOnlyError`, `IntegrityError` and `ConflictError`.
    """

    @property
    def c(self) -> Columns:
        """The fields, for filters: `orders.c.total < 10`."""
        return Columns(self._registered)

    def where(self, *filters: Filter) -> Query[_T]:
        """The rows that match all of these, to be said more of: `orders.where(orders.c.total < 10).order_by("sku")`."""
        return Query(self, ()).where(*filters)

    def public(
        self,
        fields: Mapping[str, Operators],
        *,
        aggregate: bool = False,
        max_rows: int = 1_000,
        timeout: float = 5.0,
    ) -> PublicTable[_T]:
        """The rows for callers who are not trusted: their filters, orders, fields and cursors may come in as they are.

            public = products.public({"name": ["$eq", "$startsWith"], "price": True, "note": []})
            public.list(request.filter, order_by=request.order, after=request.cursor)

        A field that is named is read, and rows are ordered by it and filtered with its operators. One that is not named
        does not exist: an unknown field and a hidden one get the same answer. There is no field to filter by that is
        not read, since who may ask often enough finds out its values.

        A filter nests 5 levels and has 50 conditions, a list in it 1,000 values. `$regex` is of counted repetitions
        that are not in one another. Comparisons between fields (`$expr`) need their operator in the list of both.
        Soft-deleted rows are not there, and the tenant is that of the place of the call, as ever.

        Args:
            fields: Each field with the operators of a filter on it: their names; `True` for all of its type but
                `$like`, `$ilike` and `$regex`; an empty list for none. Of a JSON field that is named all paths are.
            aggregate: Whether there are pipelines: of the same fields, 20 expressions and at most `max_rows` rows.
            max_rows: The largest `limit`; a `limit` of None is refused.
            timeout: Seconds that a statement may take with the wait for its connection. It is cancelled at the server.

        Raises:
            InvalidOptionError: The list is empty, or not well formed.
            UnknownFieldError: The model has no such field.
            UnknownOperatorError: The field's type has no such operator.
        """
        return open_public(
            self._scope, self._registered, self._clock, fields, aggregate=aggregate, max_rows=max_rows, timeout=timeout
        )

    if not TYPE_CHECKING:  # a type checker shall report these names

        def __getattr__(self, name: str) -> NoReturn:
            if name in _LATER:
                raise not_built(f"`{name}`", path=f"{self._model.name}.{name}")
            raise AttributeError(f"a table has no `{name}`", name=name, obj=self)

    def __repr__(self) -> str:
        return f"<Table of {self._model.name}>"
