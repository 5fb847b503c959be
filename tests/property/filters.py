"""Random models, rows and filters over all types and operators."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from dataflow import MaxLength, Naive, Precision
from tests.property.filters_oracle import BITS, ORDERS, TEXT, Filter, Row

IN_JSON = ["array", "bool", "null", "number", "object", "string"]
TYPE_NAMES = [*IN_JSON, "binData", "date", "decimal", "double", "int", "long"]
DAY = datetime(2024, 5, 17, tzinfo=UTC)
WORDS = ["", "a", "A", "a ", "b", "ab", "aB\nab", "a\n", "\n", "\u00e9", "e\u0301", "\u00c4", "\u00e4", "\U0001f600"]
WORDS += ["%", "_", "a%b", "a_b", "\\", "a\\b", "[a]", "*?", "k", "K", "\u212a", "\u0131", "\u0130", "i", "I", "0-9"]
WORDS += ["\u0421\u0430", "\u0441\u0410", "\u03a3", "\u03c3", "\u03c2", "\u00df", "\u017f", "s", "S", "\u00e5\u212b"]
WORDS += ["$a", "it's", '"', "null", "1", "a b # c", "Kick\nKICK", "\u01c5", "\u01c6", "\u1e9e", "a\r\nb"]
KEYS = ["a", "b", "A", "0", 'q"u\\o', "\u00e9 "]
INTS = [-(2**63), -(2**53) - 1, -13, -5, -1, 0, 1, 2, 5, 6, 7, 63, 2**53, 2**53 + 1, 2**62, 2**63 - 1]
FLOATS = [-1.5, 0.0, 0.1, 1.0, 2.5, 1e300, -1e-300, 1.59e-224, float(2**53)]
NUMBERS = [*INTS, *FLOATS, 10**30, -(10**30), 10**30 + 1, -0.25, -0.5, 99, 99.5, 100]
COSTS = [
    Decimal(text) for text in ("-10.00", "-9.99", "-1.50", "-0.01", "0.00", "1.50", "9.99", "10.00", "99999999.99")
]


class Kind(NamedTuple):
    hint: Any
    values: list[Any]
    # `list`, `json`, `int`, `text` or `scalar`.
    form: str = "scalar"


KINDS = {
    "int": Kind(int, INTS, "int"),
    "float": Kind(float, FLOATS),
    "text": Kind(str, WORDS, "text"),
    "short": Kind(Annotated[str, MaxLength(6)], [word for word in WORDS if len(word) <= 6], "text"),
    "choice": Kind(Literal["a", "A", "a ", "Kb"], ["a", "A", "a ", "Kb"], "text"),
    "bool": Kind(bool, [True, False]),
    "decimal": Kind(Annotated[Decimal, Precision(10, 2)], COSTS),
    "instant": Kind(datetime, [DAY, DAY.replace(microsecond=1), DAY.replace(year=1), DAY.replace(year=9999)]),
    "wall": Kind(Annotated[datetime, Naive()], [datetime(1, 1, 1), datetime(2024, 5, 17, 1), datetime(9999, 1, 1)]),
    "date": Kind(date, [date(1, 1, 1), date(2024, 5, 17), date(2024, 5, 18), date(9999, 12, 31)]),
    "time": Kind(time, [time(), time(12, 30), time(12, 30, 0, 1), time(23, 59, 59, 999_999)]),
    "span": Kind(timedelta, [timedelta(), timedelta(microseconds=-1), timedelta(days=-40), timedelta(days=100_000)]),
    "uuid": Kind(UUID, [UUID(int=0), UUID(int=1), UUID(int=1 << 127), UUID(int=2**128 - 1)]),
    "bytes": Kind(bytes, [b"", b"\0", b"a", b"A", b"\xff", b"a ", b"a\0"]),
}
ITEMS = {f"{name}s": kind for name, kind in KINDS.items()}
LISTS = {name: Kind(list[kind.hint], kind.values, "list") for name, kind in ITEMS.items()}  # type: ignore[name-defined]
JSON = {"json": Kind(dict[str, Any], [], "json"), "jsons": Kind(list[dict[str, Any]], [], "json")}
ALL = KINDS | LISTS | JSON


class Maker:
    """A model of some of the types, two fields of some, and what to ask it."""

    def __init__(self, random: Random, name: str) -> None:
        self.random = random
        chosen = random.sample(list(ALL), 9)
        chosen += [*random.sample(chosen, 3), "json", "int", "text"]
        self.fields = {f"f{at}": ALL[kind] for at, kind in enumerate(chosen)}
        self.names = {f"f{at}": kind for at, kind in enumerate(chosen)}
        hints = {"no": int} | {field: kind.hint | None for field, kind in self.fields.items()}
        rest = dict.fromkeys(self.fields)
        self.model = type(name, (), {"__annotations__": hints, "__module__": __name__, **rest})
        self.kinds = {"no": "int"} | {field: kind.form for field, kind in self.fields.items()}
        self.operators: set[str] = set()

    def rows(self, count: int) -> list[Row]:
        return [{"no": at} | {field: self.stored(field) for field in self.fields} for at in range(count)]

    def stored(self, field: str) -> Any:
        kind = self.fields[field]
        if self.random.random() < 0.15:
            return None
        if kind.form == "list":
            return self.some(kind.values, 4)
        if kind.form == "json":
            whole = [self.object(0) for _ in range(self.random.randrange(3))]
            return self.object(0) if self.names[field] == "json" else whole
        return self.random.choice(kind.values)

    def some(self, values: list[Any], most: int) -> list[Any]:
        return self.random.choices(values, k=self.random.randrange(most))

    def object(self, depth: int) -> dict[str, Any]:
        keys = self.random.sample(KEYS, self.random.randrange(1, 4))
        return {key: self.json(depth + 1) for key in keys}

    def json(self, depth: int) -> Any:
        roll = self.random.random()
        if depth < 4 and roll < 0.2:
            return self.object(depth)
        if depth < 4 and roll < 0.45:
            return [self.json(depth + 1) for _ in range(self.random.randrange(4))]
        return self.random.choice([None, True, False, *self.some(NUMBERS, 9), *self.some(WORDS, 6)])

    def filter(self, depth: int = 0) -> Filter:
        roll = self.random.random()
        if depth < 3 and roll < 0.25:
            name = self.used(self.random.choice(["$and", "$or", "$nor"]))
            return {name: [self.filter(depth + 1) for _ in range(self.random.randrange(4))]}
        if depth < 3 and roll < 0.35:
            return {self.used("$not"): self.filter(depth + 1)}
        if roll < 0.45:
            return {self.used("$expr"): self.expression(0)}
        comment = {self.used("$comment"): "x"} if roll < 0.48 else {}
        return comment | dict(self.on_field() for _ in range(self.random.choice([1, 1, 2])))

    def used(self, operator: str) -> str:
        self.operators.add(operator)
        return operator

    def on_field(self) -> tuple[str, Any]:
        field = self.random.choice(list(self.fields))
        kind = self.fields[field]
        if kind.form == "list":
            return field, self.on_list(self.names[field])
        if kind.form == "json":
            if self.names[field] == "jsons" or self.random.random() < 0.25:
                return field, self.on_document(field)
            path = ".".join(self.random.choices(KEYS, k=self.random.choice([1, 1, 2])))
            return f"{field}.{path}", self.inside(0)
        return field, self.on_scalar(kind, 0)

    def on_scalar(self, kind: Kind, depth: int, *, item: bool = False) -> Any:
        values, pick = kind.values, self.random.choice
        names = ["$eq", "$ne", "$in", "$nin", "$exists", "$type", "$not", "two", *ORDERS]
        names += [*TEXT, "$regex"] if kind.form == "text" else []
        names += ["$mod", "$mod", *BITS] if kind.form == "int" and not item else []
        operator = pick(names)
        null = [] if item else [None]
        match operator:
            case "$eq" | "$ne":
                value = pick([*null, *values])
                return {self.used(operator): value} if item or depth or pick([True, False]) else value
            case "$in" | "$nin":
                return {self.used(operator): self.some([*null, *values], 4)}
            case "$exists":
                return {self.used(operator): pick([True, False])}
            case "$type":
                return {self.used(operator): self.types(TYPE_NAMES)}
            case "$not" if depth < 2:
                return {self.used(operator): self.operators_only(self.on_scalar(kind, depth + 1, item=item))}
            case "two" | "$not":
                return {self.used("$gte"): pick(values), self.used("$lt"): pick(values)}
            case "$mod":
                return {self.used(operator): [pick([-7, -3, -1, 1, 2, 3, 7, 2**40]), pick([-2, -1, 0, 1, 2])]}
        if operator in BITS:
            mask = pick([self.some(list(range(64)), 4), pick([0, 1, 6, 2**62, 2**63 - 1])])
            return {self.used(operator): mask}
        return self.text(operator) if operator in TEXT else {self.used(operator): pick(values)}

    def operators_only(self, condition: Any) -> Any:
        return condition if isinstance(condition, dict) else {"$eq": condition}

    def text(self, operator: str) -> dict[str, Any]:
        match self.used(operator):
            case "$like" | "$ilike":
                return {operator: self.like()}
            case "$regex":
                options = "".join(letter for letter in "imsx" if self.random.random() < 0.3)
                return {operator: self.regex(options)} | ({self.used("$options"): options} if options else {})
        return {operator: self.random.choice(WORDS)[: self.random.randrange(3)]}

    def like(self) -> str:
        """A word in which some characters became signs; what is one already is escaped or left."""
        pattern = ""
        for letter in self.random.choice(WORDS):
            sign = self.random.choice(["%", "_", "", f"{letter}%", letter, letter, f"\\{letter}"])
            pattern += "\\\\" if sign == "\\" else "\\\\%" if sign == "\\%" else sign
        return self.random.choice(["", "", "%"]) + pattern + self.random.choice(["", "%", "%_"])

    def regex(self, options: str) -> str:
        """A short class is the same in either case, which folding the text for the oracle is not."""
        atoms = [
            ".",
            "a",
            "b",
            "k",
            "\u00e4",
            "[a-k]",
            "[^a]",
            "[a\u0441]",
            "\\.",
            "\\[",
            "%",
            "\\n",
            "s",
            "i",
            "[^\u03c3]",
        ]
        atoms += [] if "i" in options else ["\\d", "\\W", "\\s", "\\S", "[-\\w]", "K", "\u0421", "[\u00c0-\u017f]"]
        blank = [" ", "\n", " # a\n"] if "x" in options else [""]
        parts = []
        for _ in range(self.random.randrange(1, 4)):
            atom = self.random.choice([*atoms, "(ab|cd)", "(?:%a)"])
            parts.append(
                atom + self.random.choice(blank) + self.random.choice(["", "", "", "*", "+", "?", "{2}", "{0,2}"])
            )
        return self.random.choice(["", "", "^"]) + self.random.choice(blank).join(parts) + self.random.choice(["", "$"])

    def on_list(self, name: str) -> Any:
        kind, pick = ITEMS[name], self.random.choice
        values = kind.values
        either = pick([None, pick(values), self.some(values, 3)])
        operator = pick(
            ["", "$eq", "$ne", "$in", "$nin", "$contains", "$exists", "$type", "$not", "$all", "$size", "$elemMatch"]
        )
        match operator:
            case "":
                return either
            case "$type":
                return {self.used(operator): self.types(TYPE_NAMES)}
            case "$eq" | "$ne":
                return {self.used(operator): either}
            case "$in" | "$nin":
                return {self.used(operator): self.some([None, *values], 4)}
            case "$contains":
                return {self.used(operator): pick([pick(values), self.some(values, 3)])}
            case "$exists":
                return {self.used(operator): pick([True, False])}
            case "$not":
                return {self.used(operator): {"$contains": pick(values), "$ne": either}}
            case "$size":
                return {self.used(operator): self.random.randrange(4)}
            case "$all":
                wanted: list[Any] = self.some(values, 3)
                wanted += [{"$elemMatch": self.element(kind)}] if pick([True, False]) else []
                return {self.used(operator): wanted}
        return {self.used(operator): self.element(kind)}

    def element(self, kind: Kind) -> Any:
        return self.operators_only(self.on_scalar(kind, 1, item=True))

    def types(self, names: list[str]) -> Any:
        return self.random.choice([self.random.choice(names), self.some(names, 4)])

    def on_document(self, field: str) -> Any:
        pick = self.random.choice
        names = ["$eq", "$ne", "$in", "$nin", "$contains", "$exists", "$type", "$size", "$elemMatch", "$all", "null"]
        operator = pick(names)
        match operator:
            case "$type":
                return {self.used(operator): self.types(IN_JSON)}
            case "null":
                return None
            case "$exists":
                return {self.used(operator): pick([True, False])}
            case "$in" | "$nin":
                return {self.used(operator): [self.stored(field) for _ in range(self.random.randrange(3))]}
            case "$contains":
                return {self.used(operator): pick([{}, self.object(2)])}
            case "$eq" | "$ne":
                return {self.used(operator): self.stored(field)}
        return self.in_list(operator, 0)

    def inside(self, depth: int) -> Any:
        pick = self.random.choice
        names = ["$eq", "$ne", "$in", "$nin", "$exists", "$type", "$not", "$contains", *ORDERS, *ORDERS, *TEXT]
        operator = pick([*names, "$size", "$all", "$elemMatch", "$elemMatch"] if depth < 2 else names)
        match operator:
            case "$eq" | "$ne":
                return {self.used(operator): self.json(3)}
            case "$in" | "$nin":
                return {self.used(operator): [self.json(3) for _ in range(self.random.randrange(4))]}
            case "$exists":
                return {self.used(operator): pick([True, False])}
            case "$type":
                return {self.used(operator): self.types(IN_JSON)}
            case "$not":
                return {self.used(operator): self.inside(depth + 1)}
            case "$contains" if pick([True, False]):
                return {self.used(operator): pick([{}, self.object(3)])}
            case "$size" | "$all" | "$elemMatch":
                return self.in_list(operator, depth)
        if operator in ORDERS:
            return {self.used(operator): pick([pick(NUMBERS), pick(NUMBERS), pick(WORDS)])}
        return self.text(operator)

    def in_list(self, operator: str, depth: int) -> Any:
        pick = self.random.choice
        if operator == "$size":
            return {self.used(operator): self.random.randrange(4)}
        if operator == "$all":
            return {self.used(operator): [self.plain() for _ in range(self.random.randrange(3))]}
        documents = [{pick(KEYS): self.inside(depth + 1) for _ in range(pick([1, 2]))} for _ in range(2)]
        forms = [self.inside(depth + 1), documents[0], {pick(["$and", "$or", "$nor"]): documents}]
        return {self.used("$elemMatch"): pick(forms)}

    def plain(self) -> Any:
        return self.random.choice([None, True, *self.some(NUMBERS, 4), *self.some(WORDS, 4), [1], {"a": 1}])

    def expression(self, depth: int) -> dict[str, Any]:
        pick = self.random.choice
        if depth < 2 and self.random.random() < 0.3:
            name = pick(["$and", "$or"])
            return {name: [self.expression(depth + 1) for _ in range(self.random.randrange(3))]}
        if depth < 2 and self.random.random() < 0.15:
            return {"$not": pick([self.expression(depth + 1), [self.expression(depth + 1)]])}
        field = pick(list(self.fields))
        kind = self.fields[field]
        alike = [
            other
            for other in self.fields
            if self.names[other] == self.names[field] or self.kinds[other] == kind.form == "text"
        ]
        name = pick(["$eq", "$ne"] if kind.form in ("list", "json") else ["$eq", "$ne", *ORDERS])
        sides = [f"${field}", f"${pick(alike)}"]
        if self.random.random() < 0.4:
            literal = self.stored(field)
            literal = pick(kind.values) if literal is None and name in ORDERS else literal
            sides[1] = {"$literal": literal} if isinstance(literal, str | dict) or pick([True, False]) else literal
            sides = sides if pick([True, False]) else sides[::-1]
        return {name: sides}
