"""The twelve nodes of every model by their operation: `ProductCreateNode`, `ProductListNode`, …"""

from __future__ import annotations

from collections.abc import Mapping

from dataflow.nodes.bulk import BulkCreateNode, BulkDeleteNode, BulkUpdateNode, BulkUpsertNode
from dataflow.nodes.model_node import ModelNode
from dataflow.nodes.reading import AggregateNode, CountNode, ListNode, ReadNode
from dataflow.nodes.writing import CreateNode, DeleteNode, UpdateNode, UpsertNode

__all__ = ["OPERATIONS"]

OPERATIONS: Mapping[str, type[ModelNode]] = {
    "Create": CreateNode,
    "Read": ReadNode,
    "Update": UpdateNode,
    "Delete": DeleteNode,
    "List": ListNode,
    "Upsert": UpsertNode,
    "Count": CountNode,
    "Aggregate": AggregateNode,
    "BulkCreate": BulkCreateNode,
    "BulkUpdate": BulkUpdateNode,
    "BulkDelete": BulkDeleteNode,
    "BulkUpsert": BulkUpsertNode,
}
