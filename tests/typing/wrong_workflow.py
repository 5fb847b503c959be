"""Mistakes with nodes and workflows that every type checker must report. Never run."""

from typing import Any

from dataflow import AsyncLocalRuntime, LocalRuntime, Node, NodeRegistry, Workflow, WorkflowBuilder, node


@node
def clean(planes: list[int], first_year: int = 1900) -> dict[str, Any]:
    return {"planes": planes}


class Search(Node):
    def run(self, text: str) -> dict[str, Any]:
        return {}


class Counted(Node):
    def count_rows(self, outputs: str) -> str:  # wrong
        return outputs


clean("a")  # wrong
clean()  # wrong
clean([1], last_year=5)  # wrong
number: int = clean([1])  # wrong
node("clean")  # wrong
node(name=5)  # wrong
Search().run = 5  # wrong
NodeRegistry.register(len)  # wrong
NodeRegistry.register(Search, 5)  # wrong
NodeRegistry.get(5)  # wrong
WorkflowBuilder("sqlite://")  # wrong
workflow = WorkflowBuilder()
workflow.add_node(Search)  # wrong
workflow.add_node(len, "a")  # wrong
workflow.add_node(int, "a")  # wrong
workflow.add_node(Search, 5)  # wrong
workflow.add_node(Search, "a", [1])  # wrong
workflow.add_node(Search, "a", retry=3)  # wrong
workflow.add_node(Search, "a", timeout="5")  # wrong
workflow.add_node(Search, "a", retries=3)  # wrong
workflow.add_connection("a")  # wrong
workflow.add_connection("a", 5)  # wrong
workflow.add_conection("a", "b")  # wrong
built = workflow.build()
built.steps = {}  # wrong
built.metadata["tenant_id"] = "a"  # wrong
Workflow({})  # wrong
LocalRuntime(4)  # wrong
LocalRuntime(max_parallel="4")  # wrong
LocalRuntime(on_event=lambda: None)  # wrong
runtime = LocalRuntime()
runtime.execute(workflow)  # wrong
runtime.execute(built, {"a": 5})  # wrong
runtime.execute(built, tenant=5)  # wrong
runtime.execute(built, tenant_id=5)  # wrong
results: dict[str, int] = runtime.execute(built)  # wrong
print(runtime.execute(built)[0].skiped)  # wrong
AsyncLocalRuntime().execute(built)  # wrong


async def awaited() -> None:
    found: tuple[Any, str] = AsyncLocalRuntime().execute_workflow_async(built)  # wrong
    print(found)
