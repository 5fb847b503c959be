"""Every operation of a table on four known rows: what it answers, and what it leaves. Blocking or awaited."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from dataflow import DataFlow, MaxLength, Unique, errors
from dataflow.query.result import BulkResult, Records, Rows
from dataflow.query.transaction import Transaction

State = Mapping[str, int]
START: State = {"a": 1, "b": 2, "c": 3, "d": 4}


class Slot:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]
    size: Annotated[int, Unique()]
    note: str | None = None


@dataclass(frozen=True)
class Operation:
    """A call. `after` are the sizes by code when it was made on `START`; None where it only reads."""

    id: str
    method: str
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    answer: object = None
    after: State | None = None
    error: type[errors.DataFlowError] = errors.DataFlowError

    @property
    def state(self) -> State:
        return START if self.after is None else self.after


def _rows(**sizes: int) -> list[dict[str, object]]:
    return [{"code": code, "size": size} for code, size in sizes.items()]


def _without(*codes: str) -> State:
    return {code: size for code, size in START.items() if code not in codes}


READS = [
    Operation("read", "read", ("b",), answer=("b", 2)),
    Operation("list", "list", ({"size": {"$gt": 2}},), answer=[("c", 3), ("d", 4)]),
    Operation("count", "count", ({"size": {"$lt": 4}},), answer=3),
    Operation("aggregate", "aggregate", ([{"$group": {"_id": None, "n": {"$sum": "$size"}}}],), answer=[{"n": 10}]),
]
WRITES = [
    Operation("create", "create", (), {"code": "n", "size": 9}, ("n", 9), {**START, "n": 9}),
    Operation("update", "update", ("a", {"size": 9}), {}, ("a", 9), {**START, "a": 9}),
    Operation("delete", "delete", ("a",), {}, 1, _without("a")),
    Operation("upsert that updates", "upsert", ({"code": "a", "size": 9},), {}, ("a", 9), {**START, "a": 9}),
    Operation("upsert that inserts", "upsert", ({"code": "n", "size": 9},), {}, ("n", 9), {**START, "n": 9}),
    Operation("bulk_create", "bulk_create", (_rows(n=8, o=9),), {}, {"inserted": 2}, after={**START, "n": 8, "o": 9}),
    Operation(
        "bulk_update by filter",
        "bulk_update",
        ({"code": "d"}, {"size": 9}),
        answer={"matched": 1, "updated": 1},
        after={**START, "d": 9},
    ),
    Operation(
        "bulk_update by data",
        "bulk_update",
        options={"data": _rows(a=8, b=9)},
        answer={"updated": 2},
        after={**START, "a": 8, "b": 9},
    ),
    Operation(
        "bulk_delete by filter",
        "bulk_delete",
        ({"size": {"$gt": 2}},),
        answer={"deleted": 2, "matched": 2},
        after=_without("c", "d"),
    ),
    Operation(
        "bulk_delete by keys",
        "bulk_delete",
        options={"keys": ["a", "d", "x"]},
        answer={"deleted": 2, "missing": 1},
        after=_without("a", "d"),
    ),
    Operation(
        "bulk_upsert",
        "bulk_upsert",
        (_rows(a=8, n=9, b=2),),
        answer={"inserted": 1, "updated": 1, "unchanged": 1},
        after={**START, "a": 8, "n": 9},
    ),
]
OPERATIONS = READS + WRITES
# Refused by the database, or by what it answered.
FAILURES = [
    Operation("create", "create", (), {"code": "a", "size": 9}, error=errors.UniqueViolationError),
    Operation("update", "update", ("a", {"size": 2}), error=errors.UniqueViolationError),
    Operation("update of nothing", "update", ("x", {"size": 9}), error=errors.NotFoundError),
    Operation("update of several", "update", ({"size": {"$gt": 1}}, {"note": "x"}), error=errors.MultipleRowsError),
    Operation("delete of nothing", "delete", ("x",), error=errors.NotFoundError),
    Operation("delete of several", "delete", ({"size": {"$gt": 1}},), error=errors.MultipleRowsError),
    Operation("upsert that updates", "upsert", ({"code": "a", "size": 2},), error=errors.UniqueViolationError),
    Operation("upsert that inserts", "upsert", ({"code": "n", "size": 2},), error=errors.UniqueViolationError),
    Operation("bulk_create", "bulk_create", (_rows(n=9, a=8),), error=errors.UniqueViolationError),
    Operation(
        "bulk_update by filter",
        "bulk_update",
        ({"size": {"$gt": 2}}, {"size": 9}),
        error=errors.UniqueViolationError,
    ),
    Operation(
        "bulk_update by data", "bulk_update", options={"data": _rows(a=9, b=3)}, error=errors.UniqueViolationError
    ),
    Operation("bulk_update of nothing", "bulk_update", options={"data": _rows(a=9, x=8)}, error=errors.NotFoundError),
    Operation(
        "bulk_delete of many",
        "bulk_delete",
        ({"size": {"$gt": 1}},),
        {"max_affected": 2},
        error=errors.LimitExceededError,
    ),
    Operation("bulk_upsert", "bulk_upsert", (_rows(a=9, n=3),), error=errors.UniqueViolationError),
]


def shown(result: Any) -> object:
    """An answer as plain values: a row as code and size, counts without zeros."""
    match result:
        case BulkResult():
            given = {"seconds", "rows_per_second", "load_id", "rows"}
            return {name: count for name, count in result.items() if count and name not in given}
        case Records():
            return list(result)
        case Rows():
            return [(row.code, row.size) for row in result]
        case int():
            return result
        case row:
            return row.code, row.size


@dataclass(frozen=True)
class Caller:
    """A table, its operations all called in one colour."""

    db: DataFlow
    table: Any
    awaited: bool

    async def call(self, operation: Operation) -> object:
        return shown(await self.ask(operation.method, *operation.arguments, **operation.options))

    async def ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        if self.awaited:
            return await getattr(self.table, f"a{method}")(*arguments, **options)
        return getattr(self.table, method)(*arguments, **options)

    async def state(self) -> State:
        return {row.code: row.size for row in await self.ask("list", limit=None)}

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[Transaction]:
        if self.awaited:
            async with self.db.transaction(**options) as tx:
                yield tx
        else:
            with self.db.transaction(**options) as tx:
                yield tx


def name_of(value: object) -> str | None:
    """The id of a case."""
    return value.id if isinstance(value, Operation) else None


def reset(table: Any) -> None:
    """`START` and nothing else."""
    table.bulk_delete({}, all_rows=True)
    table.bulk_create(_rows(**START))
