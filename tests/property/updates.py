"""Random updates of random rows, with every operator on every type that takes it."""

from decimal import Decimal
from typing import Any

from tests.property.filters import ALL, FLOATS, INTS, ITEMS, KEYS, NUMBERS, Maker
from tests.property.filters_oracle import is_number

JSON_OPERATORS = ["$set", "$unset", "$inc", "$mul", "$min", "$max", "$bit", "$rename"]
LISTS = ["$push", "$addToSet", "$pull", "$pullAll", "$pop"]
FACTORS = [-1, 0, 1, 2, 3, 0.5, 1.5, Decimal("0.01"), Decimal("-0.1"), 10**7]


class Updates(Maker):
    """What to do to the rows of a maker."""

    def update(self) -> dict[str, dict[str, Any]]:
        """Operators on one to three fields, on each at one place."""
        updates: dict[str, dict[str, Any]] = {}
        for field in self.random.sample(list(self.fields), self.random.choice([1, 1, 2, 3])):
            name, operator, operand = self.step(field)
            updates.setdefault(self.used(operator), {})[name] = operand
        return updates

    def step(self, field: str) -> tuple[str, str, Any]:
        kind, name, pick = self.fields[field], self.names[field], self.random.choice
        if name == "json":
            return self.json_step(field)
        plain = [("$set", pick([None, self.stored(field)])), ("$unset", True)]
        if kind.form in ("list", "json"):
            operator = pick([*LISTS, *LISTS, "plain"])
            if operator == "plain":
                return (field, *pick(plain))
            values = ITEMS[name].values if kind.form == "list" else [self.object(2) for _ in range(4)]
            return field, operator, self.listed(operator, values, in_json=kind.form == "json")
        numbers: dict[str, list[Any]] = {"int": INTS, "float": FLOATS, "decimal": kind.values}
        steps = [*plain, ("$min", pick(kind.values)), ("$max", pick(kind.values))]
        if name in numbers:
            steps += [("$inc", pick(numbers[name])), ("$inc", pick(numbers[name][3:-3])), ("$mul", self.factor(name))]
        if name == "int":
            steps += [("$bit", {pick(["and", "or", "xor"]): pick(INTS)})] * 2
        if name in ("instant", "date"):
            steps += [("$currentDate", True)] * 2
        return (field, *pick(steps))

    def factor(self, name: str) -> Any:
        factors: dict[str, list[Any]] = {"int": [-1, 0, 1, 2, 3, 10**7], "float": FLOATS, "decimal": FACTORS}
        return self.random.choice(factors[name])

    def path(self) -> str:
        return ".".join(self.random.choices(KEYS, k=self.random.choice([1, 1, 2])))

    def json_step(self, field: str) -> tuple[str, str, Any]:
        pick, path = self.random.choice, self.path()
        operator, numbers = pick([*JSON_OPERATORS, *LISTS]), [n for n in NUMBERS if not isinstance(n, int) or n in INTS]
        operand: Any = True
        match operator:
            case "$set":
                operand = self.json(2)
            case "$min" | "$max":
                operand = pick([value for value in (self.json(2), *NUMBERS, "a") if value is not None])
            case "$inc" | "$mul":
                operand = pick(numbers)
            case "$bit":
                operand = {pick(["and", "or", "xor"]): pick(INTS)}
            case "$rename":
                target = pick([key for key in KEYS if key != path.split(".")[0]])
                operand = f"{field}.{target}"
            case "$unset":
                pass
            case _:
                operand = self.listed(operator, [self.json(3) for _ in range(4)], in_json=True)
        return f"{field}.{path}", operator, operand

    def listed(self, operator: str, values: list[Any], *, in_json: bool) -> Any:
        pick = self.random.choice
        match operator:
            case "$pop":
                return pick([1, -1])
            case "$pullAll":
                return self.some(values, 4)
            case "$pull":
                return self.condition(values, in_json=in_json)
            case "$addToSet":
                return pick([{"$each": self.some(values, 4)}, self.alone(values)])
        push: dict[str, Any] = {"$each": self.some(values, 4)}
        for name, choices in (("$position", range(-3, 5)), ("$slice", range(-4, 5)), ("$sort", (1, -1))):
            if pick([True, False]):
                push[self.used(name)] = pick(choices)
        if in_json and "$sort" in push and pick([True, False]):
            push["$sort"] = {path: pick([1, -1]) for path in (self.path(), self.path())}
        self.used("$each")
        return pick([push, push, self.alone(values)])

    def alone(self, values: list[Any]) -> Any:
        """A dict with an operator in it would not be an item."""
        return self.random.choice(values)

    def condition(self, values: list[Any], *, in_json: bool) -> Any:
        pick = self.random.choice
        value = pick(values)
        if in_json and isinstance(value, dict):
            key = pick(KEYS)
            inner = value.get(key)
            return {key: 1 if inner is None or isinstance(inner, dict | list) else inner}
        if in_json and not (isinstance(value, str) or is_number(value)):
            return pick([{"$in": values}, 1])
        return pick([value, {"$in": self.some(values, 3)}, {pick(["$gt", "$gte", "$lt", "$lte"]): value}])


def kinds(maker: Maker) -> dict[str, str]:
    """The name of each field's type in `KINDS`."""
    assert set(maker.names.values()) <= set(ALL)
    return dict(maker.names)
