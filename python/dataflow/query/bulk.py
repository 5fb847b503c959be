"""The operations that write many rows: `bulk_create`, `bulk_update`, `bulk_delete`, `bulk_upsert`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from dataflow.errors import InvalidOptionError
from dataflow.query.bridge import Steps, adrive, drive
from dataflow.query.bulk_options import (
    OF_SOURCES,
    BulkCreateOptions,
    BulkDeleteOptions,
    BulkUpdateOptions,
    BulkUpsertOptions,
    read_options,
    refuse_beside,
    refuse_of_ranges,
)
from dataflow.query.handle import Filter, Handle
from dataflow.query.load import Job, load
from dataflow.query.loaded import Loaded, Written
from dataflow.query.result import OUTCOMES, BulkResult, Outcomes, Rejects, Rows
from dataflow.query.source import AnySource, Source, find_source
from dataflow.query.together import rehearse
from dataflow.query.tolerance import read_tolerance
from dataflow.query.writing import read_names

if TYPE_CHECKING:
    from dataflow import _core
    from dataflow.query.handle import Caller

__all__ = ["Bulk"]

_T = TypeVar("_T")
_R = TypeVar("_R")


class Bulk(Handle[_T]):
    """Many rows at a time: all or none, in the transaction of the caller or in one of their own."""

    def bulk_create(self, data: Source, **options: Unpack[BulkCreateOptions]) -> BulkResult:
        """Stores many rows.

        Args:
            data: Anything with an Arrow capsule, a pandas or polars DataFrame, or an iterable of dicts or instances.
                Rows of a list with more than 65,536 are sent while others are read: an awaited call must have ended
                before they are changed.
            **options: See `BulkCreateOptions`.

        Raises:
            DataError: A field is unknown or missing, or a value cannot be held; `path` is e.g. `data[17].price`.
            UniqueViolationError: A key or unique value is there already, or twice in the data.
            TooManyRejectsError: More rows were refused than `reject_limit` allows.
            LoadMismatchError: The load id was used with other data or options.
            NotBuiltError: An option has a value that is not built yet.
        """
        started = perf_counter()
        return self._result(drive(self._append_many(data, options)), started, options.get("load_id"))

    async def abulk_create(self, data: AnySource, **options: Unpack[BulkCreateOptions]) -> BulkResult:
        """`bulk_create`, awaited."""
        started = perf_counter()
        return self._result(await adrive(self._append_many(data, options)), started, options.get("load_id"))

    def bulk_update(
        self,
        filter: Filter | None = None,
        updates: Mapping[str, Any] | None = None,
        *,
        data: Source | None = None,
        **options: Unpack[BulkUpdateOptions],
    ) -> BulkResult:
        """Changes many rows: those a filter matches to the same values, or each row of the data to its own.

        Args:
            filter: Which rows; with `updates`.
            updates: Their new values, or operators as for `update`. A row that they do not change keeps its version
                and its times.
            data: Rows with their keys; a field that a row does not give stays as it is. Instead of a filter.
            **options: See `BulkUpdateOptions`.

        Raises:
            UnfilteredWriteError: The filter matches every row, and `all_rows=True` is not said.
            LimitExceededError: More than `max_affected` rows would change; nothing was changed.
            NotFoundError: A row of the data is not there.
            StaleRowError: A row has another version than the one given.
            DuplicateRowError: Two rows of the data have the same key.
        """
        started = perf_counter()
        return self._result(drive(self._change_many(filter, updates, data, options)), started, options.get("load_id"))

    async def abulk_update(
        self,
        filter: Filter | None = None,
        updates: Mapping[str, Any] | None = None,
        *,
        data: AnySource | None = None,
        **options: Unpack[BulkUpdateOptions],
    ) -> BulkResult:
        """`bulk_update`, awaited."""
        started = perf_counter()
        return self._result(
            await adrive(self._change_many(filter, updates, data, options)), started, options.get("load_id")
        )

    def bulk_delete(
        self, filter: Filter | None = None, *, keys: Source | None = None, **options: Unpack[BulkDeleteOptions]
    ) -> BulkResult:
        """Deletes many rows: those a filter matches, or those with the given keys.

        Args:
            filter: Which rows.
            keys: Keys (tuples for a key of several fields), dicts, instances or a DataFrame with the key's columns.
                A row that is not there is counted as `missing`.
            **options: See `BulkDeleteOptions`.

        Raises:
            UnfilteredWriteError: The filter matches every row, and `all_rows=True` is not said.
            StaleRowError: A row has another version than its instance, or than the one given beside the key.
            LimitExceededError: More than `max_affected` rows match; nothing was deleted.
        """
        started = perf_counter()
        return self._result(drive(self._remove_many(filter, keys, options)), started, options.get("load_id"))

    async def abulk_delete(
        self, filter: Filter | None = None, *, keys: AnySource | None = None, **options: Unpack[BulkDeleteOptions]
    ) -> BulkResult:
        """`bulk_delete`, awaited."""
        started = perf_counter()
        return self._result(await adrive(self._remove_many(filter, keys, options)), started, options.get("load_id"))

    def bulk_upsert(self, data: Source, **options: Unpack[BulkUpsertOptions]) -> BulkResult:
        """Inserts the rows that are not there, and updates the others.

        Args:
            data: As for `bulk_create`. An absent field takes its default only in a row that is inserted.
            **options: See `BulkUpsertOptions`.

        Raises:
            DuplicateRowError: Two rows of the data are the same.
            UniqueViolationError: Another unique value of a row is taken by another row.
            StaleRowError: A version is given, and the stored row has another.
            KeyMismatchError: The stored row has another key than the one given.
        """
        started = perf_counter()
        return self._result(drive(self._merge_many(data, options)), started, options.get("load_id"))

    async def abulk_upsert(self, data: AnySource, **options: Unpack[BulkUpsertOptions]) -> BulkResult:
        """`bulk_upsert`, awaited."""
        started = perf_counter()
        return self._result(await adrive(self._merge_many(data, options)), started, options.get("load_id"))

    def _append_many(self, data: object, options: BulkCreateOptions) -> Steps[Loaded]:
        read = read_options("bulk_create", BulkCreateOptions, options)
        if read["on_conflict"] == "error" and read["duplicates"] == "error":
            refuse_beside('on_conflict="error"', options, "conflict_on")
            settings = (read["return_rows"], False, read["load_id"])
            return self._load(
                data,
                read,
                Job(
                    lambda rows, tolerance, here: self._core.append(rows, *settings, tolerance, here),
                    changes=False,
                    tolerance=read_tolerance("bulk_create", read),
                ),
            )
        return self._upsert("bulk_create", data, read)

    def _merge_many(self, data: object, options: BulkUpsertOptions) -> Steps[Loaded]:
        read = read_options("bulk_upsert", BulkUpsertOptions, options)
        if read["on_conflict"] != "update":
            refuse_beside(f'on_conflict="{read["on_conflict"]}"', options, "update_fields")
        return self._upsert("bulk_upsert", data, read)

    def _upsert(self, verb: str, data: object, read: dict[str, Any]) -> Steps[Loaded]:
        target = read_names(read["conflict_on"], "conflict_on")
        update = read_names(read.get("update_fields"), "update_fields")
        options = (read["on_conflict"], read["duplicates"], update, None)
        settings = (*options, read["return_rows"], False, None, read["load_id"])
        refuse_of_ranges(read)
        job = Job(
            lambda rows, tolerance, here: self._core.upsert(rows, target, *settings, tolerance, here),
            whole=_whole(read),
            tolerance=read_tolerance(verb, read),
            ranges=lambda rows, most: self._core.ranges(rows, target, read["duplicates"], False, False, True, most),
        )
        return self._load(data, read, job)

    def _load(self, data: object, read: dict[str, Any], job: Job) -> Steps[Loaded]:
        ranged = job.ranges is not None and read["parallel"] > 1
        cut = (read["chunk_rows"] is not None or not read["atomic"]) and not ranged
        source = find_source(
            self._model, data, keys=job.keys, cut=cut, large=lambda rows: self._is_cut(rows, read, job)
        )
        return self._write(read, lambda here: load(self._core, source, job, here, read))

    def _is_cut(self, rows: list[Any] | tuple[Any, ...], read: dict[str, Any], job: Job) -> bool:
        """Whether some rows may go while the next ones are read, and nothing else changes."""
        if job.changes or job.tolerance is not None or read["load_id"] or read["return_rows"]:
            return False
        return not self._core.belong_together(rows)

    def _write(self, read: dict[str, Any], write: Callable[[Caller], Steps[Loaded]]) -> Steps[Loaded]:
        """The write, or what it would do."""
        here = self._here()
        return rehearse(self._core, here, write) if read.get("dry_run") else write(here)

    def _change_many(
        self, filter: Filter | None, updates: Mapping[str, Any] | None, data: object, options: BulkUpdateOptions
    ) -> Steps[Loaded]:
        read = read_options("bulk_update", BulkUpdateOptions, options)
        if data is not None:
            if filter is not None or updates is not None:
                raise InvalidOptionError("data goes instead of filter and updates", path="data")
            refuse_beside("data", options, "all_rows", "max_affected")
            refuse_of_ranges(read)
            settings = (read["on_missing"], read["duplicates"], read["return_rows"], read["load_id"])
            job = Job(
                lambda rows, tolerance, here: self._core.update_rows(rows, *settings, tolerance, here),
                whole=_whole(read),
                defaults=False,
                tolerance=read_tolerance("bulk_update", read),
                ranges=lambda rows, most: self._core.ranges(rows, None, read["duplicates"], True, False, False, most),
            )
            return self._load(data, read, job)
        if not isinstance(updates, Mapping):
            hint = "bulk_update(filter, updates) or bulk_update(data=rows)"
            raise InvalidOptionError("bulk_update needs the new values", path="updates", hint=hint)
        refuse_beside("a filter", options, "on_missing", "duplicates", *OF_SOURCES)
        change = partial(self._core.update_matching, {} if filter is None else filter, dict(updates))
        everything = read["all_rows"] or read["dry_run"]
        settings = (read["max_affected"], everything, read["return_rows"], read["load_id"])
        return self._write(read, lambda here: _at_once(change(*settings, here)))

    def _remove_many(self, filter: Filter | None, keys: object, options: BulkDeleteOptions) -> Steps[Any]:
        read = read_options("bulk_delete", BulkDeleteOptions, options)
        if keys is not None:
            if filter is not None:
                raise InvalidOptionError("keys go instead of a filter", path="keys")
            refuse_beside("keys", options, "max_affected", "all_rows")
            refuse_of_ranges(read)
            settings = (read["hard"], read["return_rows"], read["load_id"])
            job = Job(
                lambda rows, tolerance, here: self._core.delete_rows(rows, *settings, tolerance, here),
                keys=True,
                defaults=False,
                tolerance=read_tolerance("bulk_delete", read),
                ranges=lambda rows, most: self._core.ranges(rows, None, "first", True, True, False, most),
            )
            return self._load(keys, read, job)
        refuse_beside("a filter", options, *OF_SOURCES)
        if read["dry_run"]:
            refuse_beside("dry_run with a filter", options, "return_rows")
            return _once(self._core.count({} if filter is None else filter, read["hard"], self._here()))
        limits = (read["max_affected"], read["hard"], read["all_rows"], read["return_rows"], read["load_id"])
        return _at_once(self._core.delete_matching({} if filter is None else filter, *limits, self._here()))

    def _result(self, loaded: Loaded | int, started: float, load_id: str | None = None) -> BulkResult:
        seconds = perf_counter() - started
        if isinstance(loaded, int):
            return BulkResult(matched=loaded, seconds=seconds)
        counts, batch, outcomes, replayed, rejects = loaded.written
        rows = sum(counts.get(name, 0) for name in OUTCOMES) - loaded.resumed_at
        return BulkResult(
            **counts,
            load_id=load_id or loaded.load_id,
            seconds=seconds,
            rows_per_second=rows / seconds if seconds and not replayed else 0.0,
            replayed=replayed,
            resumed_at=loaded.resumed_at,
            rejects=Rejects(rejects),
            rows=None if batch is None else Rows(batch, self._cls),
            outcomes=None if outcomes is None else Outcomes(outcomes, self._model.name),
        )


def _whole(read: Mapping[str, Any]) -> str | None:
    """What needs all rows at once."""
    return 'duplicates="last"' if read["duplicates"] == "last" else None


def _at_once(operation: _core.Operation[Written]) -> Steps[Loaded]:
    return Loaded((yield from _once(operation)))


def _once(operation: _core.Operation[_R]) -> Steps[_R]:
    """A write that is one operation."""
    return (yield operation)  # type: ignore[no-any-return]
