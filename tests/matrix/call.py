"""What calls are made of: filters, values and instances for given rows."""

from collections.abc import Sequence
from typing import Any

from tests.matrix.model import Row

Job = Sequence[Row]
Filter = dict[str, Any]


def has_version(row: Row) -> bool:
    """Whether the row names the version it was read in; a text is a field that is only called so."""
    return isinstance(row.get("version"), int)


def named(row: Row) -> Filter:
    return {name: row[name] for name in (("id", "version") if has_version(row) else ("id",))}


def keyed(job: Job) -> Filter:
    """The filter that finds the rows by their keys."""
    return {"id": {"$in": [row["id"] for row in job]}}


def those(job: Job) -> Filter:
    """The filter that finds the rows; of the first one's version, where that is given."""
    return {**named(job[0]), **keyed(job)}


def values(job: Job) -> Row:
    """The values of the first row; a filter gives all rows the same."""
    return {name: value for name, value in job[0].items() if name != "id"}


def updates(job: Job) -> Row:
    """The values, without what names the row."""
    return {name: value for name, value in job[0].items() if name not in named(job[0])}


def instance(table: Any, row: Row, **required: Any) -> Any:
    return table._cls(**{**required, **row})


def instances(table: Any, job: Job, **required: Any) -> list[Any]:
    return [instance(table, row, **required) for row in job]


def stand_in(table: Any, job: Job) -> Any:
    """An instance with the key (and version) of the first row, and else nothing of it."""
    return instance(table, named(job[0]), code="?")
