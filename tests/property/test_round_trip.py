"""What goes in comes out: every type, by parameters and in bulk, as Python and as Arrow, and the server agrees."""

import math
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow import DataFlow, errors
from tests.database import Database
from tests.integration import bare
from tests.property.cells import CASES, Case, at_scale
from tests.property.ways import BASIC, WAYS, bits, store, stored, table_of

SEARCH = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def flow(database: Database) -> Iterator[DataFlow]:
    with closing(DataFlow(database.url)) as db:
        yield db


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Any:
    return request.param


def kept(database: Database, case: Case, values: Any) -> list[Any]:
    """Those that the database can hold: MariaDB has no NaN and no infinity, SQLite no NaN."""
    if case.name != "float" or database.kind == "postgres":
        return list(values)
    infinity = database.kind == "sqlite"
    return [v for v in values if v is None or math.isfinite(v) or (infinity and not math.isnan(v))]


def expected(database: Database, case: Case, values: list[Any]) -> list[Any]:
    """The values. Only PostgreSQL keeps -0.0: SQLite stores it as the integer 0, MariaDB (`SELECT -0e0`) as 0.0."""
    zero = database.kind != "postgres" and case.name == "float"
    return [bits(0.0 if zero and value == 0 else value) for value in values]


@pytest.mark.parametrize("way", WAYS)
def test_edge_values_come_back_as_the_server_holds_them(
    database: Database, flow: DataFlow, case: Case, way: str
) -> None:
    table, values = table_of(flow, case), [*kept(database, case, case.edges), None]
    batch = store(table, case, values, way)
    rows = stored(table, batch)
    assert [bits(row.value) for row in rows] == expected(database, case, values)
    assert [bits(v) for v in rows.to_arrow().column("value").to_pylist()] == expected(database, case, values)
    assert rows.to_arrow().schema.field("value").type == case.arrow
    zone = " AT TIME ZONE 'UTC'" if database.kind == "postgres" and case.name == "instant" else ""
    query = f'SELECT "value"{zone} FROM {table._model.table} WHERE batch = {batch} ORDER BY "at"'
    found = [told(database, case, value) for (value,) in bare.execute(database, query)]
    assert [bits(value) for value in found] == expected(database, case, values)


def told(database: Database, case: Case, value: Any) -> Any:
    """What the bare driver read, in Python's type."""
    if value is None:
        return None
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


def test_distinct_values_stay_distinct_and_are_found(database: Database, flow: DataFlow, case: Case) -> None:
    table = table_of(flow, case)
    values = [value for value in kept(database, case, case.edges) if value == value]
    batch = store(table, case, values, "dicts")
    for value in values:
        assert table.count({"batch": batch, "value": value}) == values.count(value)
        assert table.count({"batch": batch, "value": {"$in": [value]}}) == values.count(value)
    assert table.count({"batch": batch, "value": {"$nin": values}}) == 0


def test_values_are_ordered_as_in_python(database: Database, flow: DataFlow, case: Case) -> None:
    table = table_of(flow, case)
    values = [value for value in kept(database, case, case.edges) if value == value]
    batch = store(table, case, values, "dicts")
    key = (lambda value: value.encode()) if "text" in case.name else None
    found = [row.value for row in table.list({"batch": batch}, order_by="value", limit=None)]
    assert found == sorted(values, key=key)
    middle = sorted(values, key=key)[len(values) // 2]
    assert table.count({"batch": batch, "value": {"$lt": middle}}) == found.index(middle)


@SEARCH
@given(data=st.data(), way=st.sampled_from(WAYS))
def test_any_value_comes_back(database: Database, flow: DataFlow, case: Case, data: st.DataObject, way: str) -> None:
    table = table_of(flow, case)
    values = kept(database, case, data.draw(st.lists(case.search | st.none(), min_size=1, max_size=8)))
    batch = store(table, case, values, way)
    rows = stored(table, batch)
    assert [bits(row.value) for row in rows] == expected(database, case, values)
    assert [bits(v) for v in rows.to_arrow().column("value").to_pylist()] == expected(database, case, values)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_the_database_loses_is_refused(database: Database, flow: DataFlow, number: float) -> None:
    case = CASES[1]
    if kept(database, case, [number]):
        stored = table_of(flow, case)
        before = stored.count()
        store(stored, case, [number], BASIC[0])
        assert stored.count() == before + 1
        return
    for way in BASIC:
        with pytest.raises(errors.NotFiniteError) as caught:
            store(table_of(flow, case), case, [1.0, number], way)
        assert caught.value.path == ("value" if way == "create" else "data[1].value")


def test_a_float_for_a_decimal_is_taken_by_its_shortest_form(flow: DataFlow) -> None:
    table = table_of(flow, next(case for case in CASES if case.name == "decimal 10"))
    table.bulk_create([{"batch": 0, "at": at, "value": v} for at, v in enumerate([0.1, 1e-10, 123456.789])])
    assert [row.value for row in table.list({"batch": 0}, order_by="at")] == [
        Decimal("0.1"),
        Decimal("1e-10"),
        Decimal("123456.789"),
    ]
