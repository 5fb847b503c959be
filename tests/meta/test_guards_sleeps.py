"""No test sleeps and hopes: it waits for an event, a barrier or what a server says; every other sleep has a reason."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# Where a sleep is right: time itself is what the test is about, or nothing could be waited for.
REASONS = {
    "faults/exchange.py::cut": "an idle connection broke, and nobody is told when the client has noticed",
    "faults/storm.py::_stall": "with a fault planted, some calls never come to wait for the lock",
    "faults/storm.py::check_server": "the law gives the server so long",
    "faults/test_cancel_late.py::cancel_late": "blocks the loop on purpose; the law gives the server so long",
    "faults/test_half_open.py::test_waiting_for_a_silent_server_can_be_cancelled": "a cancel is right at any moment",
    "faults/test_idle_cut.py::flow": "an idle connection broke, and nobody is told when the client has noticed",
    "faults/test_load_killed.py::run": "a kill is right at any moment of the load",
    "integration/test_conflicts.py::test_a_transaction_that_idles_past_its_timeout_keeps_nothing": "time is to pass",
    "integration/test_events.py::settled": "what must not come gets the time to come",
    "integration/test_servers_variants.py::seconds_to_recover": "the pause of a client that tries for a while",
    "integration/test_transaction_states.py::work": "never passes: the task is cancelled in it",
    "integration/test_transactions_operations.py::test_a_transaction_past_its_time_refuses_it": "its time is to pass",
    "integration/test_workflow_context.py::listen": "lets others in, where nobody may come",
    "integration/test_workflow_limits.py::dawdle": "a listener that takes longer than the run has",
    "runtime/programs/interrupted.py::batches": "a producer that takes its time",
    "runtime/programs/interrupted.py::rows": "an iterator that takes its time",
    "runtime/programs/leaving.py::": "leaves at any moment",
    "runtime/programs/leaving.py::main": "leaves at any moment",
    "runtime/programs/leaving.py::run_a_little": "stops at any moment",
    "runtime/programs/leaving.py::slow_observers": "an observer that takes its time",
    "runtime/programs/looping.py::calls_back": "for the observer that is at it",
    "runtime/programs/looping.py::close_loop_in_flight": "stops at any moment",
    "runtime/programs/running.py::block": "a function that nothing ends before its time",
    "runtime/test_signals.py::test_ctrl_c_ends_a_load_at_work": "a signal is right at any moment of the load",
}


def sleeps(source: str) -> set[str]:
    """The functions that sleep: not for a turn of the loop, and not as the pause of a `while` that looks again."""
    tree = ast.parse(source)
    bodies = [loop.body for loop in ast.walk(tree) if isinstance(loop, ast.While)]
    pauses = [called(statement) for body in bodies for statement in body]
    found = set()

    def visit(node: ast.AST, function: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if is_sleep(node) and node not in pauses:
            found.add(function)
        for child in ast.iter_child_nodes(node):
            visit(child, function)

    visit(tree, "")
    return found


def called(statement: ast.stmt) -> ast.expr | None:
    """The call that is all of a statement, awaited or not."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return value.value if isinstance(value, ast.Await) else value


def is_sleep(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="sleep") | ast.Name(id="sleep"), args=[ast.Constant(value=0)]):
            return False
        case ast.Call(func=ast.Attribute(attr="sleep") | ast.Name(id="sleep")):
            return True
    return False


def test_every_sleep_has_a_reason() -> None:
    files = {str(path.relative_to(TESTS)): path.read_text() for path in sorted(TESTS.rglob("*.py"))}
    assert len(files) > 100
    assert {f"{name}::{function}" for name, text in files.items() for function in sleeps(text)} == set(REASONS)


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n    await asyncio.sleep(0.1)",
        "def f():\n    time.sleep(SETTLED_S)",
        "def f():\n    with x:\n        for _ in y:\n            sleep(1)",
        "def f():\n    while not done:\n        if x:\n            time.sleep(1)",
        "def f():\n    call(lambda: time.sleep(1))",
    ],
)
def test_a_sleep_is_found(source: str) -> None:
    assert sleeps(source) == {"f"}


@pytest.mark.parametrize("source", ["await asyncio.sleep(0)", "while not done():\n    time.sleep(0.01)", "x.sleeps(1)"])
def test_a_turn_and_a_pause_are_allowed(source: str) -> None:
    assert sleeps(source) == set()
