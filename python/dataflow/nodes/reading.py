"""The nodes that read: `ProductReadNode`, `ProductListNode`, `ProductCountNode`, `ProductAggregateNode`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dataflow.errors import NotFoundError
from dataflow.model.markers import UNSET
from dataflow.nodes.model_node import ModelNode, Steps
from dataflow.nodes.row import the_key
from dataflow.query.include import Include
from dataflow.query.reading import Page
from dataflow.query.result import Records

__all__ = ["AggregateNode", "CountNode", "ListNode", "ReadNode"]

Names = str | Sequence[str]
Filter = Mapping[str, Any]


class ReadNode(ModelNode):
    """Reads one row by its key: `key`, or the fields of the key.

    Returns:
        The row, a dict; `{"found": False}` where there is none and `raise_on_not_found` is False.
    """

    flat = True

    def steps(
        self,
        /,
        key: Any = UNSET,
        raise_on_not_found: bool = True,
        include: Include | None = None,
        include_deleted: bool = False,
        **fields: Any,
    ) -> Steps:
        wanted = the_key(self, key, fields, "read")
        rows = yield self.table._select_one(wanted, include, include_deleted)
        if len(rows) == 0 and raise_on_not_found:
            hint = "raise_on_not_found=False gives {'found': False} instead"
            raise NotFoundError(f"no {self.model_name} has this key", path="key", hint=hint)
        return rows.records()[0] if len(rows) else {"found": False}

    def outputs(self) -> Mapping[str, Any]:
        return dict.fromkeys((*self.table._model.fields, "found"), Any)

    def needs(self, given: Collection[str]) -> list[str]:
        return self.needs_key(given, "key")

    def count_rows(self, outputs: Mapping[str, Any]) -> int | None:
        return 0 if outputs == {"found": False} else 1


class ListNode(ModelNode):
    """The rows that match a filter; parameters as of `table.list`.

    Returns:
        `records`, the rows as a sequence of dicts that are made when first looked at (it has an Arrow capsule: a bulk
        node takes it as it is); `count`, how many those are; `next` and `previous`, the cursors for `after` and
        `before`, None where nothing comes; with `total=True` or `"exact"`, `total`, how many match in all.
    """

    aliases = {"conditions": "filter"}  # noqa: RUF012

    def steps(
        self,
        filter: Filter | None = None,
        order_by: Names | None = None,
        limit: int | None = 100,
        offset: int | None = None,
        after: str | None = None,
        before: str | None = None,
        fields: Sequence[str] | None = None,
        distinct: bool = False,
        include_deleted: bool = False,
        total: bool | str = False,
        include: Include | None = None,
    ) -> Steps:
        wanted: Any = ("exact" if total else "none") if isinstance(total, bool) else total
        page = Page(filter, order_by, limit, offset, after, before, fields, distinct, include_deleted, wanted, include)
        batch, next, previous, counted = yield self.table._page(page)
        records = Records(batch, self.table._model.name)
        found = {"records": records, "count": len(records), "next": next, "previous": previous}
        if wanted != "none":
            found["total"] = counted
        return found

    def outputs(self) -> Mapping[str, Any]:
        return {"records": Records, "count": int, "next": str, "previous": str, "total": int}

    def possible_outputs(self, given: Mapping[str, Any], connected: Collection[str]) -> Collection[str] | None:
        known = super().possible_outputs(given, connected)
        unasked = known is not None and given.get("total", False) in (False, "none") and "total" not in connected
        return [name for name in known if name != "total"] if known is not None and unasked else known

    def count_rows(self, outputs: Mapping[str, Any]) -> int | None:
        return outputs.get("count")


class CountNode(ModelNode):
    """How many rows match a filter.

    Returns:
        `{"count": n}`.
    """

    aliases = {"conditions": "filter"}  # noqa: RUF012

    def steps(self, filter: Filter | None = None, include_deleted: bool = False) -> Steps:
        return {"count": (yield self.table._count(filter, include_deleted))}

    def outputs(self) -> Mapping[str, Any]:
        return {"count": int}

    def count_rows(self, outputs: Mapping[str, Any]) -> int | None:
        return None


class AggregateNode(ModelNode):
    """What a pipeline makes of the rows; parameters as of `table.aggregate`.

    Returns:
        `records`, a sequence of dicts that are made when first looked at (it has an Arrow capsule), and `count`, how
        many those are.
    """

    def steps(self, pipeline: Sequence[Mapping[str, Any]], include_deleted: bool = False) -> Steps:
        batch = yield self.table._aggregate(pipeline, include_deleted)
        records = self.table._records(batch)
        return {"records": records, "count": len(records)}

    def outputs(self) -> Mapping[str, Any]:
        return {"records": Records, "count": int}

    def count_rows(self, outputs: Mapping[str, Any]) -> int | None:
        return outputs.get("count")
