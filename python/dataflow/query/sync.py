"""`bulk_sync`: data becomes all that is stored within a filter."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Literal, TypedDict, TypeVar, Unpack

from dataflow.query.bridge import Steps, adrive, drive
from dataflow.query.bulk import Bulk
from dataflow.query.bulk_options import read_options
from dataflow.query.handle import Filter
from dataflow.query.load import Job
from dataflow.query.loaded import Loaded
from dataflow.query.result import BulkResult
from dataflow.query.source import AnySource, Source
from dataflow.query.writing import read_names

__all__ = ["BulkSyncOptions", "Sync"]

_T = TypeVar("_T")


class BulkSyncOptions(TypedDict, total=False):
    """Options of `bulk_sync`.

    Attributes:
        conflict_on: The fields by which a stored row is the same: a unique set of the model. Default the key. Every row
            gives them.
        update_fields: The fields that may change in a stored row. Default all that a row gives.
        duplicates: What happens to rows of the data that are the same: `error` (the default), or the `first` or `last`
            goes.
        max_affected: Most rows that may be deleted: with more, nothing is written.
        dry_run: Whether it is only told what the sync would do: it is done and undone. Default False.
        hard: Whether a soft-deleted model really loses the rows. Default False.
        all_rows: Whether a filter that matches every row is meant so. Default False.
        load_id: As for the other bulk writes.
    """

    conflict_on: str | Sequence[str] | None
    update_fields: str | Sequence[str] | None
    duplicates: Literal["error", "first", "last"]
    max_affected: int | None
    dry_run: bool
    hard: bool
    all_rows: bool
    load_id: str | None


class Sync(Bulk[_T]):
    """An upsert, and the removal of what the data has not, all or none."""

    def bulk_sync(
        self, data: Source, *, within: Filter | None = None, **options: Unpack[BulkSyncOptions]
    ) -> BulkResult:
        """Makes the data all that is stored within a filter: an upsert, and other rows of the filter are deleted.

        Args:
            data: As for `bulk_upsert`, all at once.
            within: The stored rows that the data stands for, e.g. `{"day": today}`. All rows of the data must be among
                them.
            **options: See `BulkSyncOptions`.

        Returns:
            All counts but `deleted` sum to the rows given.

        Raises:
            UnfilteredWriteError: The filter matches every row, and `all_rows=True` is not said.
            LimitExceededError: More than `max_affected` rows would be deleted; nothing was written.
            CheckViolationError: A row of the data is not within the filter; `path` is e.g. `data[17]`.
            MissingValueError: A row lacks a value by which it is found.
        """
        started = perf_counter()
        return self._result(drive(self._sync_many(data, within, options)), started, options.get("load_id"))

    async def abulk_sync(
        self, data: AnySource, *, within: Filter | None = None, **options: Unpack[BulkSyncOptions]
    ) -> BulkResult:
        """`bulk_sync`, awaited."""
        started = perf_counter()
        return self._result(await adrive(self._sync_many(data, within, options)), started, options.get("load_id"))

    def _sync_many(self, data: object, within: Filter | None, options: BulkSyncOptions) -> Steps[Loaded]:
        read = read_options("bulk_sync", BulkSyncOptions, options)
        target, update = (
            read_names(read["conflict_on"], "conflict_on"),
            read_names(read["update_fields"], "update_fields"),
        )
        bounds = ({} if within is None else within, read["all_rows"], read["hard"], read["max_affected"])
        settings = ("update", read["duplicates"], update, None, False, False, bounds, read["load_id"])
        job = Job(lambda rows, _, here: self._core.upsert(rows, target, *settings, None, here), whole="bulk_sync")
        return self._load(data, {**read, "atomic": True, "chunk_rows": None, "parallel": 1, "progress": False}, job)
