"""`progress=True`: a run shown as it goes, in a terminal, in a notebook, or as a table only."""

import io
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rich
from rich.console import Console

from dataflow import AsyncLocalRuntime, LocalRuntime, Workflow, WorkflowBuilder, node
from dataflow.errors import InvalidOptionError, NodeExecutionError
from dataflow.workflow import terminal
from dataflow.workflow.board import Board
from dataflow.workflow.progress import Progress
from dataflow.workflow.terminal import Terminal
from tests.notebook import FakeDisplay, notebook
from tests.recording import record, record_demo
from tests.unit.workflow.drawn import HOSTILE, branches, chain, fail, take


@pytest.fixture(autouse=True)
def errors_of_listeners(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A run goes on when its display fails, and so would these tests."""
    yield
    assert [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []
    assert terminal._drawing.acquire(blocking=False), "a display was not closed"
    terminal._drawing.release()


def console(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool, width: int = 100) -> io.StringIO:
    """What `rich.print` writes to from now on."""
    written = io.StringIO()
    made = Console(file=written, force_terminal=is_terminal, width=width, height=50, color_system=None)
    monkeypatch.setattr(rich, "get_console", lambda: made)
    return written


def failing() -> Workflow:
    workflow = WorkflowBuilder()
    workflow.add_node(take, "first")
    workflow.add_node(fail, "broken")
    workflow.add_node(take, "never")
    workflow.add_connection("first", "broken")
    workflow.add_connection("broken", "never")
    return workflow.build()


def paused(draw: Callable[[], None]) -> Workflow:
    """Calls `draw` while its second node runs."""

    @node
    def wait() -> None:
        draw()

    workflow = WorkflowBuilder()
    workflow.add_node(take, "before")
    workflow.add_node(wait, "wait")
    workflow.add_node(take, "after")
    workflow.add_connection("before", "wait")
    workflow.add_connection("wait", "after")
    return workflow.build()


# --- in a terminal ----------------------------------------------------------------------------------------------------


def test_a_terminal_shows_the_run_and_then_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    written = console(monkeypatch, is_terminal=True)
    LocalRuntime(progress=True).execute(branches())
    text = written.getvalue()
    first, table = text[: text.index("┏")], text[text.index("┏") :]
    assert "0 of 6 nodes" in first
    assert "waiting" in first
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is hidden, and shown again
    assert "\x1b[2K" in text  # what was drawn is gone when the table comes
    for id, state in {"load": "finished", "yes": "finished", "no": "skipped"}.items():
        assert re.search(rf"│ {id} +│ \w+ +│ {state} ", table)
    assert "6 nodes, " in table


def test_the_picture_follows_the_run() -> None:
    screen, drawn = Terminal(Console(file=io.StringIO(), force_terminal=True, width=100)), list[str]()

    def draw() -> None:
        recorder = Console(file=io.StringIO(), record=True, width=100)
        recorder.print(screen.draw(progress._board))
        drawn.append(recorder.export_text())

    workflow = paused(draw)
    progress = Progress(workflow, screen)
    LocalRuntime().execute(workflow, on_event=progress)
    before, wait, after, total = [line.rstrip() for line in drawn[0].splitlines()]
    assert re.fullmatch(r"✓  before  finished  +0\.0 s", before)
    assert re.fullmatch(r"[⠀-⣿]  wait    running +0\.0 s", wait)
    assert re.fullmatch(r"·  after   waiting", after)
    assert re.fullmatch(r"[━╸╺ ]{30}  1 of 3 nodes, 1 running, 0\.0 s", total)


def test_a_terminal_that_knows_ascii_only_is_drawn_in_it() -> None:
    class Ascii(io.StringIO):
        encoding = "ascii"

    plain, drawn = Console(file=Ascii(), force_terminal=True, width=100), list[str]()
    screen = Terminal(plain)

    def draw() -> None:
        with plain.capture() as captured:
            plain.print(screen.draw(progress._board))
        drawn.append(captured.get())

    workflow = paused(draw)
    progress = Progress(workflow, screen)
    LocalRuntime().execute(workflow, on_event=progress)
    assert drawn[0].isascii()
    assert "before" in drawn[0]


def test_a_failure_shows_the_table_and_gives_the_terminal_back(monkeypatch: pytest.MonkeyPatch) -> None:
    written, stdout = console(monkeypatch, is_terminal=True), sys.stdout
    with pytest.raises(NodeExecutionError):
        LocalRuntime(progress=True).execute(failing())
    assert sys.stdout is stdout
    text = written.getvalue()
    assert text.count("\x1b[?25h") == 1
    assert re.search(r"│ broken │ fail +│ failed ", text)
    assert not re.search(r"│ never ", text)


def test_no_name_is_markup_or_moves_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    written = console(monkeypatch, is_terminal=True, width=700)
    LocalRuntime(progress=True).execute(chain(*HOSTILE))
    assert "[bold]x[/bold]" in written.getvalue()
    assert "\x1b[31m" not in written.getvalue()


def test_a_run_inside_of_a_run_shows_its_table_only(monkeypatch: pytest.MonkeyPatch) -> None:
    written = console(monkeypatch, is_terminal=True)
    LocalRuntime(progress=True).execute(paused(lambda: run_inner()))
    assert written.getvalue().count("\x1b[?25l") == 1
    assert "1 node, " in written.getvalue()
    assert "3 nodes, " in written.getvalue()


def run_inner() -> None:
    LocalRuntime(progress=True).execute(chain("inner"))


async def test_an_awaited_run_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    written = console(monkeypatch, is_terminal=True)
    await AsyncLocalRuntime(progress=True).execute_workflow_async(branches())
    assert "0 of 6 nodes" in written.getvalue()
    assert "6 nodes, " in written.getvalue()


def test_an_iterated_run_that_is_left_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    written = console(monkeypatch, is_terminal=True)
    for _ in LocalRuntime(progress=True).iterate(branches()):
        break
    assert written.getvalue().count("\x1b[?25h") == 1


# --- elsewhere --------------------------------------------------------------------------------------------------------


def test_an_output_that_is_no_terminal_gets_the_table_only(monkeypatch: pytest.MonkeyPatch) -> None:
    written, drawing = console(monkeypatch, is_terminal=False, width=20), list[bool]()
    results, _ = LocalRuntime(progress=True).execute(paused(lambda: drawing.append(terminal._drawing.locked())))
    assert drawing == [False]
    shown, told = written.getvalue().splitlines(), results.summary().splitlines()
    assert [line.split()[:3] for line in shown[:-1]] == [line.split()[:3] for line in told[:-1]]
    assert shown[-1] == told[-1]


def test_a_run_that_cannot_begin_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written = console(monkeypatch, is_terminal=True)
    with pytest.raises(InvalidOptionError):
        LocalRuntime(progress=True).execute(branches(), transaction=True)
    assert written.getvalue() == ""


def test_without_progress_nothing_is_shown(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    written = console(monkeypatch, is_terminal=True)
    LocalRuntime().execute(branches())
    assert (written.getvalue(), *capfd.readouterr()) == ("", "", "")


@pytest.mark.parametrize("runtime", [LocalRuntime, AsyncLocalRuntime])
def test_without_rich_progress_is_refused_and_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, runtime: Callable[..., Any]
) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(InvalidOptionError) as caught:
        runtime(progress=True)
    assert caught.value.hint == 'pip install "dataflow-db[cli]"'
    runtime(progress=False)


def test_progress_is_true_or_false() -> None:
    with pytest.raises(InvalidOptionError, match="progress"):
        LocalRuntime(progress="yes")  # type: ignore[arg-type]


def test_rich_is_imported_when_a_run_is_shown_and_not_before() -> None:
    program = (
        "import sys, dataflow\n"
        "from dataflow import LocalRuntime, WorkflowBuilder\n"
        "workflow = WorkflowBuilder().build()\n"
        "LocalRuntime().execute(workflow); print('rich' in sys.modules)\n"
        "LocalRuntime(progress=True).execute(workflow); print('rich' in sys.modules, 'IPython' in sys.modules)"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("False", "True False")
    assert lines[2].startswith("0 nodes, ")


# --- in a notebook ----------------------------------------------------------------------------------------------------


def test_a_notebook_updates_one_output_and_ends_with_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    written = console(monkeypatch, is_terminal=True)
    with notebook(monkeypatch, "ZMQInteractiveShell") as display:
        results, _ = LocalRuntime(progress=True).execute(paused(lambda: wait_for_update(display)))
    assert display.displays == 1
    assert 'value="0" max="3"' in display.drawn[0]
    assert 'value="1" max="3"' in display.drawn[1]
    assert "<td>wait</td><td>running</td>" in display.drawn[1]
    assert display.drawn[-1].startswith("<table><caption>3 nodes, ")
    assert results.run_id in display.drawn[-1]
    assert written.getvalue() == ""


def wait_for_update(display: FakeDisplay) -> None:
    assert display.updated.wait(30)


def test_a_failure_ends_with_the_table_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    with notebook(monkeypatch, "ZMQInteractiveShell") as display, pytest.raises(NodeExecutionError):
        LocalRuntime(progress=True).execute(failing())
    assert "<td>broken</td><td>fail</td><td>failed</td>" in display.drawn[-1]


def test_no_name_breaks_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    with notebook(monkeypatch, "ZMQInteractiveShell") as display:
        LocalRuntime(progress=True).execute(chain(*HOSTILE))
    assert len(display.drawn) >= 2
    assert not [page for page in display.drawn if "<script" in page or "<svg" in page]
    assert "&lt;script&gt;" in display.drawn[0]


def test_ipython_in_a_terminal_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    written = console(monkeypatch, is_terminal=True)
    with notebook(monkeypatch, "TerminalInteractiveShell") as display:
        LocalRuntime(progress=True).execute(branches())
    assert display.drawn == []
    assert "6 nodes, " in written.getvalue()


def test_a_board_of_no_nodes_is_drawn() -> None:
    recorder = Console(file=io.StringIO(), record=True, width=100)
    recorder.print(Terminal(recorder).draw(Board(WorkflowBuilder().build())))
    assert "0 of 0 nodes" in recorder.export_text()


def test_a_run_is_recorded_as_plain_text() -> None:
    during, after = record(branches(), "yes", width=100)
    lines = {line.split()[1]: line for line in during.splitlines()}
    assert all(lines[id].startswith("✓") for id in ("load", "big?"))
    assert "running" in lines["yes"]
    assert "6 nodes, " in after
    assert "\x1b" not in during + after
    assert max(map(len, (during + after).splitlines())) <= 100


def test_the_job_of_the_demo_is_recorded() -> None:
    during, after = record_demo(200, "cancel_flights")
    assert "cancel_flights   running" in during
    assert "15 of 15" not in during
    assert after.count("finished") + after.count("skipped") == 15
