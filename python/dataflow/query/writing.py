"""The operations that write one row: `create`, `update`, `delete`, `upsert`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from dataflow.errors import UnsupportedDataError
from dataflow.query.bridge import arun, run
from dataflow.query.handle import Handle, read_flag
from dataflow.query.input import read_instance

if TYPE_CHECKING:
    from dataflow import _core

    _Written = tuple[dict[str, int], _core.Batch | None, _core.Outcomes | None, bool, _core.Batch | None]

__all__ = ["Writing", "read_names"]

_T = TypeVar("_T")


class Writing(Handle[_T]):
    """One row at a time; each call commits by itself unless it is inside a transaction."""

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
            UniqueViolationError: The key, or a unique value, is there already.
            CheckViolationError: The row does not meet a check of its model.
        """
        return self._written(run(self._append(instance, fields)))

    @overload
    async def acreate(self, instance: _T, /) -> _T: ...
    @overload
    async def acreate(self, /, **fields: Any) -> _T: ...
    async def acreate(self, instance: Any = None, /, **fields: Any) -> _T:
        """`create`, awaited."""
        return self._written(await arun(self._append(instance, fields)))

    @overload
    def update(self, row: _T) -> _T: ...
    @overload
    def update(self, row: Any, updates: Mapping[str, Any]) -> _T: ...
    def update(self, row: Any, updates: Mapping[str, Any] | None = None) -> _T:
        """Changes one row.

        Args:
            row: Its key (a tuple for a key of several fields), a filter that matches it alone, or an instance: then
                its key counts, and in a versioned model its version.
            updates: The new values, or operators: `{"$inc": {"qty": 1}, "$set": {"name": "x"}}`. Without them the
                values of the instance. A field that is not here stays as it is; a given `updated_at` counts only
                where it is later than the stored one.

        Returns:
            A new instance, as stored.

        Raises:
            NotFoundError: There is no such row.
            MultipleRowsError: The filter matches more than one; nothing was written.
            StaleRowError: The row has another version than the one given.
            DataError: A field is unknown or has a value its column cannot hold; `OutOfRangeError` also for the result
                of an operator.
            InvalidUpdateError: An operator is not well formed, or not for the field.
        """
        return self._written(run(self._change(row, updates)))

    @overload
    async def aupdate(self, row: _T) -> _T: ...
    @overload
    async def aupdate(self, row: Any, updates: Mapping[str, Any]) -> _T: ...
    async def aupdate(self, row: Any, updates: Mapping[str, Any] | None = None) -> _T:
        """`update`, awaited."""
        return self._written(await arun(self._change(row, updates)))

    def delete(self, row: Any, *, hard: bool = False) -> int:
        """Deletes one row, given as for `update`; returns 1.

        Args:
            row: Its key, a filter that matches it alone, or an instance.
            hard: Whether a soft-deleted model really loses the row.

        Raises:
            NotFoundError: There is no such row.
            MultipleRowsError: The filter matches more than one; nothing was deleted.
            StaleRowError: The row has another version than the instance.
        """
        return run(self._remove(row, hard))[0]["deleted"]

    async def adelete(self, row: Any, *, hard: bool = False) -> int:
        """`delete`, awaited."""
        return (await arun(self._remove(row, hard)))[0]["deleted"]

    def upsert(
        self,
        data: _T | Mapping[str, Any],
        conflict_on: str | Sequence[str] | None = None,
        update_fields: str | Sequence[str] | None = None,
        *,
        updates: Mapping[str, Any] | None = None,
    ) -> _T:
        """Inserts a row, or updates the one that is there.

        Args:
            data: The row, as an instance or a dict. An absent field takes its default only when the row is inserted.
            conflict_on: The fields by which a stored row is the same: a unique set of the model. Default the key.
            update_fields: The fields of the data that may change in a stored row. Default all that are given.
            updates: What else becomes of the row, with operators as for `update`. They see a new row as it would be
                without them, with its defaults; `$setOnInsert` gives values to a new row alone.

        Returns:
            A new instance, as stored. Its attribute `created` tells whether it was inserted, unless the model has a
            field of this name or no place for it (`__slots__`, pydantic).

        Raises:
            UniqueViolationError: Another unique value of the row is taken by another row.
            StaleRowError: A version is given, and the stored row has another.
            KeyMismatchError: The stored row has another key than the one given.
        """
        return self._upserted(run(self._merge(data, conflict_on, update_fields, updates)))

    async def aupsert(
        self,
        data: _T | Mapping[str, Any],
        conflict_on: str | Sequence[str] | None = None,
        update_fields: str | Sequence[str] | None = None,
        *,
        updates: Mapping[str, Any] | None = None,
    ) -> _T:
        """`upsert`, awaited."""
        return self._upserted(await arun(self._merge(data, conflict_on, update_fields, updates)))

    def _append(self, instance: object, fields: Mapping[str, object]) -> _core.Operation[_Written]:
        given = self._fields(instance, fields, "create")
        return self._core.append([given], True, True, None, None, self._here())

    def _change(self, row: object, updates: Mapping[str, Any] | None) -> _core.Operation[_Written]:
        stored = read_instance(self._model, row) if isinstance(row, self._cls) else {}
        if updates is None:
            if not stored:
                raise UnsupportedDataError("update needs the new values", path="updates", hint="update(key, {…})")
            updates = stored
        else:
            updates = _read_updates(updates)
        version = self._model.version
        if version is not None and version in stored:
            updates = _with_version(version, stored[version], updates)
        return self._core.update_one(self._row_filter(row), dict(updates), self._here())

    def _remove(self, row: object, hard: bool) -> _core.Operation[_Written]:
        stored = read_instance(self._model, row) if isinstance(row, self._cls) else {}
        version: Any = stored.get(self._model.version or "")
        return self._core.delete_one(self._row_filter(row), version, read_flag(hard, "hard"), self._here())

    def _merge(
        self,
        data: object,
        conflict_on: str | Sequence[str] | None,
        update_fields: str | Sequence[str] | None,
        updates: Mapping[str, Any] | None = None,
    ) -> _core.Operation[_Written]:
        fields = dict(data) if isinstance(data, Mapping) else self._fields(data, {}, "upsert")
        target, update = read_names(conflict_on, "conflict_on"), read_names(update_fields, "update_fields")
        changes = None if updates is None else dict(_read_updates(updates))
        return self._core.upsert(
            [fields], target, "update", "error", update, changes, True, True, None, None, None, self._here()
        )

    def _upserted(self, written: _Written) -> _T:
        row = self._written(written)
        if "created" not in self._model.fields and self._model.making.construct is None and hasattr(row, "__dict__"):
            vars(row)["created"] = written[0]["inserted"] == 1
        return row


def _read_updates(updates: object) -> Mapping[str, Any]:
    if not isinstance(updates, Mapping):
        message = f"updates is a dict of fields or operators, got {type(updates).__name__}"
        raise UnsupportedDataError(message, path="updates")
    return updates


def _with_version(name: str, version: object, updates: Mapping[str, Any]) -> Mapping[str, Any]:
    """The updates of an instance, whose version the stored row must have."""
    if not any(isinstance(key, str) and key.startswith("$") for key in updates):
        return {name: version, **updates}
    values = updates.get("$set", {})
    return {**updates, "$set": {name: version, **values}} if isinstance(values, Mapping) else updates


def read_names(names: str | Sequence[str] | None, path: str) -> list[str] | None:
    """One name, or several of them."""
    if names is None:
        return None
    given = [names] if isinstance(names, str) else list(names) if isinstance(names, Iterable) else []
    if not given or not all(isinstance(name, str) for name in given):
        raise UnsupportedDataError(f"{path} is the name of a field or a list of names", path=path)
    return given
