"""The ways to an operation: the table's method, or the generated node in a workflow; each blocking or awaited."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Literal

from dataflow import AsyncLocalRuntime, DataFlow, LocalRuntime, Table, Workflow, WorkflowBuilder, errors

Way = Literal["direct", "node"]
NODE = "the node"


def hand_of(way: Way, db: DataFlow, table: Table[Any], *, awaited: bool) -> Any:
    """What the operations of the table are called on."""
    if way == "node":
        return ByNode(db, table, awaited)
    return Awaited(table) if awaited else table


class Awaited:
    """A table whose operations run through their awaited twins."""

    def __init__(self, table: Table[Any]) -> None:
        self._table = table
        self._cls = table._cls

    def __getattr__(self, name: str) -> Any:
        twin = getattr(self._table, f"a{name}")
        return lambda *args, **kwargs: asyncio.run(twin(*args, **kwargs))


class ByNode:
    """A table whose operations run through their nodes, each in a workflow of its own."""

    def __init__(self, db: DataFlow, table: Table[Any], awaited: bool) -> None:
        self._awaited = awaited
        self._cls = table._cls
        self._db = db
        self._model = table._model

    def create(self, instance: Any = None, /, **fields: Any) -> Any:
        return self.run("Create", {"data": fields if instance is None else instance})

    def read(self, key: Any, **options: Any) -> Any:
        return self.run("Read", {"key": key, **options})

    def update(self, row: Any, updates: Any) -> Any:
        return self.run("Update", {**which(row), "updates": updates})

    def delete(self, row: Any, **options: Any) -> Any:
        return self.run("Delete", {**which(row), **options})

    def list(self, filter: Any = None, **options: Any) -> Any:
        return self.run("List", {"filter": filter, **options})

    def upsert(self, data: Any, conflict_on: Any = None, update_fields: Any = None) -> Any:
        return self.run("Upsert", {"data": data, "conflict_on": conflict_on, "update_fields": update_fields})

    def count(self, filter: Any = None, **options: Any) -> Any:
        return self.run("Count", {"filter": filter, **options})

    def bulk_create(self, data: Any, **options: Any) -> Any:
        return self.run("BulkCreate", {"data": data, **options})

    def bulk_update(self, filter: Any = None, updates: Any = None, **options: Any) -> Any:
        return self.run("BulkUpdate", {"filter": filter, "updates": updates, **options})

    def bulk_delete(self, filter: Any = None, **options: Any) -> Any:
        return self.run("BulkDelete", {"filter": filter, **options})

    def bulk_upsert(self, data: Any, **options: Any) -> Any:
        return self.run("BulkUpsert", {"data": data, **options})

    def run(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """What the node gives, as the table's method would; raises the node's own error."""
        workflow = WorkflowBuilder(self._db)
        workflow.add_node(f"{self._model.name}{operation}Node", NODE, parameters)
        try:
            return read_outputs(operation, self._execute(workflow.build()))
        except errors.NodeExecutionError as error:
            failed = error
        raise own_error(failed)

    def _execute(self, workflow: Workflow) -> Mapping[str, Any]:
        if self._awaited:
            return asyncio.run(AsyncLocalRuntime().execute_workflow_async(workflow))[0][NODE]
        return LocalRuntime().execute(workflow)[0][NODE]


def which(row: Any) -> dict[str, Any]:
    """A dict is a filter, all else a key."""
    return {"filter" if isinstance(row, dict) else "key": row}


class Fields(SimpleNamespace):
    """A row that is a dict, read like an instance."""

    def __getattr__(self, name: str) -> Any:
        raise errors.FieldNotLoadedError(f"the dict has no {name}")


class FieldsOfRows(list[Fields]):
    """Rows that are dicts, read like instances."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        super().__init__(Fields(**row) for row in records)
        self._records = records

    def records(self) -> list[dict[str, Any]]:
        return self._records


def read_outputs(operation: str, outputs: Mapping[str, Any]) -> Any:
    """The outputs of a node, in the shape in which the table's method returns them."""
    match operation:
        case "Count" | "Delete":
            (number,) = outputs.values()
            return number
        case "List":
            assert outputs["count"] == len(outputs["records"])
            return FieldsOfRows(list(outputs["records"]))
        case "Create" | "Read" | "Update" | "Upsert":
            assert type(outputs) is dict
            return Fields(**outputs)
    return outputs


def own_error(failed: errors.NodeExecutionError) -> errors.DataFlowError:
    """What the node raised; the error of the run tells its node and how the write ended."""
    cause = failed.__cause__
    assert isinstance(cause, errors.DataFlowError), repr(cause)
    assert (failed.node, failed.stands, failed.outcome) == (NODE, (), cause.outcome)
    return cause
