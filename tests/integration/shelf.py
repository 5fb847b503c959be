"""A table in plain Python: the same operations on a dict, by which those of a database are judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from dataflow import errors

Fields = Mapping[str, Any]
Counts = dict[str, int]


@dataclass
class Line:
    """A stored row, its key left out."""

    slot: int
    kind: int
    note: str | None = None
    version: int = 1
    deleted: bool = False

    def would_change(self, fields: Fields) -> bool:
        return any(getattr(self, name) != value for name, value in fields.items() if name not in ("code", "version"))

    def change(self, fields: Fields) -> None:
        for name in fields.keys() - {"code", "version"}:
            setattr(self, name, fields[name])
        self.version += 1


class Shelf:
    """What one tenant has: rows with a key `code`, a unique `slot` and a `kind`. A failed write changes nothing."""

    def __init__(self, *, soft: bool, versioned: bool) -> None:
        self.soft, self.versioned = soft, versioned
        self.lines: dict[str, Line] = {}

    def live(self, include_deleted: bool = False) -> dict[str, Line]:
        return {code: line for code, line in sorted(self.lines.items()) if include_deleted or not line.deleted}

    def call(self, method: str, arguments: Iterable[Any], options: Fields) -> object:
        before = deepcopy(self.lines)
        try:
            return getattr(self, method)(*arguments, **options)
        except errors.DataFlowError:
            self.lines = before
            raise

    def read(self, key: str, include_deleted: bool = False) -> tuple[Any, ...]:
        return self._shown(self._one(key, include_deleted))

    def list(self, filter: Fields | None = None, include_deleted: bool = False) -> Sequence[tuple[Any, ...]]:
        return [self._shown(code) for code in self._matching(filter, include_deleted)]

    def count(self, filter: Fields | None = None, include_deleted: bool = False) -> int:
        return len(self._matching(filter, include_deleted))

    def create(self, **fields: Any) -> tuple[Any, ...]:
        self._insert(fields)
        return self._shown(fields["code"])

    def update(self, row: Any, updates: Fields) -> tuple[Any, ...]:
        code = self._one(row)
        self._check_version(code, updates)
        self._change(code, updates)
        return self._shown(code)

    def delete(self, row: Any, hard: bool = False) -> int:
        self._remove(self._one(row, hard), hard)
        return 1

    def upsert(self, data: Fields, conflict_on: str = "code") -> tuple[Any, ...]:
        self.bulk_upsert([data], conflict_on=conflict_on)
        return self._shown(data["code"])

    def bulk_create(self, data: Iterable[Fields], on_conflict: str = "error") -> Counts:
        if on_conflict != "error":
            return self.bulk_upsert(data, on_conflict=on_conflict)
        return {"inserted": len([self._insert(fields) for fields in data])}

    def bulk_upsert(self, data: Iterable[Fields], conflict_on: str = "code", on_conflict: str = "update") -> Counts:
        found = [(fields, self._find(fields, conflict_on)) for fields in data]
        for fields, code in found:
            if code is not None and code != fields["code"]:
                raise errors.KeyMismatchError("key")
            if code is not None:
                self._check_version(code, fields)
        return counted([self._merge(fields, code, on_conflict) for fields, code in found])

    def bulk_update(
        self,
        filter: Fields | None = None,
        updates: Fields | None = None,
        data: Iterable[Fields] | None = None,
        on_missing: str = "error",
    ) -> Counts:
        if data is None:
            outcomes = [self._change(code, updates or {}) for code in self._matching(filter)]
            return counted(outcomes + ["matched"] * len(outcomes))
        missing = [fields for fields in data if fields["code"] not in self.live()]
        if missing and on_missing == "error":
            raise errors.NotFoundError("missing")
        present = [fields for fields in data if fields["code"] in self.live()]
        for fields in present:
            self._check_version(fields["code"], fields)
        return counted(["missing"] * len(missing) + [self._change(fields["code"], fields) for fields in present])

    def bulk_delete(
        self, filter: Fields | None = None, keys: Sequence[str] = (), hard: bool = False, max_affected: int = 1_000
    ) -> Counts:
        there = [code for code in keys if code in self.live(hard)] if filter is None else self._matching(filter, hard)
        if len(there) > max_affected:
            raise errors.LimitExceededError("too many")
        for code in there:
            self._remove(code, hard)
        rest = ["missing"] * (len(keys) - len(there)) if filter is None else ["matched"] * len(there)
        return counted(["deleted"] * len(there) + rest)

    def _matching(self, filter: Fields | None, include_deleted: bool = False) -> Sequence[str]:
        def fits(code: str, line: Line) -> bool:
            return all(_fits(code if name == "code" else getattr(line, name), test) for name, test in tests)

        tests = list((filter or {}).items())
        return [code for code, line in self.live(include_deleted).items() if fits(code, line)]

    def _one(self, row: Any, include_deleted: bool = False) -> str:
        found = self._matching(row if isinstance(row, Mapping) else {"code": row}, include_deleted)
        if not found:
            raise errors.NotFoundError("none")
        if len(found) > 1:
            raise errors.MultipleRowsError("several")
        return found[0]

    def _find(self, fields: Fields, target: str) -> str | None:
        if target == "code":
            return fields["code"] if fields["code"] in self.lines else None
        return next((code for code, line in self.live().items() if line.slot == fields[target]), None)

    def _merge(self, fields: Fields, code: str | None, on_conflict: str) -> str:
        if code is None:
            return self._insert(fields)
        if on_conflict == "ignore" and not self.lines[code].deleted:
            return "ignored"
        return self._change(code, {**fields, "deleted": False})

    def _insert(self, fields: Fields) -> str:
        if fields["code"] in self.lines:
            raise errors.UniqueViolationError("key")
        self.lines[fields["code"]] = Line(**{name: value for name, value in fields.items() if name != "code"})
        self._check_unique()
        return "inserted"

    def _change(self, code: str, fields: Fields) -> str:
        if not self.lines[code].would_change(fields):
            return "unchanged"
        self.lines[code].change(fields)
        self._check_unique()
        return "updated"

    def _remove(self, code: str, hard: bool) -> None:
        if self.soft and not hard:
            self.lines[code].change({"deleted": True})
        else:
            del self.lines[code]

    def _check_unique(self) -> None:
        slots = [line.slot for line in self.live().values()]
        if len(slots) != len(set(slots)):
            raise errors.UniqueViolationError("slot")

    def _check_version(self, code: str, fields: Fields) -> None:
        if fields.get("version", self.lines[code].version) != self.lines[code].version:
            raise errors.StaleRowError("version")

    def _shown(self, code: str) -> tuple[Any, ...]:
        line = self.lines[code]
        return code, line.slot, line.kind, line.note, line.version if self.versioned else 1


def counted(outcomes: Sequence[str]) -> Counts:
    return {name: outcomes.count(name) for name in outcomes}


def _fits(value: Any, test: Any) -> bool:
    match test:
        case {"$gt": least}:
            return bool(value > least)
        case {"$ne": other}:
            return bool(value != other)
        case {"$in": several}:
            return value in several
        case _:
            return bool(value == test)
