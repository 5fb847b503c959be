"""Values of every type through nodes: stored, listed, and handed from a list to a bulk node."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dataflow import DataFlow, LocalRuntime, Table, WorkflowBuilder
from tests.database import Database
from tests.matrix.way import ByNode
from tests.property.cells import CASES, Case
from tests.property.kinds import KINDS
from tests.property.ways import bits, store, stored, table_of

BULK = ("dicts", "arrow", "bulk upsert", "arrow upsert")


@pytest.fixture(scope="module")
def flow(database: Database) -> Iterator[DataFlow]:
    with closing(DataFlow(database.url)) as db:
        yield db


@pytest.fixture(params=[*CASES, *KINDS], ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Any:
    return request.param


def edges(case: Case) -> list[Any]:
    """Every edge value that all databases hold, and None."""
    return [value for value in (*case.edges, None) if not isinstance(value, float) or abs(value) < float("inf")]


def values_of(rows: Any) -> list[Any]:
    return [bits(row.value) for row in rows]


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_what_nodes_store_and_list_is_what_the_table_does(flow: DataFlow, case: Case, awaited: bool) -> None:
    table, values = table_of(flow, case), edges(case)
    nodes = ByNode(flow, table, awaited=awaited)
    for way in BULK:
        direct = values_of(stored(table, store(table, case, values, way)))
        batch = store(nodes, case, values, way)  # type: ignore[arg-type]
        assert values_of(stored(table, batch)) == direct, way
        assert values_of(nodes.list({"batch": batch}, order_by="at", limit=None)) == direct, way
    assert len(direct) == len(values)


def connected(flow: DataFlow, table: Table[Any], listed: dict[str, Any], bulk: str) -> Any:
    """What a bulk node says that stores what a list finds."""
    workflow, model = WorkflowBuilder(flow), table._model.name
    workflow.add_node(f"{model}ListNode", "listed", {"limit": None, **listed})
    workflow.add_node(f"{model}{bulk}Node", "stored")
    workflow.add_connection("listed", "records", "stored", "data")
    return LocalRuntime().execute(workflow.build())[0]["stored"]


def test_a_list_is_stored_again_by_a_bulk_node(flow: DataFlow, case: Case) -> None:
    table, values = table_of(flow, case), edges(case)
    batch = store(table, case, values, "dicts")
    before = values_of(stored(table, batch))
    found = {"filter": {"batch": batch}, "fields": ["batch", "at", "value"]}
    assert connected(flow, table, found, "BulkCreate").inserted == len(values)
    after = stored(table, batch)
    assert [row.at for row in after] == [at for at in range(len(values)) for _ in range(2)]
    assert values_of(after[::2]) == values_of(after[1::2]) == before


def test_a_list_is_nothing_new_for_an_upserting_node(flow: DataFlow, case: Case) -> None:
    table, values = table_of(flow, case), edges(case)
    batch = store(table, case, values, "arrow")
    before = values_of(stored(table, batch))
    assert connected(flow, table, {"filter": {"batch": batch}}, "BulkUpsert").unchanged == len(values)
    assert values_of(stored(table, batch)) == before
