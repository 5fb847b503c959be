"""Filters as mongomock reads them, and where it is not asked: what it does not know, and what is meant differently."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import mongomock

from tests.property.filters import ALL, Maker
from tests.property.filters_oracle import Filter, Row

DOCUMENT = "f6"
KINDS = ("int", "float", "text", "bool", "ints", "texts", "json", "int", "text")
# What a list in a document is asked by.
OF_LISTS = {"$size", "$all", "$elemMatch", "$exists"}
LOGIC = {"$and", "$or", "$nor", "$not", "$expr", "$comment"}
Path = tuple[str, Any]


class MongoMaker(Maker):
    """Of the types that documents of MongoDB have too."""

    def __init__(self, random: Random, name: str) -> None:
        super().__init__(random, name)
        self.names = {f"f{at}": kind for at, kind in enumerate(KINDS)}
        self.fields = {field: ALL[kind] for field, kind in self.names.items()}
        hints = {"no": int} | {field: kind.hint | None for field, kind in self.fields.items()}
        self.model = type(name, (), {"__annotations__": hints, "__module__": __name__, **dict.fromkeys(self.fields)})


class Mongo:
    """The same rows as documents: a field that is None is not there."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.documents: Any = mongomock.MongoClient().db.rows
        self.documents.insert_many([{name: value for name, value in row.items() if value is not None} for row in rows])

    def find(self, filter: Filter) -> list[int]:
        return sorted(row["no"] for row in self.documents.find(in_mongo(filter)))

    def reason(self, filter: Filter) -> str | None:
        """Why it is not asked; None where it is."""
        return next((why for why, concerns in REASONS.items() if concerns(filter, self.rows)), None)


def in_mongo(filter: Any) -> Any:
    """MongoDB has no `$not` of a whole filter: it is a `$nor` of one."""
    if isinstance(filter, list):
        return [in_mongo(part) for part in filter]
    if not isinstance(filter, dict):
        return filter
    return dict(rewritten(name, in_mongo(part)) for name, part in filter.items() if name != "$comment")


def rewritten(name: str, part: Any) -> tuple[str, Any]:
    if name == "$not" and not all(key.startswith("$") and key not in LOGIC - {"$not"} for key in part):
        return "$nor", [part]
    return name, part


def walk(value: Any) -> Iterator[Path]:
    """Every key with what stands at it."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield name, part
            yield from walk(part)
    elif isinstance(value, list):
        for part in value:
            yield from walk(part)


def has(*names: str) -> Callable[[Filter, list[Row]], bool]:
    return lambda filter, _: any(name in names for name, _ in walk(filter))


def has_empty(*names: str) -> Callable[[Filter, list[Row]], bool]:
    return lambda filter, _: any(name in names and part == [] for name, part in walk(filter))


def paths(filter: Filter) -> Iterator[Path]:
    return ((name, part) for name, part in walk(filter) if "." in name)


def behind_a_list(filter: Filter, rows: list[Row]) -> bool:
    """A list stands on the way of a path, or at its end, and is not asked as one."""
    for name, condition in paths(filter):
        asked = set(condition) if isinstance(condition, dict) else set()
        for value in (row[name.split(".")[0]] for row in rows):
            for key in name.split(".")[1:]:
                value = value.get(key) if isinstance(value, dict) else value
                if isinstance(value, list) and not asked <= OF_LISTS:
                    return True
    return False


def behind_a_scalar(filter: Filter, rows: list[Row]) -> bool:
    for name, _ in paths(filter):
        for value in (row[name.split(".")[0]] for row in rows):
            for key in name.split(".")[1:]:
                if value is not None and not isinstance(value, dict):
                    return True
                value = (value or {}).get(key)
    return False


def ends_a_pattern(filter: Filter, _: list[Row]) -> bool:
    return any(name == "$regex" and "$" in part for name, part in walk(filter))


def of_unicode(filter: Filter, _: list[Row]) -> bool:
    classes = [f"\\{letter}" for letter in "dDwWsS"]
    signs = {"$regex": classes, "$options": ["i"]}
    return any(sign in part for name, part in walk(filter) for sign in signs.get(name, []))


def has_lists_in_lists(filter: Filter, rows: list[Row]) -> bool:
    asked = any("$elemMatch" in dict(walk(part)) for name, part in walk(filter) if name.split(".")[0] == DOCUMENT)
    lists = [part for row in rows for _, part in walk(row[DOCUMENT]) if isinstance(part, list)]
    return asked and any(isinstance(item, list) for part in lists for item in part)


def all_of_a_scalar(filter: Filter, _: list[Row]) -> bool:
    return any(isinstance(part, dict) and "$all" in part for _, part in paths(filter))


def sizes_an_object(filter: Filter, rows: list[Row]) -> bool:
    return any("$size" in dict(walk(part)) for name, part in walk(filter) if name.split(".")[0] == DOCUMENT)


def is_true_or_one(filter: Filter, rows: list[Row]) -> bool:
    """A bool or a number that Python holds for equal to one, compared in a document."""
    operands = (part for name, part in walk(filter) if name.split(".")[0] == DOCUMENT)
    return any(isinstance(value, int | float) and value in (0, 1) for part in operands for value in scalars(part))


def scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from scalars(part)
    else:
        yield value


def within(outer: str, inner: str) -> Callable[[Filter, list[Row]], bool]:
    return lambda filter, _: any(
        name == outer and any(below == inner for below, _ in walk(part)) for name, part in walk(filter)
    )


REASONS: dict[str, Callable[[Filter, list[Row]], bool]] = {
    "`$contains $icontains $startsWith $endsWith $like $ilike` are not of MongoDB": has(
        "$contains", "$icontains", "$startsWith", "$endsWith", "$like", "$ilike"
    ),
    "mongomock does not know `$bitsAllSet $bitsAllClear $bitsAnySet $bitsAnyClear`": has(
        "$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"
    ),
    "mongomock raises KeyError for `$expr` of a field that is not there": has("$expr"),
    "mongomock takes no divisor below zero in `$mod`, and its remainder has the sign of that": has("$mod"),
    "MongoDB tells `int` from `long` by size, and asks items by `$type`; here a field has its own type": has("$type"),
    "MongoDB refuses an empty `$and`, `$or` or `$nor`; here they are all rows, none, and all": has_empty(
        "$and", "$or", "$nor"
    ),
    "mongomock finds every row by `$all: []`, MongoDB and DataFlow none": has_empty("$all"),
    "Python's `$` matches before a newline at the end, and mongomock reads patterns so": ends_a_pattern,
    "`\\d \\w \\s` are of ASCII and case is simple lower-case here; there both are Python's": of_unicode,
    "MongoDB takes a value in a document for a list of itself by `$all`; here it is none": all_of_a_scalar,
    "MongoDB asks the items of a list within a list by `$elemMatch`; here that is a value": has_lists_in_lists,
    "mongomock counts the keys of an object by `$size`": sizes_an_object,
    "mongomock holds False for 0 and True for 1": is_true_or_one,
    "mongomock takes no `$options` within `$not`": within("$not", "$options"),
    "mongomock asks `$not` within `$elemMatch` of the whole list": within("$elemMatch", "$not"),
    "mongomock finds rows without the field by `$elemMatch` within `$all`": within("$all", "$elemMatch"),
    "MongoDB asks the items of a list that a path leads to or through; here a list is a value": behind_a_list,
    "mongomock finds nothing behind a path through a scalar, not even None": behind_a_scalar,
}
