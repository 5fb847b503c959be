"""What pipelines mean, in plain Python: the documented rules read naively, row by row."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple

from tests.property.filters_oracle import Oracle, ordered

Row = dict[str, Any]
Stage = dict[str, Any]
EXACT = Context(prec=200)
PARTS = {"$year": "year", "$month": "month", "$dayOfMonth": "day"}
PARTS |= {"$hour": "hour", "$minute": "minute", "$second": "second"}
UNITS = ("year", "month", "day", "hour", "minute", "second")
FIRST = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}


class OverflowedError(Exception):
    """A number does not fit its type."""


class Kept(NamedTuple):
    """A row, and what no two rows share."""

    row: Row
    identity: tuple[Any, ...]


def smallest_null(value: Any) -> tuple[Any, ...]:
    return (0,) if value is None else (1, ordered(value))


def fits(value: Any) -> Any:
    """Decimals have all places of their type here, so that their digits can be counted."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise OverflowedError
    if isinstance(value, Decimal) and len(value.as_tuple().digits) > 38:
        raise OverflowedError
    return value


def aligned(a: Any, b: Any) -> tuple[Any, Any]:
    """With the same number of places."""
    if not isinstance(a, Decimal) and not isinstance(b, Decimal):
        return a, b
    a, b = Decimal(a), Decimal(b)
    step = min(Decimal(1).scaleb(one.as_tuple().exponent) for one in (a, b))  # type: ignore[arg-type]
    return fits(a.quantize(step, context=EXACT)), fits(b.quantize(step, context=EXACT))


class Pipelines:
    """The rules; a test plants a fault by overriding one.

    `places`: how many digits the averages of decimals have behind the point, by the column's name.
    """

    def __init__(self, places: dict[str, int], *, keeps_all: bool = False) -> None:
        self.places = places
        self.keeps_all = keeps_all

    def result(self, rows: Iterable[Row], pipeline: list[Stage]) -> list[Row]:
        kept = self.arranged([Kept(dict(row), (row["no"],)) for row in rows], [])
        for stage in pipeline:
            [(name, operand)] = stage.items()
            kept = getattr(self, name[1:])(kept, operand)
        return [row for row, _ in kept]

    def arranged(self, kept: list[Kept], order: list[tuple[str, int]]) -> list[Kept]:
        kept = sorted(kept, key=lambda one: [smallest_null(part) for part in one.identity])
        for name, direction in reversed(order):
            kept.sort(key=lambda one: smallest_null(one.row[name]), reverse=direction < 0)
        return kept

    def match(self, kept: list[Kept], filter: dict[str, Any]) -> list[Kept]:
        if self.keeps_all:
            return kept
        kinds = {name: "text" for one in kept[:1] for name in one.row}
        return [one for one in kept if Oracle(kinds).holds(filter, one.row)]

    def sort(self, kept: list[Kept], order: dict[str, int]) -> list[Kept]:
        return self.arranged(kept, list(order.items()))

    def limit(self, kept: list[Kept], count: int) -> list[Kept]:
        return kept[:count]

    def skip(self, kept: list[Kept], count: int) -> list[Kept]:
        return kept[count:]

    def count(self, kept: list[Kept], name: str) -> list[Kept]:
        return self.group(kept, {"_id": None, name: {"$count": {}}})

    def sortByCount(self, kept: list[Kept], key: Any) -> list[Kept]:
        return self.sort(self.group(kept, {"_id": key, "count": {"$count": {}}}), {"count": -1})

    def unset(self, kept: list[Kept], names: list[str]) -> list[Kept]:
        return [one._replace(row={name: one.row[name] for name in one.row if name not in names}) for one in kept]

    def set(self, kept: list[Kept], fields: dict[str, Any]) -> list[Kept]:
        return [one._replace(row=one.row | self.computed(fields, one.row)) for one in kept]

    def project(self, kept: list[Kept], fields: dict[str, Any]) -> list[Kept]:
        if all(value == 0 for value in fields.values()):
            return self.unset(kept, list(fields))
        return [one._replace(row=self.computed(fields, one.row)) for one in kept]

    def computed(self, fields: dict[str, Any], row: Row) -> Row:
        return {name: row[name] if spec == 1 else self.value(spec, row) for name, spec in fields.items()}

    def group(self, kept: list[Kept], spec: dict[str, Any]) -> list[Kept]:
        id, totals = spec["_id"], {name: total for name, total in spec.items() if name != "_id"}
        named = isinstance(id, dict) and not next(iter(id)).startswith("$")
        keys = {} if id is None else id if named else {"_id": id}
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for one in kept:
            key = tuple(self.value(part, one.row) for part in keys.values())
            if self.is_group(key):
                groups.setdefault(key, []).append(one.row)
        made = [
            Kept(
                dict(zip(keys, key, strict=True))
                | {name: self.total(name, spec, rows) for name, spec in totals.items()},
                key,
            )
            for key, rows in groups.items()
        ]
        return self.arranged(made, [])

    def is_group(self, key: tuple[Any, ...]) -> bool:  # a planted fault asks for it
        return True

    def total(self, name: str, spec: dict[str, Any], rows: list[Row]) -> Any:
        [(operator, operand)] = spec.items()
        if operator == "$count":
            return len(rows)
        all_values = [self.value(operand, row) for row in rows]
        values = [value for value in all_values if value is not None]
        match operator:
            case "$sum":
                return self.sum(values, self.zero(name))
            case "$avg":
                return self.average(name, values, len(all_values))
            case "$min":
                return min(values, key=ordered, default=None)
            case "$max":
                return max(values, key=ordered, default=None)
            case "$first":
                return all_values[0]
        return all_values[-1]

    def zero(self, name: str) -> Any:
        return {-1: 0, -2: 0.0}.get(self.places[name], Decimal(0))

    def sum(self, values: list[Any], zero: Any) -> Any:
        return fits(sum_exactly(values) if isinstance(zero, Decimal) else sum(values, zero))

    def average(self, name: str, values: list[Any], all_rows: int) -> Any:
        if not values:
            return None
        if isinstance(values[0], Decimal):
            mean = EXACT.divide(sum_exactly(values), Decimal(len(values)))
            return mean.quantize(Decimal(1).scaleb(-self.places[name]), ROUND_HALF_UP, EXACT)
        return float(sum(values)) / len(values)

    def value(self, spec: Any, row: Row) -> Any:
        if isinstance(spec, str) and spec.startswith("$"):
            return row[spec[1:]]
        if not isinstance(spec, dict):
            return spec
        [(operator, operand)] = spec.items()
        if operator in ("$cond", "$switch", "$literal", "$dateTrunc", "$in"):
            return self.special(operator, operand, row)
        operands = operand if isinstance(operand, list) else [operand]
        values = [self.value(one, row) for one in operands]
        if operator in ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$and", "$or", "$not", "$ifNull"):
            return self.logic(operator, values)
        if operator == "$substrCP":
            return (values[0] or "")[values[1] : values[1] + values[2]]
        if any(value is None for value in values):
            return None
        return fits(FUNCTIONS[operator](*values)) if operator in FUNCTIONS else self.arithmetic(operator, values)

    def special(self, operator: str, operand: Any, row: Row) -> Any:
        match operator:
            case "$literal":
                return operand
            case "$in":
                return self.value(operand[0], row) in [self.value(one, row) for one in operand[1]]
            case "$cond":
                chosen = "then" if self.value(operand["if"], row) else "else"
                return self.value(operand[chosen], row)
            case "$switch":
                met = (branch["then"] for branch in operand["branches"] if self.value(branch["case"], row))
                return self.value(next(met, operand.get("default")), row)
        moment = self.value(operand["date"], row)
        below = UNITS[UNITS.index(operand["unit"]) + 1 :]
        parts = {name: FIRST[name] for name in below if hasattr(moment, name)}
        return (
            None
            if moment is None
            else moment.replace(**parts, **({"microsecond": 0} if hasattr(moment, "hour") else {}))
        )

    def logic(self, operator: str, values: list[Any]) -> Any:
        match operator:
            case "$and":
                return all(values)
            case "$or":
                return any(values)
            case "$not":
                return not values[0]
            case "$ifNull":
                return next((value for value in values if value is not None), None)
            case "$eq":
                return values[0] == values[1]
            case "$ne":
                return values[0] != values[1]
        return self.compared(operator, *values)

    def compared(self, operator: str, a: Any, b: Any) -> bool:
        if a is None or b is None:
            return False
        a, b = ordered(a), ordered(b)
        return bool({"$gt": a > b, "$gte": a >= b, "$lt": a < b, "$lte": a <= b}[operator])

    def arithmetic(self, operator: str, values: list[Any]) -> Any:
        first, *rest = values
        if any(isinstance(value, float) for value in values):
            first, rest = float(first), [float(value) for value in rest]
        for value in rest:
            match operator:
                case "$add":
                    a, b = aligned(first, value)
                    first = EXACT.add(a, b) if isinstance(a, Decimal) else a + b
                case "$subtract":
                    a, b = aligned(first, value)
                    first = EXACT.subtract(a, b) if isinstance(a, Decimal) else a - b
                case "$multiply":
                    exact = isinstance(first, Decimal) or isinstance(value, Decimal)
                    first = EXACT.multiply(Decimal(first), Decimal(value)) if exact else first * value
                case "$divide":
                    return self.quotient(float(first), float(value))
                case "$mod":
                    return None if value == 0 else (abs(first) % abs(value)) * (1 if first >= 0 else -1)
            fits(first)
        return first

    def quotient(self, a: float, b: float) -> float | None:
        return None if b == 0 else a / b


def sum_exactly(values: list[Any]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total


def whole(rounding: str) -> Callable[[Any], Any]:
    def round_it(value: Any) -> Any:
        if isinstance(value, int):
            return value
        exact = Decimal(value).to_integral_value(rounding, EXACT)
        return exact if isinstance(value, Decimal) else float(exact)

    return round_it


def in_utc(moment: Any) -> Any:
    return moment.astimezone(UTC) if isinstance(moment, datetime) and moment.tzinfo else moment


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "$abs": lambda value: EXACT.abs(value) if isinstance(value, Decimal) else abs(value),
    "$ceil": whole(ROUND_CEILING),
    "$floor": whole(ROUND_FLOOR),
    "$concat": lambda *texts: "".join(texts),
    "$strLenCP": len,
} | {name: (lambda value, part=part: getattr(in_utc(value), part)) for name, part in PARTS.items()}
