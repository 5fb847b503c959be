"""In which run and node the code that asks is running, for nodes and for their log lines."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from dataflow.errors import InvalidOptionError

__all__ = ["RunContext", "RunLogFilter", "here", "read_trace", "run_context"]


class RunContext(NamedTuple):
    """Where a node is.

    Attributes:
        run_id: The run.
        node_id: The node.
        metadata: Of the workflow, with the `tenant_id` of this run.
    """

    run_id: str
    node_id: str
    metadata: Mapping[str, Any]


here: ContextVar[RunContext | None] = ContextVar("dataflow_run", default=None)


def run_context() -> RunContext | None:
    """The run and node that the caller is part of; None outside of workflows."""
    return here.get()


class RunLogFilter(logging.Filter):
    """Gives every log record `run_id`, `node_id` and `tenant_id`; each is "" outside of workflows.

    `handler.addFilter(RunLogFilter())`, and a format with `%(run_id)s %(node_id)s`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        context = here.get()
        found = RunContext("", "", {}) if context is None else context
        known = {"run_id": found.run_id, "node_id": found.node_id, "tenant_id": found.metadata.get("tenant_id") or ""}
        for name, value in known.items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def read_trace(metadata: Mapping[str, Any]) -> str | None:
    """The trace id of the W3C `traceparent` in a workflow's metadata.

    Raises:
        InvalidOptionError: It has not that form.
    """
    given = metadata.get("traceparent")
    if given is None:
        return None
    found = _TRACEPARENT.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        hint = "version-trace-parent-flags: 2, 32, 16 and 2 hexadecimal digits"
        raise InvalidOptionError("traceparent is not of the W3C's form", path="metadata.traceparent", hint=hint)
    return found[1]
