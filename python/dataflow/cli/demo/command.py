"""`dataflow demo`: a year of flights from New York through one workflow, and every value compared with the files."""

from __future__ import annotations

from typing import Annotated

import typer

from dataflow.cli.failure import fail
from dataflow.errors import DataFlowError

__all__ = ["demo"]


def demo(
    rows: Annotated[int | None, typer.Option(min=1, help="Take the first N flights only.", metavar="N")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Run the job N times; times are medians.", metavar="N")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the verdict only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Run a workflow on 336,776 real flights and check every value.

    Into an SQLite file in a temporary directory, or the database of DATABASE_URL: into five tables of its own, which
    stay there. The exit status is 0 when all is equal, 1 when something differs or fails.
    """
    if quiet and as_json:
        raise typer.BadParameter("--quiet and --json exclude each other")
    from dataflow.cli.demo.run import run_demo

    try:
        status = run_demo(rows, repeat, "json" if as_json else "quiet" if quiet else "full")
    except DataFlowError as error:
        fail(error, 1)
    raise typer.Exit(status)
