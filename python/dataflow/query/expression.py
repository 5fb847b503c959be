"""`orders.c.total < 10`: filters written with Python's operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NoReturn, TypeVar, cast

from dataflow._spelling import suggest
from dataflow.errors import LimitExceededError, UnknownFieldError

if TYPE_CHECKING:
    from dataflow.model.registry import Registered

__all__ = ["Column", "Columns", "Condition", "Relation", "TypeName", "plain"]

_V = TypeVar("_V")
# As many dicts and lists as 32 levels can have.
_DEEPEST = 100
TypeName = Literal[
    "array", "binData", "bool", "date", "decimal", "double", "int", "long", "null", "number", "object", "string"
]


class Condition(dict[str, Any]):
    """A filter. `a & b`, `a | b` and `~a` put filters together; it is a dict, so that a plain one will do as well."""

    __slots__ = ()

    def __and__(self, other: Mapping[str, Any]) -> Condition:
        return self._joined("$and", other)

    def __or__(self, other: Mapping[str, Any]) -> Condition:  # type: ignore[override]  # no merge of dicts
        return self._joined("$or", other)

    def __rand__(self, other: Mapping[str, Any]) -> Condition:
        return Condition({"$and": [other, self]})

    # A dict would take the keys of both: one of two conditions on a field would be gone.
    def __ror__(self, other: Mapping[str, Any]) -> Condition:  # type: ignore[override]
        return Condition({"$or": [other, self]})

    def __ior__(self, other: Mapping[str, Any]) -> Condition:  # type: ignore[override]
        return self | other

    def copy(self) -> Condition:
        return Condition(self)

    def __invert__(self) -> Condition:
        return Condition({"$not": self})

    def __bool__(self) -> bool:
        # `a and b` would be b alone, and `1 < x < 5` the second half.
        raise TypeError("a filter is neither true nor false: write `&`, `|` and `~` for `and`, `or` and `not`")

    def to_filter(self) -> dict[str, Any]:
        """The filter as plain dicts and lists, as it may be stored or sent."""
        return dict(plain(self))

    def _joined(self, operator: str, other: Mapping[str, Any]) -> Condition:
        # A long chain is one list: nested, it would be too deep for a filter.
        parts = self[operator] if self.keys() == {operator} else [self]
        return Condition({operator: [*parts, other]})


class Column(Generic[_V]):
    """A field in a filter. Comparisons give a `Condition`; null follows the rules of the operators (`$ne` finds it).

    Two fields of one type are compared in the same way: `orders.c.paid < orders.c.total`, with `$expr`.
    """

    __slots__ = ("_name",)
    __hash__ = None  # type: ignore[assignment]  # equality makes a filter
    # With `__getitem__` alone it would be a sequence without end.
    __iter__: ClassVar[None] = None
    __contains__: ClassVar[None] = None

    def __init__(self, name: str) -> None:
        self._name = name

    def _is(self, operator: str, value: object) -> Condition:
        if isinstance(value, Column):
            return Condition({"$expr": {operator: [f"${self._name}", f"${value._name}"]}})
        return Condition({self._name: {operator: value}})

    def __eq__(self, other: _V | Column[_V] | None) -> Condition:  # type: ignore[override]
        return self._is("$eq", other)

    def __ne__(self, other: _V | Column[_V] | None) -> Condition:  # type: ignore[override]
        return self._is("$ne", other)

    def __lt__(self, other: _V | Column[_V]) -> Condition:
        return self._is("$lt", other)

    def __le__(self, other: _V | Column[_V]) -> Condition:
        return self._is("$lte", other)

    def __gt__(self, other: _V | Column[_V]) -> Condition:
        return self._is("$gt", other)

    def __ge__(self, other: _V | Column[_V]) -> Condition:
        return self._is("$gte", other)

    def isin(self, values: Iterable[_V | None]) -> Condition:
        """`$in`: the value is one of these."""
        return self._is("$in", listed(values))

    def notin(self, values: Iterable[_V | None]) -> Condition:
        """`$nin`: the value is none of these."""
        return self._is("$nin", listed(values))

    def exists(self, there: bool = True) -> Condition:
        """`$exists`: the value is not None, or with False: it is."""
        return self._is("$exists", there)

    def istype(self, *types: TypeName) -> Condition:
        """`$type`: the value is of one of these; in JSON `array`, `bool`, `null`, `number`, `object` or `string`."""
        return self._is("$type", list(types))

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

    def mod(self, divisor: int, remainder: int) -> Condition:
        """`$mod`: the int, divided, leaves this remainder, which has its sign."""
        return self._is("$mod", [divisor, remainder])

    def all(self, items: Iterable[object]) -> Condition:
        """`$all`: a list has each of these items; of none of them it is false."""
        return self._is("$all", listed(items))

    def element(self, condition: dict[str, Any]) -> Condition:
        """`$elemMatch`: an item of a list meets all of these operators, or is an object that matches this filter."""
        return self._is("$elemMatch", condition)

    def size(self, items: int) -> Condition:
        """`$size`: a list has so many items."""
        return self._is("$size", items)

    def __getitem__(self, key: str) -> Column[Any]:
        """A key within a JSON field: `orders.c.meta["city"]`."""
        return Column(f"{self._name}.{key}")

    def __repr__(self) -> str:
        return f"<Column {self._name}>"


class Relation:
    """The rows that refer to a row: `authors.c.books.some(books.c.pages > 100)`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def some(self, filter: Mapping[str, Any] | None = None) -> Condition:
        """`$some`: at least one of the rows matches; without a filter, there is one."""
        return Condition({self._name: {"$some": {} if filter is None else filter}})

    def every(self, filter: Mapping[str, Any]) -> Condition:
        """`$every`: all of the rows match; where there is none, that is true."""
        return Condition({self._name: {"$every": filter}})

    def none(self, filter: Mapping[str, Any] | None = None) -> Condition:
        """`$none`: none of the rows matches; without a filter, there is none."""
        return Condition({self._name: {"$none": {} if filter is None else filter}})

    def __repr__(self) -> str:
        return f"<Relation {self._name}>"


if TYPE_CHECKING:

    class Reached(Column[Any], Relation):
        """What a checker, which does not know the model, takes a name for: a field, or a way to other rows."""

        def __getattr__(self, name: str) -> Reached: ...


class Columns:
    """The fields of a model: `c.total`, or `c["total"]` for a name that Python cannot write.

    `c.author` are the fields of the row that `author_id` refers to: `books.c.author.name == "Ada"`. `c.books` are the
    rows that refer to this one, a `Relation`.
    """

    __hash__ = None  # type: ignore[assignment]
    __iter__: ClassVar[None] = None
    __contains__: ClassVar[None] = None

    def __init__(self, registered: Registered, path: str = "") -> None:
        self._registered = registered
        self._path = path

    def __getitem__(self, name: str) -> Reached:
        return cast("Reached", self._reach(name))

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("compare a field of the other row: `books.c.author.id == 1`")

    __ne__ = __eq__

    def _reach(self, name: object) -> Column[Any] | Relation | Columns:
        description = self._registered.description
        if not isinstance(name, str):
            raise TypeError(f"the fields of {description.name} are named by str, not {type(name).__name__}")
        path = self._path + name
        if name in description.fields:
            return Column(path)
        relations = self._registered.table.relations()
        if name not in relations:
            hint = suggest(name, [*description.fields, *relations])
            raise UnknownFieldError(f"{description.name} has no field `{name}`", path=name, hint=hint)
        model, many = relations[name]
        return Relation(path) if many else Columns(self._registered.models.find(model), f"{path}.")

    def __getattr__(self, name: str) -> Reached:
        if name.startswith("__"):  # pickle, copy and inspection ask for these
            raise AttributeError(name)
        return self[name]

    def __dir__(self) -> list[str]:
        return [*self._registered.description.fields, *self._registered.table.relations()]


def listed(values: Iterable[object]) -> object:
    """A list of the values; a text is none, and is refused as it is."""
    return values if isinstance(values, str | bytes) else list(values)


def plain(value: Any, depth: int = 0) -> Any:
    """The value with plain dicts in place of conditions.

    Raises:
        LimitExceededError: It nests deeper than any filter may.
    """
    if depth > _DEEPEST:
        raise LimitExceededError("a filter nests at most 32 levels", path="filter")
    if isinstance(value, Mapping):
        return {name: plain(part, depth + 1) for name, part in value.items()}
    return [plain(part, depth + 1) for part in value] if isinstance(value, list | tuple) else value
