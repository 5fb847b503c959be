"""Every source a user has: streams, generators, files; blocking and awaited, by call and by node."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

from dataflow import DataFlow, MaxLength, Naive, Precision, Table, errors
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes, counts

Rows = list[dict[str, Any]]


class Item:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]
    qty: int = 5
    note: str | None = None


OLD = [{"code": f"{n:03}", "qty": n, "note": f"n{n}"} for n in range(1, 8)]
NEW = [{"code": f"{n:03}", "qty": n * 10, "note": None if n % 2 else "x"} for n in range(4, 12)]


class Relation:
    """As a DuckDB relation: a stream that may be taken again, and a length that costs a query."""

    def __init__(self, rows: Rows) -> None:
        self._table = pa.Table.from_pylist(rows)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        raise AssertionError("the length was asked for")


class Endless:
    """An iterable without length, as the resources of other libraries are."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)


class Awaitable:
    """An asynchronous iterable that is no generator."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def __aiter__(self) -> AsyncIterator[Any]:
        for row in self._rows:
            await asyncio.sleep(0)
            yield row


def written(folder: Path, name: str, write: Callable[[Path], object]) -> Path:
    path = folder / name
    write(path)
    return path


def lines(rows: Rows) -> str:
    return "\n".join(json.dumps(row) for row in rows) + "\n\n"


def stream_file(path: Path, rows: Rows) -> None:
    table = pa.Table.from_pylist(rows)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


def mixed(cls: Any, rows: Rows) -> Iterator[Any]:
    """Dicts, instances, batches and frames in one generator."""
    yield rows[0]
    yield cls(**rows[1])
    yield pa.RecordBatch.from_pylist(rows[2:4])
    yield pd.DataFrame(rows[4:5])
    yield pl.DataFrame(rows[5:7])
    yield from rows[7:]


Source = Callable[[Any, Rows, Path], Any]
SOURCES: dict[str, Source] = {
    "table": lambda cls, rows, folder: pa.Table.from_pylist(rows),
    "reader": lambda cls, rows, folder: pa.Table.from_pylist(rows).to_reader(max_chunksize=3),
    "relation": lambda cls, rows, folder: Relation(rows),
    "lazy frame": lambda cls, rows, folder: pl.DataFrame(rows).lazy(),
    "dicts": lambda cls, rows, folder: (row for row in rows),
    "instances": lambda cls, rows, folder: (cls(**row) for row in rows),
    "batches": lambda cls, rows, folder: iter(pa.Table.from_pylist(rows).to_batches(max_chunksize=3)),
    "frames": lambda cls, rows, folder: (pl.DataFrame(rows[at : at + 3]) for at in range(0, len(rows), 3)),
    "mixed": lambda cls, rows, folder: mixed(cls, rows),
    "iterable": lambda cls, rows, folder: Endless(rows),
    "parquet": lambda cls, rows, folder: written(
        folder, "rows.parquet", lambda path: pa.parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=3)
    ),
    "csv": lambda cls, rows, folder: written(
        folder, "rows.csv", lambda path: pa.csv.write_csv(pa.Table.from_pylist(rows), path)
    ),
    "packed csv": lambda cls, rows, folder: written(
        folder, "rows.csv.gz", lambda path: path.write_bytes(gzip.compress(pl.DataFrame(rows).write_csv().encode()))
    ),
    "ndjson": lambda cls, rows, folder: written(folder, "rows.ndjson", lambda path: path.write_text(lines(rows))),
    "packed ndjson": lambda cls, rows, folder: written(
        folder, "rows.jsonl.gz", lambda path: path.write_bytes(gzip.compress(lines(rows).encode()))
    ),
    "feather": lambda cls, rows, folder: written(
        folder, "rows.feather", lambda path: pa.feather.write_feather(pa.Table.from_pylist(rows), path, chunksize=3)
    ),
    "arrow stream": lambda cls, rows, folder: written(folder, "rows.arrows", lambda path: stream_file(path, rows)),
}
AWAITED: dict[str, Source] = {
    "asynchronous generator": lambda cls, rows, folder: aiter(Awaitable(rows)),
    "asynchronous iterable": lambda cls, rows, folder: Awaitable(rows),
}


class Caller:
    """One way to call a bulk operation."""

    def __init__(self, table: Table[Any], way: str) -> None:
        self.table = table
        self._way = way

    def __call__(self, operation: str, **given: Any) -> Any:
        camel = operation.title().replace("_", "")
        if self._way == "call":
            return getattr(self.table, operation)(**given)
        if self._way == "awaited call":
            return asyncio.run(getattr(self.table, f"a{operation}")(**given))
        return Nodes(self.table, self._way == "awaited node").run(camel, given)


WAYS = ["call", "awaited call", "node", "awaited node"]
CELLS = [(source, way) for source in SOURCES for way in WAYS]
CELLS += [(source, way) for source in AWAITED for way in WAYS if way.startswith("awaited")]


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    table = fresh(db, Item)
    table.bulk_create(OLD)
    return table


def stored(table: Table[Any]) -> Rows:
    return table.list(limit=None).records()


@pytest.mark.parametrize("chunk_rows", [None, 3])
@pytest.mark.parametrize(("source", "way"), CELLS)
def test_every_source_is_stored(
    items: Table[Any], tmp_path: Path, source: str, way: str, chunk_rows: int | None
) -> None:
    call, make = Caller(items, way), {**SOURCES, **AWAITED}[source]
    rows = NEW[4:] + [{"code": f"z{n}", "qty": n, "note": "z"} for n in range(6)]
    result = call("bulk_create", data=make(items._cls, rows, tmp_path), chunk_rows=chunk_rows)
    assert counts(result) == {"inserted": 10}
    assert stored(items) == sorted(OLD + rows, key=lambda row: str(row["code"]))


@pytest.mark.parametrize("chunk_rows", [None, 3])
@pytest.mark.parametrize(("source", "way"), CELLS)
def test_every_source_is_merged(
    items: Table[Any], tmp_path: Path, source: str, way: str, chunk_rows: int | None
) -> None:
    call, make = Caller(items, way), {**SOURCES, **AWAITED}[source]
    result = call("bulk_upsert", data=make(items._cls, NEW, tmp_path), chunk_rows=chunk_rows)
    assert counts(result) == {"inserted": 4, "updated": 4}
    assert stored(items) == OLD[:3] + NEW


@pytest.mark.parametrize("chunk_rows", [None, 3])
@pytest.mark.parametrize(("source", "way"), CELLS)
def test_every_source_changes_and_deletes_rows(
    items: Table[Any], tmp_path: Path, source: str, way: str, chunk_rows: int | None
) -> None:
    call, make = Caller(items, way), {**SOURCES, **AWAITED}[source]
    data = make(items._cls, NEW, tmp_path)
    result = call("bulk_update", data=data, on_missing="skip", chunk_rows=chunk_rows)
    assert counts(result) == {"updated": 4, "missing": 4}
    keys = make(items._cls, NEW, tmp_path)
    assert counts(call("bulk_delete", keys=keys, chunk_rows=chunk_rows)) == {"deleted": 4, "missing": 4}
    assert stored(items) == OLD[:3]


def test_a_generator_of_keys_deletes(items: Table[Any]) -> None:
    keys = (key for key in ("001", {"code": "002"}, items._cls(code="003"), "001", "none"))
    assert counts(items.bulk_delete(keys=keys, chunk_rows=2)) == {"deleted": 3, "duplicate": 1, "missing": 1}
    assert stored(items) == OLD[3:]


@pytest.mark.parametrize("source", AWAITED)
@pytest.mark.parametrize("way", ["call", "node"])
def test_a_blocking_call_refuses_what_must_be_awaited(items: Table[Any], tmp_path: Path, source: str, way: str) -> None:
    data = AWAITED[source](items._cls, NEW, tmp_path)
    with pytest.raises(errors.DataFlowError) as caught:
        Caller(items, way)("bulk_upsert", data=data)
    refused = caught.value if way == "call" else caught.value.__cause__
    assert isinstance(refused, errors.UnsupportedDataError)
    assert refused.hint is not None
    assert "await" in refused.hint
    assert stored(items) == OLD


@pytest.mark.parametrize("source", ["dicts", "ndjson", "mixed dicts"])
def test_a_field_that_is_absent_stays_as_it_is(items: Table[Any], tmp_path: Path, source: str) -> None:
    rows: Rows = [{"code": "001", "note": None}, {"code": "002", "qty": 9}, {"code": "new"}]
    data: Any = (row for row in rows)
    if source == "ndjson":
        data = written(tmp_path, "rows.ndjson", lambda path: path.write_text(lines(rows)))
    if source == "mixed dicts":
        data = iter([rows[0], pa.RecordBatch.from_pylist(rows[1:2]), rows[2]])
    assert counts(items.bulk_upsert(data)) == {"updated": 2, "inserted": 1}
    assert stored(items)[:2] == [{**OLD[0], "note": None}, {**OLD[1], "qty": 9}]
    assert stored(items)[-1] == {"code": "new", "qty": 5, "note": None}


def test_an_item_that_is_no_row_is_refused_with_its_number(items: Table[Any]) -> None:
    for bad in (7, "row", None, [1]):
        with pytest.raises(errors.UnsupportedDataError) as caught:
            items.bulk_upsert(iter([*NEW[:5], bad]), chunk_rows=2)
        assert caught.value.path == "data[5]"
    assert stored(items) == OLD


# --- files ---


class Typed:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]
    text: str = "-"
    maybe: str | None = None
    size: int | None = None
    share: float | None = None
    price: Annotated[Decimal, Precision(30, 12)] | None = None
    open: bool | None = None
    day: date | None = None
    at: time | None = None
    made: datetime | None = None
    wall: Annotated[datetime, Naive()] | None = None
    ref: UUID | None = None
    kind: Literal["a", "b"] | None = None
    extra: dict[str, Any] | None = None


FULL: dict[str, Any] = {
    "code": "007",
    "text": "1e5",
    "maybe": "null",
    "size": -9_007_199_254_740_993,
    "share": 0.1,
    "price": Decimal("123456789012345678.000000000001"),
    "open": True,
    "day": date(2024, 2, 29),
    "at": time(23, 59, 59, 999999),
    "made": datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    "wall": datetime(2024, 1, 2, 3, 4, 5),
    "ref": UUID(int=7),
    "kind": "b",
    "extra": {"a": [1, None, "x"]},
}
CSV = """\
code,text,maybe,size,share,price,open,day,at,made,wall,ref,kind,extra
007,1e5,null,-9007199254740993,0.1,123456789012345678.000000000001,true,2024-02-29,23:59:59.999999,\
2024-01-02T03:04:05.678901Z,2024-01-02T03:04:05,00000000-0000-0000-0000-000000000007,b,"{""a"": [1, null, ""x""]}"
008,,,,,,,,,,,,,
009,"","",,,,,,,,,,,
"two
lines",x,"a, b",,,,,,,,,,,
"""


def test_csv_is_read_by_the_types_of_the_model(db: DataFlow, tmp_path: Path) -> None:
    table = fresh(db, Typed)
    path = written(tmp_path, "rows.csv", lambda path: path.write_text(CSV))
    assert table.bulk_create(path).inserted == 4
    empty = {**dict.fromkeys(FULL), "text": ""}
    assert stored(table) == [
        FULL,
        {**empty, "code": "008"},
        {**empty, "code": "009", "maybe": ""},
        {**empty, "code": "two\nlines", "text": "x", "maybe": "a, b"},
    ]


def test_ndjson_keeps_digits_and_documents(db: DataFlow, tmp_path: Path) -> None:
    table = fresh(db, Typed)
    line = json.dumps({**FULL, "price": "PRICE", "extra": {"a": [1, None, "x"], "b": 0.5}}, default=str)
    text = line.replace('"PRICE"', str(FULL["price"]))
    path = written(tmp_path, "rows.ndjson", lambda path: path.write_text(text))
    assert table.bulk_create(path).inserted == 1
    assert stored(table) == [{**FULL, "extra": {"a": [1, None, "x"], "b": 0.5}}]


BAD_FILES: dict[str, tuple[str, type[errors.DataFlowError], str]] = {
    "unknown.csv": ("code,colour\na,red\n", errors.UnknownFieldError, "data"),
    "value.csv": ("code,qty\na,1\nb,x\n", errors.WrongTypeError, "data[1].qty"),
    "null.csv": ("code,qty\na,1\nb,\n", errors.NullValueError, "data[1].qty"),
    "ragged.csv": ("code,qty\na,1\nb\n", errors.UnsupportedDataError, "data[1]"),
    "missing.csv": ("qty,note\n1,x\n", errors.MissingValueError, "data.code"),
    "empty.csv": ("", errors.UnsupportedDataError, "data"),
    "broken.ndjson": ('{"code": "a"}\n{"code": \n', errors.UnsupportedDataError, "data"),
    "list.ndjson": ("[1]\n", errors.UnsupportedDataError, "data"),
    "unknown.ndjson": ('{"code": "a"}\n{"code": "b", "colour": 1}\n', errors.UnknownFieldError, "data[1].colour"),
    "value.jsonl": ('{"code": "a"}\n{"code": "b", "qty": "x"}\n', errors.WrongTypeError, "data[1].qty"),
    "text.parquet": ("not parquet at all, but long enough", errors.UnsupportedDataError, "data"),
    "text.feather": ("not arrow at all, but long enough", errors.UnsupportedDataError, "data"),
    "rows.xlsx": ("x", errors.UnsupportedDataError, "data"),
    "rows": ("x", errors.UnsupportedDataError, "data"),
    "rows.parquet.gz": ("x", errors.UnsupportedDataError, "data"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named(items: Table[Any], tmp_path: Path, name: str) -> None:
    text, kind, place = BAD_FILES[name]
    path = written(tmp_path, name, lambda path: path.write_text(text))
    with pytest.raises(kind) as caught:
        items.bulk_create(path)
    assert caught.value.path == place
    assert name in str(caught.value)
    assert stored(items) == OLD


def test_a_file_that_is_not_there_is_named(items: Table[Any], tmp_path: Path) -> None:
    for name in ("no.csv", "no.ndjson", "no.parquet", "no.arrow"):
        with pytest.raises(errors.UnsupportedDataError, match=name) as caught:
            items.bulk_create(tmp_path / name)
        assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_parquet_without_a_needed_column_is_refused(items: Table[Any], tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pa.parquet.write_table(pa.table({"qty": [1]}), path)
    with pytest.raises(errors.MissingValueError, match=r"rows\.parquet"):
        items.bulk_create(path)


def test_a_name_of_a_file_must_be_a_path(items: Table[Any]) -> None:
    with pytest.raises(errors.UnsupportedDataError) as caught:
        items.bulk_create("rows.csv")
    assert caught.value.hint == "a file is given as pathlib.Path(name)"


def test_a_file_can_be_given_again(items: Table[Any], tmp_path: Path) -> None:
    path = SOURCES["csv"](items._cls, NEW, tmp_path)
    assert counts(items.bulk_upsert(path)) == {"inserted": 4, "updated": 4}
    assert counts(items.bulk_upsert(path)) == {"unchanged": 8}


class Exact:
    id: int
    shares: list[Annotated[Decimal, Precision(38, 25)]]


def test_decimals_in_lists_of_a_file_keep_their_digits(db: DataFlow, tmp_path: Path) -> None:
    table, path = fresh(db, Exact), tmp_path / "rows.ndjson"
    path.write_text('{"id": 1, "shares": [0.1234567890123456789012345, 1, 2.5]}\n')
    table.bulk_create(path)
    assert table.read(1).shares == [Decimal("0.1234567890123456789012345"), Decimal(1), Decimal("2.5")]


def test_a_name_that_is_twice_in_a_line_is_refused(db: DataFlow, tmp_path: Path) -> None:
    table, path = fresh(db, Exact), tmp_path / "rows.ndjson"
    path.write_text('{"id": 1, "shares": []}\n{"id": 2, "id": 3, "shares": []}\n')
    with pytest.raises(errors.UnsupportedDataError, match=r"line 2 of .*rows.ndjson is no JSON object"):
        table.bulk_create(path)
    assert table.count() == 0
