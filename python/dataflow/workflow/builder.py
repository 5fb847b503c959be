"""`WorkflowBuilder`: nodes and connections are collected here; `build` checks them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from dataflow._error import short
from dataflow._option import Seconds
from dataflow.errors import (
    DataFlowError,
    InvalidConnectionError,
    InvalidNodeError,
    InvalidOptionError,
    UnknownNodeError,
)
from dataflow.nodes.registry import Kind, NodeRegistry, check_kind
from dataflow.nodes.source import Source
from dataflow.query.context import is_unicode
from dataflow.workflow.check import check_workflow
from dataflow.workflow.graph import Link, Step, Workflow
from dataflow.workflow.order import sort_steps
from dataflow.workflow.retry import Retry, read_retry

__all__ = ["WorkflowBuilder"]


class _Added(NamedTuple):
    """What `add_node` was told; its kind may still be a name."""

    kind: str | Kind
    given: Mapping[str, Any]
    retry: Retry
    timeout: float | None
    where: str


class WorkflowBuilder:
    """Puts nodes together to a workflow.

        workflow = WorkflowBuilder()
        workflow.add_node("ProductListNode", "cheap", {"filter": {"price": {"$lt": 10}}})
        workflow.add_node("OfferBulkCreateNode", "offers")
        workflow.add_connection("cheap", "records", "offers", "data")
        results, run_id = LocalRuntime().execute(workflow.build())

    Args:
        source: The `DataFlow` whose models the names of nodes mean; needed only where several open ones have them.

    Raises:
        InvalidOptionError: `source` is no `DataFlow`.

    Attributes:
        metadata: Told to every node, log line and event; `metadata["tenant_id"]` is the tenant of every query.
    """

    def __init__(self, source: Source | None = None) -> None:
        if source is not None and not (hasattr(source, "models") and hasattr(source, "transaction")):
            message = f"a builder is made for a DataFlow, got {type(source).__name__}"
            raise InvalidOptionError(message, path="source", hint="WorkflowBuilder(db), or WorkflowBuilder()")
        self.metadata: dict[str, Any] = {}
        self._source = source
        # Kinds that are named are looked up by `build`: their models may be declared until then.
        self._added: dict[str, _Added] = {}
        self._links: list[Link] = []

    def add_node(
        self,
        kind: str | Kind,
        id: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        retry: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> str:
        """Adds a node and returns its id.

        Args:
            kind: The name of a kind, e.g. `ProductListNode` or one that was registered; a class derived from `Node`; or
                what `@node` made.
            id: Its name in this workflow.
            parameters: By name; the others are connected, given to `execute`, or have defaults.
            retry: `{"attempts": 3, "backoff_ms": 100, "on": ["Deadlock"]}`: tries it again when it fails so; without
                `on` for the kinds that are `retryable`. A write only where it is known to be rolled back.
            timeout: Seconds an attempt may take.

        Raises:
            InvalidNodeError: The id is taken, or `kind` is no node.
            InvalidOptionError: `retry` or `timeout` have values that cannot be used.
        """
        if not isinstance(id, str) or not id or not is_unicode(id):
            raise InvalidNodeError("the id of a node is a text that is not empty", path="id")
        if id in self._added:
            raise InvalidNodeError(f"there is a node `{id}` already", path=id, hint="ids are unique in a workflow")
        if not isinstance(kind, str):
            check_kind(kind)
        if parameters is not None and not isinstance(parameters, Mapping):
            raise InvalidNodeError(f"the parameters of `{id}` are a dict, got {type(parameters).__name__}", path=id)
        seconds = None if timeout is None else Seconds().read_number(timeout, f"{id}.timeout")
        frame = sys._getframe(1)
        where = f"{short(frame.f_code.co_filename)}:{frame.f_lineno}"
        self._added[id] = _Added(kind, MappingProxyType(dict(parameters or {})), read_retry(retry, id), seconds, where)
        return id

    def add_connection(
        self, origin: str, output_or_target: str, target: str | None = None, input: str | None = None
    ) -> None:
        """Connects two nodes, by two, three or four names.

        `add_connection(a, b)` lets `b` wait for `a`. `add_connection(a, output, b, input)` also hands over a value.
        `add_connection(switch, output, b)` lets `b` run only where the switch takes that branch.

        Raises:
            InvalidConnectionError: It is none of these forms.
        """
        if not all(isinstance(name, str) for name in (origin, output_or_target, target or "", input or "")):
            raise InvalidConnectionError("a connection is made of names", path="add_connection")
        if target is None and input is None:
            self._links.append(Link(origin, output_or_target))
        elif target is not None:
            self._links.append(Link(origin, target, output_or_target, input))
        else:
            hint = 'add_connection("a", "b"), or add_connection("a", "records", "b", "data")'
            raise InvalidConnectionError("the connection has an input and no target", path="add_connection", hint=hint)

    def build(self) -> Workflow:
        """The workflow, checked.

        Raises:
            WorkflowError: Something cannot work: a node, parameter or connection that does not exist, a circle, a
                branch that is never taken, a value of a wrong type. Parameters that are missing are looked for by
                `execute`, which may give them.
            NotBuiltError: A kind of node is planned and not built.

        Warns:
            UnorderedWritesWarning: Two nodes write one model, and nothing says which goes first.
        """
        kinds: dict[str, Kind] = {}
        steps = {id: self._resolve(id, kinds) for id in self._added}
        order = sort_steps(steps, self._links)
        # A workflow may be running while others look at it: nothing of it can be changed.
        ordered = MappingProxyType({id: steps[id] for id in order})
        metadata = MappingProxyType(dict(self.metadata))
        return check_workflow(Workflow(ordered, tuple(self._links), metadata, self._source))

    def _resolve(self, id: str, kinds: dict[str, Kind]) -> Step:
        kind, given, retry, timeout, where = self._added[id]
        try:
            if isinstance(kind, str) and kind not in kinds:
                kinds[kind] = NodeRegistry.get(kind, self._source)
        except UnknownNodeError as error:
            message = f"{error.message}, which `{id}` is to be (added at {where})"
            raise UnknownNodeError(message, path=id, hint=error.hint) from None
        except DataFlowError as error:
            error.message += f", which `{id}` is to be (added at {where})"
            raise
        return Step(id, kinds[kind] if isinstance(kind, str) else kind, given, retry, timeout, where)
