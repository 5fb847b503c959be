"""What a bulk write did, piece by piece and together."""

from __future__ import annotations

from operator import itemgetter
from typing import NamedTuple, TypeAlias, TypeVar

from dataflow import _core

__all__ = ["Loaded", "Sum", "Written"]

_T = TypeVar("_T")

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
        # About the bytes of the rows; None where they are not known.
        self.bytes: int | None = 0
        self.replayed = False
        self._counts: dict[str, int] = {}
        # Each with the place of its piece: pieces that are written at the same time end in any order.
        self._batches: list[tuple[int, _core.Batch]] = []
        self._outcomes: list[tuple[int, _core.Outcomes]] = []
        self._rejects: list[tuple[int, _core.Batch]] = []

    @property
    def rejected(self) -> int:
        return self._counts.get("rejected", 0)

    def add(self, written: Written, rows: int, size: int | None, place: int | None = None) -> None:
        """Adds a piece, the next one unless its place among the pieces is told."""
        place = self.pieces if place is None else place
        counts, batch, outcomes, replayed, rejects = written
        self.replayed |= replayed
        self.rows += rows
        self.pieces += 1
        self.bytes = None if size is None or self.bytes is None else self.bytes + size
        self._counts = {name: self._counts.get(name, 0) + count for name, count in counts.items()}
        if batch is not None:
            self._batches.append((place, batch))
        if outcomes is not None:
            self._outcomes.append((place, outcomes))
        if rejects is not None:
            self._rejects.append((place, rejects))

    def leave_out(self, duplicates: int) -> None:
        """Adds rows that were not written because another one has their key."""
        self.rows += duplicates
        self._counts = {**self._counts, "duplicate": self._counts.get("duplicate", 0) + duplicates}

    def rejects(self, *more: _core.Batch) -> _core.Batch:
        """The refused rows so far, and more of them."""
        if not self._rejects and not more:
            return _core.no_rejects()
        return _core.Batch.concat([_core.no_rejects(), *_in_order(self._rejects), *more])

    def written(self) -> Written:
        batch = _core.Batch.concat(_in_order(self._batches)) if self._batches else None
        outcomes = _core.Outcomes.concat(_in_order(self._outcomes)) if self._outcomes else None
        return self._counts, batch, outcomes, self.replayed, self.rejects()


def _in_order(parts: list[tuple[int, _T]]) -> list[_T]:
    return [part for _, part in sorted(parts, key=itemgetter(0))]
