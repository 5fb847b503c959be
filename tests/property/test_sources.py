"""The same rows through every source give the same table."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow import DataFlow, MaxLength, Precision
from tests.database import Database

SCHEMA = pa.schema(
    {
        "code": pa.string(),
        "text": pa.string(),
        "size": pa.int64(),
        "share": pa.float64(),
        "price": pa.decimal128(20, 4),
        "open": pa.bool_(),
        "made": pa.timestamp("us", "UTC"),
    }
)


class Sourced:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(40)]
    text: str
    size: int | None
    share: float | None
    price: Annotated[Decimal, Precision(20, 4)] | None
    open: bool | None
    made: datetime | None


def csv(rows: pa.Table, folder: Path) -> Path:
    # Texts are quoted, and nothing else: an empty cell is null.
    made = pa.array([value and value.isoformat() for value in rows["made"].to_pylist()], pa.string())
    pa.csv.write_csv(rows.set_column(6, "made", made), folder / "rows.csv")
    return folder / "rows.csv"


def ndjson(rows: pa.Table, folder: Path) -> Path:
    path = folder / "rows.ndjson"
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows.to_pylist()))
    return path


def parquet(rows: pa.Table, folder: Path) -> Path:
    pa.parquet.write_table(rows, folder / "rows.parquet")
    return folder / "rows.parquet"


def feather(rows: pa.Table, folder: Path) -> Path:
    pa.feather.write_feather(rows, folder / "rows.feather")
    return folder / "rows.feather"


SOURCES: dict[str, Any] = {
    "table": lambda rows, folder: rows,
    "reader": lambda rows, folder: rows.to_reader(max_chunksize=2),
    "dicts": lambda rows, folder: rows.to_pylist(),
    "generator": lambda rows, folder: (row for row in rows.to_pylist()),
    "batches": lambda rows, folder: iter(rows.to_batches(max_chunksize=2)),
    "polars": lambda rows, folder: pl.from_arrow(rows),
    "lazy": lambda rows, folder: pl.from_arrow(rows).lazy(),
    "csv": csv,
    "ndjson": ndjson,
    "parquet": parquet,
    "feather": feather,
}

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)
row = st.fixed_dictionaries(
    {
        "code": st.text("abcdefghij0123456789 ", min_size=1, max_size=8),
        "text": texts,
        "size": st.none() | st.integers(-(2**63), 2**63 - 1),
        "share": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "price": st.none() | st.decimals(-(10**12), 10**12, places=4),
        "open": st.none() | st.booleans(),
        "made": st.none() | st.datetimes(datetime(1970, 1, 2), datetime(2262, 1, 1), timezones=st.just(UTC)),
    }
)


@pytest.fixture(scope="module")
def flow(database: Database) -> Iterator[DataFlow]:
    with closing(DataFlow(database.url)) as db:
        db.model(Sourced)
        yield db


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(row, min_size=1, max_size=9, unique_by=lambda row: row["code"]), chunk=st.none() | st.integers(1, 4)
)
def test_the_same_rows_give_the_same_table(
    flow: DataFlow, tmp_path: Path, rows: list[dict[str, Any]], chunk: int | None
) -> None:
    table, given_rows = flow.table("Sourced"), pa.Table.from_pylist(rows, SCHEMA)
    expected = None
    for name, make in SOURCES.items():
        table.bulk_delete({}, all_rows=True)
        assert table.bulk_create(make(given_rows, tmp_path), chunk_rows=chunk).inserted == len(rows)
        stored = table.list(limit=None).to_arrow()
        expected = stored if expected is None else expected
        assert stored.equals(expected), name
    assert expected is not None
    assert sorted(expected.to_pylist(), key=lambda row: str(row["code"])) == sorted(
        given_rows.to_pylist(), key=lambda row: str(row["code"])
    )
