"""Uses of nodes and workflows that every type checker must take. Never run."""

from collections.abc import Mapping
from typing import Any, TypedDict, assert_type

from dataflow import (
    AsyncLocalRuntime,
    DataFlow,
    LocalRuntime,
    MergeNode,
    Node,
    NodeRegistry,
    Results,
    RunEvent,
    SwitchNode,
    Timing,
    Workflow,
    WorkflowBuilder,
    errors,
    node,
    run_context,
)

db = DataFlow("sqlite:///:memory:")


@node
def clean(planes: list[int], first_year: int = 1900) -> dict[str, Any]:
    return {"planes": [year for year in planes if year >= first_year]}


@node(name="Fetch")
async def fetch(url: str) -> bytes:
    return url.encode()


assert_type(clean([1900], first_year=5), dict[str, Any])
assert_type(clean.kind, str)


class Found(TypedDict):
    found: int


class Search(Node):
    def run(self, text: str, limit: int = 10) -> Found:
        return {"found": len(text) + limit}


@NodeRegistry.register
class Fetch(Node):
    async def run(self, **inputs: Any) -> Mapping[str, Any]:
        return inputs


class Twins(Node):
    has_branches = True

    def __init__(self, size: int) -> None:
        self.size = size

    def run(self, data: Any) -> dict[str, Any]:
        return {"out": data}

    async def arun(self, data: Any) -> dict[str, Any]:
        return {"out": data}

    def count_rows(self, outputs: Mapping[str, Any]) -> int | None:
        return self.size


assert_type(Fetch(), Fetch)
assert_type(NodeRegistry.register(clean)([1]), dict[str, Any])
assert_type(NodeRegistry.list(), list[str])

workflow = WorkflowBuilder(db)
assert_type(workflow.add_node("ProductListNode", "list", {"filter": {"price": {"$lt": 10}}}), str)
workflow.add_node(clean, "clean", {"first_year": 1950}, retry={"attempts": 3, "on": ["Deadlock"]}, timeout=2.5)
workflow.add_node(fetch, "fetch")
workflow.add_node(Search, "search")
workflow.add_node(Twins(5), "twins")
workflow.add_node(SwitchNode, "switch", {"cases": {"cheap": {"$lt": 10}}})
workflow.add_node(MergeNode, "merge")
workflow.add_connection("list", "records", "clean", "planes")
workflow.add_connection("switch", "case_cheap", "merge")
workflow.add_connection("fetch", "search")
workflow.metadata["tenant_id"] = "a"
built = workflow.build()
assert_type(built, Workflow)


def tell(event: RunEvent) -> None:
    assert_type(event.node, str | None)
    assert_type(event.seconds, float | None)


runtime = LocalRuntime(max_parallel=4, on_event=tell, progress=True)
results, run_id = runtime.execute(built, {"clean": {"planes": [1]}}, tenant_id="a", transaction=True, timeout=5)
assert_type(results, Results)
assert_type(run_id, str)
assert_type(results["clean"]["planes"], Any)
assert_type(results.skipped, list[str])
assert_type(list(results.timings), list[Timing])


async def awaited() -> None:
    found, _ = await AsyncLocalRuntime().execute_workflow_async(built, inputs={}, on_event=print)
    assert_type(found, Results)


try:
    runtime.execute(built)
except errors.NodeExecutionError as error:
    assert_type(error.node, str)
    assert_type(error.stands, tuple[str, ...])
except errors.WorkflowError as error:
    assert_type(error.path, str | None)

context = run_context()
if context is not None:
    assert_type(context.run_id, str)
