"""Whether the columns read back hold the values of the source, in whatever order the rows come."""

from hashlib import sha256
from typing import Any

__all__ = ["checksum", "differing_columns"]


def differing_columns(source: Any, stored: Any) -> list[str]:
    """The names of the columns of one `pyarrow.Table` whose checksum differs in another."""
    return [name for name in source.column_names if checksum(source[name]) != checksum(stored[name])]


def checksum(column: Any) -> str:
    """SHA-256 of the sorted values as Python writes them: exact for floats, nulls at the end."""
    return sha256(repr(column.sort().to_pylist()).encode()).hexdigest()
