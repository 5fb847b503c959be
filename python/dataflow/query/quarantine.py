"""Refused rows that are kept: `db.rejects(load_id)`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dataflow import _core
from dataflow.errors import InvalidOptionError, UnsupportedDataError
from dataflow.query.bridge import Awaited, Steps, adrive, drive
from dataflow.query.handle import here
from dataflow.query.payload import read_payload
from dataflow.query.result import BulkResult, Reject, Rejects, Rows
from dataflow.query.table import Table
from dataflow.query.transaction import Begin, Transaction

if TYPE_CHECKING:
    import pyarrow  # type: ignore[import-untyped, import-not-found, unused-ignore]  # pyright: ignore[reportMissingImports]

    from dataflow.model.registry import Registry
    from dataflow.query.context import Scope
    from dataflow.query.handle import Caller, Clock

__all__ = ["Fix", "Quarantine"]

# Mends the fields of a row; None leaves the row where it is.
Fix: TypeAlias = Callable[[dict[str, Any]], Mapping[str, Any] | None]
# Beside the method `list`.
_Records: TypeAlias = list[dict[str, Any]]
_REASON = ("kind", "sqlstate", "constraint", "column", "message")
_COUNTS = ("inserted", "updated", "unchanged", "deleted", "ignored", "duplicate", "missing", "rejected")


class _Mended(NamedTuple):
    """A row that is written again; `kept` is how it lies in the quarantine."""

    kept: dict[str, Any]
    fields: Mapping[str, Any]


class _Done(NamedTuple):
    """What a replay did; the refused rows have the numbers of the first load."""

    counts: dict[str, int]
    rejects: Rejects


_Many: TypeAlias = list[_Mended]


class Quarantine:
    """The refused rows of one load, with their values. It is got as `db.rejects(load_id)`.

    They are those of the tenant of the place where a method is called, and of models without tenants.
    """

    def __init__(self, scope: Scope, engine: _core.Engine, models: Registry, clock: Clock | None, load_id: str) -> None:
        if not isinstance(load_id, str):
            raise InvalidOptionError(f"load_id must be a str, got {type(load_id).__name__}", path="load_id")
        self._scope = scope
        self._engine = engine
        self._models = models
        self._clock = clock
        self._load_id = load_id
        self._core = engine.quarantine()

    def count(self) -> int:
        """How many rows are kept."""
        return drive(self._count())

    async def acount(self) -> int:
        """`count`, awaited."""
        return await adrive(self._count())

    def list(self) -> _Records:
        """The rows in input order: `row`, `kind` and the other reasons, `created_at`, and the fields as `payload`."""
        return _records(drive(self._read()))

    async def alist(self) -> _Records:
        """`list`, awaited."""
        return _records(await adrive(self._read()))

    def to_arrow(self) -> pyarrow.Table:
        """The rows as a `pyarrow.Table`, their fields as JSON text."""
        return Rows(drive(self._read()), Reject).to_arrow()

    async def ato_arrow(self) -> pyarrow.Table:
        """`to_arrow`, awaited."""
        return Rows(await adrive(self._read()), Reject).to_arrow()

    def replay(self, fix: Fix | None = None) -> BulkResult:
        """Writes the rows again, by the same operation as the first time; those that are stored leave the quarantine.

        All of it is one transaction, or a savepoint of the caller's. A row that is refused again stays, with the new
        reason and its first values.

        Args:
            fix: Gets the fields of each row as a dict and returns them mended, or None to leave the row where it is.
                Dates, times, decimals and UUIDs are texts; what was no value of any field is its `repr`.

        Returns:
            What became of the rows that were written; `rejected` counts those that were refused again, and `rejects`
            tells why, by their numbers in the first load.
        """
        started = perf_counter()
        return self._result(drive(self._inside(fix)), started)

    async def areplay(self, fix: Fix | None = None) -> BulkResult:
        """`replay`, awaited; `fix` may be a coroutine function."""
        started = perf_counter()
        return self._result(await adrive(self._inside(fix)), started)

    def delete(self) -> int:
        """Removes the rows from the quarantine; returns how many they were."""
        return drive(self._delete())

    async def adelete(self) -> int:
        """`delete`, awaited."""
        return await adrive(self._delete())

    def __repr__(self) -> str:
        return "<Quarantine of a load>"

    def _here(self) -> Caller:
        # The tenant is in the rows: the table belongs to us.
        transaction, _, now, labels = here(self._scope, self._clock)
        return transaction, None, now, labels

    def _filter(self) -> dict[str, Any]:
        tenant = self._scope.state.tenant
        return {"load_id": {"$eq": self._load_id}, "tenant": {"$in": [""] if tenant is None else ["", tenant]}}

    def _count(self) -> Steps[int]:
        return (yield self._core.count(self._filter(), False, self._here()))  # type: ignore[no-any-return]

    def _read(self) -> Steps[_core.Batch]:
        order = ["scope", "tenant", "operation", "row"]
        return (yield self._core.read(self._filter(), order, None, False, [], self._here()))  # type: ignore[no-any-return]

    def _delete(self) -> Steps[int]:
        written = yield self._core.delete_matching(self._filter(), None, True, False, False, None, self._here())
        return written[0]["deleted"]  # type: ignore[no-any-return]

    def _inside(self, fix: Fix | None) -> Steps[_Done]:
        # Before the transaction begins: MariaDB would commit it with the making of the table.
        yield self._core.ensure(False)
        transaction = Transaction(self._scope, self._engine, Begin(None, False, None))
        return (yield from transaction._around(self._replay(fix)))

    def _replay(self, fix: Fix | None) -> Steps[_Done]:
        kept = (yield from self._read()).records()
        counts: dict[str, int] = dict.fromkeys(_COUNTS, 0)
        refused = [_core.no_rejects()]
        for (scope, operation), rows in groupby(kept, lambda row: (row["scope"], row["operation"])):
            mended = yield from self._mend(rows, fix)
            if mended:
                table: Table[Any] = Table(self._scope, self._models.of_table(scope), self._clock)
                loaded = yield from _write(table, json.loads(operation), [fields for _, fields in mended])
                counted, *_, rejects = loaded.written
                for name in _COUNTS:
                    counts[name] += counted.get(name, 0)
                yield from self._settle(mended, Rejects(rejects))
                refused.append(_core.renumbered(rejects, [row.kept["row"] for row in mended]))
        return _Done(counts, Rejects(_core.Batch.concat(refused)))

    def _mend(self, rows: Iterator[dict[str, Any]], fix: Fix | None) -> Steps[_Many]:
        mended = []
        for row in rows:
            fields: Any = read_payload(row["payload"])
            if fix is not None:
                fields = fix(fields)
            if hasattr(fields, "__await__"):
                fields = yield from _await(fields)
            if fields is not None:
                mended.append(_Mended(row, fields))
        return mended

    def _settle(self, mended: _Many, rejects: Rejects) -> Steps[None]:
        """Takes what is stored out of the quarantine, and notes why the others were refused again."""
        again = {reject.row: reject for reject in rejects}
        stored = [{"id": row.kept["id"]} for at, row in enumerate(mended) if at not in again]
        if stored:
            yield self._core.delete_rows(stored, True, False, None, None, self._here())
        changed = [
            {"id": mended[at].kept["id"], **{name: getattr(reject, name) for name in _REASON}}
            for at, reject in again.items()
        ]
        if changed:
            yield self._core.update_rows(changed, "error", "error", False, None, None, self._here())

    def _result(self, done: _Done, started: float) -> BulkResult:
        seconds = perf_counter() - started
        rows = sum(done.counts.values())
        per_second = rows / seconds if seconds else 0.0
        told: dict[str, Any] = {**done.counts, "load_id": self._load_id, "rejects": done.rejects}
        return BulkResult(**told, seconds=seconds, rows_per_second=per_second)


def _await(answer: Any) -> Steps[Any]:
    refusal = UnsupportedDataError("a blocking call cannot await its fix", path="fix", hint="await areplay(…)")
    try:
        return (yield Awaited(lambda: answer, refusal))
    finally:
        with suppress(AttributeError):
            answer.close()


def _write(table: Table[Any], operation: dict[str, Any], rows: list[Mapping[str, Any]]) -> Steps[Any]:
    """The same operation with the same options."""
    options: Any = {**operation["options"], "on_error": "skip"}
    match operation["operation"]:
        case "bulk_create":
            return table._append_many(rows, options)
        case "bulk_upsert":
            return table._merge_many(rows, options)
        case "bulk_update":
            return table._change_many(None, None, rows, options)
        case _:
            return table._remove_many(None, rows, options)


def _records(batch: _core.Batch) -> _Records:
    rows = batch.records()
    for row in rows:
        row["payload"] = read_payload(row["payload"])
    return sorted(rows, key=lambda row: (row["scope"], row["row"]))
