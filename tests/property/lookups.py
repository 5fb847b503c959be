"""Random pipelines with `$lookup` and `$unionWith`, each stage made together with its rows in plain Python.

Where the order of rows says nothing else they come by the keys of the row and then of those joined with it, `place`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Row = dict[str, Any]
Stage = dict[str, Any]
# What is made of the rows that are looked up with a value.
Found = Callable[[Any], list["Line"]]


@dataclass
class Line:
    """A row of the stages so far: what the caller sees, its place, and what `$lookup` took from it."""

    row: Row
    place: tuple[Any, ...]
    own: dict[int, Any] = field(default_factory=dict)


@dataclass
class Pending:
    """What was looked up and is not asked for yet."""

    number: int
    name: str
    found: Found
    types: dict[str, str]


@dataclass
class Source:
    name: str
    rows: list[Row]
    types: dict[str, str]


def smallest_null(value: Any) -> tuple[Any, ...]:
    return (0,) if value is None else (1, value)


def is_inside(name: str, of: str) -> bool:
    return name == of or name.startswith(f"{of}.")


class Maker:
    """A pipeline on `source` with the rows that it must have. `own`: the field by which its rows are looked up."""

    def __init__(self, random: Random, sources: list[Source], source: Source, own: str | None = None) -> None:
        self.random, self.sources, self.own = random, sources, own
        self.lines = [Line(dict(row), (row["id"],), {-1: row[own]} if own else {}) for row in source.rows]
        self.types = dict(source.types)
        self.pending: list[Pending] = []
        self.numbers = 0
        self.depth = 0

    def make(self, most: int) -> list[Stage]:
        stages = [self.stage() for _ in range(self.random.randint(1, most))]
        self.settle()
        return [stage for stage in stages if stage is not None]

    def result(self) -> list[Row]:
        return [{name: line.row[name] for name in self.types} for line in self.lines]

    def stage(self) -> Stage | None:
        weights = {"lookup": 4, "unwind": 5, "match": 2, "sort": 2, "cut": 2, "project": 1, "set": 1, "group": 1}
        weights["union"] = 2
        kind = self.random.choices(list(weights), list(weights.values()))[0]
        if kind == "unwind" and not self.pending:
            kind = "lookup"
        if kind in ("group", "union") and self.own is not None:
            kind = "set"
        if kind not in ("lookup", "unwind"):
            self.settle()
        if len(self.lines) > 2_000:
            kind = "cut"
            self.settle()
        made: Stage | None = getattr(self, kind)()
        return made

    def a_field(self, *types: str) -> str | None:
        names = [name for name, type_ in self.types.items() if type_ in types]
        return self.random.choice(names) if names else None

    def drop(self, name: str) -> None:
        self.types = {other: type_ for other, type_ in self.types.items() if not is_inside(other, name)}

    def lookup(self) -> Stage | None:
        own, source = self.a_field("int"), self.random.choice(self.sources)
        if own is None or self.depth > 1:
            return None
        theirs = self.random.choice([name for name, type_ in source.types.items() if type_ == "int"])
        inner = Maker(self.random, self.sources, source, theirs)
        inner.depth = self.depth + 1
        spec: Stage = {"from": source.name, "localField": own, "foreignField": theirs}
        spec["as"] = name = self.random.choice(["a", "b", "x", "n"])
        if self.random.random() < 0.6:
            spec["pipeline"] = inner.make(4)
        lines: dict[Any, list[Line]] = {}
        for line, row in zip(inner.lines, inner.result(), strict=True):
            lines.setdefault(line.own[-1], []).append(Line(row, line.place))
        lines.pop(None, None)
        self.numbers += 1
        for line in self.lines:
            line.own = {**line.own, self.numbers: line.row[own]}
        self.pending = [other for other in self.pending if other.name != name]
        self.drop(name)
        self.pending.append(Pending(self.numbers, name, lambda value: lines.get(value, []), inner.types))
        return {"$lookup": spec}

    def settle(self) -> None:
        for pending in self.pending:
            for line in self.lines:
                rows = [other.row for other in pending.found(line.own[pending.number])]
                line.row = {**line.row, pending.name: rows}
            self.types[pending.name] = "rows"
        self.pending = []

    def unwind(self) -> Stage:
        pending = self.pending.pop(self.random.randrange(len(self.pending)))
        keeps = self.random.random() < 0.4 and "rows" not in pending.types.values()
        lines = []
        for line in self.lines:
            found = pending.found(line.own[pending.number])
            if not found and keeps:
                found = [Line(dict.fromkeys(pending.types), tuple(None for _ in range(9)))]
            for other in found:
                beside = {f"{pending.name}.{name}": value for name, value in other.row.items()}
                lines.append(Line({**line.row, **beside}, (*line.place, *other.place), line.own))
        self.lines = lines
        self.types |= {f"{pending.name}.{name}": type_ for name, type_ in pending.types.items()}
        return {"$unwind": {"path": f"${pending.name}", "preserveNullAndEmptyArrays": keeps}}

    def union(self) -> Stage | None:
        """The rows of each side come in the order that they have; a field that one side does not have is null."""
        if self.depth:
            return None
        source = self.random.choice(self.sources)
        inner = Maker(self.random, self.sources, source)
        inner.depth = self.depth + 1
        pipeline = inner.make(3)
        types = self.types | inner.types
        unlike = any(self.types.get(name, type_) != type_ for name, type_ in inner.types.items())
        nested = any(name != other and is_inside(other, name) for name in types for other in types)
        if unlike or nested or "rows" in types.values():
            return None
        self.lines = [
            Line({name: maker.types.get(name) and line.row[name] for name in types}, (side, *line.place))
            for side, maker in enumerate((self, inner))
            for line in maker.lines
        ]
        self.types = types
        return {"$unionWith": {"coll": source.name, "pipeline": pipeline}}

    def match(self) -> Stage | None:
        name, value = self.a_field("int"), self.random.randrange(5)
        if name is None:
            return None
        if self.random.random() < 0.5:
            self.lines = [line for line in self.lines if line.row[name] != value]
            return {"$match": {name: {"$ne": value}}}
        self.lines = [line for line in self.lines if line.row[name] is not None and line.row[name] <= value]
        return {"$match": {name: {"$lte": value}}}

    def sort(self) -> Stage | None:
        name, descending = self.a_field("int", "text"), self.random.random() < 0.5
        if name is None:
            return None
        self.lines.sort(key=lambda line: tuple(map(smallest_null, line.place)))
        self.lines.sort(key=lambda line: smallest_null(line.row[name]), reverse=descending)
        return {"$sort": {name: -1 if descending else 1}}

    def cut(self) -> Stage:
        count, limits = self.random.randrange(1, 6), self.random.random() < 0.6
        seen: dict[Any, int] = {}
        kept = []
        for line in self.lines:
            of = line.own.get(-1) if self.own else None
            seen[of] = seen.get(of, 0) + 1
            if (seen[of] <= count) == limits:
                kept.append(line)
        self.lines = kept
        return {"$limit": count} if limits else {"$skip": count}

    def project(self) -> Stage:
        names = self.random.sample(list(self.types), self.random.randrange(1, len(self.types) + 1))
        self.types = {name: self.types[name] for name in names}
        return {"$project": dict.fromkeys(names, 1)}

    def set(self) -> Stage | None:
        of, name = self.a_field("int"), self.random.choice(["k", "v", "a"])
        if of is None:
            return None
        for line in self.lines:
            line.row = {**line.row, name: None if line.row[of] is None else line.row[of] * 2}
        place = self.types.get(name)
        if place is None:
            self.drop(name)
        self.types = {other: type_ for other, type_ in self.types.items() if not other.startswith(f"{name}.")}
        self.types[name] = "int"
        return {"$set": {name: {"$multiply": [f"${of}", 2]}}}

    def group(self) -> Stage | None:
        by, of = self.a_field("int", "text"), self.a_field("int")
        if by is None or of is None:
            return None
        groups: dict[Any, list[Any]] = {}
        for line in self.lines:
            groups.setdefault(line.row[by], []).append(line.row[of])
        self.lines = []
        for key in sorted(groups, key=smallest_null):
            values = [value for value in groups[key] if value is not None]
            row = {"_id": key, "n": len(groups[key]), "sum": sum(values)}
            self.lines.append(Line(row, (key,)))
        self.types = {"_id": self.types[by], "n": "int", "sum": "int"}
        return {"$group": {"_id": f"${by}", "n": {"$sum": 1}, "sum": {"$sum": f"${of}"}}}
