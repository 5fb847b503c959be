"""Files as sources: read in pieces, with the columns of the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from dataflow.errors import DataFlowError, UnsupportedDataError
from dataflow.model.description import Description
from dataflow.query.ndjson import read_ndjson

__all__ = ["File", "read_file"]

_PATH = "data"
# Text of a CSV file read at a time, in bytes.
_BLOCK = 1 << 20
_BATCH_ROWS = 16_384
_COLUMNS = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


class File(NamedTuple):
    """An open file: either `rows`, dicts; or `reader`, with an Arrow stream, and why it failed, once it has.

    `total` tells how many rows it has, where it says so itself.
    """

    rows: Iterator[dict[str, Any]] | None = None
    reader: Any = None
    failure: Callable[[], DataFlowError | None] = lambda: None
    total: Callable[[], int | None] = lambda: None


def read_file(description: Description, path: Path) -> File:
    """Opens a file by its suffix; CSV and NDJSON may be compressed (`.csv.gz`).

    Raises:
        UnsupportedDataError: It cannot be opened, or is of no known kind.
    """
    kind = _kind(path)
    try:
        if kind == "ndjson":
            return File(rows=read_ndjson(description, path, _open(path)))
        return _READERS[kind](description, path)
    except OSError as error:
        raise UnsupportedDataError(f"{path} cannot be read: {_reason(error)}", path=_PATH) from error


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = bool(suffixes) and suffixes[-1] in _PACKED
    kind = _KINDS.get(suffixes[-2 if packed else -1]) if len(suffixes) > packed else None
    if kind is None or (packed and kind not in ("csv", "ndjson")):
        known = ", ".join(_KINDS)
        raise UnsupportedDataError(f"{path} is of no known kind", path=_PATH, hint=f"known suffixes are {known}")
    return kind


def _reason(error: OSError) -> str:
    return error.strerror or ("no such file" if isinstance(error, FileNotFoundError) else type(error).__name__)


def _open(path: Path) -> Any:
    """The bytes of the file, unpacked where its suffix says so."""
    pyarrow: Any = import_module("pyarrow")
    return pyarrow.input_stream(str(path), compression="detect")


def _read_csv(description: Description, path: Path) -> File:
    """Text as it stands, which the core then reads by the types of the model; an empty cell is null or the text ''."""
    pyarrow, csv = import_module("pyarrow"), import_module("pyarrow.csv")
    kinds = {column.name: column.type for column in description.columns}
    types = {
        name: pyarrow.binary() if kind.core["name"] == "bytes" else pyarrow.string() for name, kind in kinds.items()
    }
    convert = csv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    # One thread: with more, a failure does not know its row.
    read = csv.ReadOptions(block_size=_BLOCK, use_threads=False)
    parse = csv.ParseOptions(newlines_in_values=True)
    texts = {name for name, kind in kinds.items() if kind.core["name"] == "text" and not kind.nullable}
    try:
        opened: Any = csv.open_csv(_open(path), read_options=read, parse_options=parse, convert_options=convert)
    except pyarrow.ArrowInvalid as error:
        raise _broken(path, "CSV", error) from None
    return _guarded(path, "CSV", opened.schema, (_fill(batch, texts) for batch in opened))


def _fill(batch: Any, texts: set[str]) -> Any:
    """An empty cell of a text that is never null is the empty text."""
    for at, field in enumerate(batch.schema):
        if field.name in texts and batch.column(at).null_count:
            batch = batch.set_column(at, field, batch.column(at).fill_null(""))
    return batch


def _read_parquet(_description: Description, path: Path) -> File:
    parquet, pyarrow = import_module("pyarrow.parquet"), import_module("pyarrow")
    try:
        # Without a buffer of its own it reads whole column chunks ahead.
        opened: Any = parquet.ParquetFile(path, buffer_size=_BLOCK, pre_buffer=False)
    except pyarrow.ArrowInvalid as error:
        raise _broken(path, "Parquet", error) from None
    batches = opened.iter_batches(batch_size=_BATCH_ROWS)
    return _guarded(path, "Parquet", opened.schema_arrow, batches, lambda: opened.metadata.num_rows)


def _read_arrow(_description: Description, path: Path) -> File:
    """A file of Arrow IPC (Feather version 2), or its stream form."""
    pyarrow, ipc = import_module("pyarrow"), import_module("pyarrow.ipc")
    source: Any = pyarrow.OSFile(str(path))
    try:
        try:
            opened: Any = ipc.open_file(source)
        except pyarrow.ArrowInvalid:
            source.seek(0)
            stream: Any = ipc.open_stream(source)
            return _guarded(path, "Arrow", stream.schema, iter(stream))
    except pyarrow.ArrowInvalid as error:
        raise _broken(path, "Arrow", error) from None
    batches = (opened.get_batch(at) for at in range(opened.num_record_batches))
    return _guarded(path, "Arrow", opened.schema, batches, lambda: _count_arrow(opened))


def _count_arrow(opened: Any) -> int | None:
    """By the heads of the batches; None of a broken one, of which the reader will tell in its turn."""
    pyarrow: Any = import_module("pyarrow")
    try:
        return opened.count_rows()  # type: ignore[no-any-return]
    except (pyarrow.ArrowException, OSError):
        return None


def _guarded(
    path: Path, kind: str, schema: Any, batches: Iterator[Any], total: Callable[[], int | None] = lambda: None
) -> File:
    """The batches as a stream that remembers why it failed: the stream itself can only say that it did."""
    pyarrow: Any = import_module("pyarrow")
    failures: list[DataFlowError] = []

    def read() -> Iterator[Any]:
        try:
            yield from batches
        except (pyarrow.ArrowException, OSError) as error:
            failures.append(_broken(path, kind, error))
            raise

    reader = pyarrow.RecordBatchReader.from_batches(schema, read())
    return File(reader=reader, failure=lambda: failures[0] if failures else None, total=total)


def _broken(path: Path, kind: str, error: Exception) -> DataFlowError:
    """Without the text of pyarrow, which shows values."""
    found = _COLUMNS.search(str(error))
    if found is None:
        return UnsupportedDataError(f"{path} is not well-formed {kind}", path=_PATH)
    row, expected, got = map(int, found.groups())
    # The first row holds the names.
    message = f"{path} has {got} cells in a row of {expected} columns"
    return UnsupportedDataError(message, path=f"{_PATH}[{row - 2}]")


_KINDS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
}
_PACKED = frozenset({".gz", ".bz2", ".zst", ".lz4"})
_READERS: dict[str, Callable[[Description, Path], File]] = {
    "arrow": _read_arrow,
    "csv": _read_csv,
    "parquet": _read_parquet,
}
