"""The options of bulk writes: all names are known, only their defaults are built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from dataflow._spelling import not_built, suggest
from dataflow.errors import InvalidOptionError, UnknownOptionError

__all__ = ["BulkCreateOptions", "check_options"]


class BulkCreateOptions(TypedDict, total=False):
    """Options of `bulk_create`. Only the defaults are built: other values raise `NotBuiltError`.

    Attributes:
        on_conflict: What happens to a row whose key is there already. Default `error`.
        conflict_on: The fields that make a conflict. Default the key.
        duplicates: What happens to rows with the same key in the data. Default `error`.
        on_error: What happens when a row is refused. Default `raise`.
        reject_limit: Most rows that may be refused.
        load_id: Name under which the load happens once only.
        chunk_rows: Rows of one commit.
        batch_size: Rows of one statement.
        atomic: Whether all rows are stored or none. Default True.
        parallel: Connections used at once. Default 1.
        progress: Whether a progress bar is shown. Default False.
        return_rows: Whether the rows are given back as stored. Default False.
    """

    on_conflict: Literal["error", "update", "ignore"]
    conflict_on: Sequence[str] | None
    duplicates: Literal["error", "first", "last"]
    on_error: Literal["raise", "skip", "quarantine"]
    reject_limit: int | None
    load_id: str | None
    chunk_rows: int | None
    batch_size: int | None
    atomic: bool
    parallel: int
    progress: bool
    return_rows: bool


_DEFAULTS: Mapping[str, object] = {
    "atomic": True,
    "batch_size": None,
    "chunk_rows": None,
    "conflict_on": None,
    "duplicates": "error",
    "load_id": None,
    "on_conflict": "error",
    "on_error": "raise",
    "parallel": 1,
    "progress": False,
    "reject_limit": None,
    "return_rows": False,
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "duplicates": ("error", "first", "last"),
    "on_conflict": ("error", "update", "ignore"),
    "on_error": ("raise", "skip", "quarantine"),
}


def check_options(options: BulkCreateOptions) -> None:
    """Refuses what is unknown or not built.

    Raises:
        UnknownOptionError: There is no such option.
        InvalidOptionError: An option has no such choice.
        NotBuiltError: The option is used with a value that is not built yet.
    """
    for name, value in options.items():
        if name not in _DEFAULTS:
            hint = suggest(name, _DEFAULTS)
            raise UnknownOptionError(f"bulk_create has no option `{name}`", path=name, hint=hint)
        choices = _CHOICES.get(name)
        if choices and value not in choices:
            raise InvalidOptionError(f"{name} must be one of {', '.join(choices)}", path=name)
        if value != _DEFAULTS[name]:
            raise not_built(f"`{name}` with another value than its default", path=name)
