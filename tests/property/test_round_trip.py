"""What goes in comes out: every type, by parameters and in bulk, as Python and as Arrow, and the server agrees."""

import itertools
import math
import struct
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow import DataFlow
from tests.database import Database
from tests.integration import bare
from tests.property.cells import CASES, Case, at_scale

PATHS = ["row", "dicts", "arrow"]
SEARCH = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
batches = itertools.count(1)


@pytest.fixture(scope="module")
def flow(database: Database) -> Iterator[DataFlow]:
    with closing(DataFlow(database.url)) as db:
        yield db


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Any:
    return request.param


def cells(flow: DataFlow, case: Case) -> Any:
    """The table of a type; one for the whole module."""
    name = f"Cells{case.name.title().replace(' ', '')}"
    hints = {"batch": int, "at": int, "value": case.hint | None}
    if name not in flow._models._by_name:
        flow.model(type(name, (), {"__annotations__": hints, "value": None, "__tablename__": name.lower()}))
    return flow.table(name)


def kept(database: Database, case: Case, values: Any) -> list[Any]:
    """Those that the database can hold: MariaDB has no NaN and no infinity, SQLite no NaN."""
    if case.name != "float" or database.kind == "postgres":
        return list(values)
    infinity = database.kind == "sqlite"
    return [v for v in values if v is None or math.isfinite(v) or (infinity and not math.isnan(v))]


def store(table: Any, case: Case, values: list[Any], path: str) -> int:
    batch = next(batches)
    rows = [{"batch": batch, "at": at, "value": value} for at, value in enumerate(values)]
    if path == "row":
        for row in rows:
            table.create(**row)
    elif path == "dicts":
        table.bulk_create([*rows, {"batch": -batch, "at": 0}])
    else:
        columns = {"at": range(len(values)), "batch": [batch] * len(values)}
        table.bulk_create(pa.table({"value": pa.array(values, case.arrow), **{k: list(v) for k, v in columns.items()}}))
    return batch


def expected(database: Database, case: Case, values: list[Any]) -> list[Any]:
    """The values. Only PostgreSQL keeps -0.0: SQLite stores it as the integer 0, MariaDB (`SELECT -0e0`) as 0.0."""
    zero = database.kind != "postgres" and case.name == "float"
    return [bits(0.0 if zero and value == 0 else value) for value in values]


def bits(value: Any) -> Any:
    """Floats by their bits, so that -0.0 is not 0.0 and NaN is NaN; everything else with its type."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack(">d", value)
    return type(value), value


@pytest.mark.parametrize("path", PATHS)
def test_edge_values_come_back_as_they_went_in(database: Database, flow: DataFlow, case: Case, path: str) -> None:
    table, values = cells(flow, case), [*kept(database, case, case.edges), None]
    batch = store(table, case, values, path)
    rows = table.list({"batch": batch}, order_by="at", limit=None)
    assert [bits(row.value) for row in rows] == expected(database, case, values)
    assert [bits(v) for v in rows.to_arrow().column("value").to_pylist()] == expected(database, case, values)
    assert rows.to_arrow().schema.field("value").type == case.arrow


@pytest.mark.parametrize("path", PATHS)
def test_the_server_holds_the_same_values(database: Database, flow: DataFlow, case: Case, path: str) -> None:
    table, values = cells(flow, case), kept(database, case, case.edges)
    batch = store(table, case, values, path)
    zone = " AT TIME ZONE 'UTC'" if database.kind == "postgres" and case.name == "instant" else ""
    query = f'SELECT "value"{zone} FROM {table._model.table} WHERE batch = {batch} ORDER BY "at"'
    found = [told(database, case, value) for (value,) in bare.execute(database, query)]
    assert [bits(value) for value in found] == expected(database, case, values)


def told(database: Database, case: Case, value: Any) -> Any:
    """What the bare driver read, in Python's type."""
    if case.name == "bool":
        return bool(value)
    if case.name == "uuid" and isinstance(value, bytes):
        return type(case.edges[0])(bytes=value)
    if isinstance(value, bytes) and case.name.startswith("decimal"):
        return at_scale(
            (int.from_bytes(value, "big") ^ (1 << 127)) - (1 << 128 if value[0] < 128 else 0), case.arrow.scale
        )
    if isinstance(value, str) and isinstance(case.edges[0], datetime):
        value = datetime.fromisoformat(value.removesuffix("Z"))
    return value.replace(tzinfo=UTC) if case.name == "instant" else value


@pytest.mark.parametrize("path", PATHS)
def test_distinct_values_stay_distinct_and_are_found(database: Database, flow: DataFlow, case: Case, path: str) -> None:
    table = cells(flow, case)
    values = [value for value in kept(database, case, case.edges) if value == value]
    batch = store(table, case, values, path)
    for value in values:
        assert table.count({"batch": batch, "value": value}) == values.count(value)
        assert table.count({"batch": batch, "value": {"$in": [value]}}) == values.count(value)
    assert table.count({"batch": batch, "value": {"$nin": values}}) == 0


def test_values_are_ordered_as_in_python(database: Database, flow: DataFlow, case: Case) -> None:
    table = cells(flow, case)
    values = [value for value in kept(database, case, case.edges) if value == value]
    batch = store(table, case, values, "dicts")
    key = (lambda value: value.encode()) if case.name == "text" else None
    found = [row.value for row in table.list({"batch": batch}, order_by="value", limit=None)]
    assert found == sorted(values, key=key)
    middle = sorted(values, key=key)[len(values) // 2]
    assert table.count({"batch": batch, "value": {"$lt": middle}}) == found.index(middle)


@SEARCH
@given(data=st.data(), path=st.sampled_from(PATHS))
def test_any_value_comes_back(database: Database, flow: DataFlow, case: Case, data: st.DataObject, path: str) -> None:
    table = cells(flow, case)
    values = kept(database, case, data.draw(st.lists(case.search | st.none(), min_size=1, max_size=8)))
    batch = store(table, case, values, path)
    rows = table.list({"batch": batch}, order_by="at")
    assert [bits(row.value) for row in rows] == expected(database, case, values)
    assert [bits(v) for v in rows.to_arrow().column("value").to_pylist()] == expected(database, case, values)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_the_database_loses_is_refused(database: Database, flow: DataFlow, number: float) -> None:
    from dataflow import errors

    case = CASES[1]
    if kept(database, case, [number]):
        return
    for path in PATHS:
        with pytest.raises(errors.NotFiniteError) as caught:
            store(cells(flow, case), case, [1.0, number], path)
        assert caught.value.path == ("value" if path == "row" else "data[1].value")


def test_a_float_for_a_decimal_is_taken_by_its_shortest_form(flow: DataFlow) -> None:
    table = cells(flow, next(case for case in CASES if case.name == "decimal 10"))
    table.bulk_create([{"batch": 0, "at": at, "value": v} for at, v in enumerate([0.1, 1e-10, 123456.789])])
    assert [row.value for row in table.list({"batch": 0}, order_by="at")] == [
        Decimal("0.1"),
        Decimal("1e-10"),
        Decimal("123456.789"),
    ]
