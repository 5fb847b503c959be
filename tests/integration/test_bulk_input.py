"""Bulk data in every form it comes in; the rows are the same."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dataflow import DataFlow, Naive, Precision, errors
from tests.integration.fresh import fresh

MADE = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Row:
    name: str
    size: int | None = None
    share: float | None = None
    price: Annotated[Decimal, Precision(12, 2)] | None = None
    open: bool | None = None
    made: datetime | None = None
    wall: Annotated[datetime, Naive()] | None = None
    blob: bytes | None = None
    ref: UUID | None = None


FIRST = {"name": "a", "size": 1, "share": 0.5, "price": Decimal("1.50"), "open": True, "made": MADE}
FIRST |= {"wall": MADE.replace(tzinfo=None), "blob": b"\0\xff", "ref": UUID(int=5)}
RECORDS: list[dict[str, Any]] = [FIRST, {**dict.fromkeys(FIRST), "name": "b"}, {**FIRST, "name": "\u00fc", "size": -3}]
SCHEMA = pa.schema(
    {
        "name": pa.string(),
        "size": pa.int64(),
        "share": pa.float64(),
        "price": pa.decimal128(12, 2),
        "open": pa.bool_(),
        "made": pa.timestamp("us", "UTC"),
        "wall": pa.timestamp("us"),
        "blob": pa.binary(),
        "ref": pa.uuid(),
    }
)
TABLE = pa.Table.from_pylist(RECORDS, SCHEMA)


def padded(table: pa.Table) -> pa.Table:
    """A slice out of the middle of a larger table."""
    return pa.concat_tables([TABLE, table, TABLE]).combine_chunks().slice(3, 3)


def cast(**types: pa.DataType) -> pa.Table:
    schema = SCHEMA
    for name, kind in types.items():
        schema = schema.set(schema.get_field_index(name), pa.field(name, kind))
    return TABLE.cast(schema)


FORMS: dict[str, Callable[[], Any]] = {
    "table": lambda: TABLE,
    "batch": lambda: TABLE.to_batches()[0],
    "reader": lambda: TABLE.to_reader(max_chunksize=1),
    "slice": lambda: padded(TABLE),
    "sliced batch": lambda: padded(TABLE).to_batches()[0],
    "chunks": lambda: pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1, 0), TABLE.slice(1, 2)]),
    "dictionary": lambda: TABLE.set_column(0, "name", TABLE["name"].dictionary_encode()),
    "sliced dictionary": lambda: padded(TABLE).set_column(0, "name", padded(TABLE)["name"].dictionary_encode()),
    "large": lambda: cast(name=pa.large_string(), blob=pa.large_binary()),
    "view": lambda: cast(name=pa.string_view(), blob=pa.binary_view()),
    "small numbers": lambda: cast(size=pa.int8(), share=pa.float32(), price=pa.decimal128(5, 2)),
    "another zone": lambda: cast(made=pa.timestamp("us", "Europe/Berlin")),
    "nanoseconds": lambda: cast(made=pa.timestamp("ns", "UTC"), wall=pa.timestamp("ns")),
    "reordered": lambda: TABLE.select(list(reversed(TABLE.column_names))),
    "dicts": lambda: RECORDS,
    "generator": lambda: (record for record in RECORDS),
    "tuple": lambda: tuple(RECORDS),
    "polars": lambda: polars_frame(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_stores_the_same_rows(db: DataFlow, form: str) -> None:
    table = fresh(db, Row)
    result = table.bulk_create(FORMS[form]())
    assert result.inserted == 3
    assert [{k: v for k, v in record.items() if k != "id"} for record in table.list().records()] == RECORDS


def polars_frame() -> pl.DataFrame:
    records = [{**record, "ref": record["ref"] and record["ref"].bytes} for record in RECORDS]
    return pl.DataFrame(records, schema_overrides={"price": pl.Decimal(12, 2), "made": pl.Datetime("us", "UTC")})


def test_a_pandas_frame_stores_its_values(db: DataFlow) -> None:
    table = fresh(db, Row)
    frame = pd.DataFrame(
        {
            "size": [1.0, float("nan"), 3.0],
            "name": pd.Categorical(["a", "b", "a"]),
            "made": pd.to_datetime(["2024-01-02T01:00+01:00", None, "2024-06-01T00:00Z"], utc=True),
            "wall": pd.to_datetime(["2024-01-02", "2024-01-03", None]).astype("datetime64[ns]"),
            "share": [0.5, float("nan"), -0.5],
            "open": pd.array([True, None, False], "boolean"),
        },
        index=[7, 7, 7],
    )
    assert table.bulk_create(frame).inserted == 3
    rows = list(table.list())
    assert [(row.name, row.size, row.share, row.open) for row in rows] == [
        ("a", 1, 0.5, True),
        ("b", None, None, None),
        ("a", 3, -0.5, False),
    ]
    assert [row.made for row in rows] == [datetime(2024, 1, 2, tzinfo=UTC), None, datetime(2024, 6, 1, tzinfo=UTC)]
    assert [row.wall for row in rows] == [datetime(2024, 1, 2), datetime(2024, 1, 3), None]


def test_nan_of_pandas_in_a_required_field_is_refused(db: DataFlow) -> None:
    class Required:
        name: str
        size: int

    table = fresh(db, Required)
    with pytest.raises(errors.DataError) as caught:
        table.bulk_create(pd.DataFrame({"name": ["a", "b"], "size": [1.0, float("nan")]}))
    assert (caught.value.path, table.count()) == ("data[1].size", 0)


def test_columns_are_not_taken_from_the_first_record(db: DataFlow) -> None:
    table = fresh(db, Row)
    table.bulk_create([{"name": "a"}, {"size": 2, "name": "b"}, {"open": False, "share": 1.5, "name": "c"}])
    assert [(r.name, r.size, r.share, r.open) for r in table.list()] == [
        ("a", None, None, None),
        ("b", 2, None, None),
        ("c", None, 1.5, False),
    ]


def test_instances_of_the_model_are_rows(db: DataFlow) -> None:
    table = fresh(db, Row)
    cls: Any = table._cls
    result = table.bulk_create([cls(name="a", size=1), cls(name="b"), {"name": "c"}])
    assert (result.inserted, [row.name for row in table.list()]) == (3, ["a", "b", "c"])


@pytest.mark.parametrize("rows", [0, 1, 2, 999, 1_000, 1_001, 70_000])
def test_the_outcomes_sum_to_the_rows_given(db: DataFlow, rows: int) -> None:
    table = fresh(db, Row)
    data = pa.table({"name": pa.array([f"row {n}" for n in range(rows)], pa.string()), "size": range(rows)})
    result = table.bulk_create(data)
    names = ("inserted", "updated", "unchanged", "deleted", "ignored", "duplicate", "missing", "rejected")
    assert sum(result[name] for name in names) == result.inserted == table.count() == rows
    assert (dict(result)["inserted"], result.seconds > 0) == (rows, True)
    assert table.list(limit=None).to_arrow().column("size").to_pylist() == list(range(rows))


def test_more_parameters_than_a_statement_takes(db: DataFlow) -> None:
    wide = type("Wide", (), {"__annotations__": {f"c{n}": int for n in range(40)}})
    table = fresh(db, wide)
    records = [{f"c{n}": row * 40 + n for n in range(40)} for row in range(1_000)]
    assert table.bulk_create(records).inserted == 1_000
    assert table.bulk_create(pa.Table.from_pylist(records)).inserted == 1_000
    assert [row["c39"] for row in table.list(limit=None, offset=1_000).records()] == [r["c39"] for r in records]


def test_a_generator_that_raises_stores_nothing(db: DataFlow) -> None:
    def rows() -> Any:
        yield {"name": "a"}
        raise RuntimeError("torn")

    table = fresh(db, Row)
    with pytest.raises(RuntimeError, match="torn"):
        table.bulk_create(rows())
    assert table.count() == 0


def test_a_reader_that_raises_stores_nothing(db: DataFlow) -> None:
    def batches() -> Any:
        yield TABLE.to_batches()[0]
        raise RuntimeError("torn")

    table = fresh(db, Row)
    with pytest.raises(errors.DataFlowError):
        table.bulk_create(pa.RecordBatchReader.from_batches(SCHEMA, batches()))
    assert table.count() == 0
