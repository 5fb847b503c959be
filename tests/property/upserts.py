"""Upserts as somebody would do them by hand, one row after another, in plain Python: what DataFlow must agree with."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

Row = dict[str, Any]
UNIQUE = (("sku",), ("a", "b"))
DEFAULTS: Row = {"a": None, "b": None, "qty": 5, "note": None}
REQUIRED = ("sku", "name")
NOT_NULL = ("sku", "name", "qty")
# The key of a row whose key the database is to give.
GENERATED = object()


class Rules(NamedTuple):
    """How rows meet rows; no target stands for an insert that looks for nothing."""

    target: tuple[str, ...]
    on_conflict: str
    duplicates: str
    update_fields: tuple[str, ...] | None
    now: datetime


class RefusedError(Exception):
    """The kinds of all faults the rows have; DataFlow may name any of them."""

    def __init__(self, kinds: set[str]) -> None:
        super().__init__(*sorted(kinds))
        self.kinds = kinds


@dataclass
class Outcome:
    """The table afterwards, how each row ended, and the row of the table that stands for it."""

    table: list[Row]
    rules: Rules
    counts: Counter[str] = field(default_factory=Counter)
    # For each row how it ended, and the row that goes instead.
    ends: list[tuple[str, int | None]] = field(default_factory=list)
    returned: list[Row] = field(default_factory=list)


def upsert(table: list[Row], given: list[Row], rules: Rules) -> Outcome:
    """The outcome, or `RefusedError`: then nothing is stored."""
    check_form(table, given, rules)
    goes = deduplicate(table, given, rules)
    outcome, faults = Outcome([dict(row) for row in table], rules), set[str]()
    stands: dict[int, Row] = {}
    for at in range(len(given)):
        before = Counter(outcome.counts)
        if goes[at] == at:
            try:
                stands[at] = write(outcome, given[at])
            except RefusedError as refused:
                faults |= refused.kinds
        else:
            outcome.counts["duplicate"] += 1
        outcome.ends += [(status, None if goes[at] == at else goes[at]) for status in outcome.counts - before]
    if faults:
        raise RefusedError(faults)
    outcome.returned = [stands[goes[at]] for at in range(len(given))]
    return outcome


def kinds_of(table: list[Row], given: list[Row], rules: Rules) -> set[str]:
    try:
        upsert(table, given, rules)
    except RefusedError as refused:
        return refused.kinds
    return set()


def check_form(table: list[Row], given: list[Row], rules: Rules) -> None:
    whole = [row for row in given if all(row.get(name, 0) is not None for name in NOT_NULL)]
    if whole != given:
        raise RefusedError({"NullValue"} | kinds_of(table, whole, rules))
    if given and rules.on_conflict != "error" and any(lacks(given, name) for name in rules.target):
        raise RefusedError({"InvalidOption"})


def lacks(given: list[Row], name: str) -> bool:
    """Whether no row gives the field; None for a key that is generated is as good as nothing."""
    return all(row.get(name) is None if name == "id" else name not in row for row in given)


def deduplicate(table: list[Row], given: list[Row], rules: Rules) -> list[int]:
    """For each row the number of the one that goes: itself, or another with the same target."""
    by_key: dict[tuple[Any, ...], list[int]] = {}
    for at, row in enumerate(given):
        key = key_of(row, rules.target)
        by_key.setdefault((at,) if key is None else ("key", *key), []).append(at)
    if rules.duplicates == "error":
        if any(len(same) > 1 for same in by_key.values()):
            raise RefusedError({"DuplicateRow"} | kinds_of(table, given, rules._replace(duplicates="first")))
        return list(range(len(given)))
    chosen = {at: same[0 if rules.duplicates == "first" else -1] for same in by_key.values() for at in same}
    return [chosen[at] for at in range(len(given))]


def key_of(row: Row, names: tuple[str, ...]) -> tuple[Any, ...] | None:
    """None where a part is null: such a row equals no other."""
    key = tuple(row.get(name) for name in names)
    return None if not key or None in key else key


def write(outcome: Outcome, row: Row) -> Row:
    stored = find(outcome, row)
    if stored is None:
        return insert(outcome, row)
    deleted = stored.get("deleted_at") is not None
    if outcome.rules.on_conflict == "ignore" and not deleted:
        outcome.counts["ignored"] += 1
        return stored
    check_match(outcome, row, stored)
    return update(outcome, row, stored, deleted)


def find(outcome: Outcome, row: Row) -> Row | None:
    """The stored row; a deleted one is only found by its key."""
    target = outcome.rules.target
    key = key_of(row, target)
    same = (stored for stored in outcome.table if key is not None and key_of(stored, target) == key)
    return next((stored for stored in same if target == ("id",) or stored.get("deleted_at") is None), None)


def check_match(outcome: Outcome, row: Row, stored: Row) -> None:
    """A row that changes nothing may have any version and key."""
    if outcome.rules.on_conflict == "error":
        raise RefusedError({"UniqueViolation"})
    if row.get("version") not in (None, stored.get("version")):
        raise RefusedError({"StaleRow"})
    if row.get("id") not in (None, stored["id"]):
        raise RefusedError({"KeyMismatch"})


def insert(outcome: Outcome, row: Row) -> Row:
    if any(name not in row for name in REQUIRED):
        raise RefusedError({"MissingValue"})
    kept = {"version": 1, "created_at": outcome.rules.now, "updated_at": outcome.rules.now, "deleted_at": None}
    given = {name: value for name, value in row.items() if name not in ("id", *kept) or value is not None}
    new = {"id": GENERATED, **DEFAULTS, **kept, **given}
    check_unique(outcome, new, None)
    outcome.table.append(new)
    outcome.counts["inserted"] += 1
    return new


def update(outcome: Outcome, row: Row, stored: Row, deleted: bool) -> Row:
    allowed = outcome.rules.update_fields
    open_ = [name for name in row if name not in ("id", "version") and (allowed is None or name in allowed)]
    changes = {name: row[name] for name in open_ if row[name] != stored[name]}
    if not changes and not deleted:
        outcome.counts["unchanged"] += 1
        return stored
    kept = {"version": stored["version"] + 1, "updated_at": outcome.rules.now, "deleted_at": None}
    check_unique(outcome, {**stored, **changes}, stored)
    stored.update(kept | changes)
    outcome.counts["updated"] += 1
    return stored


def check_unique(outcome: Outcome, new: Row, itself: Row | None) -> None:
    """The key is taken by deleted rows too, the other unique values are not."""
    others = [row for row in outcome.table if row is not itself]
    live = [row for row in others if row["deleted_at"] is None]
    taken = any(row["id"] == new["id"] is not GENERATED for row in others)
    for names in UNIQUE:
        key = key_of(new, names)
        taken = taken or (key is not None and any(key_of(row, names) == key for row in live))
    if taken:
        raise RefusedError({"UniqueViolation"})
