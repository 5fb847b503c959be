"""`orders.c.total < 10`: filters written with Python's operators."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dataflow._spelling import suggest
from dataflow.errors import UnknownFieldError
from dataflow.model.description import Description

__all__ = ["Column", "Columns", "Condition"]


class Condition(dict[str, Any]):
    """A filter. `a & b`, `a | b` and `~a` put filters together; it is a dict, so that a plain one will do as well."""

    __slots__ = ()

    def __and__(self, other: dict[str, Any]) -> Condition:
        return Condition({"$and": [self, other]})

    def __or__(self, other: dict[str, Any]) -> Condition:  # type: ignore[override]  # no merge of dicts
        return Condition({"$or": [self, other]})

    def __invert__(self) -> Condition:
        return Condition({"$not": self})

    def __bool__(self) -> bool:
        # `a and b` would be b alone, and `1 < x < 5` the second half.
        raise TypeError("a filter is neither true nor false: write `&`, `|` and `~` for `and`, `or` and `not`")


class Column:
    """A field in a filter. Comparisons give a `Condition`; null follows the rules of the operators (`$ne` finds it)."""

    __slots__ = ("_name",)
    __hash__ = None  # type: ignore[assignment]  # equality makes a filter

    def __init__(self, name: str) -> None:
        self._name = name

    def _is(self, operator: str, value: object) -> Condition:
        return Condition({self._name: {operator: value}})

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return self._is("$eq", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return self._is("$ne", other)

    def __lt__(self, other: object) -> Condition:
        return self._is("$lt", other)

    def __le__(self, other: object) -> Condition:
        return self._is("$lte", other)

    def __gt__(self, other: object) -> Condition:
        return self._is("$gt", other)

    def __ge__(self, other: object) -> Condition:
        return self._is("$gte", other)

    def isin(self, values: Iterable[object]) -> Condition:
        """`$in`: the value is one of these."""
        return self._is("$in", list(values))

    def exists(self, there: bool = True) -> Condition:
        """`$exists`: the value is not None, or with False: it is."""
        return self._is("$exists", there)

    def contains(self, value: object) -> Condition:
        """`$contains`: a text has this part, a list this element or all of these."""
        return self._is("$contains", value)

    def icontains(self, text: str) -> Condition:
        """`$icontains`: a text has this part, whatever its case."""
        return self._is("$icontains", text)

    def startswith(self, text: str) -> Condition:
        """`$startsWith`: a text begins so."""
        return self._is("$startsWith", text)

    def endswith(self, text: str) -> Condition:
        """`$endsWith`: a text ends so."""
        return self._is("$endsWith", text)

    def like(self, pattern: str) -> Condition:
        """`$like`: `%` stands for any text, `_` for one character."""
        return self._is("$like", pattern)

    def ilike(self, pattern: str) -> Condition:
        """`$ilike`: like `like`, whatever the case (Unicode's simple lower-case forms)."""
        return self._is("$ilike", pattern)

    def matches(self, pattern: str, options: str = "") -> Condition:
        """`$regex`: a part of the text matches. `options` are letters of `imsx`."""
        return Condition({self._name: {"$regex": pattern, **({"$options": options} if options else {})}})

    def all(self, items: Iterable[object]) -> Condition:
        """`$all`: a list has each of these items; of none of them it is false."""
        return self._is("$all", list(items))

    def element(self, condition: dict[str, Any]) -> Condition:
        """`$elemMatch`: an item of a list meets all of these operators, or is an object that matches this filter."""
        return self._is("$elemMatch", condition)

    def size(self, items: int) -> Condition:
        """`$size`: a list has so many items."""
        return self._is("$size", items)

    def __getitem__(self, key: str) -> Column:
        """A key within a JSON field: `orders.c.meta["city"]`."""
        return Column(f"{self._name}.{key}")

    def __repr__(self) -> str:
        return f"<Column {self._name}>"


class Columns:
    """The fields of a model: `c.total`, or `c["total"]` for a name that Python cannot write."""

    def __init__(self, description: Description) -> None:
        self._description = description

    def __getitem__(self, name: str) -> Column:
        if name not in self._description.fields:
            hint = suggest(name, self._description.fields)
            raise UnknownFieldError(f"{self._description.name} has no field `{name}`", path=name, hint=hint)
        return Column(name)

    def __getattr__(self, name: str) -> Column:
        if name.startswith("__"):  # pickle, copy and inspection ask for these
            raise AttributeError(name)
        return self[name]

    def __dir__(self) -> list[str]:
        return list(self._description.fields)
