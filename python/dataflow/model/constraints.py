"""Unique keys, indexes, checks and references: what the fields say, and what `__dataflow__` says, in one list each."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from dataflow._spelling import suggest
from dataflow.errors import InvalidModelError
from dataflow.model.hints import ColumnType
from dataflow.model.markers import Index, Ref, Unique
from dataflow.model.options import ModelOptions, TableIndex
from dataflow.model.refusal import invalid

__all__ = ["Constraints", "Reference", "read_constraints"]

_SUFFIX = "_id"


class Reference(NamedTuple):
    """A field that holds the key of a row of another model."""

    field: str
    model: str
    on_delete: str
    related: str | None

    @property
    def relation(self) -> str | None:
        """The name of the other row, seen from this one: the field without `_id`; None where it does not end so."""
        name = self.field.removesuffix(_SUFFIX)
        return name if name and name != self.field else None


class Constraints(NamedTuple):
    """What rows must meet, and what makes them found."""

    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[TableIndex, ...] = ()
    checks: Mapping[str, Mapping[str, Any]] = {}
    references: tuple[Reference, ...] = ()


def read_constraints(
    model: str, types: Mapping[str, ColumnType], key: tuple[str, ...], options: ModelOptions
) -> Constraints:
    """Puts together what markers and options say.

    Raises:
        InvalidModelError: A name is no field, a str has no MaxLength where it needs one, or two names collide.
    """
    _check_fields(model, types, options)
    unique = _distinct([*_marked_unique(types), *options.unique])
    indexes = _distinct([*_marked_indexes(types), *options.indexes])
    references = _read_references(model, types)
    bounded = {name for names in unique for name in names} | {name for index in indexes for name in index.names}
    for name in (*key, *sorted(bounded), *(reference.field for reference in references)):
        if types[name].needs_length:
            raise _needs_length(model, name)
    return Constraints(unique, indexes, _read_checks(model, types, options), references)


def _check_fields(model: str, types: Mapping[str, ColumnType], options: ModelOptions) -> None:
    named = [(f"unique[{at}]", name) for at, names in enumerate(options.unique) for name in names]
    named += [(f"indexes[{at}].fields", name) for at, index in enumerate(options.indexes) for name in index.names]
    for where, name in named:
        if name not in types:
            path = f"{model}.__dataflow__.{where}"
            raise invalid(path, f"names `{name}`, which is no field", hint=suggest(name, types))


def _marked_unique(types: Mapping[str, ColumnType]) -> list[tuple[str, ...]]:
    return [(name,) for name, kind in types.items() for marker in kind.markers if isinstance(marker, Unique)]


def _marked_indexes(types: Mapping[str, ColumnType]) -> list[TableIndex]:
    marked = [(name, marker) for name, kind in types.items() for marker in kind.markers if isinstance(marker, Index)]
    return [TableIndex((f"-{name}" if marker.order == "desc" else name,)) for name, marker in marked]


def _distinct(items: Iterable[Any]) -> tuple[Any, ...]:
    """In order, each once: a filter in an index cannot be hashed."""
    kept: list[Any] = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return tuple(kept)


def _read_checks(model: str, types: Mapping[str, ColumnType], options: ModelOptions) -> dict[str, Mapping[str, Any]]:
    checks: dict[str, Mapping[str, Any]] = {}
    for field, kind in types.items():
        for ending, operators in kind.checks:
            met: Mapping[str, Any] = {field: dict(operators)}
            checks[f"{field}_{ending}"] = {"$or": [{field: None}, met]} if kind.nullable else met
    for name, condition in options.checks.items():
        if name in checks:
            path = f"{model}.__dataflow__.checks.{name}"
            raise invalid(path, "has the name of the check that a marker of a field makes", hint="choose another name")
        checks[name] = condition
    return checks


def _read_references(model: str, types: Mapping[str, ColumnType]) -> tuple[Reference, ...]:
    found = [
        Reference(name, marker.name, marker.on_delete, marker.related)
        for name, kind in types.items()
        for marker in kind.markers
        if isinstance(marker, Ref)
    ]
    seen: set[tuple[str, str]] = set()
    for reference in found:
        path = f"{model}.{reference.field}"
        if reference.on_delete == "set_null" and not types[reference.field].nullable:
            fix = f"write `{reference.field}: Annotated[… | None, Ref(…)] = None`"
            raise invalid(path, "is set to None when the other row goes, and is not optional", hint=fix)
        if reference.relation in types:
            raise invalid(path, f"makes a relation `{reference.relation}`, which is a field", hint="rename one of them")
        if reference.related is not None and (reference.model, reference.related) in seen:
            raise invalid(path, f"is the second to call itself `{reference.related}`", hint="give it another `related`")
        seen.add((reference.model, reference.related or ""))
    return tuple(found)


def _needs_length(model: str, name: str) -> InvalidModelError:
    hint = f"declare it as `{name}: Annotated[str, MaxLength(100)]`: MariaDB cannot index unbounded text"
    where = "a key, unique key, index or reference"
    return invalid(f"{model}.{name}", f"is a str without MaxLength in {where}", hint=hint)
