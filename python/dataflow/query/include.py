"""`include=`: the rows of other models that come with each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

from dataflow._spelling import suggest
from dataflow.errors import InvalidFilterError, UnknownFieldError
from dataflow.query.handle import is_name, read_order
from dataflow.query.partial import partial_class

if TYPE_CHECKING:
    from dataflow.model.registry import Registered

__all__ = ["Include", "merge_includes", "read_include"]

Include: TypeAlias = str | Sequence[str] | Mapping[str, Any]

_PARTS = ("fields", "filter", "include", "limit", "order_by")
# Relations in one another, and of one read in all: each is a subquery.
_DEEPEST = 4
_MOST = 20


def read_include(registered: Registered, include: object, path: str = "include") -> list[tuple[Any, ...]]:
    """The relations as the compiled module takes them.

    Raises:
        InvalidFilterError: It is not well formed, or asks for too many rows of others.
        UnknownFieldError: The model has no such relation.
    """
    return _read(registered, include, path, 1, count(1))


def merge_includes(*includes: Include | None) -> Include:
    """All of them; what is said last of a relation counts."""
    return {name: parts for include in includes for name, parts in _entries(include, "include").items()}


def _read(
    registered: Registered, include: object, path: str, depth: int, number: Iterator[int]
) -> list[tuple[Any, ...]]:
    entries = _entries(include, path)
    if entries and depth > _DEEPEST:
        raise InvalidFilterError(f"relations are included at most {_DEEPEST} levels deep", path=path)
    return [_one(registered, name, parts, f"{path}.{name}", depth, number) for name, parts in entries.items()]


def _entries(include: object, path: str) -> Mapping[str, object]:
    if include is None:
        return {}
    names: Any = [include] if isinstance(include, str) else include
    if isinstance(names, Sequence) and all(is_name(name) for name in names):
        return dict.fromkeys(names, True)
    if not isinstance(include, Mapping) or not all(is_name(name) for name in include):
        hint = 'write include="author", include=["author", "reviews"] or include={"reviews": {"limit": 5}}'
        raise InvalidFilterError("include names relations of the model", path=path, hint=hint)
    return include


def _one(
    registered: Registered, name: str, parts: object, path: str, depth: int, number: Iterator[int]
) -> tuple[Any, ...]:
    if next(number) > _MOST:
        raise InvalidFilterError(f"one read includes at most {_MOST} relations", path=path)
    relations = registered.table.relations()
    if name not in relations:
        hint = suggest(name, relations) if relations else "declare one with `Ref`"
        raise UnknownFieldError(f"{registered.description.name} has no relation `{name}`", path=path, hint=hint)
    model, many = relations[name]
    if parts is True:
        parts = {}
    if not isinstance(parts, Mapping):
        raise InvalidFilterError("a relation is included by True or a dict", path=path, hint='{"limit": 5}')
    for part in parts:
        if part not in _PARTS:
            near = suggest(part, _PARTS) if is_name(part) else None
            raise InvalidFilterError(f"`{part}` says nothing of a relation", path=path, hint=near or ", ".join(_PARTS))
        if part in ("order_by", "limit") and not many and parts[part] is not None:
            raise InvalidFilterError(f"`{name}` is one row at most: it has no {part}", path=f"{path}.{part}")
    other = registered.models.find(model)
    limit, fields = parts.get("limit"), parts.get("fields")
    if not (limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and 0 <= limit < 2**63)):
        raise InvalidFilterError("limit is an int from 0, or None", path=f"{path}.limit")
    if fields is not None and (not isinstance(fields, list | tuple) or not all(is_name(field) for field in fields)):
        raise InvalidFilterError("fields is a list of names", path=f"{path}.fields")
    inner = _read(other, parts.get("include"), f"{path}.include", depth + 1, number)
    cls = other.description.cls if fields is None else partial_class(other.description, fields)
    names = None if fields is None else list(fields)
    order = read_order(parts.get("order_by"), f"{path}.order_by")
    return name, other.table, parts.get("filter"), order, limit, names, cls, inner
