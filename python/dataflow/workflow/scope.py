"""What holds for every node of a run: its tenant, and its transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dataflow.errors import InvalidOptionError
from dataflow.nodes.source import Source, open_sources
from dataflow.query.context import is_unicode
from dataflow.query.transaction import Transaction, is_inside
from dataflow.workflow.check import make_node
from dataflow.workflow.graph import Workflow

__all__ = ["new_transaction", "read_metadata", "sources_of", "tenant_sources"]


def read_metadata(workflow: Workflow, tenant_id: str | None) -> dict[str, Any]:
    """The metadata of one run: that of the workflow, and the tenant given to `execute`.

    Raises:
        InvalidOptionError: `user_id` is no text.
    """
    metadata = {**workflow.metadata, **({} if tenant_id is None else {"tenant_id": tenant_id})}
    user = metadata.get("user_id")
    if user is not None and not (isinstance(user, str) and is_unicode(user)):
        raise InvalidOptionError(f"user_id is a text, got {type(user).__name__}", path="metadata.user_id")
    return metadata


def tenant_sources(workflow: Workflow, metadata: Mapping[str, Any]) -> Sequence[Source]:
    """The databases whose tenant is to be set: all that are open, since a node of one's own may use any of them."""
    if metadata.get("tenant_id") is None:
        return []
    return list(dict.fromkeys([*sources_of(workflow), *open_sources()]))


def sources_of(workflow: Workflow) -> list[Source]:
    """The databases that nodes of the workflow work on."""
    found = [] if workflow.source is None else [workflow.source]
    for step in workflow.steps.values():
        kind = step.kind if isinstance(step.kind, type) else type(step.kind)
        if kind.database is not None and kind.database not in found:
            found.append(kind.database)
    return found


def new_transaction(workflow: Workflow, timeout: float | None) -> Transaction:
    """The one transaction of a run, not yet begun; in a transaction of the caller a savepoint.

    A savepoint has no time of its own: the run is stopped when its time is up, and its work taken back.

    Raises:
        InvalidOptionError: The workflow works on no database or on several, or a node is to be tried again.
    """
    sources = sources_of(workflow)
    if len(sources) != 1:
        what = "no database" if not sources else f"{len(sources)} databases"
        hint = "WorkflowBuilder(db) says which" if not sources else "one transaction cannot span two of them"
        raise InvalidOptionError(f"transaction=True: the workflow works on {what}", path="transaction", hint=hint)
    for step in workflow.steps.values():
        if step.retry.attempts > 1 and make_node(step).model_name is not None:
            hint = "a failed statement ends its transaction: run the whole workflow again"
            message = f"transaction=True: `{step.id}` has a retry, which cannot be kept inside one transaction"
            raise InvalidOptionError(message, path=f"{step.id}.retry", hint=hint)
    nested = sources[0].transaction()
    return nested if is_inside(nested) else sources[0].transaction(timeout=timeout)
