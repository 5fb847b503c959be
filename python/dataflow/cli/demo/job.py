"""The job of the demo: one workflow that loads five tables, mends them, and looks at what came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dataflow import DataFlow, WorkflowBuilder, node

__all__ = ["describe_job"]

# Makers of planes that are written in several ways.
MAKERS = {
    "AIRBUS INDUSTRIE": "AIRBUS",
    "CANADAIR LTD": "CANADAIR",
    "MCDONNELL DOUGLAS AIRCRAFT CO": "MCDONNELL DOUGLAS",
    "MCDONNELL DOUGLAS CORPORATION": "MCDONNELL DOUGLAS",
}
# The strongest gust ever measured on the ground had 253 mph.
MOST_WIND = 253


@node
def clean_makers(planes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One name for each maker: a function of one's own is a step like every other."""
    return {"planes": [{**plane, "manufacturer": MAKERS[plane["manufacturer"]]} for plane in planes]}


def describe_job(db: DataFlow, files: Mapping[str, Any]) -> WorkflowBuilder:
    """The workflow, with the tables of `files` as data."""
    job = WorkflowBuilder(db)
    _load(job, files)
    _mend_planes(job)
    _mend_weather(job)
    _sort_out_flights(job)
    return job


def _load(job: WorkflowBuilder, files: Mapping[str, Any]) -> None:
    """What refers to nothing is loaded at once; what refers to other tables comes after them."""
    job.add_node("AirlineBulkCreateNode", "load_airlines", {"data": files["airlines"]})
    job.add_node("AirportBulkCreateNode", "load_airports", {"data": files["airports"]})
    job.add_node("PlaneBulkCreateNode", "load_planes", {"data": files["planes"]})
    job.add_node("WeatherBulkCreateNode", "load_weather", {"data": files["weather"]})
    job.add_node("FlightBulkCreateNode", "load_flights", {"data": files["flights"]})
    job.add_connection("load_airports", "load_weather")
    job.add_connection("load_airports", "load_flights")
    job.add_connection("load_airlines", "load_flights")


def _mend_planes(job: WorkflowBuilder) -> None:
    """Rows out of the table, through the function above, and back over the rows that are there."""
    misspelt = {"manufacturer": {"$in": list(MAKERS)}}
    job.add_node("PlaneListNode", "misspelt_makers", {"filter": misspelt, "limit": None})
    job.add_node(clean_makers, "clean_makers")
    job.add_node("PlaneBulkUpsertNode", "save_planes", {"on_conflict": "update"})
    job.add_connection("load_planes", "misspelt_makers")
    job.add_connection("misspelt_makers", "records", "clean_makers", "planes")
    job.add_connection("clean_makers", "planes", "save_planes", "data")


def _mend_weather(job: WorkflowBuilder) -> None:
    """A wind of 1,048 mph is not known rather than true."""
    impossible = {"wind_speed": {"$gt": MOST_WIND}}
    job.add_node("WeatherBulkUpdateNode", "mend_wind", {"filter": impossible, "updates": {"wind_speed": None}})
    job.add_connection("load_weather", "mend_wind")


def _sort_out_flights(job: WorkflowBuilder) -> None:
    """Flights that never left are cancelled; if there are any, those that never had a plane either go."""
    cancelled = {"status": "cancelled"}
    job.add_node("FlightBulkUpdateNode", "cancel_flights", {"filter": {"dep_time": None}, "updates": cancelled})
    job.add_node("FlightCountNode", "count_cancelled", {"filter": cancelled})
    job.add_node("SwitchNode", "any_cancelled", {"operator": ">", "value": 0})
    job.add_node("FlightBulkDeleteNode", "drop_phantoms", {"filter": {**cancelled, "tailnum": None}})
    shown = ["carrier", "flight", "origin", "dest", "time_hour", "dep_delay"]
    worst = {"filter": {"status": "flown"}, "order_by": ["-dep_delay", "id"], "limit": 5, "fields": shown}
    job.add_node("FlightListNode", "worst_delays", worst)
    job.add_node("FlightCountNode", "count_flights")
    job.add_connection("load_flights", "cancel_flights")
    job.add_connection("cancel_flights", "count_cancelled")
    job.add_connection("count_cancelled", "count", "any_cancelled", "data")
    # The branch: with none cancelled this node is skipped. It may not delete more than were counted.
    job.add_connection("any_cancelled", "true_output", "drop_phantoms", "max_affected")
    for last in ("worst_delays", "count_flights"):
        job.add_connection("cancel_flights", last)
        job.add_connection("drop_phantoms", last)
