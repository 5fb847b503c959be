"""Lines of JSON as dicts: a field that a line does not have stays absent, which columns could not say."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from dataflow.errors import UnsupportedDataError
from dataflow.model.description import Description

__all__ = ["read_ndjson"]


class _Number(float):
    """A float that remembers its digits."""

    text: str


def _number(text: str) -> _Number:
    number = _Number(text)
    number.text = text
    return number


def read_ndjson(description: Description, path: Path, source: Any) -> Iterator[dict[str, Any]]:
    """The objects of the lines; empty lines are passed over.

    Raises:
        UnsupportedDataError: A line is no JSON object, or gives a field twice; or the file cannot be read further.
    """
    decimals = [column.name for column in description.columns if _takes_digits(column.type.core)]
    # Only a Decimal takes more digits than a float.
    decode = json.JSONDecoder(parse_float=_number if decimals else None, object_pairs_hook=_once_each).decode
    with io.BufferedReader(source) as lines:
        for at, line in enumerate(_lines(path, lines)):
            if not line.isspace():
                row = _row(path, at, line, decode)
                for name in decimals:
                    if name in row:
                        row[name] = _with_digits(row[name])
                yield row


def _takes_digits(kind: Mapping[str, Any]) -> bool:
    """Whether it is a Decimal, or a list of them."""
    return kind["name"] == "decimal" or (kind["name"] == "list" and _takes_digits(kind["item"]))


def _with_digits(value: Any) -> Any:
    if type(value) is _Number:
        return Decimal(value.text)
    return [_with_digits(item) for item in value] if isinstance(value, list) else value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _lines(path: Path, lines: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from lines
    except OSError as error:
        raise UnsupportedDataError(f"{path} cannot be read further: {error.strerror}", path="data") from error


def _row(path: Path, at: int, line: bytes, decode: Any) -> dict[str, Any]:
    try:
        row = decode(line.decode().strip())
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        message = f"line {at + 1} of {path} is no JSON object, or has a name twice"
        raise UnsupportedDataError(message, path="data", hint="one object a line, in UTF-8")
    return row
