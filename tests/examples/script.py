"""A plain script: three of its lines are a workflow."""

import pandas as pd

from dataflow import DataFlow, LocalRuntime, WorkflowBuilder

db = DataFlow()  # DATABASE_URL, else the file dataflow.db


@db.model
class Sale:
    shop: str
    amount: int


sales = pd.DataFrame({"shop": ["north", "south", "north"], "amount": [3, 5, None]})

workflow = WorkflowBuilder()
workflow.add_node("SaleBulkCreateNode", "load", {"data": sales.dropna()})
results, run_id = LocalRuntime().execute(workflow.build())

print(results["load"]["inserted"], "of", len(sales), "sales loaded")
