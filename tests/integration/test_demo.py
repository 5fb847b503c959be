"""The main job as a user runs it: the command itself, on every database, checked against the files."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from typer.testing import CliRunner

from dataflow import DataFlow, WorkflowBuilder
from dataflow.cli.app import app
from dataflow.cli.demo import run as demo_run
from dataflow.cli.demo.data import TABLES
from dataflow.cli.demo.job import describe_job
from dataflow.cli.demo.proof import fingerprint
from tests.database import Database
from tests.integration.flights import expected_tables

LOADS = [f"load_{name}" for name in TABLES]


def run_demo(*options: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    """`dataflow demo` in a process of its own, as wide as a terminal must be for its tables."""
    settings = {**os.environ, "COLUMNS": "140", **({"DATABASE_URL": url} if url else {})}
    command = [sys.executable, "-W", "ignore", "-c", "from dataflow.cli import main; main()", "demo", *options]
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=False)


def read_json(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The outcome, of a demo in which all was equal."""
    assert (ended.returncode, ended.stderr) == (0, "")
    outcome: dict[str, Any] = json.loads(ended.stdout)
    assert outcome["verdict"] == "equal"
    return outcome


@cache
def expected(flights: int | None = None) -> dict[str, tuple[int, str]]:
    """Rows and checksum of every table."""
    return {name: (table.num_rows, fingerprint(table)) for name, table in expected_tables(flights).items()}


def found_tables(outcome: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {table["table"]: (table["rows"], table["checksum"]) for table in outcome["tables"]}


def found_nodes(outcome: dict[str, Any]) -> dict[str, tuple[str, int | None]]:
    return {node["node"]: (node["state"], node["rows"]) for node in outcome["nodes"]}


def test_two_thousand_flights_are_all_equal(database: Database):
    outcome = read_json(run_demo("--rows", "2000", "--json", url=database.url))
    assert found_tables(outcome) == expected(2000)
    assert all(table["equal"] for table in outcome["tables"])


def test_every_node_says_how_many_rows_it_handled(database: Database):
    nodes = found_nodes(read_json(run_demo("--rows", "2000", "--json", url=database.url)))
    assert [nodes[load] for load in LOADS] == [("finished", rows) for rows in (16, 1458, 3322, 26115, 2000)]
    kept, _ = expected(2000)["flights"]
    assert nodes["misspelt_makers"] == nodes["save_planes"] == ("finished", 518)
    assert nodes["mend_wind"] == ("finished", 1)
    assert nodes["drop_phantoms"] == ("finished", 2000 - kept)
    assert nodes["worst_delays"] == ("finished", 5)


def test_the_list_and_the_count_at_the_end_are_right(database: Database):
    outcome = read_json(run_demo("--rows", "2000", "--json", url=database.url))
    flights = expected_tables(2000)["flights"]
    late = sorted(flights.to_pylist(), key=lambda row: -(row["dep_delay"] or 0))
    names = ["carrier", "flight", "origin", "dest", "dep_delay"]
    found = outcome["worst_delays"]
    assert [[row[name] for name in names] for row in found] == [[row[name] for name in names] for row in late[:5]]
    assert [datetime.fromisoformat(row["time_hour"]) for row in found] == [row["time_hour"] for row in late[:5]]
    assert outcome["count_flights"] == flights.num_rows


def test_where_no_flight_was_cancelled_the_branch_is_skipped(database: Database):
    outcome = read_json(run_demo("--rows", "100", "--json", url=database.url))
    assert found_nodes(outcome)["drop_phantoms"] == ("skipped", None)
    assert found_tables(outcome) == expected(100)


def test_rounds_have_tables_of_their_own_and_their_times_are_medians(database: Database):
    outcome = read_json(run_demo("--rows", "50", "--repeat", "3", "--json", url=database.url))
    assert outcome["rounds"] == 3
    assert found_tables(outcome) == expected(50)
    assert outcome["job_seconds"] < outcome["seconds"]


def test_the_report_has_every_node_and_table(database: Database):
    ended = run_demo("--rows", "900", url=database.url)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.rstrip().endswith("All equal.")
    for name in (*LOADS, "clean_makers", "drop_phantoms", *TABLES, "26,115", "rows/s", "MB of memory"):
        assert name in ended.stdout


def test_quiet_is_one_line(database: Database):
    ended = run_demo("--rows", "10", "--quiet", url=database.url)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "All equal.\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_all_flights_are_equal_in_less_than_400_mb(database: Database):
    outcome = read_json(run_demo("--json", url=database.url))
    assert found_tables(outcome) == expected()
    assert outcome["tables"][-1]["rows"] == 336_776 - 2_512
    assert found_nodes(outcome)["cancel_flights"] == ("finished", 8_255)
    assert outcome["peak_mb"] < 400


def test_without_a_database_url_it_runs_on_a_temporary_file():
    assert read_json(run_demo("--rows", "10", "--json"))["database"].endswith("a temporary file")


Tamper = Callable[[WorkflowBuilder], object]


def change_a_cell(job: WorkflowBuilder) -> None:
    updates = {"filter": {"faa": "JFK"}, "updates": {"alt": 14}}
    job.add_node("AirportBulkUpdateNode", "tamper", updates)
    job.add_connection("load_airports", "tamper")


def lose_a_value(job: WorkflowBuilder) -> None:
    job.add_node("PlaneBulkUpdateNode", "tamper", {"filter": {"tailnum": "N10156"}, "updates": {"year": None}})
    job.add_connection("save_planes", "tamper")


def lose_a_row(job: WorkflowBuilder) -> None:
    job.add_node("FlightBulkDeleteNode", "tamper", {"filter": {"flight": 1545, "day": 1, "month": 1}})
    job.add_connection("count_flights", "tamper")


def add_a_row(job: WorkflowBuilder) -> None:
    job.add_node("AirlineBulkCreateNode", "tamper", {"data": [{"carrier": "ZZ", "name": "Endeavor Air Inc."}]})
    job.add_connection("load_airlines", "tamper")


@pytest.mark.parametrize(
    ("tamper", "table"),
    [(change_a_cell, "airports"), (lose_a_value, "planes"), (lose_a_row, "flights"), (add_a_row, "airlines")],
)
def test_a_row_that_was_tampered_with_is_reported(
    database: Database, monkeypatch: pytest.MonkeyPatch, tamper: Tamper, table: str
):
    def describe(db: DataFlow, files: dict[str, Any]) -> WorkflowBuilder:
        job = describe_job(db, files)
        tamper(job)
        return job

    monkeypatch.setattr(demo_run, "describe_job", describe)
    monkeypatch.setenv("DATABASE_URL", database.url)
    ended = CliRunner().invoke(app, ["demo", "--rows", "200", "--json"])
    assert ended.exit_code == 1
    outcome = json.loads(ended.stdout)
    assert outcome["verdict"] == "different"
    assert [one["table"] for one in outcome["tables"] if not one["equal"]] == [table]
    quiet = CliRunner().invoke(app, ["demo", "--rows", "200", "--quiet"])
    assert (quiet.exit_code, quiet.stdout) == (1, f"The database differs from the files: {table}.\n")


def test_a_node_that_fails_ends_the_demo_with_its_error(database: Database, monkeypatch: pytest.MonkeyPatch):
    def describe(db: DataFlow, files: dict[str, Any]) -> WorkflowBuilder:
        job = describe_job(db, files)
        job.add_node("AirlineBulkCreateNode", "again", {"data": files["airlines"]})
        job.add_connection("load_flights", "again")
        return job

    monkeypatch.setattr(demo_run, "describe_job", describe)
    monkeypatch.setenv("DATABASE_URL", database.url)
    ended = CliRunner().invoke(app, ["demo", "--rows", "20", "--json"])
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "again" in ended.stderr


def test_a_database_that_is_not_there_ends_the_demo_with_one_error():
    ended = run_demo("--rows", "10", url="postgresql://nobody:nothing@127.0.0.1:1/none")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Traceback" not in ended.stderr
    assert "nothing" not in ended.stderr
