"""How far a bulk write is: told to a function, drawn in a terminal, written as lines of JSON."""

import asyncio
import dataclasses
import io
import json
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, LoadProgress, Table, errors
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes

Rows = Iterator[dict[str, Any]]


class Item:
    name: str


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    return fresh(db, Item)


def rows(count: int = 25) -> Rows:
    return ({"name": f"row {n}"} for n in range(count))


def check_told(told: list[LoadProgress]) -> None:
    """What is told of 25 rows in chunks of 10."""
    assert [(at.rows, at.pieces, at.done) for at in told] == [
        (10, 1, False),
        (20, 2, False),
        (25, 3, False),
        (25, 3, True),
    ]
    seconds = [at.seconds for at in told]
    assert seconds == sorted(seconds)
    assert all(at.rows_per_second == pytest.approx(at.rows / at.seconds) for at in told)


def test_a_function_is_told_after_each_piece_and_at_the_end(items: Table[Any]) -> None:
    told: list[LoadProgress] = []
    items.bulk_create(rows(), chunk_rows=10, progress=told.append)
    check_told(told)
    with pytest.raises(dataclasses.FrozenInstanceError):
        told[0].rows = 0  # type: ignore[misc]


def test_what_is_in_memory_is_one_piece(items: Table[Any]) -> None:
    for data in (list(rows()), pa.Table.from_pylist(list(rows()))):
        told: list[LoadProgress] = []
        items.bulk_create(data, progress=told.append)
        assert [(at.rows, at.pieces, at.done) for at in told] == [(25, 1, False), (25, 1, True)]


@pytest.mark.parametrize("awaited", [False, True])
def test_a_node_tells_its_progress(items: Table[Any], awaited: bool) -> None:
    told: list[LoadProgress] = []
    Nodes(items, awaited).run("BulkCreate", {"data": rows(), "chunk_rows": 10, "progress": told.append})
    check_told(told)


def test_an_awaited_load_awaits_its_progress(items: Table[Any]) -> None:
    told: list[LoadProgress] = []

    async def tell(at: LoadProgress) -> None:
        await asyncio.sleep(0)
        told.append(at)

    asyncio.run(items.abulk_create(rows(), chunk_rows=10, progress=tell))
    check_told(told)
    with pytest.raises(errors.InvalidOptionError) as caught:
        items.bulk_create(rows(), chunk_rows=10, progress=tell)
    assert (caught.value.path, items.count()) == ("progress", 25)


class Tells:
    """Is called like a function, and awaited."""

    async def __call__(self, at: LoadProgress) -> None:
        raise AssertionError("never called")


@pytest.mark.parametrize("options", [{}, {"chunk_rows": 10}, {"chunk_rows": 10, "atomic": False}])
@pytest.mark.parametrize("form", [iter, list], ids=["stream", "whole"])
def test_a_blocking_load_refuses_what_it_cannot_await_before_it_writes(
    items: Table[Any], form: Any, options: dict[str, Any]
) -> None:
    async def tell(at: LoadProgress) -> None:
        raise AssertionError("never called")

    for function in (tell, Tells(), partial(tell)):
        with pytest.raises(errors.InvalidOptionError) as caught:
            items.bulk_create(form(list(rows())), progress=function, **options)
        assert (caught.value.path, caught.value.rows_done, items.count()) == ("progress", None, 0)


COMMITTED: dict[str, tuple[Any, dict[str, Any]]] = {
    "rows in memory": (list, {}),
    "one piece": (iter, {}),
    "pieces": (iter, {"chunk_rows": 10}),
    "chunks": (iter, {"chunk_rows": 10, "atomic": False}),
    "a load": (iter, {"chunk_rows": 10, "load_id": "x"}),
    "a load in chunks": (iter, {"chunk_rows": 10, "atomic": False, "load_id": "x"}),
}


@pytest.mark.parametrize("name", COMMITTED)
@pytest.mark.parametrize("kind", [LookupError, KeyboardInterrupt, errors.StaleRowError])
def test_a_function_that_raises_after_the_commit_takes_nothing_back(
    items: Table[Any], name: str, kind: type[BaseException]
) -> None:
    def tell(at: LoadProgress) -> None:
        if at.done:
            raise kind("no more")

    form, options = COMMITTED[name]
    with pytest.raises(kind) as caught:
        items.bulk_create(form(list(rows())), progress=tell, **options)
    assert (getattr(caught.value, "outcome", None), getattr(caught.value, "rows_done", None)) == ("committed", 25)
    assert items.count() == 25


@pytest.mark.parametrize("name", COMMITTED)
def test_a_cancel_while_the_end_is_told_says_that_the_rows_are_committed(items: Table[Any], name: str) -> None:
    form, options = COMMITTED[name]

    async def main() -> BaseException:
        told = asyncio.Event()

        async def tell(at: LoadProgress) -> None:
            if at.done:
                told.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(items.abulk_create(form(list(rows())), progress=tell, **options))
        await asyncio.wait_for(told.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return caught.value

    error = asyncio.run(main())
    assert (getattr(error, "outcome", None), getattr(error, "rows_done", None)) == ("committed", 25)
    assert items.count() == 25


@pytest.mark.parametrize("form", [iter, list], ids=["stream", "whole"])
def test_in_a_transaction_nothing_is_said_to_be_committed(db: DataFlow, items: Table[Any], form: Any) -> None:
    def tell(at: LoadProgress) -> None:
        if at.done:
            raise LookupError("no more")

    with pytest.raises(LookupError) as caught, db.transaction():
        items.bulk_create(form(list(rows())), chunk_rows=10, progress=tell)
    assert not hasattr(caught.value, "rows_done")
    assert items.count() == 0


@pytest.mark.parametrize("at_rows", [10, 20, 25])
def test_a_function_that_raises_undoes_the_load(items: Table[Any], at_rows: int) -> None:
    def tell(at: LoadProgress) -> None:
        if at.rows == at_rows:
            raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        items.bulk_create(rows(), chunk_rows=10, progress=tell)
    assert items.count() == 0


def test_ctrl_c_between_pieces_undoes_the_load(items: Table[Any]) -> None:
    def tell(at: LoadProgress) -> None:
        if at.pieces == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        items.bulk_create(rows(), chunk_rows=10, progress=tell)
    assert getattr(caught.value, "outcome", None) == "rolled back"
    assert items.count() == 0
    items.create(name="usable")


def test_where_there_is_no_terminal_lines_of_json_are_written(
    items: Table[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    items.bulk_create(rows(), chunk_rows=10, progress=True)
    written = capsys.readouterr()
    assert written.out == ""
    check_told([LoadProgress(**json.loads(line)) for line in written.err.splitlines()])


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
