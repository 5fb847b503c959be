"""What a filter and an update may say about a field of each type."""

from __future__ import annotations

from dataflow.cli.stubs.values import Values

__all__ = ["UPDATES", "takes", "tests_of"]

_ORDER = ("$gt", "$gte", "$lt", "$lte")
_TEXT = ("$contains", "$endsWith", "$icontains", "$ilike", "$like", "$options", "$regex", "$startsWith")
_BITS = ("$bitsAllClear", "$bitsAllSet", "$bitsAnyClear", "$bitsAnySet")
_TEXTS = ("choice", "text")
_NUMBERS = ("decimal", "float", "int")

# The operators of updates that name fields one by one, in the order of the documentation.
UPDATES = (
    "$unset",
    "$inc",
    "$mul",
    "$min",
    "$max",
    "$currentDate",
    "$bit",
    "$push",
    "$addToSet",
    "$pull",
    "$pullAll",
    "$pop",
)


def tests_of(values: Values, name: str, base: str) -> dict[str, str]:
    """The operators of a filter on a field, each with the type of its operand.

    Args:
        values: What the field holds.
        name: What the type of these operators is called.
        base: What the types of an item's operators begin with.
    """
    whole = f"{values.whole} | None"
    tests = {"$eq": whole, "$ne": whole, "$in": f"Collection[{whole}]", "$nin": f"Collection[{whole}]"}
    tests |= {"$exists": "bool", "$not": name, "$type": "TypeName | Collection[TypeName]"}
    if values.many:
        tests |= {"$all": f"Collection[{values.one}]", "$size": "int", "$elemMatch": f"{base}Test"}
        return {**tests, "$contains": f"{values.one} | Collection[{values.one}]"}
    tests |= dict.fromkeys(_ORDER, values.one)
    if values.kind in _TEXTS:
        # A part of a text is any text, even where the whole is one of a few.
        tests |= dict.fromkeys(_TEXT, "str")
    if values.kind == "int":
        tests |= {"$mod": "Sequence[int]", **dict.fromkeys(_BITS, "int | Sequence[int]")}
    return tests


def takes(operator: str, values: Values, base: str) -> str | None:
    """The type of the operand of an update's operator; None where it is not for such a field.

    Args:
        operator: One of `UPDATES`.
        values: What the field holds.
        base: What the types of its operators begin with.
    """
    if operator == "$unset":
        return "Any" if values.nullable else None
    if values.many:
        return _of_list(operator, values.one, base)
    if values.kind == "json":
        return None
    if operator in ("$inc", "$mul"):
        return values.one if values.kind in _NUMBERS else None
    if operator in ("$min", "$max"):
        return values.one
    if operator == "$currentDate":
        return "Literal[True]" if values.kind in ("date", "instant") else None
    return "Bits" if operator == "$bit" and values.kind == "int" else None


def _of_list(operator: str, item: str, base: str) -> str | None:
    return {
        "$push": f"{item} | {base}Push",
        "$addToSet": f"{item} | {base}Each",
        "$pull": f"{item} | {base}Test",
        "$pullAll": f"Collection[{item}]",
        "$pop": "Literal[1, -1]",
    }.get(operator)
