"""What a bulk write did, piece by piece and together."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from dataflow import _core

__all__ = ["Loaded", "Sum", "Written"]

# Counts, the rows and their outcomes where they were asked for, and whether the load had happened before.
Written: TypeAlias = tuple[dict[str, int], "_core.Batch | None", "_core.Outcomes | None", bool]


class Loaded(NamedTuple):
    """What a bulk write did.

    Attributes:
        written: As the last operation tells it, of all rows together.
        resumed_at: Rows that an earlier run had committed, after which this one went on; else 0.
    """

    written: Written
    resumed_at: int = 0


class Sum:
    """What the pieces did together."""

    def __init__(self) -> None:
        self.rows = 0
        self.pieces = 0
        self.replayed = False
        self._counts: dict[str, int] = {}
        self._batches: list[_core.Batch] = []
        self._outcomes: list[_core.Outcomes] = []

    def add(self, written: Written, rows: int) -> None:
        counts, batch, outcomes, replayed = written
        self.replayed |= replayed
        self.rows += rows
        self.pieces += 1
        self._counts = {name: self._counts.get(name, 0) + count for name, count in counts.items()}
        if batch is not None:
            self._batches.append(batch)
        if outcomes is not None:
            self._outcomes.append(outcomes)

    def written(self) -> Written:
        batch = _core.Batch.concat(self._batches) if self._batches else None
        outcomes = _core.Outcomes.concat(self._outcomes) if self._outcomes else None
        return self._counts, batch, outcomes, self.replayed
