"""The fingerprint of a table: the same for the same rows, another for every other."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.cli.demo.proof import fingerprint

SCHEMA = pa.schema(
    [("name", pa.string()), ("count", pa.int64()), ("size", pa.float64()), ("at", pa.timestamp("us", "UTC"))]
)
MORNING, NOON = datetime(2013, 1, 1, 6, tzinfo=UTC), datetime(2013, 1, 1, 12, 0, 0, 1, tzinfo=UTC)
ROWS: list[tuple[Any, ...]] = [
    ("JFK", 1, 0.1, MORNING),
    ("LGA", 2, 0.2, NOON),
    (None, 0, 0.0, MORNING),
    ("", None, None, None),
]


def table(rows: list[tuple[Any, ...]]) -> pa.Table:
    names = SCHEMA.names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], SCHEMA)


def changed(row: int, column: int, value: object) -> list[tuple[Any, ...]]:
    rows = [list(cells) for cells in ROWS]
    rows[row][column] = value
    return [tuple(cells) for cells in rows]


def test_the_order_of_rows_columns_and_chunks_does_not_count():
    turned = table(ROWS[::-1]).select(SCHEMA.names[::-1])
    in_chunks = pa.concat_tables([table(ROWS[2:]), table(ROWS[:2])])
    assert fingerprint(turned) == fingerprint(in_chunks) == fingerprint(table(ROWS))


def test_the_fingerprint_stays_what_it_was():
    assert fingerprint(table(ROWS)) == "7bb3dc1ca5c30985c22558499d2d92f7451a6eeb28e2df647c4dce0c01116bbf"


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(changed(0, 0, "JFk"), id="a text"),
        pytest.param(changed(0, 1, 3), id="an integer"),
        pytest.param(changed(1, 2, 0.20000000000000004), id="the last bit of a float"),
        pytest.param(changed(1, 3, NOON.replace(microsecond=2)), id="a microsecond"),
        pytest.param(changed(2, 0, ""), id="an empty text instead of null"),
        pytest.param(changed(3, 0, None), id="null instead of an empty text"),
        pytest.param(changed(2, 1, None), id="null instead of 0"),
        pytest.param(changed(3, 1, 0), id="0 instead of null"),
        pytest.param(changed(2, 2, None), id="null instead of 0.0"),
        pytest.param(changed(0, 3, None), id="null instead of an instant"),
        pytest.param(ROWS[1:], id="a lost row"),
        pytest.param([*ROWS, ROWS[1]], id="a doubled row"),
        pytest.param([*ROWS[1:], ROWS[1]], id="a row lost and another doubled"),
        pytest.param([("JFK", 2, 0.1, MORNING), ("LGA", 1, 0.2, NOON), *ROWS[2:]], id="values of two rows swapped"),
        pytest.param([], id="no row"),
    ],
)
def test_every_difference_is_seen(rows: list[tuple[Any, ...]]):
    assert fingerprint(table(rows)) != fingerprint(table(ROWS))


def test_values_swapped_between_columns_are_seen():
    one = pa.table({"a": [1, 3], "b": [2, 4]})
    assert fingerprint(one) != fingerprint(pa.table({"a": [2, 3], "b": [1, 4]}))


def test_another_name_of_a_column_is_seen():
    one = pa.table({"a": [1], "b": [2]})
    assert fingerprint(one) != fingerprint(one.rename_columns(["a", "c"]))


def test_many_rows_in_many_chunks_are_all_seen():
    count = 100_000
    numbers = pa.table({"n": pa.array(range(count)), "name": [str(n % 1000) for n in range(count)]})
    turned = pa.concat_tables([numbers.slice(70_001), numbers.slice(0, 70_001)])
    last = pa.concat_tables([numbers.slice(0, count - 1), pa.table({"n": [count], "name": ["999"]})])
    assert fingerprint(turned) == fingerprint(numbers)
    assert fingerprint(last) != fingerprint(numbers)


cells = st.tuples(
    st.none() | st.text(st.sampled_from("aß\0"), max_size=2),
    st.none() | st.integers(-2, 2),
    st.none() | st.sampled_from([0.0, -0.0, 0.1, float("inf")]),
    st.none() | st.just(NOON),
)


@given(st.lists(cells, max_size=4), st.lists(cells, max_size=4))
def test_fingerprints_are_equal_exactly_when_the_sorted_rows_are(left: list[Any], right: list[Any]):
    equal = sorted(map(repr, left)) == sorted(map(repr, right))
    assert (fingerprint(table(left)) == fingerprint(table(right))) is equal
