"""What the demo finds out, and the bar it shows meanwhile."""

import io
import subprocess
import sys
from typing import Any

import pytest
from rich.console import Console

from dataflow.cli.demo import progress as demo_progress
from dataflow.cli.demo.progress import show_progress
from dataflow.cli.demo.result import Check, Content, Outcome, Round
from dataflow.workflow.event import RunEvent
from dataflow.workflow.result import Timing

GOOD = Check("planes", Content(2, "ab"), Content(2, "ab"))


def round_of(seconds: float, *checks: Check, state: Any = "finished") -> Round:
    timings = [Timing("load", "BulkCreateNode", state, seconds, 100)]
    return Round("SQLite", seconds * 2, timings, checks, [], 0)


def test_times_are_medians_of_the_rounds():
    outcome = Outcome([round_of(9.0, GOOD), round_of(1.0, GOOD), round_of(2.0, GOOD)], 30.0, None)
    (node,) = outcome.nodes
    assert (outcome.job_seconds, node.seconds, node.rows_per_second) == (4.0, 2.0, 50.0)


def test_a_node_without_time_or_rows_has_no_speed():
    (node,) = Outcome([round_of(0.0, GOOD, state="skipped")], 1.0, None).nodes
    assert (node.state, node.rows_per_second) == ("skipped", None)


@pytest.mark.parametrize("stored", [Content(3, "ab"), Content(2, "ac")])
def test_one_difference_in_any_round_is_a_difference(stored: Content):
    bad = Check("planes", Content(2, "ab"), stored)
    outcome = Outcome([round_of(1.0, GOOD), round_of(1.0, bad), round_of(1.0, GOOD)], 3.0, None)
    assert not outcome.equal
    assert list(outcome.checks) == [bad]


def test_the_peak_of_memory_grows_with_what_is_held():
    code = (
        "from dataflow.cli.demo.result import peak_memory_mb; before = peak_memory_mb()\n"
        "held = b'x' * 200_000_000; print(before, peak_memory_mb())"
    )
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    before, after = map(float, ended.stdout.split())
    assert 10 < before < 150
    assert 190 < after - before < 250


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal would be sent."""
    screen = io.StringIO()
    monkeypatch.setattr(demo_progress, "Console", lambda **_: Console(file=screen, force_terminal=True, width=120))
    return screen


def event(kind: Any, node: str | None = None) -> RunEvent:
    return RunEvent(kind, "run", 0.0, node=node)


def test_the_bar_counts_the_nodes_and_names_those_at_work(terminal: io.StringIO):
    with show_progress(True, 2) as progress:
        progress.begin(3)
        for kind, node in [("node_started", "a"), ("node_started", "b"), ("node_finished", "a"), ("node_skipped", "c")]:
            progress.follow(event(kind, node))
        progress.bar.refresh()
        first = terminal.getvalue()
        progress.begin(3)
        progress.bar.refresh()
    assert "2/6" in first
    assert first.rstrip().endswith("b")
    assert "3/6" in terminal.getvalue()[len(first) :]


def test_there_is_no_bar_where_it_is_not_wanted(terminal: io.StringIO):
    with show_progress(False, 1) as progress:
        progress.begin(1)
        progress.follow(event("node_finished", "a"))
    assert terminal.getvalue() == ""
