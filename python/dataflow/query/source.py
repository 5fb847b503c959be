"""Where rows come from: whole, as a stream of Arrow, or one item after the other."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sized
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeGuard

from dataflow.errors import DataFlowError
from dataflow.model.description import Description
from dataflow.query.file import read_file
from dataflow.query.input import (
    ArrowInput,
    Data,
    has_columns,
    is_frame,
    key_rows,
    list_rows,
    read_data,
    read_item,
    read_key,
    read_keys,
)
from dataflow.query.lazy import read_lazy
from dataflow.query.size import count_rows

__all__ = ["PIECE_ROWS", "AnySource", "ArrowStream", "Items", "Source", "Stream", "Whole", "find_source"]

# Rows of a piece, unless the caller chose another number: reading so many of them takes some ten milliseconds.
PIECE_ROWS = 65_536

# What is in memory as a whole, of those that show nothing but a stream.
_WHOLE = {"pyarrow": ("Table", "RecordBatch", "ChunkedArray", "StructArray"), "dataflow": ("Rows", "Records")}


class ArrowStream(Protocol):
    """Anything with an Arrow stream: a DuckDB relation, a RecordBatchReader, …"""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...


Source: TypeAlias = Iterable[Any] | ArrowStream | Path
AnySource: TypeAlias = Source | AsyncIterable[Any]


class Whole(NamedTuple):
    """Rows that are in memory.

    Attributes:
        data: The rows.
        total: Tells how many they are, where that is known.
    """

    data: Data
    total: Callable[[], int | None] = lambda: None


class Stream(NamedTuple):
    """Arrow that comes batch by batch.

    Attributes:
        data: What has the stream.
        once: Whether it can be read only once.
        file: The name of the file it is read from.
        failure: Tells why the producer failed, where that is known.
        total: Tells how many rows it has, where that is known before they are read.
    """

    data: ArrowInput
    once: bool = False
    file: str | None = None
    failure: Callable[[], DataFlowError | None] = lambda: None
    total: Callable[[], int | None] = lambda: None


class Items(NamedTuple):
    """Rows, frames or keys that come one by one.

    Attributes:
        items: An iterator, or an asynchronous one.
        convert: Makes a dict or a frame of an item, of which it gets the number too.
        once: Whether they can be read only once.
        file: The name of the file they are read from.
        in_memory: Whether all of them are there already, so that nobody sees when one is taken.
        total: Tells how many rows they are, where that is known before they are taken.
    """

    items: Iterator[Any] | AsyncIterator[Any]
    convert: Callable[[int, object], dict[str, object] | ArrowInput]
    once: bool = False
    file: str | None = None
    in_memory: bool = False
    total: Callable[[], int | None] = lambda: None


def find_source(
    description: Description, data: object, *, keys: bool, cut: bool, large: Callable[[Any], bool]
) -> Whole | Stream | Items:
    """Decides how `data` is read.

    Args:
        description: The model.
        data: What the caller gave.
        keys: Whether items may be keys.
        cut: Whether what is in memory is to be cut as well.
        large: Whether a list that is larger than a piece may be cut anyway.

    Raises:
        UnsupportedDataError: It is of no form that holds rows.
    """
    convert = partial(read_key if keys else read_item, description)
    if isinstance(data, Path):
        return _file(description, data, convert)
    if _is_plain(data):
        return _list(description, data, convert, keys=keys, cut=cut or (len(data) > PIECE_ROWS and large(data)))
    if is_frame(data, "polars", "LazyFrame"):
        return Stream(ArrowInput(read_lazy(data), False))
    if isinstance(data, AsyncIterable) and not isinstance(data, Iterable):
        return Items(aiter(data), convert, once=_is_once(data))
    if hasattr(data, "__arrow_c_stream__") and not _is_whole(data):
        return Stream(ArrowInput(data, False), once=_is_once(data))
    if _is_many(data, cut):
        return Items(iter(data), convert, once=_is_once(data), total=partial(count_rows, data))
    whole = read_keys(description, data) if keys else read_data(description, data)
    total = partial(count_rows, whole.data if isinstance(whole, ArrowInput) else whole)
    return Stream(whole, total=total) if cut and isinstance(whole, ArrowInput) else Whole(whole, total)


def _is_plain(data: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """A derived class may do anything when an item is taken."""
    return type(data) in (list, tuple)


def _list(
    description: Description, data: list[Any] | tuple[Any, ...], convert: Any, *, keys: bool, cut: bool
) -> Whole | Items:
    """Most calls come here, of one row too: nothing is asked that a list cannot be."""
    if cut:
        # Of an awaited call's list, others may take rows away before all of them are read.
        rows = tuple(data)
        return Items(iter(rows), convert, in_memory=True, total=partial(count_rows, rows))
    whole = key_rows(description, data) if keys else list_rows(description, data)
    return Whole(whole, partial(count_rows, whole))


def _is_many(data: object, cut: bool) -> TypeGuard[Iterable[Any]]:
    """Whether items are to be taken one after the other."""
    if has_columns(data) or isinstance(data, str | bytes | bytearray | Mapping) or not isinstance(data, Iterable):
        return False
    return cut or not isinstance(data, Sized)


def _file(description: Description, path: Path, convert: Any) -> Stream | Items:
    opened = read_file(description, path)
    if opened.rows is not None:
        return Items(opened.rows, convert, file=str(path))
    return Stream(ArrowInput(opened.reader, False), file=str(path), failure=opened.failure, total=opened.total)


def _is_once(data: object) -> bool:
    return any(hasattr(data, name) for name in ("__next__", "__anext__", "read_next_batch"))


def _is_whole(data: object) -> bool:
    if hasattr(data, "__arrow_c_array__"):
        return True
    known = any(is_frame(data, package, *names) for package, names in _WHOLE.items())
    return known or is_frame(data, "pandas") or is_frame(data, "polars")
