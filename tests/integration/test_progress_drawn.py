"""How far a bulk write is, drawn in a terminal or in a notebook."""

import html
import io
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from tests.integration.fresh import fresh
from tests.integration.named import Item, rows
from tests.notebook import notebook


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    return fresh(db, Item)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_in_a_terminal_a_line_is_drawn(items: Table[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    items.bulk_create(rows(), chunk_rows=10, progress=True)
    drawn = screen.getvalue()
    assert all(f"{count} rows, " in drawn for count in (10, 20, 25))
    assert "{" not in drawn


def test_a_line_is_ended_when_the_load_fails(items: Table[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(errors.DataError):
        items.bulk_create(iter([*rows(), {"name": 5}]), chunk_rows=10, progress=True)
    # The cursor, which was hidden, is shown again.
    assert screen.getvalue().rfind("\x1b[?25h") > screen.getvalue().rfind("\x1b[?25l") >= 0


def test_what_is_printed_meanwhile_goes_where_it_would(
    items: Table[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def talking() -> Iterator[dict[str, Any]]:
        yield from rows()
        print("said")

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    items.bulk_create(talking(), chunk_rows=10, progress=True)
    assert capsys.readouterr().out == "said\n"
    assert "said" not in screen.getvalue()
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    items.bulk_create(talking(), chunk_rows=10, progress=True)
    assert (out.getvalue(), "said\n" in screen.getvalue()) == ("", True)


def test_a_line_tells_what_is_known(items: Table[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "120")
    items.bulk_create([*rows(), {"name": 5}], chunk_rows=13, on_error="skip", progress=True)
    assert re.search(r"━{20} 26 rows, [\d,]+ rows/s, \d+ bytes, 1 rejected, in 0:00:\d\d\n", screen.getvalue())


@pytest.mark.parametrize("form", [iter, list], ids=["stream", "counted"])
def test_in_a_notebook_one_output_is_updated(items: Table[Any], monkeypatch: pytest.MonkeyPatch, form: Any) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with notebook(monkeypatch, "ZMQInteractiveShell") as display:
        items.bulk_create(form(list(rows())), chunk_rows=10, progress=True)
    assert display.displays == 1
    expected = "of 25 " if form is list else ""
    assert re.search(rf"\b10 {expected}rows, [\d,]+ rows/s, \d+ bytes", text_of(display.drawn[1]))
    assert bool(re.search(r"\d:\d\d:\d\d left", text_of(display.drawn[1]))) == (form is list)
    assert ("━" * 20 in text_of(display.drawn[-1])) == (form is list)
    before, after = ("", ", in 0:00:0") if form is list else ("0:00:0\\d ", "")
    assert re.search(rf"{before}25 rows, [\d,]+ rows/s, \d+ bytes{after}", text_of(display.drawn[-1]))
    assert screen.getvalue() == ""


def test_a_notebook_is_not_flooded(items: Table[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with notebook(monkeypatch, "ZMQInteractiveShell") as display:
        result = items.bulk_create(rows(300), chunk_rows=1, progress=True)
    assert len(display.drawn) <= 3 + 10 * result.seconds
    assert "300 rows" in text_of(display.drawn[-1])


def test_what_fails_in_a_notebook_stays_as_it_was(items: Table[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with notebook(monkeypatch, "ZMQInteractiveShell") as display, pytest.raises(errors.DataError):
        items.bulk_create(iter([*rows(), {"name": 5}]), chunk_rows=10, progress=True)
    assert "20 rows" in text_of(display.drawn[-1])


def text_of(page: str) -> str:
    return html.unescape(re.sub("<[^>]+>", "", page))


def test_a_terminal_without_rich_is_told_what_to_do(items: Table[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(errors.InvalidOptionError) as caught:
        items.bulk_create(rows(), chunk_rows=10, progress=True)
    assert caught.value.path == "progress"
    assert caught.value.hint is not None
    assert "dataflow-db[cli]" in caught.value.hint
    assert items.count() == 0
