"""The payload of a refused row: JSON text that becomes the fields of the row again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

__all__ = ["read_payload"]

# What JSON has no form for is an object of one key (`rust/core/src/reject/payload.rs` writes it).
_MARKED: Mapping[str, Callable[[Any], Any]] = {
    "$bytes": bytes.fromhex,
    "$timedelta": lambda microseconds: timedelta(microseconds=microseconds),
    "$repr": str,
    "$dict": lambda fields: {name: _read(value) for name, value in fields.items()},
}


def read_payload(text: str) -> dict[str, Any]:
    """The fields of a row, with what may be given as text as text; what was no value of ours is its `repr`."""
    fields: dict[str, Any] = json.loads(text)
    return {name: _read(value) for name, value in fields.items()}


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, inner),) = value.items()
        if name in _MARKED:
            return _MARKED[name](inner)
    return {name: _read(item) for name, item in value.items()}
