"""Random pipelines on one model: each stage asks what the columns of the stage before allow."""

from decimal import Decimal
from random import Random
from typing import Any

from tests.property.pipelines_oracle import EXACT, PARTS, UNITS, Stage
from tests.property.pipelines_rows import (
    BOOL,
    DEVIATION,
    FINITE,
    FLOAT,
    INT,
    KINDS,
    LIST,
    LISTS,
    MOMENTS,
    NUMBERS,
    QUOTIENT,
    TEXT,
    UNCOMPARED,
    VALUES,
    WORDS,
    Kind,
)

# Fields that have an order, and three values at least.
BUCKETED = ("int", "float", "decimal", "made", "wall", "day", "clock", "span", "ref")


class Maker:
    """One pipeline. `places`: the digits of averages by name, -1 and -2 for sums of ints and of floats."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.kinds = dict(KINDS)
        self.places: dict[str, int] = {}
        self.used: set[str] = set()
        self.sorted = False
        self.names = 0
        self.pipeline: list[Stage] = []
        for _ in range(random.randrange(1, 7)):
            name = random.choice(["match", "match", "group", "group", "sort", "limit", "skip", "project", "set"])
            name = random.choice(["unset", "count", "sortByCount", "replaceWith"]) if random.random() < 0.12 else name
            name = "bucket" if random.random() < 0.05 else name
            name = "setWindowFields" if random.random() < 0.1 else name
            name = "unwind" if self.lists() and random.random() < 0.3 else name
            self.used.add(f"${name}")
            self.pipeline.append({f"${name}": getattr(self, name)()})

    def fresh(self) -> str:
        self.names += 1
        return self.random.choice(["n{}", "N {}", '\u00e4"{}', "select{}"]).format(self.names)

    def some(self, values: list[Any], least: int, most: int) -> list[Any]:
        return self.random.sample(values, min(len(values), self.random.randrange(least, most)))

    def one_or_two(self) -> list[str]:
        """Names of new columns, or of some that are there; in an order that the seed decides, which a set has not."""
        names = [self.random.choice([self.fresh(), *self.some(self.known(), 1, 2)]) for _ in range(2)]
        return list(dict.fromkeys(names))

    def known(self, *forms: str) -> list[str]:
        return [
            name
            for name, kind in self.kinds.items()
            if (kind.form in forms if forms else kind not in (LIST, DEVIATION))
        ]

    def lists(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind == LIST and name in LISTS]

    def literal(self, kind: Kind) -> Any:
        if kind.form == "decimal":
            return Decimal(self.random.choice([-10, 0, 1, 2]))
        if kind.form == "vast":
            return self.random.choice(FINITE)
        for name, known in KINDS.items():
            if known.form == kind.form and VALUES[name] and self.random.random() < 0.6:
                return self.random.choice(VALUES[name])
        own = {"quotient": "real", "int": "small", "bool": "flag", "float": "real", "text": "word"}
        return self.random.choice(VALUES[own.get(kind.form, kind.form)])

    def match(self, depth: int = 0) -> dict[str, Any]:
        if depth < 2 and self.random.random() < 0.25:
            return {self.random.choice(["$and", "$or", "$nor"]): [self.match(depth + 1) for _ in range(2)]}
        name = self.random.choice(self.known())
        kind = self.kinds[name]
        literal = self.literal(kind)
        ordered = [] if kind.form in ("bool", "state") else ["$gt", "$gte", "$lt", "$lte"]
        operator = self.random.choice(["$eq", "$ne", "$in", "$nin", "$exists", *ordered])
        operand = {"$in": [literal, None], "$nin": [literal], "$exists": True}.get(operator, literal)
        return {name: {operator: operand}}

    def sort(self) -> dict[str, int]:
        self.sorted = True
        return {name: self.random.choice([1, -1]) for name in self.some(self.known(), 1, 3)}

    def limit(self) -> int:
        return self.random.choice([1, 2, 5, 20])

    def skip(self) -> int:
        return self.random.choice([0, 1, 3])

    def count(self) -> str:
        name = self.fresh()
        self.kinds, self.sorted = {name: INT}, False
        return name

    def sortByCount(self) -> Any:
        key, kind = self.key()
        self.kinds, self.sorted = {"_id": kind, "count": INT}, True
        return key

    def unwind(self) -> Any:
        name = self.random.choice(self.lists())
        self.kinds[name] = LISTS[name]
        if self.random.random() < 0.4:
            return f"${name}"
        spec: dict[str, Any] = {"path": f"${name}"}
        if self.random.random() < 0.6:
            place = self.random.choice([self.fresh(), "small"])
            spec["includeArrayIndex"], self.kinds = place, {**self.kinds, place: INT}
        if self.random.random() < 0.6:
            spec["preserveNullAndEmptyArrays"] = self.random.random() < 0.8
        return spec

    def setWindowFields(self) -> dict[str, Any]:
        spec: dict[str, Any] = {}
        if self.random.random() < 0.7:
            spec["partitionBy"] = self.key()[0]
        if self.random.random() < 0.8:
            spec["sortBy"] = {name: self.random.choice([1, -1]) for name in self.some(self.known(), 1, 3)}
        output, kinds = {}, dict(self.kinds)
        for name in self.one_or_two():
            output[name], kinds[name] = self.windowed(name, "sortBy" in spec)
        self.kinds = kinds
        return {**spec, "output": output}

    def windowed(self, name: str, has_order: bool) -> tuple[dict[str, Any], Kind]:
        places = ["$rank", "$denseRank", "$documentNumber", "$shift", "$first", "$last"]
        operator = self.random.choice(["$count", "$sum", "$avg", "$min", "$max", *(places if has_order else [])])
        frame: dict[str, Any] = {}
        if has_order and operator not in places[:4] and self.random.random() < 0.7:
            bounds = sorted([self.random.randrange(-3, 4), self.random.randrange(-3, 4)])
            first = self.random.choice(["unbounded", bounds[0], min(bounds[0], 0)])
            frame = {"window": {"documents": [first, self.random.choice(["unbounded", max(bounds[1], 0), bounds[1]])]}}
        self.used.add(operator)
        if operator in ("$rank", "$denseRank", "$documentNumber", "$count"):
            return {operator: {}, **frame}, INT
        excluded = UNCOMPARED if operator in ("$min", "$max") else ()
        names = [one for one in self.known() if self.kinds[one].form not in excluded]
        if operator in ("$sum", "$avg") and name not in self.places:
            moves = frame and frame["window"]["documents"][0] != "unbounded"
            names = self.known("int", "decimal", *([] if moves else ["float"]))
        elif operator in ("$sum", "$avg") or not names:
            return {"$count": {}, **frame}, INT
        if not names:
            return {"$count": {}, **frame}, INT
        of = self.random.choice(names)
        kind = self.kinds[of]
        if operator == "$shift":
            return {operator: {"output": f"${of}", "by": self.random.randrange(-2, 3)}}, kind
        if operator == "$sum" and kind.form != "decimal":
            return {operator: f"${of}", **frame}, self.noted(name, -1 if kind == INT else -2, kind)
        if operator == "$sum":
            kind = Kind("decimal", 38 - kind.places, kind.places)
            return {operator: f"${of}", **frame}, self.noted(name, kind.places, kind)
        if operator == "$avg" and kind.form != "decimal":
            return {operator: f"${of}", **frame}, self.noted(name, -2, QUOTIENT)
        if operator == "$avg":
            room = 38 - min(38, kind.whole + kind.places)
            more = min(kind.places + 4, kind.places + room)
            return {operator: f"${of}", **frame}, self.noted(name, more, Kind("decimal", 38 - more, more))
        return {operator: f"${of}", **frame}, kind

    def bucket(self) -> Any:
        fit = [name for name in self.known(*BUCKETED) if KINDS.get(name) == self.kinds[name] and VALUES[name]]
        if not fit:
            return {"groupBy": {"$add": [1, 2]}, "boundaries": [1, 5], "default": 9} | self.bucketed(INT)
        name = self.random.choice(fit)
        kind, values = self.kinds[name], sorted(VALUES[name])
        boundaries = sorted(self.random.sample(values[:-1], min(len(values) - 1, self.random.randrange(2, 4))))
        by = {"$ifNull": [f"${name}", {"$literal": values[0]}]} if self.random.random() < 0.3 else f"${name}"
        default = self.random.choice([None, values[-1]])
        return {"groupBy": by, "boundaries": boundaries, "default": default} | self.bucketed(kind)

    def bucketed(self, kind: Kind) -> dict[str, Any]:
        if self.random.random() < 0.5:
            self.kinds, self.sorted = {"_id": kind, "count": INT}, False
            return {}
        name = self.fresh()
        total, total_kind = self.total(name)
        self.kinds, self.sorted = {"_id": kind, name: total_kind}, False
        return {"output": {name: total}}

    def unset(self) -> list[str]:
        names = self.some(self.known(), 1, 3)
        if len(names) == len(self.known()):
            names = names[1:]
        for name in names:
            del self.kinds[name]
        return names

    def project(self) -> dict[str, Any]:
        if len(self.known()) > 1 and self.random.random() < 0.2:
            return dict.fromkeys(self.unset(), 0)
        fields: dict[str, Any] = dict.fromkeys(self.some(self.known(), 1, 5), 1)
        kinds = {name: self.kinds[name] for name in fields}
        for _ in range(self.random.randrange(3)):
            name = self.fresh()
            fields[name], kinds[name] = self.any(0)
        self.kinds = kinds
        return fields

    def replaceWith(self) -> dict[str, Any]:
        fields: dict[str, Any] = {self.fresh(): self.any(0) for _ in range(self.random.randrange(1, 3))}
        for name in self.some(self.known(), 1, 4):
            fields[self.random.choice([name, self.fresh()])] = (f"${name}", self.kinds[name])
        self.kinds = {name: kind for name, (_, kind) in fields.items()}
        return {name: spec for name, (spec, _) in fields.items()}

    def set(self) -> dict[str, Any]:
        fields, kinds = {}, dict(self.kinds)
        for name in self.one_or_two():
            fields[name], kinds[name] = self.any(0)
        self.kinds = kinds
        return fields

    def key(self) -> tuple[Any, Kind]:
        if self.random.random() < 0.3:
            spec, kind = self.any(1)
            if isinstance(spec, dict) and "$literal" not in spec:
                return spec, kind
        name = self.random.choice(self.known())
        return f"${name}", self.kinds[name]

    def group(self) -> dict[str, Any]:
        kinds: dict[str, Kind] = {}
        roll = self.random.random()
        spec: dict[str, Any] = {"_id": None}
        if roll < 0.45:
            spec["_id"], kinds["_id"] = self.key()
        elif roll < 0.85:
            spec["_id"] = {}
            for _ in range(self.random.randrange(1, 3)):
                name = self.fresh()
                spec["_id"][name], kinds[name] = self.key()
        for _ in range(self.random.randrange(1, 4)):
            name = self.fresh()
            spec[name], kinds[name] = self.total(name)
        if set(kinds.values()) <= {DEVIATION, LIST}:
            name = self.fresh()
            spec[name], kinds[name] = {"$count": {}}, INT
        self.kinds, self.sorted = kinds, False
        return spec

    def total(self, name: str) -> tuple[dict[str, Any], Kind]:
        operators = [
            "$count",
            "$sum",
            "$avg",
            "$stdDevPop",
            "$stdDevSamp",
            "$min",
            "$max",
            "$addToSet",
            *(["$first", "$last", "$push"] * 2 if self.sorted else []),
        ]
        operator = self.random.choice(operators)
        self.used.add(operator)
        if operator == "$count":
            return {"$count": {}}, INT
        if operator in ("$push", "$addToSet"):
            # No list is made of floats, and what does not fit is forgotten by none.
            listed = [name for name in self.known() if name in VALUES and self.kinds[name] == KINDS[name]]
            listed = [name for name in listed if self.kinds[name] not in (FLOAT, Kind("vast"))]
            return {operator: f"${self.random.choice(listed)}" if listed else {"$add": [1, 2]}}, LIST
        if operator.startswith("$stdDev"):
            floats = [f"${one}" for one in self.known("int", "float")]
            return {operator: self.random.choice([*floats, {"$add": [1, 2]}])}, DEVIATION
        forms = ("int", "float", "vast", "decimal") if operator in ("$sum", "$avg") else ()
        excluded = UNCOMPARED if operator in ("$min", "$max") else ()
        specs = [self.any(1) for _ in range(4)] + [(f"${one}", self.kinds[one]) for one in self.known()]
        fit = [(spec, kind) for spec, kind in specs if (not forms or kind.form in forms) and kind.form not in excluded]
        if not fit:
            return {"$sum": 1}, self.noted(name, -1, INT)
        spec, kind = self.random.choice(fit)
        if operator == "$sum" and kind.form != "decimal":
            return {operator: spec}, self.noted(name, -1 if kind == INT else -2, kind)
        if operator == "$sum":
            return {operator: spec}, self.noted(name, kind.places, Kind("decimal", 38 - kind.places, kind.places))
        if operator == "$avg" and kind.form != "decimal":
            return {operator: spec}, self.noted(name, -2, QUOTIENT)
        if operator == "$avg":
            room = 38 - min(38, kind.whole + kind.places)
            places = min(kind.places + 4, kind.places + room)
            return {operator: spec}, self.noted(name, places, Kind("decimal", 38 - places, places))
        return {operator: spec}, kind

    def noted(self, name: str, places: int, kind: Kind) -> Kind:
        self.places[name] = places
        return kind

    def any(self, depth: int) -> tuple[Any, Kind]:
        makers = [self.number, self.number, self.text, self.choice, self.condition, self.moment]
        return self.random.choice(makers)(depth)

    def operand(self, depth: int, *forms: str) -> tuple[Any, Kind] | None:
        names = self.known(*forms)
        if depth < 3 and self.random.random() < 0.3 and set(forms) & set(NUMBERS):
            spec, kind = self.number(depth + 1)
            return (spec, kind) if kind.form in forms else None
        if not names:
            return None
        name = self.random.choice(names)
        return f"${name}", self.kinds[name]

    def called(self, operator: str, *operands: Any) -> dict[str, Any]:
        self.used.add(operator)
        return {operator: operands[0] if len(operands) == 1 else list(operands)}

    def number(self, depth: int) -> tuple[Any, Kind]:
        operator = self.random.choice(
            [
                "$add",
                "$subtract",
                "$multiply",
                "$divide",
                "$mod",
                "$abs",
                "$ceil",
                "$floor",
                "$trunc",
                "$strLenCP",
                "part",
                "$ifNull",
            ]
        )
        if operator == "part":
            return self.part(depth)
        if operator == "$strLenCP":
            text, _ = self.text(depth + 1)
            return self.called(operator, text), INT
        forms = (
            ("int",)
            if operator == "$mod"
            else ("int", "float", "vast")
            if operator == "$divide"
            else ("int", "decimal")
        )
        forms = ("int", "float", "quotient", "vast") if forms[-1] == "decimal" and self.random.random() < 0.4 else forms
        one, other = self.operand(depth, *forms), self.operand(depth, *forms)
        if one is None or other is None:
            return self.called("$add", 1, 2), INT
        (a, kind_a), (b, kind_b) = one, other
        if operator == "$trunc":
            whole = kind_a._replace(whole=max(kind_a.whole, 1), places=0)
            return self.called(operator, a), whole if kind_a.places else kind_a
        if operator in ("$abs", "$ceil", "$floor"):
            whole = Kind("decimal", kind_a.whole + 1) if kind_a.form == "decimal" and operator != "$abs" else kind_a
            return self.called(operator, a), whole
        if operator == "$divide":
            return self.called(operator, a, b), QUOTIENT
        if operator == "$ifNull":
            return self.called(operator, a, b if kind_a == kind_b else a), kind_a
        if self.random.random() < 0.3 and kind_a.form in ("int", "decimal"):
            b = self.random.choice([2, -3])
            kind_b = INT if kind_a == INT else Kind("decimal", 1)
        return self.called(operator, a, b), arithmetic(operator, kind_a, kind_b)

    def part(self, depth: int) -> tuple[Any, Kind]:
        found = self.operand(depth, *MOMENTS)
        if found is None:
            return self.called("$add", 1, 2), INT
        spec, kind = found
        names = list(PARTS)
        names = names[:3] if kind.form == "day" else names[3:] if kind.form == "clock" else names
        return self.called(self.random.choice(names), spec), INT

    def moment(self, depth: int) -> tuple[Any, Kind]:
        found = self.operand(depth, "made", "wall", "day")
        if found is None:
            return self.number(depth)
        units = UNITS[:3] if found[1].form == "day" else UNITS
        self.used.add("$dateTrunc")
        return {"$dateTrunc": {"date": found[0], "unit": self.random.choice(units)}}, found[1]

    def text(self, depth: int) -> tuple[Any, Kind]:
        found = self.operand(depth, "text", "state")
        if found is None:
            return {"$literal": self.random.choice(WORDS)}, TEXT
        if self.random.random() < 0.2:
            return self.called(self.random.choice(["$toUpper", "$toLower"]), found[0]), TEXT
        if self.random.random() < 0.4:
            return self.called("$substrCP", found[0], self.random.randrange(3), self.random.randrange(4)), TEXT
        return self.called("$concat", found[0], {"$literal": self.random.choice(WORDS)}, found[0]), TEXT

    def choice(self, depth: int) -> tuple[Any, Kind]:
        name = self.random.choice(self.known())
        kind = self.kinds[name]
        literal = {"$literal": self.literal(kind)} if kind.form != "state" else "open"
        if kind.form == "decimal":
            digit = Decimal(self.random.choice([0, 1]) if kind.places < 38 else 0)
            literal = {"$literal": digit.quantize(Decimal(1).scaleb(-kind.places), context=EXACT)}
            kind = kind._replace(whole=max(kind.whole, 1))
        condition, _ = self.condition(depth + 1)
        match self.random.randrange(3):
            case 0:
                return self.called("$ifNull", f"${name}", literal), kind
            case 1:
                self.used.add("$cond")
                return {"$cond": {"if": condition, "then": f"${name}", "else": literal}}, kind
        self.used.add("$switch")
        return {"$switch": {"branches": [{"case": condition, "then": f"${name}"}]}}, self.kinds[name]

    def condition(self, depth: int) -> tuple[Any, Kind]:
        roll = self.random.random()
        if depth < 3 and roll < 0.25:
            operator = self.random.choice(["$and", "$or", "$not"])
            inner = [self.condition(depth + 1)[0] for _ in range(1 if operator == "$not" else 2)]
            self.used.add(operator)
            return {operator: inner}, BOOL
        name = self.random.choice(self.known())
        kind = self.kinds[name]
        literal = {"$literal": self.literal(kind)}
        if kind.form == "state":
            literal = {"$literal": "open"}
        if roll < 0.4:
            self.used.add("$in")
            return {"$in": [f"${name}", [literal, None]]}, BOOL
        operators = ["$eq", "$ne"] if kind.form == "bool" else ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]
        same = [one for one, other in self.kinds.items() if other == kind]
        other = self.random.choice([literal, f"${self.random.choice(same)}", None])
        return self.called(self.random.choice(operators), f"${name}", other), BOOL


def arithmetic(operator: str, a: Kind, b: Kind) -> Kind:
    forms = {a.form, b.form}
    if forms == {"int"}:
        return INT
    if forms == {"float"}:
        return FLOAT
    if "decimal" not in forms:
        return QUOTIENT
    a, b = (Kind("decimal", 19) if kind == INT else kind for kind in (a, b))
    if operator == "$multiply":
        return capped(a.whole + b.whole, a.places + b.places)
    return capped(max(a.whole, b.whole) + 1, max(a.places, b.places))


def capped(whole: int, places: int) -> Kind:
    return Kind("decimal", min(whole, 38 - places), places)
