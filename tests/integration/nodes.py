"""The nodes of one table, each run in a workflow of its own: blocking or awaited."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from dataflow import AsyncLocalRuntime, LocalRuntime, MaxLength, Results, Table, Workflow, WorkflowBuilder, errors


class Place:
    __dataflow__ = {"key": ["hall", "no"], "soft_delete": True}  # noqa: RUF012
    hall: Annotated[str, MaxLength(10)]
    no: int
    label: str = "-"


PLACES = [{"hall": hall, "no": no, "label": f"{hall}{no}"} for hall in "ab" for no in (1, 2)]


def execute(workflow: Workflow, *, awaited: bool = False, **options: Any) -> Results:
    """Runs a workflow by either runtime."""
    if awaited:
        return asyncio.run(AsyncLocalRuntime().execute_workflow_async(workflow, **options))[0]
    return LocalRuntime().execute(workflow, **options)[0]


@dataclass(frozen=True)
class Nodes:
    """`Nodes(table).run("Create", {"name": "tea"})` runs the table's `CreateNode`."""

    table: Table[Any]
    awaited: bool = False

    def name(self, operation: str) -> str:
        return f"{self.table._model.name}{operation}Node"

    def build(self, operation: str, parameters: Mapping[str, Any] | None = None) -> Workflow:
        workflow = WorkflowBuilder()
        workflow.add_node(self.name(operation), "node", parameters)
        return workflow.build()

    def run(self, operation: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """What the node gives."""
        return execute(self.build(operation, parameters), awaited=self.awaited)["node"]

    def refuse(self, operation: str, parameters: Mapping[str, Any] | None = None) -> errors.DataFlowError:
        """Why it is refused: before the run, or the cause of its failure."""
        with pytest.raises(errors.DataFlowError) as caught:
            self.run(operation, parameters)
        error = caught.value
        if not isinstance(error, errors.NodeExecutionError):
            return error
        assert (error.node, error.stands) == ("node", ())
        assert isinstance(error.__cause__, errors.DataFlowError)
        return error.__cause__

    def records(self, **options: Any) -> list[dict[str, Any]]:
        """What is stored, by key; asked without a node."""
        return self.table.list(limit=None, **options).records()


def counts(result: Mapping[str, Any]) -> dict[str, int]:
    """The outcomes of a bulk write that are not 0."""
    return {name: count for name, count in result.items() if count and "second" not in name}
