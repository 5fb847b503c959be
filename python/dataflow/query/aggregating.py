"""The operation that calculates: `aggregate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from dataflow.query.bridge import arun, run
from dataflow.query.handle import Handle, Pipeline, read_flag
from dataflow.query.result import Records

if TYPE_CHECKING:
    from dataflow import _core

__all__ = ["Aggregating"]

_T = TypeVar("_T")


class Aggregating(Handle[_T]):
    """Nothing here changes a row, and what comes back is no row of the model."""

    def aggregate(self, pipeline: Pipeline, *, include_deleted: bool = False) -> Records:
        """What a pipeline makes of the rows, as one statement of the database.

            orders.aggregate([
                {"$match": {"state": "paid"}},
                {"$group": {"_id": "$customer_id", "total": {"$sum": "$total"}, "orders": {"$count": {}}}},
                {"$sort": {"total": -1}},
                {"$limit": 10},
            ])

        The stages are `$match`, `$group`, `$sort`, `$limit`, `$skip`, `$count`, `$project`, `$addFields` or `$set`,
        `$unset`, `$replaceRoot` or `$replaceWith`, `$unwind`, `$lookup`, `$unionWith`, `$bucket`, `$sample`,
        `$sortByCount` and `$setWindowFields`, with the meaning they have in MongoDB. Each is checked against the
        columns that the one before leaves.

        `$lookup` gives each row those of another model whose `foreignField` equals its `localField`, as a list of
        dicts; with `{"$unwind": "$author"}` right behind it they are columns beside the row, `author.name`:

            books.aggregate([
                {"$lookup": {"from": "Author", "localField": "author_id", "foreignField": "id", "as": "author"}},
                {"$unwind": "$author"},
                {"$group": {"_id": "$author.name", "pages": {"$sum": "$pages"}}},
            ])

        `$unionWith` puts the rows of another model behind those so far; a field that one side does not have is None in
        its rows, and one that both have is of one type:

            orders.aggregate([
                {"$project": {"at": 1, "total": 1}},
                {"$unionWith": {"coll": "Refund", "pipeline": [{"$project": {"at": 1, "total": "$amount"}}]}},
                {"$sort": {"at": 1}},
            ])

        The keys of a `$group` are columns: `"_id": "$state"` gives a column `_id`, `"_id": {"state": "$state"}` a
        column `state`, and `"_id": None`, one group of all rows, none. Rows come in the order of the last `$sort`; rows
        that it leaves alike, and rows without one, in that of their keys.

        Sums and averages are exact: of ints an int of 64 bits or an error, of decimals a Decimal. An average of ints is
        their exact sum as a float by their number; one of decimals has four places more and is rounded half away from
        zero. Sums of floats depend on the order in which the database reads them.

        Args:
            pipeline: The stages.
            include_deleted: Whether soft-deleted rows are there too.

        Returns:
            The rows as a sequence of dicts that are made when first looked at; or in Arrow, as `Rows`.

        Raises:
            InvalidPipelineError: A stage is not well formed.
            UnknownOperatorError: There is no such stage, accumulator or operator.
            UnknownFieldError: The row of the stages before has no such field.
            UnknownModelError: `$lookup` or `$unionWith` names a model that this DataFlow does not have.
            OutOfRangeError: A number does not fit its type.
        """
        return self._records(run(self._aggregate(pipeline, include_deleted)))

    async def aaggregate(self, pipeline: Pipeline, *, include_deleted: bool = False) -> Records:
        """`aggregate`, awaited."""
        return self._records(await arun(self._aggregate(pipeline, include_deleted)))

    def _aggregate(self, pipeline: Pipeline, include_deleted: bool) -> _core.Operation[_core.Batch]:
        deleted = read_flag(include_deleted, "include_deleted")
        return self._core.aggregate(pipeline, deleted, self._table_of, self._here())

    def _table_of(self, model: str) -> _core.Table:
        return self._registered.models.find(model).table

    def _records(self, batch: _core.Batch) -> Records:
        return Records(batch, self._model.name)
