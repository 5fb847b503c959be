"""How much is handed over, where its form tells it without being read."""

from __future__ import annotations

from collections.abc import Sized

from dataflow.query.input import ArrowInput, Data, has_columns, is_frame

__all__ = ["count_bytes", "count_rows"]

# Their length is the number of their rows.
_TABLES = {"dataflow": ("Rows",), "polars": ("DataFrame",), "pyarrow": ("ChunkedArray", "StructArray")}


def count_rows(data: object) -> int | None:
    """The rows of a list or a table; None of anything else, whose length may count something else."""
    if not has_columns(data):
        # To look at the items of another collection may have effects.
        return _count_items(data) if isinstance(data, list | tuple) else None
    rows = getattr(data, "num_rows", None)
    if rows is None and isinstance(data, Sized):
        known = any(is_frame(data, package, *names) for package, names in _TABLES.items())
        rows = len(data) if known or is_frame(data, "pandas") else None
    return rows if isinstance(rows, int) else None


def _count_items(items: list[object] | tuple[object, ...]) -> int | None:
    """Of dicts, instances and tables; an item of each class is looked at, not each item."""
    tables = {kind for kind, item in {type(item): item for item in items}.items() if has_columns(item)}
    counts = [count_rows(item) for item in items if type(item) in tables] if tables else []
    known = [count for count in counts if count is not None]
    return len(items) - len(counts) + sum(known) if len(known) == len(counts) else None


def count_bytes(data: Data) -> int | None:
    """About the bytes of columns as they lie in Arrow; None of dicts."""
    if not isinstance(data, ArrowInput):
        return None
    if is_frame(data.data, "polars"):
        return int(data.data.estimated_size())
    size = getattr(data.data, "nbytes", None)
    return size if isinstance(size, int) else None
