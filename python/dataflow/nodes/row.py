"""Which row is meant, and with which values, where fields of a model are parameters of a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dataflow.errors import InvalidParameterError
from dataflow.model.markers import UNSET
from dataflow.nodes.model_node import ModelNode
from dataflow.query.table import Table

__all__ = ["by_key", "one_row", "the_key", "the_row", "which_row"]


def by_key(table: Table[Any], given: dict[str, Any], what: str) -> Any:
    """Takes the key out of flat fields: a scalar, or a tuple of several fields.

    Raises:
        InvalidParameterError: A part of it is not given.
    """
    names = table._model.key
    missing = [name for name in names if name not in given]
    if missing:
        hint = f"give `filter`, `key`, or the field {', '.join(f'`{name}`' for name in names)}"
        raise InvalidParameterError(f"{what} needs to know which row", path=missing[0], hint=hint)
    parts = tuple(given.pop(name) for name in names)
    return parts if len(names) > 1 else next(iter(parts))


def one_row(data: Any, fields: dict[str, Any], what: str) -> tuple[Any, dict[str, Any]]:
    """An instance, or fields."""
    if data is UNSET:
        return None, fields
    if data is None:
        hint = "for null in a field that is called data: `data={'data': None}`"
        raise InvalidParameterError(f"{what} was given None as `data`", path="data", hint=hint)
    if fields:
        hint = "give flat fields, or `data={…}`; a field that is called data goes into it"
        raise InvalidParameterError(f"{what} was given `data` and fields beside it", path=min(fields), hint=hint)
    return (None, dict(data)) if isinstance(data, Mapping) else (data, {})


def the_key(node: ModelNode, key: Any, fields: dict[str, Any], what: str) -> Any:
    found = by_key(node.table, fields, what) if key is UNSET else key
    _refuse_rest(fields, what)
    return found


def the_row(node: ModelNode, filter: Any, key: Any, fields: dict[str, Any], what: str) -> Any:
    if filter is UNSET:
        return the_key(node, key, fields, what)
    if key is not UNSET:
        raise InvalidParameterError(f"{what} takes `filter` or `key`, not both", path="key")
    _refuse_rest(fields, what)
    return filter


def _refuse_rest(fields: Mapping[str, Any], what: str) -> None:
    if fields:
        hint = "other fields go into `filter`, new values into `updates`"
        raise InvalidParameterError(f"{what} cannot use this field here", path=min(fields), hint=hint)


def which_row(
    node: ModelNode, filter: Any, key: Any, data: Any, fields: dict[str, Any], updates: Any
) -> tuple[Any, Any]:
    """The row to update, and its new values."""
    if updates is not None:
        if data is not UNSET:
            raise InvalidParameterError("update takes `updates` or `data`, not both", path="data")
        return the_row(node, filter, key, fields, "update"), updates
    instance, given = one_row(data, fields, "update")
    if instance is not None:
        if filter is not UNSET or key is not UNSET:
            hint = "an instance is the row with its key; leave the other one out, or give `updates`"
            raise InvalidParameterError("update was given an instance and another row", path="data", hint=hint)
        return instance, None
    if filter is UNSET and key is UNSET:
        key = by_key(node.table, given, "update")
    # No new values at all: the table refuses it.
    return the_row(node, filter, key, {}, "update"), given if given or data is not UNSET else None
