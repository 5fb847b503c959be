"""What a run was told and what the server holds, compared; the same for DataFlow, the control and planted faults."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

Outcome = Literal["committed", "rolled back", "unknown"]
DETAILS_KEPT = 12


@dataclass
class Violations:
    """How often each law was broken; false where none was.

    Attributes:
        idle_in_transaction: Transactions that nobody will end, seen on the server.
        foreign_results: Answers with other rows than the caller's own.
        lost_acknowledged: Writes reported as committed of which the server has nothing.
        ghosts: Rows of writes reported as rolled back, and rows that are there more often than written.
        torn: Writes of which the server holds a part.
        mixed_transactions: Server transactions that hold the rows of several callers.
        unexpected: Errors that no cancel or cut explains, and writes that ended without an outcome.
        details: The first of them in words.
    """

    idle_in_transaction: int = 0
    foreign_results: int = 0
    lost_acknowledged: int = 0
    ghosts: int = 0
    torn: int = 0
    mixed_transactions: int = 0
    unexpected: int = 0
    details: list[str] = field(default_factory=list)

    def add(self, law: str, detail: str, count: int = 1) -> None:
        if count:
            setattr(self, law, getattr(self, law) + count)
            if len(self.details) < DETAILS_KEPT:
                self.details.append(f"{law} {count}: {detail}")

    @property
    def counts(self) -> dict[str, int]:
        return {name: value for name, value in asdict(self).items() if isinstance(value, int)}

    def __bool__(self) -> bool:
        return any(self.counts.values())

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass
class Attempt:
    """One call, known by its nonce, and how it ended as far as its caller was told.

    Attributes:
        parts: The rows it writes when it is committed; empty for a read.
        begun: Whether the call was made at all.
        committing: Whether a commit may have been asked for: from then on a cancel must carry an outcome.
    """

    nonce: int
    action: str
    parts: frozenset[int] = frozenset()
    begun: bool = False
    committing: bool = False
    outcome: Outcome = "rolled back"


Stored = Mapping[int, Counter[int]]


def check_rows(attempts: Iterable[Attempt], stored: Stored, violations: Violations) -> None:
    """Compare every report with the rows of its nonce."""
    for attempt in attempts:
        there = stored.get(attempt.nonce, Counter())
        name = f"{attempt.action} {attempt.nonce} ({attempt.outcome}) has parts {sorted(there)[:8]}"
        if any(count > 1 for count in there.values()) or not attempt.parts.issuperset(there):
            violations.add("ghosts", f"{name}, more than were written")
        elif attempt.outcome == "rolled back":
            violations.add("ghosts", name, len(there))
        elif not there:
            violations.add("lost_acknowledged", name, int(attempt.outcome == "committed" and bool(attempt.parts)))
        else:
            violations.add("torn", f"{name} of {len(attempt.parts)}", int(len(there) != len(attempt.parts)))
