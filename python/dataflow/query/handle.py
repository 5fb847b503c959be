"""What all operations of a table stand on: the model, the caller's place, and keys as filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dataflow.errors import InvalidFilterError, InvalidOptionError, NotFoundError, UnsupportedDataError
from dataflow.query.activity import Labels, labels
from dataflow.query.input import read_instance
from dataflow.query.transaction import live

if TYPE_CHECKING:
    from dataflow import _core
    from dataflow.model.registry import Registered
    from dataflow.query.context import Scope

    # The transaction, the tenant, the time where it is not the system's, and the labels of a workflow.
    Caller = tuple[_core.Transaction | None, str | None, int | None, Labels | None]

__all__ = ["Clock", "Filter", "Handle", "Pipeline", "here", "is_name", "read_flag", "read_order"]

_T = TypeVar("_T")
Filter = Mapping[str, Any]
Pipeline = Sequence[Mapping[str, Any]]
Clock = Callable[[], datetime]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Handle(Generic[_T]):
    """One model in one database."""

    def __init__(self, scope: Scope, registered: Registered, clock: Clock | None) -> None:
        self._scope = scope
        self._clock = clock
        self._registered = registered
        self._model = registered.description
        self._cls: type[_T] = registered.description.cls
        self._core = registered.table

    def _here(self) -> Caller:
        return here(self._scope, self._clock)

    def _key_filter(self, key: object) -> Filter:
        """The row with this key: a scalar, or a tuple for a key of several fields."""
        names = self._model.key
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) != len(names):
            shown = ", ".join(names)
            message = f"the key of {self._model.name} is ({shown}), {len(parts)} given"
            raise InvalidFilterError(message, path="key", hint=f"give a tuple of {len(names)} values, in this order")
        # $eq: a dict given as key is a wrong type, not a filter.
        return {name: {"$eq": part} for name, part in zip(names, parts, strict=True)}

    def _row_filter(self, row: object) -> Filter:
        """One row: a dict is a filter, an instance stands for its key, anything else is the key itself."""
        if isinstance(row, self._cls):
            fields = read_instance(self._model, row)
            missing = [name for name in self._model.key if name not in fields]
            if missing:
                message = f"this {self._model.name} has no `{missing[0]}` yet: it was never stored"
                raise InvalidFilterError(message, path=missing[0], hint="create it, or read it first")
            return {name: {"$eq": fields[name]} for name in self._model.key}
        return row if isinstance(row, Mapping) else self._key_filter(row)

    def _fields(self, row: object, fields: Mapping[str, object], verb: str) -> dict[str, object]:
        """The fields of one row, given as an instance, as a dict or by name."""
        if row is None:
            return dict(fields)
        if isinstance(row, self._cls) and not fields:
            return read_instance(self._model, row)
        message = f"{verb} takes one {self._model.name} or its fields, got {type(row).__name__}"
        raise UnsupportedDataError(message, path="instance", hint=f"a dict is given as {verb}(**fields)")

    def _one(self, batch: _core.Batch | None) -> _core.Batch:
        """The batch, which has a row."""
        if batch is None or len(batch) == 0:
            raise NotFoundError(f"no {self._model.name} has this key", path=", ".join(self._model.key))
        return batch

    def _only(self, batch: _core.Batch | None) -> _T:
        return self._one(batch).instances(self._cls)[0]

    def _written(
        self, written: tuple[dict[str, int], _core.Batch | None, _core.Outcomes | None, bool, _core.Batch | None]
    ) -> _T:
        return self._only(written[1])


def here(scope: Scope, clock: Clock | None) -> Caller:
    """The transaction, tenant, time and labels of the caller; no labels outside of workflows."""
    transaction, tenant = scope.state
    now = None if clock is None else _microseconds(clock())
    return (None if transaction is None else live(transaction)), tenant, now, labels()


def _microseconds(time: datetime) -> int:
    if time.utcoffset() is None:
        raise UnsupportedDataError("the clock gives naive times", path="clock", hint="use datetime.now(UTC)")
    return (time - _EPOCH) // _MICROSECOND


def read_flag(value: object, name: str) -> bool:
    """A bool, and nothing that is only as good as one: "no" is true.

    Raises:
        InvalidOptionError: It is something else.
    """
    if not isinstance(value, bool):
        raise InvalidOptionError(f"{name} must be True or False, got {type(value).__name__}", path=name)
    return value


def read_order(order_by: object, path: str = "order_by") -> list[str]:
    """The names of `order_by`: one of them, or a list."""
    if order_by is None:
        return []
    names = [order_by] if isinstance(order_by, str) else order_by
    if not isinstance(names, list | tuple) or not all(is_name(name) for name in names):
        raise InvalidFilterError("order_by is the name of a field or a list of names", path=path)
    return list(names)


def is_name(value: object) -> bool:
    """Whether it is a str, and of characters: half of a surrogate pair is none."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)
