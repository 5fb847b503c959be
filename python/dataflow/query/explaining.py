"""The operation that tells how a read is done: `explain`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_args

from dataflow.errors import InvalidOptionError
from dataflow.query.bridge import arun, run
from dataflow.query.explanation import Explanation, read_explanation
from dataflow.query.handle import Filter, Pipeline, read_flag
from dataflow.query.include import Include
from dataflow.query.reading import Page, Reading, Total

if TYPE_CHECKING:
    from dataflow import _core

__all__ = ["CompiledRead", "Explaining"]

_T = TypeVar("_T")
Operation = Literal["list", "count"]


class CompiledRead(NamedTuple):
    """A statement that was not sent.

    Attributes:
        sql: In the form of the database's own protocol: `$1` on PostgreSQL, `?` on MariaDB, `?1` on SQLite.
        parameters: A value for each, in their order; a list is one array.
    """

    sql: str
    parameters: list[Any]


class Explaining(Reading[_T]):
    """What is explained is the statement that the read itself sends."""

    def explain(
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
        operation: Operation = "list",
        pipeline: Pipeline | None = None,
        analyze: bool = False,
        values: bool = False,
    ) -> Explanation:
        """How the database does a read: `print(products.explain({"price": {"$lt": 10}}, order_by="-price"))`.

        It has the arguments of `list`, or with `operation="count"` those of `count`, or as `pipeline` that of
        `aggregate`; and it takes the way of the read itself, with its tenant, in the transaction of the caller.

        Args:
            filter: As of `list`.
            order_by: As of `list`.
            limit: As of `list`.
            offset: As of `list`.
            after: As of `list`.
            before: As of `list`.
            fields: As of `list`.
            distinct: As of `list`.
            include_deleted: As of `list`.
            total: As of `list`.
            include: As of `list`.
            operation: `list` or `count`.
            pipeline: The stages of `aggregate`, with no other argument but `include_deleted`.
            analyze: Whether the read is done and its rows are counted; nothing is written. MySQL cannot; MariaDB and
                SQLite do it twice.
            values: Whether the values of parameters are shown, in the plan too.

        Raises:
            InvalidOptionError: Arguments that do not go together.
            QueryError: As of `list` and `aggregate`.
        """
        page = Page(filter, order_by, limit, offset, after, before, fields, distinct, include_deleted, total, include)
        step, name = self._explain(page, operation, pipeline, analyze, values)
        return read_explanation(self._model.name, name, run(step), values=values)

    async def aexplain(
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
        operation: Operation = "list",
        pipeline: Pipeline | None = None,
        analyze: bool = False,
        values: bool = False,
    ) -> Explanation:
        """`explain`, awaited."""
        page = Page(filter, order_by, limit, offset, after, before, fields, distinct, include_deleted, total, include)
        step, name = self._explain(page, operation, pipeline, analyze, values)
        return read_explanation(self._model.name, name, await arun(step), values=values)

    def sql(
        self,
        filter: Filter | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = 100,
        offset: int | None = None,
        fields: Sequence[str] | None = None,
        distinct: bool = False,
        include_deleted: bool = False,
        total: Total = "none",
        include: Include | None = None,
    ) -> CompiledRead:
        """The statement that `list` sends with these arguments, and its parameters; nothing is sent.

        `sql, parameters = products.sql({"price": {"$lt": 10}})`. The tenant is in it, and so is one row more than the
        limit, which tells whether there is another page. Only the first one of a database may have to ask the server
        what it is.

        Raises:
            QueryError: As of `list`.
        """
        page = Page(filter, order_by, limit, offset, None, None, fields, distinct, include_deleted, total, include)
        explainer, asked = self._core.explainer(), self._asked(page)
        found = explainer.statement(asked, self._here())
        while found is None:
            run(explainer.probe())
            found = explainer.statement(asked, self._here())
        return CompiledRead._make(found)

    def _explain(
        self, page: Page, operation: str, pipeline: Pipeline | None, analyze: bool, values: bool
    ) -> tuple[_core.Operation[dict[str, Any]], str]:
        """The operation, and what it explains."""
        if operation not in get_args(Operation):
            raise InvalidOptionError("operation is list or count", path="operation", hint="a pipeline is pipeline=[…]")
        name = operation if pipeline is None else "aggregate"
        explain = (read_flag(analyze, "analyze"), read_flag(values, "values"))
        explainer = self._core.explainer()
        if name == "list":
            return explainer.page(self._asked(page), explain, self._here()), name
        for field, default in Page()._asdict().items():
            mine = field == "include_deleted" or (field == "filter" and name == "count")
            if not mine and getattr(page, field) != default:
                raise InvalidOptionError(f"{name} takes no {field}", path=field, hint=f"leave {field}= out")
        if name == "aggregate" and operation == "count":
            raise InvalidOptionError("a pipeline is not counted", path="operation", hint="leave operation= out")
        deleted = read_flag(page.include_deleted, "include_deleted")
        return explainer.query(page.filter, pipeline, deleted, explain, self._here()), name
