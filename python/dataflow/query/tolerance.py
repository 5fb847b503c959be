"""That rows of a bulk write may be refused, as its options say it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dataflow import _core

if TYPE_CHECKING:
    # The most of them as a number or as a share, those before, and where they are kept.
    _Core: TypeAlias = tuple[int | None, float | None, int, tuple[str, str] | None]

__all__ = ["Tolerance", "read_tolerance"]

# What decides how a row is written, beside the row: it is done the same way when the row is written again.
_KEPT = ("conflict_on", "duplicates", "hard", "on_conflict", "on_missing", "update_fields")


class Tolerance(NamedTuple):
    """That rows may be refused.

    Attributes:
        limit: Most of them: a number, or a share of all rows as a float; None for any number.
        load_id: Under which name they are kept in the quarantine; None where they are only told.
        operation: How they are to be written again.
    """

    limit: float | None
    load_id: str | None
    operation: str

    def core(self, rejected: int, *, whole: bool) -> _Core:
        """As an operation takes it.

        Args:
            rejected: Rows of the load that were refused before.
            whole: Whether the operation gets all rows: only then is it known how many a share of them is.
        """
        share = self.limit if isinstance(self.limit, float) else None
        most = None if share is not None or self.limit is None else int(self.limit)
        kept = None if self.load_id is None else (self.load_id, self.operation)
        return most, share if whole else None, rejected, kept


def read_tolerance(verb: str, options: Mapping[str, Any]) -> Tolerance | None:
    """What the options of a bulk write say about rows that are refused; None where none may be."""
    on_error = options["on_error"]
    if on_error == "raise":
        return None
    kept = {name: options[name] for name in _KEPT if name in options}
    operation = json.dumps({"operation": verb, "options": kept}, default=list)
    load_id = (options["load_id"] or _core.new_load_id()) if on_error == "quarantine" else None
    return Tolerance(options["reject_limit"], load_id, operation)
