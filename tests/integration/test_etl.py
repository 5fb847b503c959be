"""The examples: workflows inside a script, a service and a notebook, a load, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.database import Database
from tests.integration import bare

# Rows of the file, and those that are committed at least when the first run is killed.
MEASUREMENTS, KILLED_AT = 120_000, 30_000

EXAMPLES = Path(__file__).parents[1] / "examples"
# What a notebook does: cells of one namespace, run on a loop that runs already; the value of the last line is shown, as
# HTML where it can.
NOTEBOOK = """
import ast, asyncio, sys

def run_cell(cell):
    *statements, last = ast.parse(cell).body
    shown = isinstance(last, ast.Expr)
    exec(compile(ast.Module(statements if shown else [*statements, last], []), "cell", "exec"), globals())
    if shown:
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), globals())
        print("shown:", value._repr_html_() if hasattr(value, "_repr_html_") else repr(value))

async def main():
    cells = open(sys.argv[1]).read().split("# %%\\n")[1:]
    for cell in cells + cells:
        run_cell(cell)

asyncio.run(main())
"""


def run(database: Database, folder: Path, *arguments: str) -> str:
    """What a program prints."""
    command = [sys.executable, "-W", "ignore", *arguments]
    environment = {**os.environ, "DATABASE_URL": database.url}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    return ended.stdout


def test_three_lines_of_a_script_are_a_workflow(database: Database, tmp_path: Path) -> None:
    assert run(database, tmp_path, str(EXAMPLES / "script.py")) == "2 of 3 sales loaded\n"
    text = (EXAMPLES / "script.py").read_text()
    assert text.count("workflow") - text.splitlines()[0].count("workflow") == 3
    assert list(tmp_path.iterdir()) == []


def test_a_service_awaits_a_workflow_for_every_request(database: Database, tmp_path: Path) -> None:
    assert run(database, tmp_path, str(EXAMPLES / "service.py")) == "errors: [0, 1, 2, 3, 4]\n"


def test_cells_of_a_notebook_run_workflows_and_run_again(database: Database, tmp_path: Path) -> None:
    printed = run(database, tmp_path, "-c", NOTEBOOK, str(EXAMPLES / "notebook.py"))
    nothing, *shown = printed.split("shown: ")
    assert nothing == ""
    for drawing, timings, rows, cities in (shown[:4], shown[4:]):
        assert "<svg" in drawing
        assert all(f">{node}<" in drawing for node in ("store", "warm"))
        assert "<table" in timings
        assert all(f">{node}<" in timings for node in ("store", "ReadingBulkUpsertNode", "warm", "ReadingListNode"))
        assert rows.count("Kyoto") == rows.count("Lima") == 1
        assert cities == "{'Kyoto': 72.5, 'Lima': 70.7}\n"


def test_a_load_that_is_killed_goes_on_when_it_is_run_again(database: Database, tmp_path: Path) -> None:
    values = pa.table({"sensor": range(MEASUREMENTS), "value": [n / 8 for n in range(MEASUREMENTS)]})
    pq.write_table(values, tmp_path / "measurements.parquet")
    program = str(EXAMPLES / "load.py")
    environment = {**os.environ, "DATABASE_URL": database.url}
    command = [sys.executable, "-W", "ignore", program]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        for line in first.stdout:
            if line == f"{KILLED_AT} rows\n":
                break
        first.kill()
    *_, last = run(database, tmp_path, program).splitlines()
    counted = bare.execute(database, 'SELECT count(*), count(DISTINCT "sensor") FROM "measurement"')
    assert [tuple(row) for row in counted] == [(MEASUREMENTS, MEASUREMENTS)]
    resumed = int(last.split(", ")[1].split()[0])
    assert last == f"{MEASUREMENTS} rows, {resumed} of them by an earlier run"
    assert KILLED_AT <= resumed < MEASUREMENTS
