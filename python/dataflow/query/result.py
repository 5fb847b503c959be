"""What operations give back: rows in Arrow memory, and the counts of a bulk write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from dataflow import _core

if TYPE_CHECKING:
    from typing import Self

    import pandas  # type: ignore[import-untyped, import-not-found, unused-ignore]  # pyright: ignore[reportMissingImports]
    import polars  # type: ignore[import-untyped, import-not-found, unused-ignore]  # pyright: ignore[reportMissingImports]
    import pyarrow  # type: ignore[import-untyped, import-not-found, unused-ignore]  # pyright: ignore[reportMissingImports]

__all__ = ["OUTCOMES", "BulkResult", "Outcomes", "Records", "Reject", "Rejects", "Rows"]

_T = TypeVar("_T")
# Rows in a notebook.
_SHOWN = 20


class Rows(Sequence[_T], Generic[_T]):
    """Rows as a sequence of instances, which are made when first looked at; or in any other form.

    It has `__arrow_c_stream__`, so that `pyarrow.table(rows)` and `bulk_create(rows)` take it as it is.
    """

    def __init__(
        self,
        batch: _core.Batch,
        cls: type[_T],
        next: str | None = None,
        previous: str | None = None,
        total: int | None = None,
    ) -> None:
        self._around, self._total = (next, previous), total
        self._batch: _core.Batch | _core.Outcomes = batch
        self._make: Callable[[], list[_T]] = partial(batch.instances, cls)
        self._name = cls.__name__

    @property
    def next(self) -> str | None:
        """The cursor of the next page, for `list(after=…)`: a text for URLs. None at the end, and without a limit."""
        return self._around[0]

    @property
    def previous(self) -> str | None:
        """The cursor of the page before, for `list(before=…)`. None at the begin, and without a limit."""
        return self._around[1]

    @property
    def total(self) -> int | None:
        """How many rows match in all, where `list(total=…)` asked for it."""
        return self._total

    @cached_property
    def _instances(self) -> list[_T]:
        return self._make()

    def __len__(self) -> int:
        return len(self._batch)

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> list[_T]: ...
    def __getitem__(self, index: int | slice) -> _T | list[_T]:
        return self._instances[index]

    def __iter__(self) -> Iterator[_T]:
        return iter(self._instances)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._name}: {len(self)}>"

    def records(self) -> list[dict[str, Any]]:
        """The rows as dicts."""
        return self._batch.records()

    def _repr_html_(self) -> str:
        """The first rows as a table, for notebooks."""
        # Here and not above: programs do without it, and it takes the table of all HTML entities along.
        from dataflow.query.markup import rows_table

        return rows_table(self._head(_SHOWN), len(self))

    def _head(self, rows: int) -> list[dict[str, Any]]:
        return self._batch.head(rows).records() if isinstance(self._batch, _core.Batch) else self.records()[:rows]

    def to_arrow(self) -> pyarrow.Table:
        """The rows as a `pyarrow.Table`, without a copy."""
        module: Any = import_module("pyarrow")
        table: pyarrow.Table = module.table(self._batch)
        return table

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a DataFrame. Optional int and bool fields are `Int64` and `boolean`: floats would lose digits."""
        module: Any = import_module("pandas")
        table: Any = self.to_arrow()
        mapping = {"int64": module.Int64Dtype(), "bool": module.BooleanDtype()}
        # pyarrow has no way from lists of UUIDs to pandas, and makes floats of ints beside a null inside of rows.
        kinds = {field.name: str(field.type) for field in table.schema}
        rows, uuids = ("struct<", "list<item: struct<"), "extension<arrow.uuid> not null>"
        objects = [name for name, kind in kinds.items() if kind.startswith(rows) or kind.endswith(uuids)]
        plain = table.drop_columns(objects)
        frame: pandas.DataFrame = plain.to_pandas(types_mapper=lambda kind: mapping.get(str(kind)))
        required = {field.name: str(field.type) for field in plain.schema if not field.nullable}
        frame = frame.astype({name: kind for name, kind in required.items() if kind in mapping})
        for name in objects:
            values = module.Series(table[name].to_pylist(), dtype=object)
            frame.insert(table.column_names.index(name), name, values)
        return frame

    def to_polars(self) -> polars.DataFrame:
        """The rows as a polars DataFrame."""
        module: Any = import_module("polars")
        frame: polars.DataFrame = module.DataFrame(self._batch)
        return frame

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._batch.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> Any:
        return self._batch.__arrow_c_schema__()


class Records(Rows[dict[str, Any]]):
    """Rows as a sequence of dicts, which are made when first looked at; else like `Rows`. Equals a list of them."""

    def __init__(self, batch: _core.Batch, model: str) -> None:
        self._around, self._total = (None, None), None
        self._batch = batch
        self._make = batch.records
        self._name = model

    def __eq__(self, other: object) -> bool:
        return list(self) == other if isinstance(other, list) else self is other

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Self:
        return self

    def __reduce__(self) -> tuple[type[list[dict[str, Any]]], tuple[list[dict[str, Any]]]]:
        """Another process, or a deep copy, gets a list of dicts: the Arrow memory stays here."""
        return list, (list(self),)


class Outcomes(Records):
    """How each row of a bulk write ended: a dict a row, in the order given. Else like `Records`.

    Its columns are `row`, the number of the row in the data; `status`, one of the names of the counts; `key`, its key
    as a dict, with None where it is not known; for a `duplicate` `first_row`, the number of the row that went instead;
    and for a row that was `rejected` `kind`, `sqlstate`, `constraint`, `column` and `message`. The rows of a write by
    filter are numbered in the order of their keys.
    """

    def __init__(self, batch: _core.Outcomes, model: str) -> None:
        self._around, self._total = (None, None), None
        self._batch = batch
        self._make = batch.records
        self._name = model


@dataclass(frozen=True, kw_only=True)
class Reject:
    """One refused row. It holds no value of the row: those are in the quarantine only.

    Attributes:
        row: Its number in the rows given, from 0.
        kind: Why it was refused, e.g. `UniqueViolation`: the name of an error class without `Error`.
        sqlstate: What the database called it.
        constraint: The constraint that refused it.
        column: The field that it is about.
        message: Why, in one line.
    """

    row: int
    kind: str
    sqlstate: str | None
    constraint: str | None
    column: str | None
    message: str


class Rejects(Rows[Reject]):
    """Refused rows as a sequence of `Reject` in input order; or in any other form, as `Rows`."""

    def __init__(self, batch: _core.Batch | None = None) -> None:
        super().__init__(_core.no_rejects() if batch is None else batch, Reject)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, list | Rejects) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Rejects:
        return self

    def __reduce__(self) -> tuple[type[list[Reject]], tuple[list[Reject]]]:
        """Another process, or a deep copy, gets a list: the Arrow memory stays here."""
        return list, (list(self),)


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkResult(Mapping[str, Any]):
    """How many rows of a bulk write ended how; the first eight sum to the rows given, or to those a filter matched.

    Attributes:
        inserted: New rows.
        updated: Rows that were there and changed.
        unchanged: Rows that were there with the same values.
        deleted: Rows removed.
        ignored: Rows left as they were because of a conflict.
        duplicate: Rows given more than once.
        missing: Rows to be changed that were not there.
        rejected: Rows refused and left out.
        matched: Rows the filter matched; 0 where none was given.
        load_id: The name under which the write happens once, and under which refused rows are kept; None where none was
            given and none needed.
        seconds: Time the operation took, waiting for a connection included.
        rows_per_second: The rows by that time, without those that an earlier run wrote.
        replayed: Whether it was done before under its load id: the counts are those of then, and nothing was written
            now. An attribute only, not one of the items.
        resumed_at: Rows that an earlier run of the load had committed, after which this one went on: the counts are
            those of all runs together. 0 where it began anew, or was replayed. An attribute only.
        rejects: The refused rows in input order, each with its reason; only those of this run. `result["rejects"]` is
            there too, but is not one of the items.
        rows: The rows as stored, in the order given, where they were asked for with `return_rows=True`; those of a
            delete as they were before. Then `result["rows"]` is there too, but is not one of the items.
        outcomes: How each row ended, in the order given, where the rows were asked for; like `rows` not one of the
            items.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    ignored: int = 0
    duplicate: int = 0
    missing: int = 0
    rejected: int = 0
    matched: int = 0
    load_id: str | None = None
    seconds: float = 0.0
    rows_per_second: float = 0.0
    replayed: bool = False
    resumed_at: int = 0
    rejects: Rejects = field(default_factory=Rejects, repr=False, compare=False)
    rows: Rows[Any] | None = field(default=None, repr=False, compare=False)
    outcomes: Outcomes | None = field(default=None, repr=False, compare=False)

    def __getitem__(self, name: str) -> Any:
        value = getattr(self, name) if name in (*_ITEMS, *_TABLES) else None
        if value is None and name not in _ITEMS:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(_ITEMS)

    def __len__(self) -> int:
        return len(_ITEMS)


_TABLES = ("rejects", "rows", "outcomes")
_ITEMS = tuple(item.name for item in fields(BulkResult) if item.name not in ("replayed", "resumed_at", *_TABLES))
# The counts that sum to the rows given.
OUTCOMES = _ITEMS[: _ITEMS.index("matched")]
