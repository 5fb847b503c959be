"""What operators of updates mean, in plain Python: the documented rules read naively, value by value."""

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Context, Decimal
from typing import Any

from tests.property.filters_oracle import NOTHING, ORDERS, Row, is_number, ordered, same

Step = dict[str, Any]
EXACT = Context(prec=200)
LARGEST = Decimal("99999999.99")
CLOSE = 2**53


class RefusedError(Exception):
    """The update is refused with an error of one of these kinds: nobody says which field is first."""

    def __init__(self, *kinds: str) -> None:
        super().__init__(*kinds)
        self.kinds = set(kinds)


def is_int(value: Any) -> bool:
    """Whether it is an int of 64 bits."""
    return type(value) is int and -(2**63) <= value < 2**63


def plain(value: Any) -> Any:
    """JSON as it comes back: an integral float is its exact int."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def text_of(value: Any) -> str:
    """Canonical JSON: no exponents, sorted keys."""
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, dict):
        inner = (f"{json.dumps(key, ensure_ascii=False)}:{text_of(value[key])}" for key in sorted(value))
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def member(item: Any, path: str) -> Any:
    """What lies behind a path; None where nothing does."""
    for key in path.split("."):
        item = item.get(key) if isinstance(item, dict) else None
    return item


class Oracle:
    """The rules; a test plants a fault by overriding one. `kinds`: the type of each field, by its name in `KINDS`."""

    def __init__(self, kinds: dict[str, str], now: datetime) -> None:
        self.kinds, self.now = kinds, now

    def updated(self, row: Row, updates: Step) -> Row:
        new, refusals = dict(row), set[str]()
        for operator, fields in updates.items():
            for name, operand in fields.items():
                try:
                    new[name.split(".")[0]] = self.field(row, name, operator, operand)
                except RefusedError as refused:
                    refusals |= refused.kinds
        if refusals:
            raise RefusedError(*refusals)
        return new

    def field(self, row: Row, name: str, operator: str, operand: Any) -> Any:
        field, *keys = name.split(".")
        kind, stored = self.kinds[field], row[field]
        if kind == "json":
            return self.in_json(stored, operator, keys, operand)
        return self.value(kind, stored, operator, operand)

    def value(self, kind: str, stored: Any, operator: str, operand: Any) -> Any:
        match operator:
            case "$set":
                return operand
            case "$unset":
                return None
            case "$inc":
                return operand if stored is None else self.held(kind, self.sum(kind, stored, operand))
            case "$mul":
                return self.product(kind, stored, operand)
            case "$min" | "$max":
                return self.chosen(stored, operator, operand)
            case "$bit":
                return self.bits(stored or 0, operand)
            case "$currentDate":
                return self.now if kind == "instant" else self.now.date()
        return self.listed(stored, operator, operand, json=kind == "jsons")

    def sum(self, kind: str, stored: Any, amount: Any) -> Any:
        return EXACT.add(stored, Decimal(str(amount))) if kind == "decimal" else stored + amount

    def product(self, kind: str, stored: Any, factor: Any) -> Any:
        if stored is None:
            return self.product_of_null(kind, factor)
        if kind == "decimal":
            return self.held(kind, EXACT.multiply(stored, Decimal(str(factor))))
        return self.held(kind, stored * factor)

    def product_of_null(self, kind: str, factor: Any) -> Any:
        return {"int": 0, "float": 0.0, "decimal": Decimal("0.00")}[kind]

    def held(self, kind: str, result: Any) -> Any:
        match kind:
            case "int" if not is_int(result):
                return self.beyond(result)
            case "float" if abs(result) == float("inf"):
                raise RefusedError("OutOfRange")
            case "decimal":
                if result != EXACT.quantize(result, Decimal("0.01")):
                    return self.rounded(result)
                if abs(result) > LARGEST:
                    raise RefusedError("OutOfRange")
        return result

    def beyond(self, result: int) -> int:
        raise RefusedError("OutOfRange")

    def rounded(self, result: Decimal) -> Decimal:
        raise RefusedError("TooManyDigits")

    def chosen(self, stored: Any, operator: str, operand: Any) -> Any:
        if stored is None:
            return operand
        stays = ORDERS["$lte" if operator == "$min" else "$gte"]
        return stored if stays(ordered(stored), ordered(operand)) else operand

    def bits(self, stored: int, operand: dict[str, int]) -> int:
        ((name, mask),) = operand.items()
        return {"and": stored & mask, "or": stored | mask, "xor": stored ^ mask}[name]

    def listed(self, stored: Any, operator: str, operand: Any, *, json: bool) -> Any:
        if stored is None and operator in ("$pull", "$pullAll", "$pop"):
            return None
        items = list(stored or [])
        equal: Callable[[Any, Any], bool] = same if json else lambda a, b: bool(a == b)
        match operator:
            case "$push":
                push = operand if isinstance(operand, dict) and "$each" in operand else {"$each": [operand]}
                return self.pushed(items, push, json=json)
            case "$addToSet":
                new = operand["$each"] if isinstance(operand, dict) and "$each" in operand else [operand]
                return self.added(items, new, equal)
            case "$pull":
                return self.pulled(items, lambda item: self.meets(item, operand, equal))
            case "$pullAll":
                return [item for item in items if not any(equal(item, value) for value in operand)]
        return items[:-1] if operand == 1 else items[1:]

    def pushed(self, items: list[Any], push: Step, *, json: bool) -> list[Any]:
        place = push.get("$position", len(items))
        items[place:place] = push["$each"]
        if "$sort" in push:
            items = self.sorted(items, push["$sort"], json=json)
        return self.sliced(items, push)

    def sliced(self, items: list[Any], push: Step) -> list[Any]:
        slice = push.get("$slice", len(items))
        return items[:slice] if slice >= 0 else items[slice:]

    def added(self, items: list[Any], new: list[Any], equal: Callable[[Any, Any], bool]) -> list[Any]:
        for value in new:
            if not any(equal(item, value) for item in items):
                items.append(value)
        return items

    def pulled(self, items: list[Any], goes: Callable[[Any], bool]) -> list[Any]:
        return [item for item in items if not goes(item)]

    def sorted(self, items: list[Any], sort: Any, *, json: bool) -> list[Any]:
        if isinstance(sort, int):
            return sorted(items, key=self.rank if json else ordered, reverse=sort < 0)
        for path, direction in reversed(sort.items()):
            items = sorted(items, key=lambda item, path=path: self.rank(member(item, path)), reverse=direction < 0)
        return items

    def meets(self, item: Any, condition: Any, equal: Callable[[Any, Any], bool]) -> bool:
        if not isinstance(condition, dict):
            return equal(item, condition)
        for name, operand in condition.items():
            if name in ORDERS:
                if not self.is_so(item, name, operand):
                    return False
            elif name == "$in":
                if not any(equal(item, value) for value in operand):
                    return False
            elif not (isinstance(item, dict) and name in item and same(item[name], operand)):
                return False
        return True

    def is_so(self, item: Any, name: str, operand: Any) -> bool:
        comparable = (is_number(item) and is_number(operand)) or type(item) is type(operand)
        return comparable and ORDERS[name](ordered(item), ordered(operand))

    def rank(self, value: Any) -> tuple[Any, ...]:
        """The order of JSON values."""
        if value is None:
            return (0,)
        if isinstance(value, bool):
            return (5, value)
        if is_number(value):
            return (1, value)
        if isinstance(value, str):
            return (2, value.encode())
        return (3 if isinstance(value, dict) else 4, text_of(value).encode())

    def in_json(self, document: Any, operator: str, keys: list[str], operand: Any) -> Any:
        if operator == "$rename":
            found = document
            for key in keys:
                found = found.get(key, NOTHING) if isinstance(found, dict) else NOTHING
            if found is NOTHING:
                return document
            without = self.at(document, keys, lambda _: NOTHING)
            return self.at(without, operand.split(".")[1:], lambda _: found)
        return plain(self.at(document, keys, lambda stored: self.json_value(stored, operator, operand)))

    def at(self, value: Any, keys: list[str], change: Callable[[Any], Any]) -> Any:
        """`NOTHING` stands for a key that is not there."""
        if not keys:
            return change(value)
        key, *rest = keys
        if isinstance(value, dict):
            inner = self.at(value.get(key, NOTHING), rest, change)
            others = {name: other for name, other in value.items() if name != key}
            return others if inner is NOTHING else {**others, key: inner}
        inner = self.at(NOTHING, rest, change)
        if inner is NOTHING:
            return value
        if value is None or value is NOTHING:
            return {key: inner}
        raise RefusedError("WrongType")

    def json_value(self, found: Any, operator: str, operand: Any) -> Any:
        stored = None if found is NOTHING else found
        match operator:
            case "$set":
                return operand
            case "$unset":
                return NOTHING
            case "$inc":
                return operand if stored is None else self.json_number(stored, operand, lambda a, b: a + b)
            case "$mul":
                return 0 if stored is None else self.json_number(stored, operand, lambda a, b: a * b)
            case "$min" | "$max":
                stays = ORDERS["$lte" if operator == "$min" else "$gte"]
                keeps = stored is not None and stays(self.rank(stored), self.rank(plain(operand)))
                return stored if keeps else operand
            case "$bit":
                if stored is not None and not is_int(stored):
                    raise RefusedError("WrongType")
                return self.bits(stored or 0, operand)
        if stored is not None and not isinstance(stored, list):
            raise RefusedError("WrongType")
        result = self.listed(stored, operator, operand, json=True)
        return found if result is None else result

    def json_number(self, stored: Any, operand: Any, arithmetic: Callable[[Any, Any], Any]) -> Any:
        if not is_number(stored):
            raise RefusedError("WrongType")
        operand = plain(operand)
        both_ints = isinstance(stored, int) and isinstance(operand, int)
        if any(isinstance(number, int) and not is_int(number) for number in (stored, operand)):
            raise RefusedError("OutOfRange")
        if not both_ints and any(isinstance(number, int) and abs(number) > CLOSE for number in (stored, operand)):
            raise RefusedError("OutOfRange")
        result = arithmetic(stored, operand)
        if not is_int(result) if both_ints else abs(result) == float("inf"):
            raise RefusedError("OutOfRange")
        return result
