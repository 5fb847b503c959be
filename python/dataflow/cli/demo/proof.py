"""Whether two tables hold the same rows, in whatever order they come: one fingerprint for each."""

from __future__ import annotations

from hashlib import blake2b, sha256
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["fingerprint"]

_Words: TypeAlias = NDArray[np.uint64]

# Rows hashed at once: what is made on the way stays under 5 MB, and in the cache of a processor.
_CHUNK_ROWS = 1 << 15


def fingerprint(table: Any) -> str:
    """A SHA-256 over the sorted hashes of the rows, as 64 hex digits.

    The order of rows and columns does not count; the names of the columns, every bit of a value, null, and how often
    a row comes do. The hash of a row has 64 bits; rows that differ in one number never share it.

    Args:
        table: A `pyarrow.Table` of at most 64 columns: integers, floats, strings and timestamps.
    """
    chunks = table.select(sorted(table.column_names)).to_batches(max_chunksize=_CHUNK_ROWS)
    rows = np.concatenate([np.empty(0, np.uint64), *(_hash_rows(chunk) for chunk in chunks)])
    rows.sort()
    return sha256(_hash_text(",".join(sorted(table.column_names))) + rows.tobytes()).hexdigest()


def _hash_rows(batch: Any) -> _Words:
    """Column after column is taken into the hash; last, as one number, which of the values are null."""
    hashes: _Words = np.zeros(batch.num_rows, np.uint64)
    nulls: _Words = np.zeros(batch.num_rows, np.uint64)
    for place, column in enumerate(batch.columns):
        hashes = _mix(hashes ^ _words(column))
        if column.null_count:
            nulls |= _numbers(column.is_null().cast("uint64")) << np.uint64(place)
    return _mix(hashes ^ nulls)


def _mix(words: _Words) -> _Words:
    """The finalizer of splitmix64, which maps no two words to the same: https://prng.di.unimi.it/splitmix64.c."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _words(column: Any) -> _Words:
    """Each value as 64 bits; a null as zero."""
    types: Any = import_module("pyarrow.types")
    if types.is_string(column.type):
        return _text_words(column)
    if types.is_floating(column.type):
        return _numbers(column.cast("float64").fill_null(0.0)).view(np.uint64)
    return _numbers(column.cast("int64").fill_null(0)).view(np.uint64)


def _text_words(column: Any) -> _Words:
    """Each different text is hashed once."""
    encoded = column.dictionary_encode()
    hashes = [int.from_bytes(_hash_text(text)[:8]) for text in encoded.dictionary.to_pylist()]
    places = _numbers(encoded.indices.cast("int64").fill_null(len(hashes)))
    words: _Words = np.array([*hashes, 0], np.uint64)[places]
    return words


def _hash_text(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=32).digest()


def _numbers(column: Any) -> NDArray[Any]:
    """The memory of a column without nulls."""
    numbers: NDArray[Any] = column.to_numpy()
    return numbers
