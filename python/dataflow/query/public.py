"""A table as callers who are not trusted have it: they choose the filter, and no more than a list of fields allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from dataflow.errors import InvalidFilterError, InvalidOptionError
from dataflow.model.registry import Registered
from dataflow.query.aggregating import Aggregating
from dataflow.query.partial import partial_class
from dataflow.query.reading import Reading

if TYPE_CHECKING:
    from dataflow import _core
    from dataflow.query.context import Scope
    from dataflow.query.handle import Clock, Filter
    from dataflow.query.include import Include

__all__ = ["Operators", "PublicTable", "open_public"]

_T = TypeVar("_T")
Operators = Sequence[str] | Literal[True]
_LONGEST = 3600.0


class PublicTable(Reading[_T], Aggregating[_T]):
    """The rows of one model for callers who are not trusted, as `Table.public` makes it. Nothing here writes.

    Filters, orders, `fields` and pipelines may come from outside as they are: what they may name and cost is checked
    before anything is sent. A field that is not in the list does not exist here. An error names no other field, and
    leaves out what the database says.
    """

    def __init__(self, scope: Scope, registered: Registered, clock: Clock | None, shown: Sequence[str]) -> None:
        super().__init__(scope, registered, clock)
        self._shown = tuple(shown)

    def __repr__(self) -> str:
        return f"<PublicTable of {self._model.name}>"

    def _key_filter(self, key: object) -> Filter:
        if not self._core.shows_key:
            raise InvalidFilterError("no rows are read by their key here", path="key")
        return super()._key_filter(key)

    def _included(self, include: Include | None) -> Sequence[tuple[Any, ...]]:
        if include is None:
            return []
        # Before it is read: the errors of that tell the names of relations.
        hint = "read them by a table of their own model"
        raise InvalidOptionError("no rows of other models are public", path="include", hint=hint)

    def _only(self, batch: _core.Batch | None) -> _T:
        return self._one(batch).instances(self._row_class(None))[0]

    def _row_class(self, fields: Sequence[str] | None) -> type[_T]:
        return partial_class(self._model, self._shown if fields is None else fields)


def open_public(
    scope: Scope,
    registered: Registered,
    clock: Clock | None,
    fields: Mapping[str, Operators],
    *,
    aggregate: bool,
    max_rows: int,
    timeout: float,
) -> PublicTable[_T]:
    """The table with these fields.

    Raises:
        InvalidOptionError: The fields are none, or not a dict of operators; `max_rows` or `timeout` are out of range.
    """
    if not isinstance(fields, Mapping):
        _refuse("fields is a dict of fields and their operators", "fields")
    allowed = [(name, _read_operators(name, operators)) for name, operators in fields.items()]
    if not isinstance(aggregate, bool):
        _refuse("aggregate is True or False", "aggregate")
    if not isinstance(max_rows, int) or isinstance(max_rows, bool) or not 0 < max_rows < 2**31:
        _refuse("max_rows is an int from 1", "max_rows")
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not 0 < timeout <= _LONGEST:
        _refuse(f"timeout is a number of seconds, above 0 and up to {_LONGEST:.0f}", "timeout")
    table = registered.table.public(allowed, aggregate, max_rows, float(timeout))
    shown = [name for name in registered.description.fields if name in fields]
    return PublicTable(scope, registered._replace(table=table), clock, shown)


def _read_operators(name: object, operators: object) -> list[str] | None:
    """None stands for all that are no patterns."""
    if not isinstance(name, str):
        _refuse("the names of fields are str", "fields")
    if operators is True:
        return None
    if isinstance(operators, str | Mapping) or not isinstance(operators, Iterable):
        _refuse("the operators of a field are a list of names, or True for all but patterns", f"fields.{name}")
    listed = [*operators]
    if not all(isinstance(operator, str) for operator in listed):
        _refuse("the operators of a field are str", f"fields.{name}")
    return listed


def _refuse(message: str, path: str) -> NoReturn:
    raise InvalidOptionError(
        message, path=path, hint='write {"name": ["$eq", "$startsWith"], "price": True, "note": []}'
    )
