"""Arrow that others produce while it is read: in threads of their own, slowly, or with null rows."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, Table, errors
from tests.database import Database
from tests.integration.fresh import fresh

PROGRAM = Path(__file__).with_name("producing.py")


class Item:
    name: str
    size: int | None = None


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    return fresh(db, Item)


@pytest.mark.parametrize("way", ["call", "awaited"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_reader_among_rows_may_need_python_in_another_thread(database: Database, way: str) -> None:
    command = [sys.executable, "-W", "ignore", str(PROGRAM), database.url, way]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60)
    assert done.stdout == "402\n"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_ctrl_c_ends_the_wait_for_a_reader_among_rows(items: Table[Any]) -> None:
    entered, release = threading.Event(), threading.Event()

    def batches() -> Iterator[pa.RecordBatch]:
        entered.set()
        release.wait()
        yield pa.record_batch({"name": ["late"]})

    def press() -> None:
        entered.wait()
        signal.raise_signal(signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            items.bulk_create(iter([pa.RecordBatchReader.from_batches(pa.schema({"name": pa.string()}), batches())]))
        assert time.monotonic() - started < 5
    finally:
        release.set()
        presser.join()
    assert items.count() == 0


def whole_nulls() -> pa.Array:
    """Rows of which the third is null, over values that are not."""
    rows = pa.array([{"name": "a"}, {"name": "b"}, {"name": "hidden"}])
    mask = pa.array([False, False, True])
    return pa.StructArray.from_arrays([rows.field(0)], ["name"], mask=mask)


NULL_ROWS: dict[str, tuple[Callable[[], Any], int]] = {
    "array": (whole_nulls, 2),
    "chunks": (lambda: pa.chunked_array([whole_nulls()[:2], whole_nulls()]), 4),
    "items": (lambda: iter([{"name": "x"}, pa.chunked_array([whole_nulls()[:2], whole_nulls()])]), 5),
}


@pytest.mark.parametrize("form", NULL_ROWS)
def test_a_row_that_is_null_as_a_whole_is_refused(items: Table[Any], form: str) -> None:
    make, row = NULL_ROWS[form]
    with pytest.raises(errors.UnsupportedDataError, match="null as a whole") as caught:
        items.bulk_create(make())
    assert (caught.value.path, items.count()) == (f"data[{row}]", 0)


def test_columns_that_are_no_table_are_refused(items: Table[Any]) -> None:
    for data in (pa.array([1]), pa.chunked_array([[1]]), iter([pa.array([1])])):
        with pytest.raises(errors.UnsupportedDataError) as caught:
            items.bulk_create(data)
        assert caught.value.path == "data"
    with pytest.raises(errors.UnsupportedDataError) as caught_keys:
        items.bulk_delete(keys=pa.chunked_array([[1]]))
    assert caught_keys.value.path == "keys"


def test_a_null_in_a_column_that_says_it_has_none_is_found_by_its_row(items: Table[Any]) -> None:
    schema = pa.schema([pa.field("name", pa.string(), nullable=False)])
    liar = pa.RecordBatch.from_arrays([pa.array(["a", None])], schema=schema)
    with pytest.raises(errors.NullValueError) as caught:
        items.bulk_create(liar)
    assert caught.value.path == "data[1].name"


def test_a_producer_that_fails_is_named_as_the_caller_knows_it(items: Table[Any]) -> None:
    def torn() -> Iterator[pa.RecordBatch]:
        raise RuntimeError("torn")
        yield

    def reader() -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(pa.schema({"id": pa.int64()}), torn())

    for keys in (reader(), iter([{"id": 1}, reader()])):
        with pytest.raises(errors.UnsupportedDataError) as caught:
            items.bulk_delete(keys=keys)
        assert caught.value.path == "keys"
    wrong = pa.RecordBatchReader.from_batches(pa.schema({"id": pa.string()}), iter([pa.record_batch({"id": ["x"]})]))
    with pytest.raises(errors.WrongTypeError) as caught_value:
        items.bulk_delete(keys=wrong)
    assert caught_value.value.path == "keys[0].id"
