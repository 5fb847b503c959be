"""How the outcome of the demo is printed: in tables, in one line, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from dataflow.cli.demo.result import Check, Outcome

__all__ = ["print_json", "print_report", "print_verdict"]


def print_report(outcome: Outcome) -> None:
    """Everything, in tables."""
    console = Console()
    console.print(f"\n[bold]DataFlow[/bold] on {escape(outcome.rounds[-1].server)}\n")
    console.print(_time_grid(outcome), _delay_grid(outcome), _check_grid(outcome.checks))
    memory = "" if outcome.peak_mb is None else f", at most {outcome.peak_mb:,.0f} MB of memory"
    console.print(f"Job {outcome.job_seconds:.2f} s, reading and comparing included {outcome.seconds:.2f} s{memory}.")
    print_verdict(outcome)


def print_verdict(outcome: Outcome) -> None:
    """One line."""
    if outcome.equal:
        Console().print("[green]All equal.[/green]")
        return
    different = ", ".join(check.table for check in outcome.checks if not check.equal)
    Console().print(f"[red]The database differs from the files: {different}.[/red]", soft_wrap=True)


def print_json(outcome: Outcome) -> None:
    """One JSON object."""
    print(json.dumps(_as_json(outcome), indent=2))


def _as_json(outcome: Outcome) -> dict[str, object]:
    last = outcome.rounds[-1]
    nodes = [{**node._asdict(), "rows_per_second": node.rows_per_second} for node in outcome.nodes]
    return {
        "database": last.server,
        "rounds": len(outcome.rounds),
        "nodes": nodes,
        "worst_delays": [{**row, "time_hour": row["time_hour"].isoformat()} for row in last.worst_delays],
        "count_flights": last.flights,
        "tables": [_check_as_json(check) for check in outcome.checks],
        "job_seconds": outcome.job_seconds,
        "seconds": outcome.seconds,
        "peak_mb": outcome.peak_mb,
        "verdict": "equal" if outcome.equal else "different",
    }


def _check_as_json(check: Check) -> dict[str, object]:
    stored, expected = check.stored._asdict(), check.expected._asdict()
    return {"table": check.table, **stored, "expected": expected, "equal": check.equal}


def _time_grid(outcome: Outcome) -> Grid:
    rounds = len(outcome.rounds)
    title = "the job, node by node" + (f", medians of {rounds} rounds" if rounds > 1 else "")
    waiting = "SQLite has one writer: nodes that write at the same time wait for each other."
    caption = waiting if outcome.rounds[-1].server.startswith("SQLite") else None
    grid = Grid("node", title=title, caption=caption)
    for name in ("rows", "seconds", "rows/s"):
        grid.add_column(name, justify="right")
    for node in outcome.nodes:
        rows = "" if node.rows is None else f"{node.rows:,}"
        speed = "" if node.rows_per_second is None else f"{node.rows_per_second:,.0f}"
        grid.add_row(node.node, rows, node.state if node.state != "finished" else f"{node.seconds:.3f}", speed)
    return grid


def _delay_grid(outcome: Outcome) -> Grid:
    last = outcome.rounds[-1]
    title = f"count_flights: {last.flights:,} are left; worst_delays:"
    grid = Grid("flight", "from", "to", "planned hour", "late, hours", title=title)
    for row in last.worst_delays:
        hour, late = f"{row['time_hour']:%Y-%m-%d %H:%M} UTC", f"{row['dep_delay'] / 60:.1f}"
        grid.add_row(f"{row['carrier']} {row['flight']}", row["origin"], row["dest"], hour, late)
    return grid


def _check_grid(checks: Sequence[Check]) -> Grid:
    grid = Grid("table", title="the database beside the files")
    for name in ("rows", "expected"):
        grid.add_column(name, justify="right")
    for name in ("checksum", "expected", ""):
        grid.add_column(name)
    for check in checks:
        stored, expected = check.stored, check.expected
        verdict = "[green]equal[/green]" if check.equal else "[red]different[/red]"
        sums = (stored.checksum[:16], expected.checksum[:16])
        grid.add_row(check.table, f"{stored.rows:,}", f"{expected.rows:,}", *sums, verdict)
    return grid
