# %% [markdown]
# A notebook: its event loop runs already, which `LocalRuntime` does not mind.

# %%
from dataflow import DataFlow, LocalRuntime, WorkflowBuilder, node

db = DataFlow()


@db.model
class Reading:
    id: int
    city: str
    celsius: float


# %%
readings = [{"id": n, "city": city, "celsius": 20.5 + n} for n, city in enumerate(["Oslo", "Lima", "Kyoto"])]

workflow = WorkflowBuilder(db)  # this `db`: cells run again, and the one before may still be open
workflow.add_node("ReadingBulkUpsertNode", "store", {"data": readings})
workflow.add_node("ReadingListNode", "warm", {"filter": {"celsius": {"$gt": 21}}, "order_by": "-celsius"})
workflow.add_connection("store", "warm")
results, run_id = LocalRuntime().execute(workflow.build())

results["warm"]["records"].to_pandas()


# %%
@node
def in_fahrenheit(records):
    return {"cities": {row["city"]: row["celsius"] * 9 / 5 + 32 for row in records}}


workflow.add_node(in_fahrenheit, "convert")
workflow.add_connection("warm", "records", "convert", "records")
results, run_id = LocalRuntime().execute(workflow.build())

results["convert"]["cities"]
