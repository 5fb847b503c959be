"""What a bulk write did, piece by piece and together."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from dataflow import _core

__all__ = ["Loaded", "Sum", "Written"]

# Counts, the rows and their outcomes where they were asked for, whether the load had happened before, and the refused
# rows.
Written: TypeAlias = tuple[dict[str, int], "_core.Batch | None", "_core.Outcomes | None", bool, "_core.Batch | None"]


class Loaded(NamedTuple):
    """What a bulk write did.

    Attributes:
        written: As the last operation tells it, of all rows together.
        resumed_at: Rows that an earlier run had committed, after which this one went on; else 0.
        load_id: Under which name refused rows are kept; None where they are not.
    """

    written: Written
    resumed_at: int = 0
    load_id: str | None = None


class Sum:
    """What the pieces did together."""

    def __init__(self) -> None:
        self.rows = 0
        self.pieces = 0
        self.replayed = False
        self._counts: dict[str, int] = {}
        self._batches: list[_core.Batch] = []
        self._outcomes: list[_core.Outcomes] = []
        self._rejects: list[_core.Batch] = []

    @property
    def rejected(self) -> int:
        return self._counts.get("rejected", 0)

    def add(self, written: Written, rows: int) -> None:
        counts, batch, outcomes, replayed, rejects = written
        self.replayed |= replayed
        self.rows += rows
        self.pieces += 1
        self._counts = {name: self._counts.get(name, 0) + count for name, count in counts.items()}
        if batch is not None:
            self._batches.append(batch)
        if outcomes is not None:
            self._outcomes.append(outcomes)
        if rejects is not None:
            self._rejects.append(rejects)

    def rejects(self, *more: _core.Batch) -> _core.Batch:
        """The refused rows so far, and more of them."""
        return _core.Batch.concat([_core.no_rejects(), *self._rejects, *more])

    def written(self) -> Written:
        batch = _core.Batch.concat(self._batches) if self._batches else None
        outcomes = _core.Outcomes.concat(self._outcomes) if self._outcomes else None
        return self._counts, batch, outcomes, self.replayed, self.rejects()
