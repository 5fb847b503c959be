"""A service: the workflow is built once, and awaited by every request, each for its own tenant."""

import asyncio

from dataflow import AsyncLocalRuntime, DataFlow, WorkflowBuilder

db = DataFlow(multi_tenant=True)


@db.model
class Event:
    kind: str
    user: str


workflow = WorkflowBuilder()
workflow.add_node("EventBulkCreateNode", "store")
workflow.add_node("EventCountNode", "count", {"filter": {"kind": "error"}})
workflow.add_connection("store", "count")
ingest = workflow.build()


async def handle(tenant: str, events: list[dict[str, str]]) -> int:
    """What a web framework calls, many times at once."""
    given = {"store": {"data": events}}
    results, _ = await AsyncLocalRuntime().execute_workflow_async(ingest, given, tenant_id=tenant)
    return results["count"]["count"]


async def main() -> None:
    events = [{"kind": "login", "user": "ann"}, {"kind": "error", "user": "bob"}]
    async with db:
        print("errors:", await asyncio.gather(*(handle(f"tenant {n}", events * n) for n in range(5))))


if __name__ == "__main__":
    asyncio.run(main())
