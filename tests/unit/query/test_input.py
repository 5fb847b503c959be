"""Data is told apart by its form, without importing what it may be from."""

import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dataflow import errors
from dataflow.model.declare import declare
from dataflow.query.input import ArrowInput, Data, read_data, read_instance


class Product:
    name: str
    price: float | None = None


DESCRIPTION = declare(Product, {})
TABLE = pa.table({"name": ["a"], "price": [1.5]})


def read(data: object) -> Data:
    return read_data(DESCRIPTION, data)


@pytest.mark.parametrize(
    "data",
    [TABLE, TABLE.to_batches()[0], TABLE.to_reader(), pl.DataFrame({"name": ["a"]}), TABLE.to_struct_array()],
    ids=lambda data: type(data).__name__,
)
def test_a_capsule_is_handed_over_as_it_is(data: Any):
    assert read(data) == ArrowInput(data, nan_is_null=False) or read(data).data is data  # type: ignore[union-attr]


def test_pandas_comes_without_its_index():
    given = read(pd.DataFrame({"name": ["a", "b"]}, index=pd.Index([7, 9], name="row")))
    assert isinstance(given, ArrowInput)
    assert given.nan_is_null
    assert given.data.column_names == ["name"]


def test_nan_of_pandas_stays_nan_until_its_field_is_known():
    frame = pd.DataFrame({"price": [1.5, np.nan], "half": np.array([1, np.nan], "float32"), "n": pd.array([1, None])})
    given = read(frame)
    assert isinstance(given, ArrowInput)
    assert [column.null_count for column in given.data.columns] == [0, 0, 1]
    assert np.isnan(given.data["price"][1].as_py())


def test_a_subclass_of_a_dataframe_is_one():
    class GeoDataFrame(pd.DataFrame):
        pass

    assert read(GeoDataFrame({"name": ["a"]})).nan_is_null  # type: ignore[union-attr]


def test_a_null_column_of_polars_gets_a_type():
    given = read(pl.DataFrame({"name": ["a"], "price": [None]}))
    assert isinstance(given, ArrowInput)
    assert given.data.schema == {"name": pl.String, "price": pl.Boolean}


def test_rows_may_be_dicts_mappings_and_instances():
    product = Product(name="d")
    rows: list[Any] = [{"name": "a"}, MappingProxyType({"name": "b"}), OrderedDict(name="c"), product]
    expected = [{"name": "a"}, {"name": "b"}, {"name": "c"}, product]
    assert read(rows) == read(tuple(rows)) == read(iter(rows)) == expected
    # What is not read in Rust as it is has become a plain dict.
    assert [type(row) for row in read(rows)] == [dict, dict, dict, Product]


def test_an_instance_gives_its_fields_and_no_more():
    product = Product(name="a")
    product.note = "not a field"  # type: ignore[attr-defined]
    assert read_instance(DESCRIPTION, product) == {"name": "a", "price": None}


@pytest.mark.parametrize("data", [[], (), iter([])])
def test_no_rows_are_fine(data: Any):
    assert read(data) == []


def broken() -> Iterator[object]:
    yield {"name": "a"}
    yield ["a"]


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"name": "a"}, "data"),
        ({"name": ["a"]}, "data"),
        ("name", "data"),
        (b"name", "data"),
        (5, "data"),
        (None, "data"),
        (Product, "data"),
        (Product(name="a"), "data"),
        (pl.LazyFrame({"name": ["a"]}), "data"),
        (np.zeros(2), "data[0]"),
        (["a"], "data[0]"),
        ([{"name": "a"}, object()], "data[1]"),
        (broken(), "data[1]"),
        (pd.DataFrame({"name": ["a", 1]}), "data"),
        (pd.DataFrame([["a", "b"]], columns=["name", "name"]), "data"),
    ],
)
def test_any_other_data_is_refused_with_its_place(data: Any, path: str):
    with pytest.raises(errors.UnsupportedDataError) as caught:
        read(data)
    assert caught.value.path == path


def test_a_refused_dataframe_shows_no_value():
    with pytest.raises(errors.UnsupportedDataError) as caught:
        read(pd.DataFrame({"name": [1, "hunter2"]}))
    assert "hunter2" not in str(caught.value)
    assert "column name" in str(caught.value)
    assert caught.value.__suppress_context__


def test_nothing_is_imported_to_find_out():
    code = """
import sys
from dataflow.model.declare import declare
from dataflow.query.input import read_data
class M:
    a: int
read_data(declare(M, {}), [{"a": 1}])
print(sorted({"numpy", "pandas", "polars", "pyarrow"} & set(sys.modules)))
"""
    assert subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], text=True) == "[]\n"
