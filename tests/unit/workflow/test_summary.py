"""The timing table of a run."""

import io
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from rich.console import Console

from dataflow import LocalRuntime, Results, Timing, WorkflowBuilder
from dataflow.errors import NodeExecutionError
from tests.unit.workflow.drawn import HOSTILE, branches, chain, fail, take


def made() -> Results:
    results = Results("0" * 32)
    results.seconds = 1.5
    results.timings = [
        Timing("load", "FlightBulkCreateNode", "finished", 1.25, 336_776, 2),
        Timing("a[b]", "clean", "failed", 0.1004),
        Timing("later", "clean", "skipped", attempts=0),
    ]
    return results


def test_the_text_is_aligned_and_complete() -> None:
    assert made().summary().splitlines() == [
        "node   kind                  state        rows  seconds   rows/s  attempts",
        "load   FlightBulkCreateNode  finished  336,776    1.250  269,421         2",
        "a[b]   clean                 failed               0.100                  1",
        "later  clean                 skipped              0.000                  0",
        f"3 nodes, 1.500 s, run {'0' * 32}",
    ]


def test_every_node_of_a_run_has_its_line() -> None:
    results, run_id = LocalRuntime().execute(branches())
    lines = results.summary().splitlines()
    assert sorted(line.split()[0] for line in lines[1:-1]) == ["big?", "last", "load", "merge", "no", "yes"]
    assert re.fullmatch(rf"6 nodes, \d+\.\d{{3}} s, run {run_id}", lines[-1])


def test_a_failed_run_has_its_table_so_far() -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(take, "one")
    workflow.add_node(fail, "other")
    workflow.add_connection("one", "other")
    with pytest.raises(NodeExecutionError) as caught:
        LocalRuntime().execute(workflow.build())
    states = [line.split()[2] for line in caught.value.results.summary().splitlines()[1:-1]]
    assert states == ["finished", "failed"]


def test_a_run_of_nothing_has_a_table() -> None:
    results, run_id = LocalRuntime().execute(WorkflowBuilder().build())
    assert results.summary().splitlines()[1] == f"0 nodes, {results.seconds:.3f} s, run {run_id}"
    assert ElementTree.fromstring(results._repr_html_()).findall("tbody/tr") == []


def rows_of(html: str) -> list[list[str]]:
    return [[cell.text or "" for cell in row] for row in ElementTree.fromstring(html).iter("tr")]


def test_a_notebook_shows_the_same() -> None:
    head, *rows = rows_of(made()._repr_html_())
    assert head == ["node", "kind", "state", "rows", "seconds", "rows/s", "attempts"]
    assert rows[0] == ["load", "FlightBulkCreateNode", "finished", "336,776", "1.250", "269,421", "2"]
    assert rows[1][:3] == ["a[b]", "clean", "failed"]


def test_rich_shows_the_same() -> None:
    console = Console(file=io.StringIO(), record=True, width=100)
    console.print(made())
    text = console.export_text()
    for line in made().summary().splitlines()[:-1]:
        assert re.search(r"\W+".join(map(re.escape, line.split())), text)
    assert "3 nodes, 1.500 s" in text


def test_no_name_breaks_a_table() -> None:
    results, _ = LocalRuntime().execute(chain(*HOSTILE))
    assert len(results.summary().splitlines()) == len(HOSTILE) + 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", results.summary())
    assert [row[0] for row in rows_of(results._repr_html_())[1:]][:5] == HOSTILE[:5]
    console = Console(file=io.StringIO(), record=True, width=700)
    console.print(results)
    assert all(id in console.export_text(clear=False) for id in ("[bold]x[/bold]", "line\\nbreak\\r\\ttab"))


def test_text_and_notebook_need_no_rich() -> None:
    program = (
        "import sys; sys.modules['rich'] = None\n"
        "from dataflow import Results\n"
        "print(Results('r').summary(), Results('r')._repr_html_())"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "0 nodes, 0.000 s, run r" in done.stdout
