"""What is known of a run while it goes on."""

import pytest

from dataflow import RunEvent
from dataflow.workflow.board import Board
from dataflow.workflow.event import EventKind
from tests.unit.workflow.drawn import branches, chain


def told(board: Board, *events: tuple[EventKind, str | None]) -> Board:
    for kind, id in events:
        rows, attempt = (7, 1) if kind == "node_finished" else (None, 1 if kind != "node_skipped" else None)
        board.take(RunEvent(kind, "r", 0.0, id, 1.5, rows, attempt))
    return board


def test_nodes_wait_run_and_end() -> None:
    board = told(Board(branches()), ("run_started", None), ("node_started", "load"), ("node_finished", "load"))
    told(board, ("node_started", "big?"), ("node_skipped", "no"), ("node_started", "yes"), ("node_failed", "yes"))
    assert {line.node: line.state for line in board.lines()} == {
        "load": "finished",
        "big?": "running",
        "yes": "failed",
        "no": "skipped",
        "merge": "waiting",
        "last": "waiting",
    }
    assert board.lines()[0] == ("load", "finished", 1.5, 7, 1)
    assert board.counts()[0] == 3
    assert board.counts()[1].startswith("3 of 6 nodes, 1 running, 1 skipped, 1 failed, ")


def test_another_attempt_is_told() -> None:
    board = told(Board(chain("a")), ("run_started", None), ("node_started", "a"), ("node_retried", "a"))
    (line,) = board.lines()
    assert (line.state, line.attempt) == ("running", 2)


@pytest.mark.parametrize(("nodes", "shown"), [(30, 30), (31, 2)])
def test_of_many_nodes_those_that_run_are_shown(nodes: int, shown: int) -> None:
    ids = [str(at) for at in range(nodes)]
    board = told(Board(chain(*ids)), ("run_started", None), *[("node_started", id) for id in ids[:3]])
    told(board, ("node_finished", "0"))
    assert len(board.lines()) == shown
    assert board.counts()[1].startswith(f"1 of {nodes} nodes, 2 running, ")


def test_the_timings_are_those_of_the_events() -> None:
    board = told(Board(chain("a", "b")), ("run_started", None), ("node_started", "a"), ("node_finished", "a"))
    told(board, ("node_cancelled", "b"), ("run_failed", None))
    results = board.results()
    assert (results.run_id, results.seconds) == ("r", 1.5)
    assert results.timings == [("a", "take", "finished", 1.5, 7, 1), ("b", "take", "cancelled", 1.5, None, 1)]
