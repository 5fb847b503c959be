"""The forms in which workflows are written down everywhere: each works as it stands, or says that it is not built."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dataflow
from dataflow import AsyncLocalRuntime, DataFlow, LocalRuntime, MaxLength, WorkflowBuilder, errors
from tests.database import Database

RECORDS = [
    {
        "name": "lesson",
        "price": Decimal("9.50"),
        "tags": ["tutorial", "new"],
        "created_at": datetime(2024, 5, 1, tzinfo=UTC),
    },
    {"name": "course", "price": Decimal(2000), "tags": ["tutorial"], "created_at": datetime(2024, 5, 1, tzinfo=UTC)},
    {"name": "pencil", "price": Decimal("0.80"), "tags": [], "created_at": datetime(2024, 5, 1, tzinfo=UTC)},
    {"name": "relic", "price": Decimal("5.00"), "tags": ["tutorial"], "created_at": datetime(1999, 1, 1, tzinfo=UTC)},
]
FORMS: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "records": list,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "arrow": pa.Table.from_pylist,
}
each_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def db(db: DataFlow) -> DataFlow:
    @db.model
    class Product:
        name: Annotated[str, MaxLength(100)]
        price: Decimal
        tags: list[str] = []  # noqa: RUF012
        created_at: datetime
        __dataflow__ = {  # noqa: RUF012
            "multi_tenant": True,
            "soft_delete": True,
            "versioned": True,
            "indexes": [{"fields": ["name"], "unique": True}],
        }

    with db.tenant("tenant_a"):
        db.table(Product).bulk_delete({}, all_rows=True, hard=True)
    return db


def stored(db: DataFlow, tenant: str = "tenant_a", **options: Any) -> dict[str, tuple[Decimal, int]]:
    """Price and version by name."""
    with db.tenant(tenant):
        return {row.name: (row.price, row.version) for row in db.table("Product").list(**options)}


@each_form
def test_a_workflow_of_bulk_nodes_and_a_list_runs_as_written(db: DataFlow, form: str) -> None:
    records_or_dataframe_or_arrow = FORMS[form](RECORDS)

    workflow = WorkflowBuilder()
    workflow.add_node("ProductBulkCreateNode", "bulk_create", {"data": records_or_dataframe_or_arrow})
    workflow.add_node(
        "ProductListNode",
        "search",
        {
            "filter": {
                "price": {"$lt": 1000},
                "tags": {"$contains": ["tutorial"]},
                "created_at": {"$gte": "2024-01-01"},
            }
        },
    )
    workflow.add_node("ProductBulkUpsertNode", "bulk_upsert", {"on_conflict": "update"})
    workflow.add_connection("bulk_create", "search")
    workflow.add_connection("search", "records", "bulk_upsert", "data")
    workflow.metadata["tenant_id"] = "tenant_a"
    results, run_id = LocalRuntime().execute(workflow.build())

    assert results["bulk_create"]["inserted"] == 4
    assert [record["name"] for record in results["search"]["records"]] == ["lesson"]
    assert (results["bulk_upsert"]["unchanged"], results["bulk_upsert"]["inserted"]) == (1, 0)
    assert results.run_id == run_id
    assert stored(db) == {row["name"]: (row["price"], 1) for row in RECORDS}
    assert stored(db, "tenant_b") == {}


@each_form
def test_a_bulk_upsert_runs_as_written(db: DataFlow, form: str) -> None:
    with db.tenant("tenant_a"):
        db.table("Product").bulk_create(RECORDS[:2])
        known = db.table("Product").list(fields=["id", "name"]).records()
    rows = [{**row, "id": at["id"], "price": Decimal(7)} for at, row in zip(known, RECORDS, strict=False)]

    workflow = WorkflowBuilder()
    workflow.add_node("ProductBulkUpsertNode", "bulk_upsert", {"data": FORMS[form](rows), "on_conflict": "update"})
    workflow.metadata["tenant_id"] = "tenant_a"
    results, _ = LocalRuntime().execute(workflow.build())

    assert results["bulk_upsert"]["updated"] == 2
    assert stored(db) == {"lesson": (7, 2), "course": (7, 2)}


def test_a_bulk_update_and_a_bulk_delete_run_as_written(db: DataFlow) -> None:
    with db.tenant("tenant_a"):
        db.table("Product").bulk_create(RECORDS)

    workflow = WorkflowBuilder()
    workflow.add_node(
        "ProductBulkUpdateNode", "bulk_update", {"filter": {"price": {"$lt": 6}}, "updates": {"price": 6}}
    )
    workflow.add_node("ProductBulkDeleteNode", "bulk_delete", {"filter": {"price": {"$gte": 1000}}})
    workflow.add_connection("bulk_update", "bulk_delete")
    workflow.metadata["tenant_id"] = "tenant_a"
    results, _ = LocalRuntime().execute(workflow.build())

    assert (results["bulk_update"]["matched"], results["bulk_update"]["updated"]) == (2, 2)
    assert (results["bulk_delete"]["matched"], results["bulk_delete"]["deleted"]) == (1, 1)
    assert stored(db) == {"lesson": (Decimal("9.50"), 1), "pencil": (6, 2), "relic": (6, 2)}
    assert set(stored(db, include_deleted=True)) == {row["name"] for row in RECORDS}


async def test_the_awaited_runtime_runs_as_written(db: DataFlow) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node("ProductBulkCreateNode", "bulk_create")
    workflow.metadata["tenant_id"] = "tenant_a"
    built = workflow.build()

    results, _ = await AsyncLocalRuntime().execute_workflow_async(built, inputs={"bulk_create": {"data": RECORDS}})

    assert results["bulk_create"]["inserted"] == 4


def test_the_tenant_of_a_run_goes_before_that_of_the_workflow(db: DataFlow) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node("ProductBulkCreateNode", "bulk_create", {"data": RECORDS[:1]})
    workflow.metadata["tenant_id"] = "tenant_a"
    LocalRuntime().execute(workflow.build(), tenant_id="tenant_b")
    assert (len(stored(db)), len(stored(db, "tenant_b"))) == (0, 1)


def test_metadata_of_a_workflow_is_that_of_its_build(db: DataFlow) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node("ProductCountNode", "count")
    workflow.metadata["tenant_id"] = "tenant_a"
    built = workflow.build()
    workflow.metadata.clear()
    assert LocalRuntime().execute(built)[0]["count"] == {"count": 0}
    with pytest.raises(errors.NodeExecutionError) as caught:
        LocalRuntime().execute(workflow.build())
    assert isinstance(caught.value.__cause__, errors.MissingTenantError)


def test_a_url_of_the_environment_and_a_file_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for file in ("dataflow.db", "other.db"):
        with DataFlow() as db:
            db.model(type("Note", (), {"__annotations__": {"text": str}, "__module__": __name__}))
            workflow = WorkflowBuilder(db)
            workflow.add_node("NoteCreateNode", "create", {"text": "kept"})
            LocalRuntime().execute(workflow.build())
        assert (tmp_path / file).exists()
        monkeypatch.setenv("DATABASE_URL", "sqlite:///other.db")


def test_models_are_of_tenants_where_the_database_says_so(database: Database) -> None:
    with DataFlow(database.url, multi_tenant=True) as db:

        @db.model
        class Shared:
            name: str

        workflow = WorkflowBuilder()
        workflow.add_node("SharedCreateNode", "create", {"name": "tea"})
        with pytest.raises(errors.NodeExecutionError) as caught:
            LocalRuntime().execute(workflow.build())
        assert isinstance(caught.value.__cause__, errors.MissingTenantError)
        workflow.metadata["tenant_id"] = "tenant_a"
        assert LocalRuntime().execute(workflow.build())[0]["create"]["name"] == "tea"


@pytest.mark.parametrize(
    "options",
    [
        {"read_replicas": ["postgresql://localhost/copy"]},
        {"monitoring": True},
        {"enable_query_cache": True, "cache_ttl": 300},
        {"cache_ttl": 300},
        {"pool_size": 50, "read_replicas": ["postgresql://localhost/copy"], "monitoring": True},
    ],
    ids=lambda options: "-".join(options),
)
def test_options_that_are_not_built_say_so(database: Database, options: Any) -> None:
    with pytest.raises(errors.NotBuiltError) as caught:
        DataFlow(database.url, **options)
    assert caught.value.path in options


NOT_BUILT = {
    "TransactionContextNode": {"isolation_level": "READ_COMMITTED", "timeout": 30},
    "DistributedTransactionManagerNode": {"pattern": "saga", "timeout": 60},
    "TransactionManagerNode": {},
    "SagaCoordinatorNode": {"compensation_logic": {}},
    "TransactionMonitorNode": {"real_time_alerts": True},
    "TransactionMetricsNode": {"track_performance": True},
    "DeadlockDetectorNode": {"detection_threshold": 5.0},
    "RaceConditionDetectorNode": {"monitoring_enabled": True},
    "PerformanceAnomalyNode": {"baseline_window": 300},
    "QueryRouterNode": {"read_write_split": True, "cache_reads": True},
    "ChangeDataCaptureNode": {"source_table": "customers", "capture_operations": ["INSERT", "UPDATE", "DELETE"]},
    "AsyncSQLDatabaseNode": {"query": "select 1", "params": []},
    "CacheNode": {"operation": "get", "key": "k"},
    "ProductWatchNode": {},
}


@pytest.mark.parametrize("name", NOT_BUILT)
def test_nodes_that_are_not_built_say_so_when_the_workflow_is_built(db: DataFlow, name: str) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(name, "later", NOT_BUILT[name])
    with pytest.raises(errors.NotBuiltError) as caught:
        workflow.build()
    assert caught.value.path == name


@pytest.mark.parametrize("name", [*(name for name in NOT_BUILT if "Product" not in name), "create_gateway_api"])
def test_names_that_are_not_built_say_so_when_they_are_imported(name: str) -> None:
    with pytest.raises(errors.NotBuiltError) as caught:
        exec(f"from dataflow import {name}")
    assert caught.value.path == f"dataflow.{name}"
    assert name not in dataflow.__all__


def test_methods_that_are_not_built_say_so(db: DataFlow) -> None:
    later: Any = db
    for call in (
        lambda: later.generate_migration("add_user_table"),
        lambda: later.migrate(),
        lambda: later.rollback("previous_version"),
    ):
        with pytest.raises(errors.NotBuiltError):
            call()
