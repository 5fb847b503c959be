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

builder = WorkflowBuilder(db)  # this `db`: cells run again, and the one before may still be open
builder.add_node("ReadingBulkUpsertNode", "store", {"data": readings})
builder.add_node("ReadingListNode", "warm", {"filter": {"celsius": {"$gt": 21}}, "order_by": "-celsius"})
builder.add_connection("store", "warm")
workflow = builder.build()

workflow  # its drawing  # noqa: B018

# %%
results, run_id = LocalRuntime().execute(workflow)

results  # its timing table  # noqa: B018

# %%
results["warm"]["records"].to_pandas()


# %%
@node
def in_fahrenheit(records):
    return {"cities": {row["city"]: row["celsius"] * 9 / 5 + 32 for row in records}}


builder.add_node(in_fahrenheit, "convert")
builder.add_connection("warm", "records", "convert", "records")
results, run_id = LocalRuntime().execute(builder.build())

results["convert"]["cities"]
