"""DataFlow: a database framework whose work is done in Rust.

    from dataflow import DataFlow

    db = DataFlow()

    @db.model
    class Product:
        name: str
        price: Decimal

    products = db.table(Product)
    products.create(name="Tea", price=Decimal("4.20"))

Errors are in `dataflow.errors`; all of them are `DataFlowError`.
"""

import atexit
import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from dataflow import _core, errors
from dataflow._spelling import not_built
from dataflow.engine import DataFlow
from dataflow.errors import DataFlowError
from dataflow.model.markers import UNSET, Index, MaxLength, Naive, Precision, Ref, Unique, auto, field
from dataflow.model.register import register_type
from dataflow.query.explaining import CompiledRead
from dataflow.query.explanation import Explanation
from dataflow.query.progress import LoadProgress
from dataflow.query.public import PublicTable
from dataflow.query.result import BulkResult, Outcomes, Records, Reject, Rejects, Rows
from dataflow.query.selection import Query
from dataflow.query.stream import AsyncRowStream, RowStream
from dataflow.query.table import Table
from dataflow.query.transaction import Transaction

if TYPE_CHECKING:
    from dataflow.nodes.bulk import BulkCreateNode, BulkDeleteNode, BulkUpdateNode, BulkUpsertNode
    from dataflow.nodes.merge import MergeNode
    from dataflow.nodes.node import Node, node
    from dataflow.nodes.reading import AggregateNode, CountNode, ListNode, ReadNode
    from dataflow.nodes.registry import NodeRegistry
    from dataflow.nodes.switch import SwitchNode
    from dataflow.nodes.writing import CreateNode, DeleteNode, UpdateNode, UpsertNode
    from dataflow.workflow.builder import WorkflowBuilder
    from dataflow.workflow.context import RunContext, RunLogFilter, run_context
    from dataflow.workflow.event import RunEvent
    from dataflow.workflow.graph import Workflow
    from dataflow.workflow.result import Results, Timing
    from dataflow.workflow.runtime import AsyncLocalRuntime, LocalRuntime

__all__ = [
    "UNSET",
    "AggregateNode",
    "AsyncLocalRuntime",
    "AsyncRowStream",
    "BulkCreateNode",
    "BulkDeleteNode",
    "BulkResult",
    "BulkUpdateNode",
    "BulkUpsertNode",
    "CompiledRead",
    "CountNode",
    "CreateNode",
    "DataFlow",
    "DataFlowError",
    "DeleteNode",
    "Explanation",
    "Index",
    "ListNode",
    "LoadProgress",
    "LocalRuntime",
    "MaxLength",
    "MergeNode",
    "Naive",
    "Node",
    "NodeRegistry",
    "Outcomes",
    "Precision",
    "PublicTable",
    "Query",
    "ReadNode",
    "Records",
    "Ref",
    "Reject",
    "Rejects",
    "Results",
    "RowStream",
    "Rows",
    "RunContext",
    "RunEvent",
    "RunLogFilter",
    "SwitchNode",
    "Table",
    "Timing",
    "Transaction",
    "Unique",
    "UpdateNode",
    "UpsertNode",
    "Workflow",
    "WorkflowBuilder",
    "auto",
    "errors",
    "field",
    "node",
    "register_type",
    "run_context",
]

__version__ = _core.__version__

if _core.DEBUG_BUILD:
    warnings.warn(
        "dataflow._core is a debug build: it is many times slower; build it with --release to measure or to ship",
        RuntimeWarning,
        stacklevel=2,
    )

# Before the interpreter takes modules apart: work in flight still calls into Python.
atexit.register(_core.shutdown)

# Nodes and workflows are loaded when first asked for: with them comes asyncio, which takes longer than all the rest.
_LAZY = {
    "nodes.bulk": ("BulkCreateNode", "BulkDeleteNode", "BulkUpdateNode", "BulkUpsertNode"),
    "nodes.reading": ("AggregateNode", "CountNode", "ListNode", "ReadNode"),
    "nodes.writing": ("CreateNode", "DeleteNode", "UpdateNode", "UpsertNode"),
    "nodes.merge": ("MergeNode",),
    "nodes.node": (
        "Node",
        "node",
    ),
    "nodes.registry": ("NodeRegistry",),
    "nodes.switch": ("SwitchNode",),
    "workflow.builder": ("WorkflowBuilder",),
    "workflow.context": (
        "RunContext",
        "RunLogFilter",
        "run_context",
    ),
    "workflow.event": ("RunEvent",),
    "workflow.graph": ("Workflow",),
    "workflow.result": (
        "Results",
        "Timing",
    ),
    "workflow.runtime": (
        "AsyncLocalRuntime",
        "LocalRuntime",
    ),
}

if not TYPE_CHECKING:  # a type checker shall report names for later, and knows the others

    def __getattr__(name: str) -> object:
        for module, names in _LAZY.items():
            if name in names:
                globals()[name] = found = getattr(import_module(f"dataflow.{module}"), name)
                return found
        from dataflow._later import NAMES

        if name in NAMES:
            raise not_built(f"`{name}`", path=f"dataflow.{name}")
        raise AttributeError(f"module 'dataflow' has no attribute '{name}'", name=name)
