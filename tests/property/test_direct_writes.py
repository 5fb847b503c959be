"""Random upserts and updates, once without their rows and once with: the two ways end the same, to the last event.

With `return_rows=True` stored rows are always read before they are written; without it PostgreSQL decides by itself
where it can.
"""

import datetime as dt
import time
from collections import Counter
from contextlib import nullcontext
from decimal import Decimal
from random import Random
from typing import Annotated, Any, NamedTuple

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Precision, errors
from tests.database import Database
from tests.integration.fresh import fresh

CODES = [f"k{number}" for number in range(12)]
TYPES = {
    "code": pa.string(),
    "id": pa.int64(),
    "qty": pa.int64(),
    "name": pa.string(),
    "price": pa.float64(),
    "cost": pa.decimal128(12, 2),
    "day": pa.date32(),
    "extra": pa.string(),
    "tags": pa.list_(pa.string()),
}


class Coded:
    __dataflow__: dict[str, Any] = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(8)]
    qty: int = 5
    name: str
    price: float | None = None
    cost: Annotated[Decimal, Precision(12, 2)] | None = None
    day: dt.date | None = None


class Timed(Coded):
    __dataflow__ = Coded.__dataflow__ | {"timestamps": True}


class Checked(Coded):
    __dataflow__ = Coded.__dataflow__ | {"checks": {"some": {"qty": {"$gt": 0}}}}


class Shared(Coded):
    __dataflow__ = Coded.__dataflow__ | {"multi_tenant": True}


class Numbered:
    id: int
    qty: int = 5
    name: str
    extra: dict[str, Any] | None = None
    tags: list[str] | None = None


class Clock:
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


class Case(NamedTuple):
    """One call and where it happens."""

    verb: str
    rows: list[dict[str, Any]]
    arrow: bool
    options: dict[str, Any]
    tenant: str
    inside: bool


class Maker:
    """Makes cases that often write what is there."""

    def __init__(self, random: Random, table: Any, kind: str) -> None:
        self.random, self.kind = random, kind
        self.fields = [name for name in table._model.fields if name in TYPES]
        self.key = self.fields[0]

    def case(self) -> Case:
        pick, chance = self.random.choice, self.random.random
        verb = pick(["bulk_upsert", "bulk_upsert", "bulk_update"])
        arrow = chance() < 0.4
        rows = self.rows(pick([1, 1, 2, 3, 5, 8]), alike=arrow or chance() < 0.6)
        options: dict[str, Any] = {"duplicates": pick(["error", "first", "last"])}
        if verb == "bulk_update":
            options["on_missing"] = pick(["skip", "skip", "error"])
        else:
            options["on_conflict"] = pick(["update", "update", "update", "ignore"])
            if options["on_conflict"] == "update" and chance() < 0.25:
                options["update_fields"] = pick([["qty"], ["name", "qty"]])
        return Case(verb, rows, arrow, options, pick(["a", "b"]), chance() < 0.2)

    def rows(self, size: int, *, alike: bool) -> list[dict[str, Any]]:
        keys = self.random.choices(range(len(CODES)), k=size)
        if self.random.random() < 0.8:
            keys = self.random.sample(range(len(CODES)), size)
        shared = self.columns()
        return [self.row(key, shared if alike else self.columns()) for key in keys]

    def columns(self) -> list[str]:
        rare = {"name": 0.9, "tags": 0.1, "extra": 0.1}
        return [name for name in self.fields[1:] if self.random.random() < rare.get(name, 0.6)]

    def row(self, key: int, columns: list[str]) -> dict[str, Any]:
        return {self.key: key + 1 if self.key == "id" else CODES[key]} | {name: self.value(name) for name in columns}

    def value(self, name: str) -> Any:
        odd = [float("nan"), float("inf")] if self.kind == "postgres" else [1e300]
        values: dict[str, list[Any]] = {
            "qty": [5, 6] if self.random.random() < 0.97 else [0],
            "name": ["x", "X", "x ", "y"],
            "price": [None, 0.0, -0.0, 1.5, *odd],
            "cost": [None, Decimal("1.50"), Decimal("2.00")],
            "day": [None, dt.date(2024, 1, 1), dt.date(2024, 1, 2)],
            "extra": [None, {"a": 1}, {"a": 1.0}, {"b": [1, "x"]}],
            "tags": [None, [], ["a"], ["a", "b"]],
        }
        return self.random.choice(values[name])


def run(db: DataFlow, table: Any, case: Case, *, return_rows: bool) -> Any:
    rows: Any = case.rows
    if case.arrow:
        names = list(rows[0])
        types = [pa.string() if name == "extra" else TYPES[name] for name in names]
        rows = pa.Table.from_pylist([as_text(row) for row in rows], pa.schema(list(zip(names, types, strict=True))))
    if case.verb == "bulk_update":
        rows = {"data": rows}
    options = case.options | {"return_rows": return_rows}
    try:
        with db.tenant(case.tenant), db.transaction() if case.inside else nullcontext():
            call = getattr(table, case.verb)
            result = call(**rows, **options) if case.verb == "bulk_update" else call(rows, **options)
    except errors.DataFlowError as error:
        return error
    return {name: count for name, count in result.items() if count and "second" not in name}


def as_text(row: dict[str, Any]) -> dict[str, Any]:
    """A document as Arrow has it."""
    texts = {"{'a': 1}": '{"a": 1}', "{'a': 1.0}": '{"a": 1.0}', "{'b': [1, 'x']}": '{"b": [1, "x"]}'}
    extra = {} if row.get("extra") is None else {"extra": texts[str(row["extra"])]}
    return row | extra


def told(result: Any) -> Any:
    if isinstance(result, errors.DataFlowError):
        return result.kind, result.path, result.constraint is None
    return result


def stored(db: DataFlow, table: Any) -> list[str]:
    """The rows of both tenants, as text: so NaN is equal to itself. A zero may keep its sign: it is the same number."""
    rows = []
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            rows += [f"{tenant} {row}".replace("-0.0", "0.0") for row in table.list(limit=None).records()]
    return rows


class Changes:
    """What observers are told of each table."""

    def __init__(self, db: DataFlow) -> None:
        self.events: list[dict[str, Any]] = []
        db.on("rows_changed", self.events.append)

    def of(self, table: Any) -> list[tuple[Any, ...]]:
        name = table._model.table
        mine = [event for event in list(self.events) if event["table"].endswith(name)]
        return [(e["operation"], e["tenant"], e["rows"], sorted(e["keys"])) for e in mine]

    def wait_for(self, tables: list[Any]) -> None:
        """Until both have been told as much: events come from another thread."""
        end = time.monotonic() + 5
        while len({len(self.of(table)) for table in tables}) > 1:
            assert time.monotonic() < end, "events are missing"
            time.sleep(0.01)  # the observer's thread has no end to wait for


@pytest.mark.parametrize("model", [Coded, Timed, Checked, Shared, Numbered])
def test_a_write_ends_the_same_whether_rows_are_read_or_not(database: Database, model: type[Any]) -> None:
    clock, ends = Clock(), Counter[str]()
    with DataFlow(database.url, clock=clock) as db:
        changes = Changes(db)
        tables: list[Any] = [fresh(db, model), fresh(db, model)]
        for number in range(400):
            random = Random(f"{model.__name__} {number}")
            clock.now += dt.timedelta(seconds=1)
            case = Maker(random, tables[0], database.kind).case()
            results = [run(db, table, case, return_rows=at == 1) for at, table in enumerate(tables)]
            rows = [stored(db, table) for table in tables]
            assert told(results[0]) == told(results[1]), f"case {number}: {case}"
            assert rows[0] == rows[1], f"case {number}: {case}"
            ends.update([results[0].kind] if isinstance(results[0], errors.DataFlowError) else results[0])
            if random.random() < 0.1:
                for table in tables:
                    table.bulk_delete(all_rows=True) if model is not Shared else thin_out(db, table)
        changes.wait_for(tables)
        assert changes.of(tables[0]) == changes.of(tables[1])
        assert len(changes.of(tables[0])) > 100
    assert set(ends) >= {"inserted", "updated", "unchanged", "ignored", "duplicate", "missing", "NotFound"}, ends


def thin_out(db: DataFlow, table: Any) -> None:
    with db.tenant("a"):
        table.bulk_delete(all_rows=True)
