"""How far a bulk write is: told to a function, or written as lines of JSON."""

import asyncio
import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataflow import DataFlow, LoadProgress, Table, errors
from tests.integration.fresh import fresh
from tests.integration.named import Item, rows
from tests.integration.nodes import Nodes


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    return fresh(db, Item)


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
    sizes = [at.bytes or 0 for at in told]
    # A key of 64 bits, and a text of 5 or 6 characters with its offset, at the least.
    assert sizes == sorted(sizes)
    assert 25 * 9 < sizes[-1] < 25 * 100
    assert sizes[-1] == sizes[-2] > sizes[0] > 0
    assert [at.rejected for at in told] == [0] * 4


def test_a_function_is_told_after_each_piece_and_at_the_end(items: Table[Any]) -> None:
    told: list[LoadProgress] = []
    items.bulk_create(rows(), chunk_rows=10, progress=told.append)
    check_told(told)
    with pytest.raises(dataclasses.FrozenInstanceError):
        told[0].rows = 0  # type: ignore[misc]


def test_what_is_in_memory_is_one_piece(items: Table[Any]) -> None:
    table = pa.Table.from_pylist(list(rows()))
    for data, size in ((list(rows()), None), (table, table.nbytes)):
        told: list[LoadProgress] = []
        items.bulk_create(data, progress=told.append)
        assert [(at.rows, at.pieces, at.done) for at in told] == [(25, 1, False), (25, 1, True)]
        assert [(at.bytes, at.total_rows, at.eta_seconds) for at in told] == [(size, 25, 0.0)] * 2


def write_parquet(table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path / "rows.parquet", row_group_size=7)
    return path / "rows.parquet"


def write_arrow(table: pa.Table, path: Path) -> Path:
    with pa.ipc.new_file(path / "rows.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return path / "rows.arrow"


COUNTED: dict[str, Callable[[pa.Table, Path], Any]] = {
    "a list": lambda table, _: table.to_pylist(),
    "a tuple of tables and rows": lambda table, _: (table.slice(0, 10), *table.slice(10).to_pylist()),
    "a table": lambda table, _: table,
    "pandas": lambda table, _: table.to_pandas(),
    "polars": lambda table, _: pl.from_arrow(table),
    "Parquet": write_parquet,
    "an Arrow file": write_arrow,
}
UNCOUNTED: dict[str, Callable[[pa.Table, Path], Any]] = {
    "an iterator": lambda table, _: iter(table.to_pylist()),
    "a dict view": lambda table, _: dict(enumerate(table.to_pylist())).values(),
    "a reader": lambda table, _: table.to_reader(),
    "a lazy frame": lambda table, _: pl.from_arrow(table).lazy(),
}


@pytest.mark.parametrize("name", COUNTED)
def test_the_time_to_go_is_told_where_the_rows_are_counted(items: Table[Any], tmp_path: Path, name: str) -> None:
    data = COUNTED[name](pa.Table.from_pylist(list(rows())), tmp_path)
    told: list[LoadProgress] = []
    items.bulk_create(data, chunk_rows=10, progress=told.append)
    check_told(told)
    assert [at.total_rows for at in told] == [25] * 4
    assert [at.eta_seconds for at in told] == [pytest.approx((25 - at.rows) / at.rows_per_second) for at in told]
    assert (told[0].eta_seconds, told[-1].eta_seconds) == (pytest.approx(1.5 * told[0].seconds), 0)


@pytest.mark.parametrize("name", UNCOUNTED)
def test_no_time_to_go_is_guessed(items: Table[Any], tmp_path: Path, name: str) -> None:
    data = UNCOUNTED[name](pa.Table.from_pylist(list(rows())), tmp_path)
    told: list[LoadProgress] = []
    items.bulk_create(data, chunk_rows=10, progress=told.append)
    check_told(told)
    assert [(at.total_rows, at.eta_seconds) for at in told] == [(None, None)] * 3 + [(None, 0.0)]


@pytest.mark.parametrize("atomic", [True, False])
def test_refused_rows_are_told(items: Table[Any], atomic: bool) -> None:
    wrong = [{"name": 5} if n in (3, 12, 13, 24) else row for n, row in enumerate(rows())]
    for data in (wrong, iter(wrong)):
        told: list[LoadProgress] = []
        items.bulk_create(data, chunk_rows=10, atomic=atomic, on_error="skip", progress=told.append)
        assert [(at.rows, at.rejected) for at in told] == [(10, 1), (20, 3), (25, 4), (25, 4)]
    told = []
    items.bulk_create(wrong, on_error="skip", progress=told.append)
    assert [(at.rows, at.rejected) for at in told] == [(25, 4), (25, 4)]


def test_a_load_that_goes_on_tells_the_rows_of_all_runs(items: Table[Any]) -> None:
    def stop(at: LoadProgress) -> None:
        if at.rows == 20:
            raise LookupError("stop")

    wrong = [{"name": 5} if n in (3, 24) else row for n, row in enumerate(rows())]
    options: dict[str, Any] = {"chunk_rows": 10, "atomic": False, "on_error": "skip", "load_id": "x"}
    with pytest.raises(LookupError):
        items.bulk_create(wrong, progress=stop, **options)
    told: list[LoadProgress] = []
    result = items.bulk_create(wrong, progress=told.append, **options)
    assert (result.resumed_at, result.rejected, len(result.rejects)) == (20, 2, 1)
    assert [(at.rows, at.total_rows) for at in told] == [(10, 25), (20, 25), (25, 25), (25, 25)]
    assert [at.rejected for at in told] == [0, 1, 2, 2]
    assert 25 * 5 < (told[-1].bytes or 0) < 25 * 100


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
