"""The tenant of a workflow is that of every node in it: no row without one, none of another."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, WorkflowBuilder, errors, node, run_context
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes, counts, execute
from tests.integration.parts import Part

Given = Mapping[str, Any]
ROWS: list[dict[str, Any]] = [
    {"code": code, "slot": slot, "kind": 1, "note": "first"} for slot, code in enumerate("abc", 1)
]
NEW: list[dict[str, Any]] = [{"code": "n", "slot": 9, "kind": 1, "note": "second"}]
CHANGED = [{**row, "note": "second"} for row in ROWS]

READS: Mapping[str, tuple[str, Given]] = {
    "read": ("Read", {"code": "a"}),
    "list": ("List", {}),
    "list with its total": ("List", {"total": True, "limit": 1}),
    "count": ("Count", {}),
}
WRITES: Mapping[str, tuple[str, Given]] = {
    "create": ("Create", NEW[0]),
    "update": ("Update", {"code": "a", "note": "second"}),
    "update by filter": ("Update", {"filter": {"slot": 1}, "updates": {"note": "second"}}),
    "delete": ("Delete", {"code": "a"}),
    "delete by filter": ("Delete", {"filter": {"slot": 1}}),
    "upsert": ("Upsert", CHANGED[0]),
    "upsert by slot": ("Upsert", {"data": {"slot": 1, "note": "second"}, "conflict_on": "slot"}),
    "bulk create": ("BulkCreate", {"data": NEW}),
    "bulk create of arrow": ("BulkCreate", {"data": pa.Table.from_pylist(NEW)}),
    "bulk create that updates": ("BulkCreate", {"data": CHANGED, "on_conflict": "update"}),
    "bulk update by filter": ("BulkUpdate", {"filter": {"kind": 1}, "updates": {"note": "second"}}),
    "bulk update by data": ("BulkUpdate", {"data": CHANGED}),
    "bulk delete by filter": ("BulkDelete", {"filter": {}, "all_rows": True}),
    "bulk delete by keys": ("BulkDelete", {"keys": ["a", "b", "c"]}),
    "bulk upsert": ("BulkUpsert", {"data": CHANGED + NEW}),
    "bulk upsert of arrow": ("BulkUpsert", {"data": pa.Table.from_pylist(CHANGED)}),
    "bulk upsert by slot": ("BulkUpsert", {"data": [{"slot": 1, "note": "second"}], "conflict_on": "slot"}),
}
ALL = {**READS, **WRITES}


@pytest.fixture(params=[False, True], ids=["LocalRuntime", "AsyncLocalRuntime"])
def awaited(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def parts(db: DataFlow, awaited: bool) -> Nodes:
    """Two tenants with equal rows."""
    table = fresh(db, Part)
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            table.bulk_create(ROWS)
    return Nodes(table, awaited)


def rows_of(db: DataFlow, parts: Nodes, tenant: str) -> list[dict[str, Any]]:
    with db.tenant(tenant):
        return parts.records()


def run_as(parts: Nodes, tenant: str | None, operation: str, given: Given) -> Any:
    workflow = WorkflowBuilder()
    workflow.add_node(parts.name(operation), "node", given)
    if tenant is not None:
        workflow.metadata["tenant_id"] = tenant
    return execute(workflow.build(), awaited=parts.awaited)["node"]


@pytest.mark.parametrize("call", ALL)
def test_no_node_runs_without_a_tenant(db: DataFlow, parts: Nodes, call: str) -> None:
    with pytest.raises(errors.NodeExecutionError) as caught:
        run_as(parts, None, *ALL[call])
    assert isinstance(caught.value.__cause__, errors.MissingTenantError)
    assert rows_of(db, parts, "a") == rows_of(db, parts, "b") == ROWS


@pytest.mark.parametrize("call", WRITES)
def test_a_write_touches_the_rows_of_its_tenant_only(db: DataFlow, parts: Nodes, call: str) -> None:
    run_as(parts, "a", *WRITES[call])
    assert rows_of(db, parts, "b") == ROWS
    assert rows_of(db, parts, "a") != ROWS


@pytest.mark.parametrize("call", WRITES)
def test_every_stored_row_has_a_tenant(db: DataFlow, database: Database, parts: Nodes, call: str) -> None:
    run_as(parts, "c", "Create", ROWS[0])
    run_as(parts, "a", *WRITES[call])
    name = parts.table._cls.__tablename__
    stored = bare.execute(database, f'SELECT DISTINCT tenant_id FROM "{name}"', admin=True)
    assert {tenant for (tenant,) in stored} <= {"a", "b", "c"}
    assert {"b", "c"} <= {tenant for (tenant,) in stored}


def test_no_row_of_another_tenant_comes_back(db: DataFlow, parts: Nodes) -> None:
    run_as(parts, "a", "BulkUpdate", {"filter": {"kind": 1}, "updates": {"note": "secret"}})
    assert run_as(parts, "b", "Read", {"code": "a"}) == ROWS[0]
    found = run_as(parts, "b", "List", {"total": True, "limit": None})
    assert (found["records"], found["total"]) == (ROWS, 3)
    assert run_as(parts, "b", "Count", {"filter": {"note": "secret"}}) == {"count": 0}
    assert run_as(parts, "b", "List", {"filter": {"$or": [{"note": "secret"}, {"kind": 9}]}})["count"] == 0
    assert run_as(parts, "other", "List", {})["records"] == []
    missed = run_as(parts, "other", "Read", {"code": "a", "raise_on_not_found": False})
    assert missed == {"found": False}


@pytest.mark.parametrize("operation", ["BulkCreate", "BulkUpsert", "BulkUpdate"])
def test_rows_that_come_back_are_those_of_the_tenant(db: DataFlow, parts: Nodes, operation: str) -> None:
    options = {"on_conflict": "update"} if operation == "BulkCreate" else {}
    given = run_as(parts, "a", operation, {"data": CHANGED, "return_rows": True, **options})
    assert given["rows"].records() == CHANGED
    assert rows_of(db, parts, "b") == ROWS


def test_an_upsert_never_takes_a_row_of_another_tenant(db: DataFlow, parts: Nodes) -> None:
    """Keys and unique values are free for every tenant."""
    assert run_as(parts, "c", "Upsert", CHANGED[0])["created"] is True
    assert counts(run_as(parts, "c", "BulkUpsert", {"data": CHANGED})) == {"inserted": 2, "unchanged": 1}
    given = {"data": [{"code": "z", "slot": 2, "kind": 5}], "conflict_on": "slot"}
    assert counts(run_as(parts, "d", "BulkUpsert", given)) == {"inserted": 1}
    assert (rows_of(db, parts, "a"), rows_of(db, parts, "b"), rows_of(db, parts, "c")) == (ROWS, ROWS, CHANGED)


@pytest.mark.parametrize("form", ["flat", "data", "updates", "bulk", "filter"])
def test_no_row_says_its_tenant_itself(db: DataFlow, parts: Nodes, form: str) -> None:
    operation, given = {
        "flat": ("Create", {**NEW[0], "tenant_id": "b"}),
        "data": ("Create", {"data": {**NEW[0], "tenant_id": "b"}}),
        "updates": ("Update", {"key": "a", "updates": {"tenant_id": "b"}}),
        "bulk": ("BulkCreate", {"data": [{**NEW[0], "tenant_id": "b"}]}),
        "filter": ("List", {"filter": {"tenant_id": "b"}}),
    }[form]
    with pytest.raises(errors.DataFlowError) as caught:
        run_as(parts, "a", operation, given)
    refused = caught.value.__cause__ if isinstance(caught.value, errors.NodeExecutionError) else caught.value
    assert isinstance(refused, errors.UnknownParameterError | errors.UnknownFieldError)
    assert rows_of(db, parts, "a") == rows_of(db, parts, "b") == ROWS


def test_rows_go_from_node_to_node_as_one_tenant(db: DataFlow, parts: Nodes) -> None:
    """Also through a node of one's own, in a thread or on the loop, that uses the table itself."""
    seen = []

    @node
    def look(count: int) -> dict[str, Any]:
        context = run_context()
        seen.append(context.metadata["tenant_id"] if context else None)
        return {"rows": [{**row, "note": "looked"} for row in parts.records()]}

    @node
    async def look_on(rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {"rows": [{**row, "kind": await parts.table.acount()} for row in rows]}

    workflow = WorkflowBuilder()
    workflow.add_node(parts.name("BulkCreate"), "create", {"data": NEW})
    workflow.add_node(parts.name("Count"), "count")
    workflow.add_node(look, "look")
    workflow.add_node(look_on, "look_on")
    workflow.add_node(parts.name("BulkUpsert"), "upsert")
    workflow.add_connection("create", "count")
    workflow.add_connection("count", "count", "look", "count")
    workflow.add_connection("look", "rows", "look_on", "rows")
    workflow.add_connection("look_on", "rows", "upsert", "data")
    workflow.metadata["tenant_id"] = "a"
    results = execute(workflow.build(), awaited=parts.awaited)
    assert (results["count"]["count"], results["upsert"]["updated"], seen) == (4, 4, ["a"])
    assert rows_of(db, parts, "a") == [{**row, "note": "looked", "kind": 4} for row in ROWS + NEW]
    assert rows_of(db, parts, "b") == ROWS


def test_the_tenant_of_the_caller_is_that_of_the_workflow(db: DataFlow, parts: Nodes) -> None:
    with db.tenant("a"):
        run_as(parts, None, "BulkDelete", {"keys": ["a"]})
        run_as(parts, "b", "BulkDelete", {"keys": ["b"]})
        assert parts.table.count() == 2
    assert [row["code"] for row in rows_of(db, parts, "a")] == ["b", "c"]
    assert [row["code"] for row in rows_of(db, parts, "b")] == ["a", "c"]


def test_one_workflow_runs_for_many_tenants(db: DataFlow, parts: Nodes) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(parts.name("BulkUpsert"), "upsert")
    workflow.metadata["tenant_id"] = "never"
    built = workflow.build()
    for tenant in ("a", "b", "c"):
        rows = [{**row, "note": f"of {tenant}"} for row in ROWS]
        execute(built, awaited=parts.awaited, tenant_id=tenant, **inputs(parts, {"upsert": {"data": rows}}))
    for tenant in ("a", "b", "c"):
        assert {row["note"] for row in rows_of(db, parts, tenant)} == {f"of {tenant}"}
    assert rows_of(db, parts, "never") == []


def inputs(parts: Nodes, given: Given) -> dict[str, Any]:
    return {"inputs" if parts.awaited else "parameters": given}


@pytest.mark.parametrize("tenant", ["", 5, "\0", "x" * 300], ids=["empty", "int", "NUL", "long"])
def test_a_tenant_that_is_none_stores_nothing(db: DataFlow, parts: Nodes, tenant: Any) -> None:
    with pytest.raises(errors.DataFlowError) as caught:
        run_as(parts, tenant, "BulkCreate", {"data": NEW})
    error = caught.value.__cause__ if isinstance(caught.value, errors.NodeExecutionError) else caught.value
    assert isinstance(error, errors.InvalidTenantError)
    assert rows_of(db, parts, "a") == rows_of(db, parts, "b") == ROWS
