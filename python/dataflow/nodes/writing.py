"""The nodes that write one row: `ProductCreateNode`, `UpdateNode`, `DeleteNode`, `UpsertNode`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dataflow.model.markers import UNSET
from dataflow.nodes.model_node import ModelNode, Steps
from dataflow.nodes.row import one_row, the_row, which_row

__all__ = ["CreateNode", "DeleteNode", "UpdateNode", "UpsertNode"]

Names = str | Sequence[str]
Filter = Mapping[str, Any]


class CreateNode(ModelNode):
    """Stores one row, given by its fields or as `data`, a dict or an instance.

    Returns:
        The row as stored, a dict.
    """

    writes_rows = True
    flat = True

    def steps(self, /, data: Any = UNSET, **fields: Any) -> Steps:
        written = yield self.table._append(*one_row(data, fields, "create"))
        return written[1].records()[0]  # type: ignore[no-any-return]

    def needs(self, given: Collection[str]) -> list[str]:
        if "data" in given:
            return []
        return [name for name in self.table._model.required if name not in given]


class UpdateNode(ModelNode):
    """Changes one row: the one with this key or filter by `updates`, which are values or operators; or flat fields or
    `data`, whose key says which.

    Returns:
        The row as stored, a dict.
    """

    writes_rows = True
    flat = True
    aliases = {"conditions": "filter", "update": "updates", "fields": "updates"}  # noqa: RUF012

    def steps(
        self,
        /,
        filter: Any = UNSET,
        updates: Filter | None = None,
        key: Any = UNSET,
        data: Any = UNSET,
        **fields: Any,
    ) -> Steps:
        row, changes = which_row(self, filter, key, data, fields, updates)
        written = yield self.table._change(row, changes)
        return self.table._one(written[1]).records()[0]

    def needs(self, given: Collection[str]) -> list[str]:
        return self.needs_key(given, "filter", "key", "data")


class DeleteNode(ModelNode):
    """Deletes one row: by `key`, `filter`, or the fields of the key.

    Returns:
        `{"deleted": 1}`.
    """

    writes_rows = True
    flat = True
    aliases = {"conditions": "filter"}  # noqa: RUF012

    def steps(self, /, filter: Any = UNSET, key: Any = UNSET, hard: bool = False, **fields: Any) -> Steps:
        row = the_row(self, filter, key, fields, "delete")
        written = yield self.table._remove(row, hard)
        return {"deleted": written[0]["deleted"]}

    def needs(self, given: Collection[str]) -> list[str]:
        return self.needs_key(given, "filter", "key")

    def outputs(self) -> Mapping[str, Any]:
        return {"deleted": int}

    def count_rows(self, outputs: Mapping[str, Any]) -> int | None:
        return outputs.get("deleted")


class UpsertNode(ModelNode):
    """Inserts one row or updates the one that is there; given by its fields or as `data`, with `updates` beside it.

    Returns:
        The row as stored, a dict, and `created`: whether it was inserted, unless the model has a field of this name.
    """

    writes_rows = True
    flat = True

    def steps(
        self,
        /,
        data: Any = UNSET,
        conflict_on: Names | None = None,
        update_fields: Names | None = None,
        updates: Filter | None = None,
        **fields: Any,
    ) -> Steps:
        instance, given = one_row(data, fields, "upsert")
        row_given = given if instance is None else instance
        written = yield self.table._merge(row_given, conflict_on, update_fields, updates)
        row: dict[str, Any] = written[1].records()[0]
        row.setdefault("created", written[0]["inserted"] == 1)
        return row

    def outputs(self) -> Mapping[str, Any]:
        return dict.fromkeys((*self.table._model.fields, "created"), Any)
