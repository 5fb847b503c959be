"""What a demo found out: how long each node took, and whether each table is what it must be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

__all__ = ["Check", "Content", "Outcome", "Round", "peak_memory_mb"]


class Content(NamedTuple):
    """A table in two numbers."""

    rows: int
    checksum: str


class Check(NamedTuple):
    """A table as it must be, and as it was read back from the database."""

    table: str
    expected: Content
    stored: Content

    @property
    def equal(self) -> bool:
        return self.expected == self.stored


class Round(NamedTuple):
    """One run of the job."""

    server: str
    seconds: float
    # As of `Results.timings`.
    nodes: Sequence[Any]
    checks: Sequence[Check]
    # The answers of the last two nodes.
    worst_delays: Sequence[Mapping[str, Any]]
    flights: int


class NodeTime(NamedTuple):
    """One node; the time is the median of all rounds. Rows are None where it handles none."""

    node: str
    state: str
    rows: int | None
    seconds: float

    @property
    def rows_per_second(self) -> float | None:
        return self.rows / self.seconds if self.rows and self.seconds else None


@dataclass(frozen=True)
class Outcome:
    """All rounds of one demo.

    Attributes:
        seconds: Everything from the first file to the last comparison.
        peak_mb: The most memory the process ever had, in MB of 10^6 bytes; None where the system does not tell.
    """

    rounds: Sequence[Round]
    seconds: float
    peak_mb: float | None

    @property
    def equal(self) -> bool:
        return all(check.equal for round in self.rounds for check in round.checks)

    @property
    def checks(self) -> Sequence[Check]:
        """Those of the first round in which something differs; else of the last."""
        wrong = (round for round in self.rounds if not all(check.equal for check in round.checks))
        return next(wrong, self.rounds[-1]).checks

    @property
    def job_seconds(self) -> float:
        return median(round.seconds for round in self.rounds)

    @property
    def nodes(self) -> list[NodeTime]:
        """In the order in which they ended in the last round."""
        seconds = _group((timing.node, timing.seconds) for round in self.rounds for timing in round.nodes)
        return [NodeTime(one.node, one.state, one.rows, median(seconds[one.node])) for one in self.rounds[-1].nodes]


def _group(pairs: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    groups: dict[str, list[float]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def peak_memory_mb() -> float | None:
    """The most memory this process had at once."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would tell the peak of the process that started this one, where that was larger.
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        return int(found[1]) * 1024 / 1e6 if found else None
    try:
        from resource import RUSAGE_SELF, getrusage
    except ModuleNotFoundError:  # Windows
        return None
    return getrusage(RUSAGE_SELF).ru_maxrss / 1e6
