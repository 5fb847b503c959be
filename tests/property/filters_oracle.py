"""What filters mean, in plain Python: the documented rules read naively, row by row."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

Filter = dict[str, Any]
Row = dict[str, Any]
NOTHING = object()
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}
TEXT = ("$contains", "$icontains", "$startsWith", "$endsWith", "$like", "$ilike", "$regex")
TYPES: dict[type[Any], list[str]] = {
    type(None): ["null"],
    bool: ["bool"],
    int: ["int", "long", "number"],
    float: ["double", "number"],
    Decimal: ["decimal", "number"],
    str: ["string"],
    datetime: ["date"],
    date: ["date"],
    bytes: ["binData"],
    UUID: ["binData"],
    list: ["array"],
    dict: ["object"],
}
BITS = ("$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear")


@lru_cache(2_000)
def like(pattern: str) -> re.Pattern[str]:
    signs = {"%": ".*", "_": "."}
    parts = re.findall(r"\\.|[^\\]", pattern, flags=re.DOTALL)
    return re.compile("".join(signs.get(part) or re.escape(part[-1]) for part in parts), flags=re.DOTALL)


@lru_cache(2_000)
def regex(pattern: str, options: str) -> re.Pattern[str]:
    """Python's `$` also matches before a newline at the end, unless it is that of a line."""
    flags = re.ASCII
    for letter, flag in {"m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}.items():
        flags |= flag if letter in options else 0
    return re.compile(pattern if "m" in options else pattern.replace("$", r"\Z"), flags=flags)


def ordered(value: Any) -> Any:
    """Text is ordered by its UTF-8 bytes."""
    return value.encode() if isinstance(value, str) else value


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(a: Any, b: Any) -> bool:
    """Equality in JSON: numbers by value, and no number is a bool."""
    if is_number(a) and is_number(b):
        return bool(a == b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


class Oracle:
    """The rules; a test plants a fault by overriding one. `kinds`: what each field is, `list` and `json` apart."""

    def __init__(self, kinds: dict[str, str]) -> None:
        self.kinds = kinds

    def holds(self, filter: Filter, row: Row) -> bool:
        return all(self.holds_one(name, condition, row) for name, condition in filter.items())

    def holds_one(self, name: str, condition: Any, row: Row) -> bool:
        match name:
            case "$and":
                return all(self.holds(part, row) for part in condition)
            case "$or":
                return any(self.holds(part, row) for part in condition)
            case "$nor":
                return not any(self.holds(part, row) for part in condition)
            case "$not":
                return not self.holds(condition, row)
            case "$comment":
                return True
            case "$expr":
                return self.expression(condition, row)
        field, *keys = name.split(".")
        kind = self.kinds[field]
        if kind == "json" and keys:
            return self.meets("inside", self.lookup(row[field], keys), condition)
        return self.meets(kind, row[field], condition)

    def lookup(self, document: Any, keys: list[str]) -> Any:
        for key in keys:
            document = document.get(key, NOTHING) if isinstance(document, dict) else NOTHING
        return document

    def meets(self, kind: str, value: Any, condition: Any) -> bool:
        if not isinstance(condition, dict):
            return self.operator(kind, value, "$eq", condition, {})
        pairs = ((name, operand) for name, operand in condition.items() if name != "$options")
        return all(self.operator(kind, value, name, operand, condition) for name, operand in pairs)

    def operator(self, kind: str, value: Any, name: str, operand: Any, condition: dict[str, Any]) -> bool:
        match name:
            case "$ne":
                return not self.equals(kind, value, operand)
            case "$nin":
                return not self.is_in(kind, value, operand)
            case "$not":
                return self.negated(self.meets(kind, value, operand), value)
            case "$eq":
                return self.equals(kind, value, operand)
            case "$in":
                return self.is_in(kind, value, operand)
            case "$type":
                return self.is_of(kind, value, operand)
            case "$exists":
                return (value is not (NOTHING if kind == "inside" else None)) is operand
        if value is None or value is NOTHING:
            return False
        if name in ORDERS:
            return self.compares(kind, value, name, operand)
        if name in BITS:
            return self.bits(value, name, operand)
        if name == "$mod":
            return self.modulo(value, *operand)
        if name in ("$size", "$all", "$elemMatch") or (name == "$contains" and kind == "list"):
            return isinstance(value, list) and self.items(kind, value, name, operand)
        if name == "$contains" and isinstance(operand, dict):
            return self.holds_part(value, operand)
        return isinstance(value, str) and self.text(value, name, operand, condition.get("$options", ""))

    def is_of(self, kind: str, value: Any, operand: Any) -> bool:
        wanted = operand if isinstance(operand, list) else [operand]
        if value is NOTHING:
            return False
        if value is not None and kind in ("json", "inside") and is_number(value):
            return "number" in wanted
        return any(name in wanted for name in TYPES.get(type(value), []))

    def negated(self, met: bool, value: Any) -> bool:  # a planted fault asks for the value
        return not met

    def equals(self, kind: str, value: Any, operand: Any) -> bool:
        if kind == "list" and operand is not None and not isinstance(operand, list):
            return value is not None and operand in value
        if kind in ("json", "inside"):
            return same(None if value is NOTHING else value, operand)
        return bool(value == operand)

    def is_in(self, kind: str, value: Any, operand: list[Any]) -> bool:
        return any(self.equals(kind, value, one) for one in operand)

    def compares(self, kind: str, value: Any, name: str, operand: Any) -> bool:
        if kind == "inside":
            alike = (is_number(value) and is_number(operand)) or (isinstance(value, str) and isinstance(operand, str))
            return alike and ORDERS[name](ordered(value), ordered(operand))
        return ORDERS[name](ordered(value), ordered(operand))

    def modulo(self, value: int, divisor: int, remainder: int) -> bool:
        """The remainder has the sign of the value."""
        left = abs(value) % abs(divisor)
        return (left if value >= 0 else -left) == remainder

    def bits(self, value: int, name: str, operand: Any) -> bool:
        positions = operand if isinstance(operand, list) else [at for at in range(63) if operand >> at & 1]
        set_ones = [bool(value >> position & 1) for position in positions]
        match name:
            case "$bitsAllSet":
                return all(set_ones)
            case "$bitsAllClear":
                return not any(set_ones)
            case "$bitsAnySet":
                return any(set_ones)
        return not all(set_ones)

    def items(self, kind: str, value: list[Any], name: str, operand: Any) -> bool:
        if name == "$size":
            return len(value) == operand
        if name == "$elemMatch":
            return any(self.item(kind, item, operand) for item in value)
        if name == "$all" and not operand:
            return self.empty_all()
        wanted = operand if isinstance(operand, list) else [operand]
        return all(self.has(kind, value, one) for one in wanted)

    def empty_all(self) -> bool:
        return False

    def has(self, kind: str, value: list[Any], wanted: Any) -> bool:
        if isinstance(wanted, dict) and list(wanted) == ["$elemMatch"]:
            return self.items(kind, value, "$elemMatch", wanted["$elemMatch"])
        return any(item == wanted if kind == "list" else same(item, wanted) for item in value)

    def item(self, kind: str, item: Any, condition: dict[str, Any]) -> bool:
        first = next(iter(condition))
        if kind == "list":
            return self.meets("item", item, condition)
        if first.startswith("$") and first not in ("$and", "$or", "$nor", "$comment"):
            return self.meets("inside", item, condition)
        return self.document(item, condition)

    def document(self, item: Any, condition: Filter) -> bool:
        """The names of its fields are paths in the item."""
        inner = type(self)({"item": "json"})
        logic = {"$and": all, "$or": any, "$nor": lambda met: not any(met)}
        met = []
        for name, part in condition.items():
            if name in logic:
                met.append(logic[name](self.document(item, one) for one in part))
            elif name == "$not":
                met.append(not self.document(item, part))
            elif name != "$comment":
                met.append(inner.meets("inside", self.lookup(item, name.split(".")), part))
        return all(met)

    def holds_part(self, value: Any, part: dict[str, Any]) -> bool:
        if not isinstance(value, dict):
            return False
        return all(
            key in value and (self.holds_part(value[key], one) if isinstance(one, dict) else same(value[key], one))
            for key, one in part.items()
        )

    def fold(self, text: str) -> str:
        """The simple lower-case form; that of U+0130 is `i`, of which its full one is the first character."""
        return "".join(letter.lower()[0] for letter in text)

    def text(self, text: str, name: str, operand: str, options: str) -> bool:
        if name in ("$icontains", "$ilike") or "i" in options:
            text, operand = self.fold(text), self.fold(operand)
        match name:
            case "$contains" | "$icontains":
                return operand in text
            case "$startsWith":
                return text.startswith(operand)
            case "$endsWith":
                return text.endswith(operand)
            case "$regex":
                return regex(operand, options).search(text) is not None
        return like(operand).fullmatch(text) is not None

    def expression(self, expression: Any, row: Row) -> bool:
        [(name, operand)] = expression.items()
        match name:
            case "$and":
                return all(self.expression(part, row) for part in operand)
            case "$or":
                return any(self.expression(part, row) for part in operand)
            case "$not":
                return not self.expression(operand[0] if isinstance(operand, list) else operand, row)
        left, right = (self.side(side, row) for side in operand)
        if name in ("$eq", "$ne"):
            equal = same(left, right) if isinstance(left, dict) else bool(left == right)
            return equal is (name == "$eq")
        return left is not None and right is not None and ORDERS[name](ordered(left), ordered(right))

    def side(self, side: Any, row: Row) -> Any:
        if isinstance(side, str) and side.startswith("$"):
            return row[side[1:]]
        return side["$literal"] if isinstance(side, dict) else side
