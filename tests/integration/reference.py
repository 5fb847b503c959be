"""A naive reading of filters in Python, and random filters to compare databases with it."""

import json
import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

DAY = datetime(2024, 5, 17, tzinfo=UTC)
WORDS = ["", "a", "A", "a ", "b", "ab", "aB\nab", "a\n", "\n", "\u00e9", "e\u0301", "\u00c4", "\u00e4", "\U0001f600"]
WORDS += ["%", "_", "a%b", "a_b", "\\", "a\\b", "[a]", "*?", "k", "K", "\u212a", "\u0131", "0-9", "\u0663", "a.b|c"]
STATES = ["open", "paid", "OPEN", "open "]
DOCUMENTS: list[dict[str, Any]] = [
    {},
    *({"a": value} for value in (None, 1, 1.5, "1", True, "x", "x ", {}, [], [1, 2], 2**53, 2**53 + 1, 0.1, 1e300)),
    {"a": {"b": 1, "c": [1, {"d": 2}]}},
    {"a": {"b": None}},
    {"a": {"0": "x"}, "0": 1},
    {"a": ["x"], "A": 1},
    {'q"u\\o\n': {"\u00e9 ": "\u00fc"}, "b": {"c": 'd , e : "f'}},
]
PATHS = ["a", "a.b", "a.c", "a.0", "0", "A", 'q"u\\o\n', 'q"u\\o\n.\u00e9 ', "b.c", "nope", "a.b.c"]
LISTS: dict[str, list[Any]] = {
    "tags": ["", "a", "A", "a ", "b", ",", "a,", '"', "\\", "]", "null", "1", "\u00e9", "e\u0301", "\n"],
    "marks": [0, 1, -1, 10, 2**53, 2**53 + 1, -(2**63), 2**63 - 1],
    "rates": [0.0, 1.0, 0.1, -1.5, 1e300, 1e-7, 1.59e-224],
    "costs": [Decimal("0.00"), Decimal("-1.50"), Decimal("99999999.99")],
    "dates": [date(1, 1, 1), date(2024, 5, 17), date(9999, 12, 31)],
    "flags": [True, False],
}
VALUES: dict[str, list[Any]] = {
    "whole": [None, -(2**63), -1, 0, 1, 2, 2**53 + 1, 2**63 - 1],
    "real": [None, -1.5, 0.0, 0.1, 1.0, 1e300, -1e-300],
    "word": [None, *WORDS],
    "code": [None, "x", "X", "xx"],
    "flag": [None, True, False],
    "price": [None, Decimal("-1.50"), Decimal("0.00"), Decimal("9.99"), Decimal("10.00"), Decimal("99999999.99")],
    "made": [None, DAY, DAY.replace(microsecond=1), DAY.replace(year=1), DAY.replace(year=9999)],
    "ref": [None, UUID(int=0), UUID(int=1), UUID(int=2**128 - 1), UUID(int=1 << 127)],
    "blob": [None, b"", b"\0", b"a", b"A", b"\xff", b"a "],
    "day": [None, date(1, 1, 1), date(2024, 5, 17), date(9999, 12, 31)],
    "clock": [None, time(), time(12, 30), time(23, 59, 59, 999_999)],
    "span": [None, timedelta(), timedelta(microseconds=-1), timedelta(days=-40), timedelta(days=100_000)],
    "state": [None, *STATES],
    "meta": [None, *DOCUMENTS],
    **{name: [None, [], *([item] for item in items), items[:2], items[1::-1], items] for name, items in LISTS.items()},
}
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}
ANY_FIELD = ("", "$eq", "$ne", "$in", "$nin", "$exists", "$not", "two")
ORDERED = ("$gt", "$gte", "$lt", "$lte")
TEXT_FIELDS = ("word", "code", "state")


def folded(text: str) -> str:
    """Each letter in its simple lower-case form."""
    return "".join(letter.lower()[0] for letter in text)


@lru_cache(1_000)
def like(pattern: str) -> re.Pattern[str]:
    signs = {"%": ".*", "_": "."}
    parts = re.findall(r"\\.|[^\\]", pattern, flags=re.DOTALL)
    return re.compile("".join(signs.get(part) or re.escape(part[-1]) for part in parts), flags=re.DOTALL)


@lru_cache(1_000)
def regex(pattern: str) -> re.Pattern[str]:
    """Python's `$` also matches before a newline at the end; random patterns hold no escaped one."""
    return re.compile(pattern.replace("$", r"\Z"), flags=re.ASCII)


TEXTS: dict[str, Callable[[str, str], bool]] = {
    "$contains": lambda text, part: part in text,
    "$startsWith": lambda text, part: text.startswith(part),
    "$endsWith": lambda text, part: text.endswith(part),
    "$like": lambda text, pattern: like(pattern).fullmatch(text) is not None,
    "$ilike": lambda text, pattern: like(folded(pattern)).fullmatch(folded(text)) is not None,
    "$regex": lambda text, pattern: regex(pattern).search(text) is not None,
}


def ordered(value: Any) -> Any:
    """Text is ordered by its UTF-8 bytes."""
    return value.encode() if isinstance(value, str) else value


def holds(filter: dict[str, Any], row: dict[str, Any]) -> bool:
    """MongoDB's reading, two-valued: null equals null only, and has no order."""
    return all(holds_one(name, condition, row) for name, condition in filter.items())


def holds_one(name: str, condition: Any, row: dict[str, Any]) -> bool:
    if name == "$and":
        return all(holds(part, row) for part in condition)
    if name == "$or":
        return any(holds(part, row) for part in condition)
    if name == "$not":
        return not holds(condition, row)
    compare = compares
    field, *keys = name.split(".")
    value = row[field]
    if field in LISTS:
        compare = list_compares
    elif field == "meta":
        value, compare = (lookup(value, keys), path_compares) if keys else (value, document_compares)
    if not isinstance(condition, dict):
        return compare(value, "$eq", condition)
    return all(negated(compare, value, operator, operand) for operator, operand in condition.items())


def negated(compare: Callable[[Any, str, Any], bool], value: Any, operator: str, operand: Any) -> bool:
    match operator:
        case "$ne":
            return not compare(value, "$eq", operand)
        case "$nin":
            return not compare(value, "$in", operand)
        case "$not":
            return not all(negated(compare, value, inner, other) for inner, other in operand.items())
    return compare(value, operator, operand)


def list_compares(value: Any, operator: str, operand: Any) -> bool:
    """A scalar is an item; a list is the whole list, or with `$contains` all of its items."""
    match operator:
        case "$eq" if isinstance(operand, list) or operand is None:
            return bool(value == operand)
        case "$in":
            return None in operand if value is None else any(item in operand for item in value)
        case "$exists":
            return (value is not None) is operand
    items = operand if isinstance(operand, list) else [operand]
    return value is not None and all(item in value for item in items)


NOTHING = object()


def lookup(document: Any, keys: list[str]) -> Any:
    for key in keys:
        document = document.get(key, NOTHING) if isinstance(document, dict) else NOTHING
    return document


def canonical(value: Any) -> str:
    """Numbers are equal by value, and no number is a bool."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    return f"[{','.join(map(canonical, value))}]" if isinstance(value, list) else json.dumps(value)


def document_compares(value: Any, operator: str, operand: Any) -> bool:
    if operator == "$exists":
        return (value is not None) is operand
    if operator == "$contains":
        return value is not None and holds_all(value, operand)
    wanted = operand if operator == "$in" else [operand]
    return canonical(value) in [canonical(other) for other in wanted]


def path_compares(value: Any, operator: str, operand: Any) -> bool:
    """None is JSON's null, or nothing."""
    if operator == "$exists":
        return (value is not NOTHING) is operand
    if operator == "$contains":
        return value is not NOTHING and holds_all(value, operand)
    return document_compares(None if value is NOTHING else value, operator, operand)


def holds_all(value: Any, part: Any) -> bool:
    if not isinstance(part, dict):
        return value is not NOTHING and canonical(value) == canonical(part)
    return isinstance(value, dict) and all(holds_all(lookup(value, [key]), part[key]) for key in part)


def compares(value: Any, operator: str, operand: Any) -> bool:
    match operator:
        case "$eq":
            return bool(value == operand)
        case "$in":
            return value in operand
        case "$exists":
            return (value is not None) is operand
    if value is None:
        return False
    return TEXTS[operator](value, operand) if operator in TEXTS else ORDERS[operator](ordered(value), ordered(operand))


def random_filter(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    roll = rng.random()
    if depth < 3 and roll < 0.3:
        return {rng.choice(["$and", "$or"]): [random_filter(rng, depth + 1) for _ in range(rng.randrange(4))]}
    if depth < 3 and roll < 0.45:
        return {"$not": random_filter(rng, depth + 1)}
    names = rng.sample([*VALUES, *TEXT_FIELDS, "meta", "path", "path"], rng.choice([1, 1, 2]))
    return dict(on_path(rng) if name == "path" else (name, condition(rng, name)) for name in names)


def condition(rng: random.Random, name: str, depth: int = 0) -> Any:
    if name in LISTS:
        return on_list(rng, name)
    if name == "meta":
        return on_document(rng)
    values = VALUES[name]
    operator = rng.choice([*ANY_FIELD, *ORDERED, *(TEXTS if name in TEXT_FIELDS else ())])
    match operator:
        case "":
            return rng.choice(values) if depth == 0 else {"$eq": rng.choice(values)}
        case "$eq" | "$ne":
            return {operator: rng.choice(values)}
        case "$in" | "$nin":
            return {operator: rng.choices(values, k=rng.randrange(4))}
        case "$exists":
            return {operator: rng.random() < 0.5}
        case "$not" if depth < 2:
            return {"$not": condition(rng, name, depth + 1)}
        case "two" | "$not":
            return {"$gte": rng.choice(values[1:]), "$lt": rng.choice(values[1:])}
        case "$like" | "$ilike":
            return {operator: random_like(rng)}
        case "$regex":
            return {operator: random_regex(rng)}
        case "$contains" | "$startsWith" | "$endsWith":
            return {operator: rng.choice([*WORDS, *STATES])[: rng.randrange(3)]}
    return {operator: rng.choice(values[1:])}


def on_list(rng: random.Random, name: str) -> Any:
    items = LISTS[name]
    either = rng.choice([rng.choice(items), rng.choice(VALUES[name])])
    match rng.choice(["", "$eq", "$ne", "$in", "$nin", "$contains", "$exists", "$not"]):
        case "":
            return either
        case "$eq" | "$ne" as operator:
            return {operator: either}
        case "$in" | "$nin" as operator:
            return {operator: rng.choices([None, *items], k=rng.randrange(4))}
        case "$contains" as operator:
            return {operator: rng.choice([rng.choice(items), rng.choices(items, k=rng.randrange(3))])}
        case "$exists" as operator:
            return {operator: rng.random() < 0.5}
    return {"$not": {"$contains": rng.choice(items), "$ne": either}}


def on_document(rng: random.Random) -> Any:
    document = rng.choice(DOCUMENTS)
    match rng.choice(["$eq", "$ne", "$in", "$nin", "$contains", "$exists", "$not", "null"]):
        case "$in" | "$nin" as operator:
            return {operator: rng.choices([None, *DOCUMENTS], k=rng.randrange(4))}
        case "$exists" as operator:
            return {operator: rng.random() < 0.5}
        case "$not":
            return {"$not": {"$contains": document}}
        case "null":
            return None
        case operator:
            return {operator: document}


def on_path(rng: random.Random) -> tuple[str, Any]:
    path = rng.choice(PATHS)
    found = [lookup(document, path.split(".")) for document in DOCUMENTS]
    values = [None, 1, 1.0, "x", *(value for value in found if value is not NOTHING)]
    match rng.choice(["", "$eq", "$ne", "$in", "$nin", "$contains", "$exists", "$not"]):
        case "$in" | "$nin" as operator:
            return f"meta.{path}", {operator: rng.choices(values, k=rng.randrange(4))}
        case "$contains" as operator:
            return f"meta.{path}", {operator: rng.choice([{}, {"b": 1}, {"c": [1, {"d": 2}]}, {"b": None}, {"0": "x"}])}
        case "$exists" as operator:
            return f"meta.{path}", {operator: rng.random() < 0.5}
        case "$not":
            return f"meta.{path}", {"$not": {"$eq": rng.choice(values)}}
        case "":
            return f"meta.{path}", rng.choice([value for value in values if not isinstance(value, dict)])
        case operator:
            return f"meta.{path}", {operator: rng.choice(values)}


def random_like(rng: random.Random) -> str:
    """A word in which some characters became signs; what is one already is escaped or left."""
    pattern = ""
    for letter in rng.choice(WORDS):
        sign = rng.choice(["%", "_", "", f"{letter}%", letter, letter, f"\\{letter}"])
        pattern += "\\\\" if sign == "\\" else "\\\\%" if sign == "\\%" else sign
    return rng.choice(["", "", "%"]) + pattern + rng.choice(["", "%", "%_"])


def random_regex(rng: random.Random, depth: int = 0) -> str:
    """Groups are repeated only where what they hold begins with a sign of its own."""
    atoms = [".", "a", "b", "k", "\u00e4", "\\d", "\\W", "\\s", "\\S", "[a-k]", "[^a]", "[\\]%_\\\\]", "[-\\w]", "\\n"]
    atoms += ["\\.", "\\|", "\\[", "\\\\", "\\*", "%", " ", "\U0001f600", "[\u00c0-\u017f]"]
    parts = []
    for _ in range(rng.randrange(1, 4)):
        if depth < 2 and rng.random() < 0.25:
            parts.append(f"({rng.choice(['', '?:'])}{random_regex(rng, depth + 1)})")
        elif rng.random() < 0.1:
            parts.append(rng.choice(["(ab|cd)*", "(?:%\\d+)?", "(a(b|_)){1,2}"]))
        else:
            parts.append(rng.choice(atoms) + rng.choice(["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}"]))
    pattern = rng.choice(["", "", "^"]) + "".join(parts) + rng.choice(["", "", "$"])
    return f"{pattern}|{random_regex(rng, 2)}" if rng.random() < 0.15 else pattern
