"""Every way into a table, and every form rows come back in. One table for each type and database."""

import itertools
import json
import math
import struct
from datetime import timedelta
from typing import Any

import pyarrow as pa

from dataflow import DataFlow, Rows, Table
from tests.property.cells import Case

BASIC = ["create", "dicts", "arrow", "many"]
# Beyond some hundreds of rows MariaDB gets them in a LOAD DATA.
MANY = 1_000
WAYS = [*BASIC, "upsert", "bulk upsert", "arrow upsert", "update", "bulk update", "update by filter"]
batches = itertools.count(1)
_MICROSECOND = timedelta(microseconds=1)


def table_of(flow: DataFlow, case: Case) -> Table[Any]:
    """The table of a type."""
    name = f"Cells{case.name.title().replace(' ', '')}"
    if name not in flow._models._by_name:
        hints = {"batch": int, "at": int, "value": case.hint | None}
        flow.model(type(name, (), {"__annotations__": hints, "value": None, "__tablename__": name.lower()}))
    return flow.table(name)


def store(table: Table[Any], case: Case, values: list[Any], way: str) -> int:
    """Stores the values, in order, and returns the number of their batch."""
    batch = next(batches)
    rows = [{"batch": batch, "at": at, "value": value} for at, value in enumerate(values)]
    if "up" in way:
        _store_twice(table, case, rows, way)
    elif way == "create":
        for row in rows:
            table.create(**row)
    elif way == "dicts":
        table.bulk_create([*rows, {"batch": -batch, "at": 0}])
    elif way == "arrow":
        table.bulk_create(columns(case, rows))
    else:
        others = [{"batch": -batch, "at": at, "value": None} for at in range(MANY)]
        assert table.bulk_create(columns(case, [*rows, *others])).inserted == len(rows) + MANY
    return batch


def _store_twice(table: Table[Any], case: Case, rows: list[dict[str, Any]], way: str) -> None:
    """Rows that are there without their value get it."""
    empty = [{"batch": row["batch"], "at": row["at"]} for row in rows]
    keys = [row.id for row in table.bulk_create(empty, return_rows=True).rows or []]
    changed = [{**row, "id": key} for row, key in zip(rows, keys, strict=True)]
    if way == "bulk upsert":
        table.bulk_upsert(changed)
    elif way == "arrow upsert":
        table.bulk_upsert(columns(case, changed))
    elif way == "bulk update":
        table.bulk_update(data=[{"id": row["id"], "value": row["value"]} for row in changed])
    for row in changed:
        if way == "upsert":
            table.upsert(row)
        elif way == "update":
            table.update(row["id"], {"value": row["value"]})
        elif way == "update by filter":
            table.bulk_update({"batch": row["batch"], "at": row["at"]}, {"value": row["value"]})


def columns(case: Case, rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as Arrow, each column from the middle of a longer one."""
    names = [name for name in rows[0] if name != "value"]
    arrays = {name: pa.array([0, *(row[name] for row in rows), 0], pa.int64())[1:-1] for name in names}
    return pa.table({**arrays, "value": arrow(case, [row["value"] for row in rows])})


def arrow(case: Case, values: list[Any]) -> pa.Array:
    """An array that begins and ends in the middle of another."""
    if case.name == "json":
        texts = [None if value is None else json.dumps(value, indent=1) for value in values]
        return pa.array(["[]", *texts, "{}"], pa.string())[1:-1]
    # pyarrow does not read the shortest duration.
    if case.name == "duration":
        return pa.array([0, *map(whole, values), None], pa.int64()).cast(case.arrow)[1:-1]
    if case.name == "durations":
        lists = [None if value is None else [whole(item) for item in value] for value in values]
        return pa.array([[0], *lists, []], pa.list_(pa.field("item", pa.int64(), nullable=False))).cast(case.arrow)[
            1:-1
        ]
    # Nor the items of an extension type.
    if case.name == "uuids":
        lists = [None if value is None else [item.bytes for item in value] for value in values]
        return pa.array([[b"x" * 16], *lists, []], pa.list_(pa.binary(16)))[1:-1]
    return pa.array([case.edges[0], *values, None], case.arrow)[1:-1]


def whole(value: timedelta | None) -> int | None:
    return None if value is None else value // _MICROSECOND


def stored(table: Table[Any], batch: int) -> Rows[Any]:
    return table.list({"batch": batch}, order_by="at", limit=None)


def bits(value: Any) -> Any:
    """Floats by their bits, so that -0.0 is not 0.0 and NaN is NaN; everything else with its type."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack(">d", value)
    return type(value), value
