"""A polars LazyFrame as a stream: its engine gives a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

__all__ = ["read_lazy"]

# As many as a piece takes: smaller batches cost polars more than they save.
_ROWS = 65_536


def read_lazy(frame: Any) -> Any:
    """A reader of Arrow batches, which begins to compute when it is read."""
    polars, pyarrow = import_module("polars"), import_module("pyarrow")
    schema = frame.collect_schema()
    # polars 2.1 exports a Null column with a buffer, which arrow-rs refuses.
    empty = [name for name, kind in schema.items() if kind == polars.Null]
    frame = frame.with_columns(polars.col(empty).cast(polars.Boolean)) if empty else frame
    columns: Any = polars.DataFrame(schema=frame.collect_schema()).to_arrow().schema

    def batches() -> Iterator[Any]:
        for part in frame.collect_batches(chunk_size=_ROWS, engine="streaming"):
            yield from part.to_arrow().cast(columns).to_batches()

    return pyarrow.RecordBatchReader.from_batches(columns, batches())
