"""How many rows and bytes are handed over, where the form tells it."""

from collections import deque
from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dataflow.query.input import ArrowInput
from dataflow.query.size import count_bytes, count_rows

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", "yy", None]})


class Row:
    a = 1


class Loader:
    """Its length is that of something else, and to go through it has an effect."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Any:
        raise AssertionError("gone through")


COUNTED: dict[str, Callable[[], Any]] = {
    "table": lambda: TABLE,
    "batch": lambda: TABLE.to_batches()[0],
    "structures": lambda: pa.array(TABLE.to_pylist()),
    "chunked structures": lambda: pa.chunked_array([TABLE.to_pylist()]),
    "pandas": TABLE.to_pandas,
    "polars": lambda: pl.from_arrow(TABLE),
    "list": TABLE.to_pylist,
    "tuple of instances": lambda: (Row(), Row(), Row()),
    "a table among dicts": lambda: [{"a": 1}, TABLE.slice(0, 2)],
    "keys": lambda: [1, 2, 3],
}
UNCOUNTED: dict[str, Callable[[], Any]] = {
    "iterator": lambda: iter([{}]),
    "reader": TABLE.to_reader,
    "readers in a list": lambda: [{}, TABLE.to_reader()],
    "lazy frame": lambda: pl.LazyFrame({"a": [1]}),
    "deque": lambda: deque([{}]),
    "loader": Loader,
}


@pytest.mark.parametrize("name", COUNTED)
def test_rows_of_what_is_in_memory_are_counted(name: str) -> None:
    assert count_rows(COUNTED[name]()) == 3


@pytest.mark.parametrize("name", UNCOUNTED)
def test_what_does_not_tell_its_rows_is_not_counted(name: str) -> None:
    assert count_rows(UNCOUNTED[name]()) is None


def test_nothing_is_no_rows() -> None:
    assert (count_rows([]), count_rows(TABLE.slice(0, 0)), count_rows(pd.DataFrame())) == (0, 0, 0)


def test_bytes_are_those_of_arrow() -> None:
    polars = pl.DataFrame({"a": [1, 2, 3]})
    assert count_bytes(ArrowInput(TABLE, False)) == TABLE.nbytes
    assert count_bytes(ArrowInput(TABLE.slice(0, 1), False)) == TABLE.slice(0, 1).nbytes
    assert count_bytes(ArrowInput(polars, False)) == polars.estimated_size() == 24
    assert count_bytes([{"a": 1}]) is None
    assert count_bytes(ArrowInput(object(), False)) is None
