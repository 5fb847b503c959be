"""Rows come back alike in every form: instances, dicts, Arrow, pandas and polars."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from dataflow import DataFlow, Rows
from tests.database import Database
from tests.property.cells import CASES, Case
from tests.property.kinds import KINDS, SHORTEST
from tests.property.ways import bits, store, stored, table_of


@pytest.fixture(scope="module")
def flow(database: Database) -> Iterator[DataFlow]:
    with closing(DataFlow(database.url)) as db:
        yield db


@pytest.fixture(params=[*CASES, *KINDS], ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def rows(flow: DataFlow, case: Case) -> Rows[Any]:
    """Every edge value that all databases hold."""
    values = [value for value in case.edges if not isinstance(value, float) or abs(value) < float("inf")]
    table = table_of(flow, case)
    return stored(table, store(table, case, [*values, None], "dicts"))


def values_of(rows: Rows[Any]) -> list[Any]:
    return [row.value for row in rows]


def test_one_row_is_read_as_it_is_listed(flow: DataFlow, case: Case, rows: Rows[Any]) -> None:
    table = table_of(flow, case)
    assert [bits(table.read(row.id).value) for row in rows] == [bits(value) for value in values_of(rows)]
    assert [bits(row["value"]) for row in rows.records()] == [bits(value) for value in values_of(rows)]


def test_arrow_holds_the_same_values(case: Case, rows: Rows[Any]) -> None:
    found = rows.to_arrow().column("value").to_pylist()
    assert [plain(case, value) for value in found] == values_of(rows)


def test_polars_holds_the_same_values(case: Case, rows: Rows[Any]) -> None:
    found = rows.to_polars()["value"].to_list()
    assert [plain(case, value) for value in found] == values_of(rows)


def test_pandas_holds_the_same_values(case: Case, rows: Rows[Any]) -> None:
    import pandas as pd

    found = rows.to_pandas()["value"].tolist()
    # Missing in pandas are NaN, NA, NaT and None; and the shortest duration is the number that stands for NaT.
    missing = [pd.api.types.is_scalar(value) and pd.isna(value) for value in found]
    assert missing == [value is None or value == SHORTEST for value in values_of(rows)]
    pairs = [
        pair
        for pair, is_missing in zip(zip(found, values_of(rows), strict=True), missing, strict=True)
        if not is_missing
    ]
    for value, expected in pairs:
        assert plain(case, value) == without_shortest(expected)


def plain(case: Case, value: Any) -> Any:
    """A value of a library's own class as Python has it."""
    if case.name == "json" and isinstance(value, str):
        return json.loads(value)
    if hasattr(value, "tolist") and not isinstance(value, datetime):
        value = value.tolist()
    if isinstance(value, bytes) and case.name == "uuid":
        return type(case.edges[0])(bytes=value)
    if isinstance(value, list) and case.name == "uuids":
        return [item if hasattr(item, "bytes") else type(case.edges[1][0])(bytes=item) for item in value]
    if isinstance(value, list) and case.name == "instants":
        zone = case.edges[1][0].tzinfo  # numpy has no zones
        return [item if item.tzinfo else item.replace(tzinfo=zone) for item in value]
    return value


def without_shortest(value: Any) -> Any:
    return [None if item == SHORTEST else item for item in value] if isinstance(value, list) else value
