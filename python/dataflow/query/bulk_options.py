"""The options of bulk writes: all names are known, some of their values are not built yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypedDict

from dataflow._spelling import not_built, suggest
from dataflow.errors import InvalidOptionError, NotBuiltError, UnknownOptionError
from dataflow.query.context import is_unicode
from dataflow.query.progress import LoadProgress

__all__ = [
    "OF_SOURCES",
    "BulkCreateOptions",
    "BulkDeleteOptions",
    "BulkUpdateOptions",
    "BulkUpsertOptions",
    "option_defaults",
    "read_options",
    "refuse_beside",
    "refuse_of_ranges",
]


class _BulkOptions(TypedDict, total=False):
    """Options of every bulk write. Values that are not built yet raise `NotBuiltError`.

    Attributes:
        on_error: What happens when a row is refused: because a value cannot be held, because of what is stored, or by
            the database. Default `raise`: nothing is written. With `skip` the row is left out, and told in
            `BulkResult.rejects`; all others are written. With `quarantine` it is also kept in `dataflow_rejects`, with
            its values, until `db.rejects(load_id).replay(fix=…)` writes it after all. Of two new rows that exclude each
            other the first is stored. Where `duplicates` has one row of several go and that one is refused, the next
            of them goes instead; with `last` that is one before it, which is written after the rows behind it.
        reject_limit: Most rows that may be refused: a number, or a share of all rows (a float between 0 and 1). With
            more the write fails with `TooManyRejectsError`, and nothing stays. Default None: any number.
        load_id: Name under which the write happens once: a text of 1 to 255 characters, for each table and tenant.
            Running it again gives the result of the first run and writes nothing; with other rows, or in another
            order, or with options that mean something else, it raises `LoadMismatchError`. With `atomic=False` it goes
            on where an earlier run came to its end, however that came; with `on_error` it then keeps up to 50,000
            runs of refused rows, and fails with `LimitExceededError` beyond them, unless the rows are all new.
        chunk_rows: Rows that are written at a time. Default None: rows in memory at once, others as they come, about
            65,536 of them or 32 MB.
        batch_size: Refused: how many rows one statement takes follows from the database; see `chunk_rows`.
        atomic: Whether all rows are written or none. Default True; with False each chunk commits by itself, and an
            error tells as `rows_done` how many rows stand.
        parallel: Connections that write chunks at the same time, no more than the pool has. Default 1; more need
            `atomic=False`. Of an error, `rows_done` tells how many rows stand: not which, for the chunks end in any
            order. New rows are cut as they come; an upsert, an update or a delete needs all rows at once, is cut by
            their keys, and gives no rows back. SQLite has one writer: there it changes nothing.
        progress: Whether the progress is shown: as a line in a terminal or in the output of a notebook's cell (both
            with `rich`), else as JSON on stderr; or a function that gets a `LoadProgress` after each chunk and at the
            end. Default False.
    """

    on_error: Literal["raise", "skip", "quarantine"]
    reject_limit: int | float | None
    load_id: str | None
    chunk_rows: int | None
    batch_size: int | None
    atomic: bool
    parallel: int
    progress: bool | Callable[[LoadProgress], object]


class BulkUpsertOptions(_BulkOptions, total=False):
    """Options of `bulk_upsert`.

    Attributes:
        on_conflict: What happens to a row that is there already: `update` (the default), `ignore` or `error`.
        conflict_on: The fields by which a stored row is the same: a unique set of the model. Default the key.
        update_fields: The fields that may change in a stored row. Default all that a row gives.
        duplicates: What happens to rows of the data that are the same: `error` (the default), or the `first` or `last`
            goes.
        return_rows: Whether the rows are given back as stored, and how each ended. Default False.
    """

    on_conflict: Literal["error", "update", "ignore"]
    conflict_on: str | Sequence[str] | None
    update_fields: str | Sequence[str] | None
    duplicates: Literal["error", "first", "last"]
    return_rows: bool


class BulkCreateOptions(_BulkOptions, total=False):
    """Options of `bulk_create`: as in `BulkUpsertOptions`, but `on_conflict` is `error` by default.

    Attributes:
        on_conflict: As for `bulk_upsert`.
        conflict_on: As for `bulk_upsert`.
        duplicates: As for `bulk_upsert`.
        return_rows: As for `bulk_upsert`.
        defer_indexes: Whether the indexes of an empty table are dropped before the rows are written and made again
            when they are in, which is faster; in one transaction, which keeps all others out of the table. Only with
            `atomic`, and not on MariaDB, whose DDL commits. Of a value that is there twice the error tells the
            constraint and not the row. Default False.
    """

    on_conflict: Literal["error", "update", "ignore"]
    conflict_on: str | Sequence[str] | None
    duplicates: Literal["error", "first", "last"]
    return_rows: bool
    defer_indexes: bool


class BulkUpdateOptions(_BulkOptions, total=False):
    """Options of `bulk_update`.

    Attributes:
        on_missing: With data: what happens when a row is not there: `error` (the default), or `skip` counts it.
        duplicates: With data: what happens to rows with the same key: `error` (the default), `first` or `last`.
        return_rows: Whether the rows are given back as stored, and how each ended; those of a filter in the order of
            their keys. Default False.
        max_affected: Most rows of a filter that may change: with more, nothing is changed.
        dry_run: Whether it is only told what the update would do: it is done and undone. Default False.
        all_rows: Whether a filter that matches every row is meant so. Default False.
    """

    on_missing: Literal["error", "skip"]
    duplicates: Literal["error", "first", "last"]
    return_rows: bool
    max_affected: int | None
    dry_run: bool
    all_rows: bool


class BulkDeleteOptions(_BulkOptions, total=False):
    """Options of `bulk_delete`.

    Attributes:
        max_affected: Most rows a filter may match: with more, nothing is deleted.
        dry_run: Whether the rows of a filter are only counted (`matched`); with keys whether it is only told what the
            delete would do. Default False.
        return_rows: Whether the rows are given back as they were before, and how each ended; those of a filter in the
            order of their keys. Default False.
        hard: Whether a soft-deleted model really loses the rows. Default False.
        all_rows: Whether a filter that matches every row is meant so. Default False.
    """

    max_affected: int | None
    dry_run: bool
    return_rows: bool
    hard: bool
    all_rows: bool


_DEFAULTS: Mapping[str, object] = {
    "all_rows": False,
    "atomic": True,
    "batch_size": None,
    "chunk_rows": None,
    "conflict_on": None,
    "defer_indexes": False,
    "dry_run": False,
    "duplicates": "error",
    "hard": False,
    "load_id": None,
    "max_affected": None,
    "on_conflict": "error",
    "on_error": "raise",
    "on_missing": "error",
    "parallel": 1,
    "progress": False,
    "reject_limit": None,
    "return_rows": False,
    "update_fields": None,
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "duplicates": ("error", "first", "last"),
    "on_conflict": ("error", "update", "ignore"),
    "on_error": ("raise", "skip", "quarantine"),
    "on_missing": ("error", "skip"),
}
# The least of the options that are numbers.
_LEAST = {"chunk_rows": 1, "max_affected": 0}
# Options that would have no effect, whatever their value.
_WITHOUT_EFFECT = {"batch_size": "chunk_rows is the number of rows that are written at a time"}
# Options that mean something only where rows are given.
OF_SOURCES = ("atomic", "chunk_rows", "on_error", "parallel", "progress", "reject_limit")
_FLAGS = frozenset(name for name, default in _DEFAULTS.items() if isinstance(default, bool)) - {"progress"}


def option_defaults(kind: type[Any]) -> dict[str, Any]:
    """The options of `kind` with the values they have when they are not given."""
    return dict(_defaults_of(kind))  # type: ignore[arg-type]  # a class can be hashed


@cache
def _defaults_of(kind: type[Any]) -> Mapping[str, Any]:
    own = {"on_conflict": "update"} if kind is BulkUpsertOptions else {}
    return {name: default for name, default in {**_DEFAULTS, **own}.items() if name in kind.__annotations__}


def read_options(verb: str, kind: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of `kind` with its value.

    Raises:
        UnknownOptionError: There is no such option.
        InvalidOptionError: An option has no such value.
        NotBuiltError: The option is used with a value that is not built yet.
    """
    options = option_defaults(kind)
    for name, value in given.items():
        if name not in options:
            raise UnknownOptionError(f"{verb} has no option `{name}`", path=name, hint=suggest(name, options))
        _check(name, value)
        options[name] = value
    if options.get("on_error", "raise") == "raise":
        refuse_beside('on_error="raise"', given, "reject_limit")
    if options["load_id"] is not None and options.get("return_rows"):
        hint = "leave return_rows out: the rows of an earlier run are not kept"
        raise InvalidOptionError("return_rows has no meaning beside load_id", path="return_rows", hint=hint)
    if options.get("parallel", 1) > 1:
        _check_parallel(options)
    if options.get("defer_indexes"):
        _check_deferred(options)
    if options.get("dry_run"):
        refuse_beside("dry_run", given, "atomic", "load_id", "max_affected")
        if options.get("on_error") == "quarantine":
            hint = 'on_error="skip" tells the same rows'
            raise InvalidOptionError("a dry run keeps nothing, no refused rows either", path="on_error", hint=hint)
    return options


def refuse_beside(what: str, given: Mapping[str, Any], *names: str) -> None:
    """Refuses options that would change nothing beside another one: whoever gives them believes that they do.

    Raises:
        InvalidOptionError: One of `names` is given another value than its default.
    """
    for name in names:
        if name in given and given[name] != _DEFAULTS[name]:
            raise InvalidOptionError(f"{name} has no meaning beside {what}", path=name)


def _check(name: str, value: object) -> None:
    choices = _CHOICES.get(name)
    if choices and value not in choices:
        raise InvalidOptionError(f"{name} must be one of {', '.join(choices)}", path=name)
    if name in _FLAGS and not isinstance(value, bool):
        raise InvalidOptionError(f"{name} must be True or False, got {type(value).__name__}", path=name)
    if name in _WITHOUT_EFFECT and value is not None:
        raise NotBuiltError(f"`{name}` would have no effect", path=name, hint=_WITHOUT_EFFECT[name])
    if name == "parallel" and not _is_count(value, 1):
        raise InvalidOptionError("parallel is an int from 1", path=name)
    if name == "reject_limit" and value is not None and not (_is_count(value, 0) or _is_share(value)):
        message = "reject_limit is a number of rows (an int from 0) or a share of them (a float between 0 and 1)"
        raise InvalidOptionError(message, path=name)
    if name == "load_id" and value is not None:
        _check_load_id(value)
    if name == "progress" and not (isinstance(value, bool) or callable(value)):
        raise InvalidOptionError(f"progress is True, False or a function, got {type(value).__name__}", path=name)
    least = _LEAST.get(name)
    if least is not None and value is not None and not _is_count(value, least):
        raise InvalidOptionError(f"{name} is an int from {least}, or None", path=name)


def _check_parallel(options: Mapping[str, Any]) -> None:
    if options["atomic"]:
        message = "several connections cannot write in one transaction"
        raise InvalidOptionError(message, path="parallel", hint="with atomic=False each chunk commits by itself")
    if options["load_id"] is not None:
        hint = "leave one of them out: a load that can be resumed is written in the order of its rows"
        raise InvalidOptionError("parallel has no meaning beside load_id", path="parallel", hint=hint)


def refuse_of_ranges(options: Mapping[str, Any]) -> None:
    """Refuses what rows that are written side by side in the order of their keys cannot have.

    Raises:
        InvalidOptionError: The rows are to be given back.
        NotBuiltError: Rows may be refused.
    """
    if options["parallel"] == 1:
        return
    if options["return_rows"]:
        hint = "leave one of them out: only new rows keep their order"
        raise InvalidOptionError("return_rows has no meaning beside parallel", path="return_rows", hint=hint)
    if options["on_error"] != "raise":
        raise not_built("`on_error` in a parallel upsert, update or delete", path="on_error")


def _check_deferred(options: Mapping[str, Any]) -> None:
    """Refuses what needs the indexes while rows are written, or more than one transaction."""
    needs = {"atomic": True, "duplicates": "error", "load_id": None, "on_conflict": "error", "on_error": "raise"}
    for name, value in needs.items():
        if options[name] != value:
            hint = f"leave {name} out, or defer_indexes"
            raise InvalidOptionError(f"{name} cannot be had beside defer_indexes", path=name, hint=hint)


def _check_load_id(value: object) -> None:
    """Refuses what is no text; its length and characters are checked with the write."""
    if not isinstance(value, str):
        raise InvalidOptionError(f"load_id must be a str, got {type(value).__name__}", path="load_id")
    if not is_unicode(value):
        raise InvalidOptionError("load_id is a text without lone surrogates", path="load_id")


def _is_share(value: object) -> bool:
    return isinstance(value, float) and 0 < value < 1


def _is_count(value: object, least: int) -> bool:
    """An int, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63
