"""The matrix is whole: every operation has its row, and the table in the documents is what the run found."""

import difflib
import os
from typing import Any

from dataflow import Table
from dataflow.nodes import generated
from tests.matrix.concerns import CONCERNS
from tests.matrix.operations import OPERATIONS, ROWS
from tests.matrix.table import FAILED, GOLDEN, KINDS, MISSING, PASSED, Results

# Rows of another form, or that come in another way, what reads for others, and what tells of reads or says them:
# tests/integration/test_pipelines.py, test_row_streams.py, test_public.py, test_explain.py, test_sql.py and
# test_queries.py.
APART = {"aggregate", "explain", "public", "sql", "stream", "where"}


def public_operations(cls: type[Any]) -> set[str]:
    """The methods of a table without their awaited twins."""
    names = {name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))}
    return {name for name in names if not (name.startswith("a") and name[1:] in names)}


def test_every_operation_has_a_row_and_an_awaited_twin() -> None:
    assert len(OPERATIONS) >= 11
    assert public_operations(Table) == {*OPERATIONS, *APART}
    assert all(callable(getattr(Table, f"a{name}")) for name in OPERATIONS)


def test_every_generated_node_has_a_row() -> None:
    assert len(ROWS) >= 22
    names = {f"{name}Node" for name in generated.OPERATIONS if name.lower() not in APART}
    assert names == {*ROWS} - {*OPERATIONS}
    assert all(ROWS[name].way == "direct" for name in OPERATIONS)


def test_an_operation_without_a_row_is_found() -> None:
    class More(Table[Any]):
        def truncate(self) -> None: ...
        async def atruncate(self) -> None: ...

    assert public_operations(More) - {*OPERATIONS, *APART} == {"truncate"}


def test_every_concern_has_a_column() -> None:
    assert len(CONCERNS) >= 11
    assert len({concern.title for concern in CONCERNS.values()}) == len(CONCERNS)


def test_a_cell_that_did_not_run_or_failed_shows() -> None:
    at = next(iter(ROWS)), next(iter(CONCERNS))
    marks = {(*at, "postgres"): PASSED, (*at, "sqlite"): "✗"}
    assert Results(marks).cell(*at) == "✓?✗"
    assert Results(dict.fromkeys([(*at, kind) for kind in KINDS], "no reason")).cell(*at) == "no reason"


def test_the_table_is_that_of_the_golden_file(results: Results) -> None:
    assert len(results.marks) == Results.size()
    found = results.render()
    complete = not {FAILED, MISSING} & set(found)
    if os.environ.get("UPDATE_GOLDEN") and complete:
        GOLDEN.write_text(found, encoding="utf-8")
    lines = GOLDEN.read_text(encoding="utf-8").splitlines(), found.splitlines()
    difference = [*difflib.unified_diff(*lines, "MATRIX.md", "this run", lineterm="", n=0)]
    assert not difference, "\n".join(difference)
    assert complete
