"""The nodes that write many rows: `ProductBulkCreateNode`, `BulkUpdateNode`, `BulkDeleteNode`, `BulkUpsertNode`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from time import perf_counter
from typing import Any, ClassVar, get_type_hints

from dataflow.nodes.model_node import ModelNode, Steps
from dataflow.nodes.signature import Parameter
from dataflow.query.bulk_options import (
    BulkCreateOptions,
    BulkDeleteOptions,
    BulkUpdateOptions,
    BulkUpsertOptions,
    option_defaults,
    read_options,
)
from dataflow.query.result import OUTCOMES, BulkResult

__all__ = ["BulkCreateNode", "BulkDeleteNode", "BulkNode", "BulkUpdateNode", "BulkUpsertNode"]

Names = str | Sequence[str]
Filter = Mapping[str, Any]
# Words that other frameworks have for the same.
_CONFLICTS = {"skip": "ignore", "upsert": "update"}


def _as_options(given: Mapping[str, Any]) -> Any:
    wanted = given.get("on_conflict")
    # What is connected may be anything, also what has no hash.
    if not isinstance(wanted, str) or wanted not in _CONFLICTS:
        return given
    return {**given, "on_conflict": _CONFLICTS[wanted]}


class BulkNode(ModelNode):
    """Many rows at a time; its options are those of the table's method, and refused by it.

    Attributes:
        options: The type that lists them.
    """

    writes_rows = True
    options: ClassVar[type[Any]]

    def parameters(self) -> dict[str, Parameter]:
        defaults = option_defaults(self.options)
        options = {name: Parameter(hint, defaults[name]) for name, hint in get_type_hints(self.options).items()}
        aliases = {name: options[meant] for name, meant in self.aliases.items() if meant in options}
        return {**super().parameters(), **options, **aliases}

    def check_parameters(self, given: Mapping[str, Any], connected: Collection[str]) -> None:
        super().check_parameters(given, connected)
        if self._written() is None:
            known = self.options.__annotations__
            options = {name: value for name, value in self.rename(given).items() if name in known}
            read_options(self.kind, self.options, _as_options(options))

    def outputs(self) -> Mapping[str, Any]:
        return dict.fromkeys((*BulkResult(), "rejects", "rows", "outcomes"), Any)

    def result(self, written: Any, started: float, options: Mapping[str, Any]) -> BulkResult:
        """The counts, and the seconds since `started`."""
        return self.table._result(written, started, options.get("load_id"))

    def count_rows(self, outputs: Mapping[str, Any]) -> int | None:
        if not isinstance(outputs, BulkResult):
            return None
        return sum(outputs[name] for name in OUTCOMES) or outputs.matched


class BulkCreateNode(BulkNode):
    """Stores many rows: Arrow, pandas, polars, dicts or instances; options as of `table.bulk_create`.

    Returns:
        A `BulkResult`.
    """

    options = BulkCreateOptions
    aliases = {"conflict_resolution": "on_conflict"}  # noqa: RUF012

    def steps(self, data: Any, **options: Any) -> Steps:
        started = perf_counter()
        return self.result((yield from self.table._append_many(data, _as_options(options))), started, options)


class BulkUpdateNode(BulkNode):
    """Changes many rows: those a filter matches to the same values, or each row of `data` to its own.

    Returns:
        A `BulkResult`.
    """

    options = BulkUpdateOptions
    aliases = {"conditions": "filter", "update": "updates", "fields": "updates"}  # noqa: RUF012

    def steps(
        self, filter: Filter | None = None, updates: Filter | None = None, data: Any = None, **options: Any
    ) -> Steps:
        started = perf_counter()
        return self.result(
            (yield from self.table._change_many(filter, updates, data, _as_options(options))), started, options
        )

    def needs(self, given: Collection[str]) -> list[str]:
        return [] if "data" in given or "updates" in given else ["updates"]


class BulkDeleteNode(BulkNode):
    """Deletes many rows: those a filter matches, or those with the given `keys`.

    Returns:
        A `BulkResult`.
    """

    options = BulkDeleteOptions
    aliases = {"conditions": "filter"}  # noqa: RUF012

    def steps(self, filter: Filter | None = None, keys: Any = None, **options: Any) -> Steps:
        started = perf_counter()
        return self.result((yield from self.table._remove_many(filter, keys, _as_options(options))), started, options)


class BulkUpsertNode(BulkNode):
    """Inserts the rows that are not there, and updates the others; options as of `table.bulk_upsert`.

    Returns:
        A `BulkResult`.
    """

    options = BulkUpsertOptions
    aliases = {"conflict_resolution": "on_conflict"}  # noqa: RUF012

    def steps(self, data: Any, **options: Any) -> Steps:
        started = perf_counter()
        return self.result((yield from self.table._merge_many(data, _as_options(options))), started, options)
