"""What pipelines mean, in plain Python: the documented rules read naively, row by row."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from math import isclose, isfinite, isinf, isnan, ulp
from statistics import pstdev, stdev
from string import ascii_lowercase, ascii_uppercase
from typing import Any, NamedTuple

from tests.property.filters_oracle import Oracle, ordered

Stage = dict[str, Any]
EXACT = Context(prec=200)
PARTS = {"$year": "year", "$month": "month", "$dayOfMonth": "day"}
PARTS |= {"$hour": "hour", "$minute": "minute", "$second": "second"}
UNITS = ("year", "month", "day", "hour", "minute", "second")
FIRST = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}


class OverflowedError(Exception):
    """A number does not fit its type."""


class NotANumberError(OverflowedError):
    """It is infinity less infinity, or the like: NaN on PostgreSQL."""


class UndecidedError(OverflowedError):
    """It belongs to a row that another stage may leave out before."""


class Later:
    """A value that is calculated when somebody asks for it."""

    def __init__(self, calculate: Callable[[], Any]) -> None:
        self.calculate = calculate
        self.found: list[Any] = []

    def value(self) -> Any:
        if not self.found:
            self.found.append(self.calculate())
        return self.found[0]


class Row(dict[str, Any]):
    """One with values that are calculated later."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        return value.value() if isinstance(value, Later) else value

    def raw(self, name: str) -> Any:
        return super().__getitem__(name)

    def complete(self) -> dict[str, Any]:
        return {name: self[name] for name in self}


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


def calculated(value: Any, *of: Any) -> Any:
    """An infinity comes of an infinity only."""
    if isinstance(value, float) and not isfinite(value):
        if isnan(value):
            raise NotANumberError
        if not any(isinstance(one, float) and isinf(one) for one in of):
            raise OverflowedError
    return fits(value)


def aligned(a: Any, b: Any) -> tuple[Any, Any]:
    """With the same number of places."""
    if not isinstance(a, Decimal) and not isinstance(b, Decimal):
        return a, b
    a, b = Decimal(a), Decimal(b)
    step = min(Decimal(1).scaleb(one.as_tuple().exponent) for one in (a, b))  # type: ignore[arg-type]
    return fits(a.quantize(step, context=EXACT)), fits(b.quantize(step, context=EXACT))


class Pipelines:
    """The rules; a test plants a fault by overriding one.

    A value is calculated when a row is chosen by it, or at the end: what nobody asks for overflows nowhere.
    `places`: how many digits the averages of decimals have behind the point, by the column's name.
    `calculates_all`: also what a database may leave out. `keeps_all`: of the rows too that a stage leaves out.
    """

    def __init__(self, places: dict[str, int], *, calculates_all: bool = False, keeps_all: bool = False) -> None:
        self.places = places
        self.keeps_all = keeps_all
        self.leaving = 0
        self.matches = 0
        self.calculates_all = calculates_all
        self.unordered: OverflowedError | None = None

    def later(self, calculate: Callable[[], Any]) -> Any:
        return calculate() if self.calculates_all else Later(calculate)

    def result(self, rows: Iterable[dict[str, Any]], pipeline: list[Stage]) -> list[dict[str, Any]]:
        kept = self.arranged([Kept(Row(row), (row["no"],)) for row in rows], [])
        self.matches = sum("$match" in stage for stage in pipeline)
        self.leaving = sum(name in ("$match", "$limit", "$skip") for stage in pipeline for name in stage)
        for stage in pipeline:
            [(name, operand)] = stage.items()
            kept = getattr(self, name[1:])(kept, operand)
        self.check_order(kept)
        return [row.complete() for row, _ in kept]

    def arranged(self, kept: list[Kept], order: list[tuple[str, int]]) -> list[Kept]:
        kept = sorted(kept, key=lambda one: [smallest_null(part) for part in one.identity])
        for name, direction in reversed(order):
            kept.sort(key=lambda one: smallest_null(one.row[name]), reverse=direction < 0)
        return kept

    def match(self, kept: list[Kept], filter: dict[str, Any]) -> list[Kept]:
        kinds = {name: "text" for one in kept[:1] for name in one.row}
        met = [self.forced(lambda one=one: self.holds(Oracle(kinds), filter, one.row)) for one in kept]
        return kept if self.keeps_all else [one for one, holds in zip(kept, met, strict=True) if holds]

    def holds(self, oracle: Oracle, filter: dict[str, Any], row: Row) -> bool:
        [(name, operand)] = filter.items()
        if name not in ("$and", "$or", "$nor"):
            return oracle.holds(filter, row)
        decisive = self.decided([lambda part=part: self.holds(oracle, part, row) for part in operand], name != "$and")
        return decisive is not (name in ("$and", "$nor"))

    def decided(self, conditions: Iterable[Callable[[], Any]], decisive: bool) -> bool:
        """Whether one of the conditions is `decisive`. It may be the first that a database looks at."""
        failures: list[OverflowedError] = []
        found = False
        for condition in conditions:
            try:
                found |= bool(condition()) is decisive
            except OverflowedError as error:
                failures.append(error)
        if failures and (self.calculates_all or not found):
            raise failures[0]
        return found

    def sort(self, kept: list[Kept], order: dict[str, int]) -> list[Kept]:
        self.unordered = None
        try:
            return self.arranged(kept, list(order.items()))
        except OverflowedError as error:
            # An order that nobody asks for is none.
            self.unordered = error
            return kept

    def forced(self, value: Callable[[], Any], *, always: bool = False) -> Any:
        """What a row is chosen by. A database may leave the row out before by another stage, which then decides."""
        try:
            return value()
        except NotANumberError:
            raise
        except OverflowedError as error:
            raise (UndecidedError if always or self.leaving > 1 else OverflowedError) from error

    def check_order(self, kept: list[Kept]) -> None:
        if self.unordered is not None and (self.calculates_all or len(kept) > 1):
            is_left = self.matches and not isinstance(self.unordered, NotANumberError)
            raise UndecidedError if is_left else self.unordered

    def limit(self, kept: list[Kept], count: int) -> list[Kept]:
        self.check_order(kept)
        return kept if self.keeps_all else kept[:count]

    def skip(self, kept: list[Kept], count: int) -> list[Kept]:
        if count:
            self.check_order(kept)
        return kept if self.keeps_all else kept[count:]

    def count(self, kept: list[Kept], name: str) -> list[Kept]:
        return self.group(kept, {"_id": None, name: {"$count": {}}})

    def sortByCount(self, kept: list[Kept], key: Any) -> list[Kept]:
        return self.sort(self.group(kept, {"_id": key, "count": {"$count": {}}}), {"count": -1})

    def unwind(self, kept: list[Kept], spec: Any) -> list[Kept]:
        options = spec if isinstance(spec, dict) else {"path": spec}
        name, place = options["path"][1:], options.get("includeArrayIndex")
        found = []
        for row, identity in kept:
            items = list(enumerate(row[name] or []))
            if not items and (self.keeps_all or options.get("preserveNullAndEmptyArrays")):
                items = [(None, None)]
            for at, item in items:
                left = self.left(row, [one for one in row if one != place])
                left[name] = item
                found.append(Kept(left if place is None else Row(left | {place: at}), (*identity, at)))
        return found

    def setWindowFields(self, kept: list[Kept], spec: dict[str, Any]) -> list[Kept]:
        order, parts = spec.get("sortBy", {}), dict[Any, list[Kept]]()
        for one in kept:
            # Nothing of it is calculated where nobody asks for the columns.
            key = self.forced(lambda one=one: self.value(spec.get("partitionBy"), one.row), always=True)
            parts.setdefault(key, []).append(one)
        found = {}
        for part in parts.values():
            part = self.forced(lambda part=part: self.arranged(part, list(order.items())), always=True)
            for at, one in enumerate(part):
                added = {
                    name: self.later(
                        lambda name=name, output=output, part=part, at=at: self.windowed(
                            name, output, part, at, list(order)
                        )
                    )
                    for name, output in spec["output"].items()
                }
                found[one.identity] = Row(self.left(one.row, one.row) | added)
        return [one._replace(row=found[one.identity]) for one in kept]

    def windowed(self, name: str, output: dict[str, Any], part: list[Kept], at: int, order: list[str]) -> Any:
        [(operator, operand)] = [(key, value) for key, value in output.items() if key != "window"]
        low, high = output.get("window", {"documents": ["unbounded", "unbounded"]})["documents"]
        low, high = (0 if bound == "current" else bound for bound in (low, high))
        start = 0 if low == "unbounded" else max(at + low, 0)
        end = len(part) if high == "unbounded" else max(at + high + 1, 0)
        rows = [one.row for one in part[start:end]]
        ranks = [[smallest_null(one.row[field]) for field in order] for one in part[: at + 1]]
        match operator:
            case "$documentNumber":
                return at + 1
            case "$rank":
                return 1 + ranks.index(ranks[-1])
            case "$denseRank":
                return len({tuple(rank) for rank in ranks})
            case "$shift":
                place = at + operand["by"]
                return self.value(operand["output"], part[place].row) if 0 <= place < len(part) else None
            case "$first" | "$last" if not rows:
                return None
        return self.total(name, {operator: operand}, rows)

    def bucket(self, kept: list[Kept], spec: dict[str, Any]) -> list[Kept]:
        *below, last = [ordered(value) for value in spec["boundaries"]]
        found = []
        for row, identity in kept:
            value = ordered(self.forced(lambda row=row: self.value(spec["groupBy"], row)))
            inside = value is not None and below[0] <= value < last
            key = max(one for one in below if one <= value) if inside else spec["default"]
            found.append(Kept(Row(self.left(row, row) | {"$bucket": key}), identity))
        return self.group(found, {"_id": "$$bucket"} | spec.get("output", {"count": {"$count": {}}}))

    def unset(self, kept: list[Kept], names: list[str]) -> list[Kept]:
        return [one._replace(row=self.left(one.row, [name for name in one.row if name not in names])) for one in kept]

    def left(self, row: Row, names: Iterable[str]) -> Row:
        return Row({name: row.raw(name) for name in names})

    def set(self, kept: list[Kept], fields: dict[str, Any]) -> list[Kept]:
        return [one._replace(row=Row(self.left(one.row, one.row) | self.computed(fields, one.row))) for one in kept]

    def project(self, kept: list[Kept], fields: dict[str, Any]) -> list[Kept]:
        if all(value == 0 for value in fields.values()):
            return self.unset(kept, list(fields))
        return [one._replace(row=self.computed(fields, one.row)) for one in kept]

    def replaceWith(self, kept: list[Kept], fields: dict[str, Any]) -> list[Kept]:
        return [one._replace(row=self.computed(fields, one.row)) for one in kept]

    def computed(self, fields: dict[str, Any], row: Row) -> Row:
        def value(name: str, spec: Any) -> Any:
            return row.raw(name) if spec == 1 else self.later(lambda: self.value(spec, row))

        return Row({name: value(name, spec) for name, spec in fields.items()})

    def group(self, kept: list[Kept], spec: dict[str, Any]) -> list[Kept]:
        id, totals = spec["_id"], {name: total for name, total in spec.items() if name != "_id"}
        named = isinstance(id, dict) and not next(iter(id)).startswith("$")
        keys = {} if id is None else id if named else {"_id": id}
        if self.calculates_all or any({"$first", "$last", "$push"} & total.keys() for total in totals.values()):
            self.forced(lambda: self.check_order(kept), always=True)
        self.unordered = None
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for one in kept:
            key = self.forced(lambda one=one: tuple(self.value(part, one.row) for part in keys.values()))
            if self.is_group(key):
                groups.setdefault(key, []).append(one.row)
        made = [Kept(Row(zip(keys, key, strict=True)) | self.totals(totals, rows), key) for key, rows in groups.items()]
        return self.arranged([one._replace(row=Row(one.row)) for one in made], [])

    def totals(self, totals: dict[str, Any], rows: list[Row]) -> dict[str, Any]:
        def total(name: str, spec: Any) -> Any:
            return self.later(lambda: self.total(name, spec, rows))

        return {name: total(name, spec) for name, spec in totals.items()}

    def is_group(self, key: tuple[Any, ...]) -> bool:  # a planted fault asks for it
        return True

    def total(self, name: str, spec: dict[str, Any], rows: list[Row]) -> Any:
        [(operator, operand)] = spec.items()
        if operator == "$count":
            return len(rows)
        if operator == "$push":
            return [value for row in rows if (value := self.value(operand, row)) is not None]
        if operator in ("$first", "$last") and not self.calculates_all:
            return self.value(operand, rows[0 if operator == "$first" else -1])
        all_values = [self.value(operand, row) for row in rows]
        if operator in ("$first", "$last"):
            return all_values[0 if operator == "$first" else -1]
        values = [value for value in all_values if value is not None]
        match operator:
            case "$sum":
                return self.sum(values, self.zero(name))
            case "$avg":
                return self.average(name, values, len(all_values))
            case "$stdDevPop" | "$stdDevSamp":
                return deviation([float(value) for value in values], operator == "$stdDevSamp")
            case "$addToSet":
                return sorted(dict.fromkeys(values), key=ordered)
            case "$min":
                return min(values, key=ordered, default=None)
            case "$max":
                return max(values, key=ordered, default=None)
        raise AssertionError(operator)

    def zero(self, name: str) -> Any:
        return {-1: 0, -2: 0.0}.get(self.places[name], Decimal(0))

    def sum(self, values: list[Any], zero: Any) -> Any:
        if isinstance(zero, Decimal):
            return fits(sum_exactly(values))
        # Infinite from the first infinity on, in which order soever.
        infinite = [value for value in values if isinstance(value, float) and isinf(value)]
        if infinite and not self.calculates_all:
            return calculated(sum(infinite), *infinite)
        calculated(sum((value for value in values if value not in infinite), zero))
        return calculated(sum(values, zero), *infinite)

    def average(self, name: str, values: list[Any], all_rows: int) -> Any:
        if not values:
            return None
        if isinstance(values[0], Decimal):
            mean = EXACT.divide(sum_exactly(values), Decimal(len(values)))
            return fits(mean.quantize(Decimal(1).scaleb(-self.places[name]), ROUND_HALF_UP, EXACT))
        return float(self.sum(values, 0.0) if isinstance(values[0], float) else sum(values)) / len(values)

    def value(self, spec: Any, row: Row) -> Any:
        if isinstance(spec, str) and spec.startswith("$"):
            return row[spec[1:]]
        if not isinstance(spec, dict):
            return spec
        [(operator, operand)] = spec.items()
        if operator in ("$cond", "$switch", "$literal", "$dateTrunc", "$in"):
            return self.special(operator, operand, row)
        operands = operand if isinstance(operand, list) else [operand]
        if operator in ("$and", "$or"):
            conditions = [lambda one=one: self.value(one, row) for one in operands]
            return self.decided(conditions, operator == "$or") is (operator == "$or")
        if operator == "$ifNull" and not self.calculates_all:
            return next((value for one in operands if (value := self.value(one, row)) is not None), None)
        if operator in ("$gt", "$gte", "$lt", "$lte") and None in operands and not self.calculates_all:
            return False
        values = [self.value(one, row) for one in operands]
        if operator in ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$not", "$ifNull"):
            return self.logic(operator, values)
        if operator in ("$toUpper", "$toLower"):
            cases = (ascii_lowercase, ascii_uppercase) if operator == "$toUpper" else (ascii_uppercase, ascii_lowercase)
            return (values[0] or "").translate(str.maketrans(*cases))
        if operator == "$substrCP":
            return (values[0] or "")[values[1] : values[1] + values[2]]
        if any(value is None for value in values):
            return None
        return (
            calculated(FUNCTIONS[operator](*values), *values)
            if operator in FUNCTIONS
            else self.arithmetic(operator, values)
        )

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
                    result = EXACT.add(a, b) if isinstance(a, Decimal) else a + b
                case "$subtract":
                    a, b = aligned(first, value)
                    result = EXACT.subtract(a, b) if isinstance(a, Decimal) else a - b
                case "$multiply":
                    exact = isinstance(first, Decimal) or isinstance(value, Decimal)
                    result = EXACT.multiply(Decimal(first), Decimal(value)) if exact else first * value
                    self.check_underflow(result, first, value)
                case "$divide":
                    return self.quotient(float(first), float(value))
                case "$mod":
                    return None if value == 0 else (abs(first) % abs(value)) * (1 if first >= 0 else -1)
            first = calculated(result, first, value)
        return first

    def quotient(self, a: float, b: float) -> float | None:
        if b == 0:
            return None
        self.check_underflow(a / b, a, 0.0 if isinf(b) else b)
        return calculated(a / b, a)

    def check_underflow(self, result: Any, a: Any, b: Any) -> None:
        """PostgreSQL refuses what is too small for a float."""
        if self.calculates_all and isinstance(result, float) and result == 0 and a != 0 and b != 0:
            raise OverflowedError


class Near(float):
    """One whose last digits depend on how it is calculated, of numbers that are rounded to `spacing`."""

    __hash__ = None  # type: ignore[assignment]
    spacing = 0.0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and isclose(self, other, rel_tol=1e-9, abs_tol=self.spacing)


def deviation(values: list[float], is_sample: bool) -> Near | None:
    if len(values) <= is_sample:
        return None
    found = Near(stdev(values) if is_sample else pstdev(values))
    # A server adds them up one by one: equal values far from 0 may be apart by then.
    found.spacing = ulp(sum(abs(value) for value in values))
    return found


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
    "$trunc": whole(ROUND_DOWN),
    "$concat": lambda *texts: "".join(texts),
    "$strLenCP": len,
} | {name: (lambda value, part=part: getattr(in_utc(value), part)) for name, part in PARTS.items()}
