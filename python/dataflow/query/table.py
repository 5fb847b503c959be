"""`db.table(Model)`: the operations on one model's rows. Each is written once; its colour is added at the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar

from dataflow._spelling import not_built
from dataflow.query.aggregating import Aggregating
from dataflow.query.explaining import Explaining
from dataflow.query.expression import Columns
from dataflow.query.handle import Filter
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
        return Columns(self._model)

    if not TYPE_CHECKING:  # a type checker shall report these names

        def __getattr__(self, name: str) -> NoReturn:
            if name in _LATER:
                raise not_built(f"`{name}`", path=f"{self._model.name}.{name}")
            raise AttributeError(f"a table has no `{name}`", name=name, obj=self)

    def __repr__(self) -> str:
        return f"<Table of {self._model.name}>"
