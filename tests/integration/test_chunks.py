"""Loads in chunks that commit by themselves: what stands when one of them fails."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Table, Unique, WorkflowBuilder, errors
from tests.integration.fresh import fresh
from tests.integration.nodes import counts, execute

Rows = Iterator[dict[str, Any]]


class Item:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(20)]
    sku: Annotated[int | None, Unique()] = None
    note: str = "-"


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    return fresh(db, Item)


def rows(count: int = 30, bad: int | None = None) -> Rows:
    return ({"code": f"c{n:03}", "sku": "bad" if n == bad else n} for n in range(count))


def seen_by_others(table: Table[Any], counts: list[int]) -> Any:
    """Counts what is committed, as a connection outside of the load finds it."""
    return lambda at: counts.append(table.count())


@pytest.mark.parametrize("form", ["generator", "list", "table", "reader"])
def test_each_chunk_commits_by_itself(items: Table[Any], form: str) -> None:
    table = pa.Table.from_pylist(list(rows()))
    data = {"generator": rows(), "list": list(rows()), "table": table, "reader": table.to_reader(max_chunksize=7)}
    committed: list[int] = []
    result = items.bulk_create(
        data[form], chunk_rows=12, atomic=False, progress=seen_by_others(items, committed), return_rows=True
    )
    assert committed == [12, 24, 30, 30]
    assert counts(result) == {"inserted": 30}
    assert result.rows is not None
    assert [row.sku for row in result.rows] == list(range(30))


@pytest.mark.parametrize("form", ["generator", "list", "table"])
def test_with_atomic_the_rows_of_a_piece_are_all_that_changes(items: Table[Any], form: str) -> None:
    data = {"generator": rows(), "list": list(rows()), "table": pa.Table.from_pylist(list(rows()))}
    committed: list[int] = []
    result = items.bulk_create(data[form], chunk_rows=12, progress=seen_by_others(items, committed))
    assert committed == [0, 0, 0, 30]
    assert counts(result) == {"inserted": 30}


def test_chunks_are_also_made_of_rows_whose_number_is_not_given(items: Table[Any]) -> None:
    pieces: list[int] = []
    data = [{"code": str(n)} for n in range(70_000)]
    items.bulk_create(data, atomic=False, progress=lambda at: pieces.append(at.rows))
    assert pieces == [65_536, 70_000, 70_000]


@pytest.mark.parametrize("operation", ["create", "upsert", "update", "delete"])
def test_an_error_tells_how_many_rows_stand(items: Table[Any], operation: str) -> None:
    calls: dict[str, Any] = {
        "create": lambda: items.bulk_create(rows(bad=25), chunk_rows=10, atomic=False),
        "upsert": lambda: items.bulk_upsert(rows(bad=25), chunk_rows=10, atomic=False),
        "update": lambda: items.bulk_update(data=rows(bad=25), chunk_rows=10, atomic=False),
        "delete": lambda: items.bulk_delete(
            keys=(f"c{n:03}" if n != 25 else 5 for n in range(30)), chunk_rows=10, atomic=False
        ),
    }
    if operation in ("update", "delete"):
        items.bulk_create({"code": f"c{n:03}"} for n in range(30))
    with pytest.raises(errors.WrongTypeError) as caught:
        calls[operation]()
    assert (caught.value.rows_done, caught.value.outcome) == (20, "committed")
    assert "20 rows of the load are committed" in str(caught.value)
    assert caught.value.path == ("keys[25].code" if operation == "delete" else "data[25].sku")
    left = {"create": 20, "upsert": 20, "update": 30, "delete": 10}
    assert items.count() == left[operation]
    assert items.count({"sku": {"$ne": None}}) == (20 if operation != "delete" else 0)


def test_a_refusal_of_the_database_undoes_its_chunk_only(items: Table[Any]) -> None:
    items.create(code="old", sku=25)
    with pytest.raises(errors.UniqueViolationError) as caught:
        items.bulk_create(rows(), chunk_rows=10, atomic=False)
    assert (caught.value.rows_done, caught.value.outcome, items.count()) == (20, "committed", 21)


def test_when_the_first_chunk_fails_nothing_stands(items: Table[Any]) -> None:
    for bad in (5, 3):
        with pytest.raises(errors.WrongTypeError) as caught:
            items.bulk_create(rows(bad=bad), chunk_rows=4, atomic=False)
    assert (caught.value.rows_done, caught.value.outcome, items.count()) == (0, "rolled back", 4)


def test_an_error_of_the_source_tells_it_too(items: Table[Any]) -> None:
    def torn() -> Rows:
        yield from rows(25)
        raise LookupError("torn")

    with pytest.raises(LookupError) as caught:
        items.bulk_create(torn(), chunk_rows=10, atomic=False)
    assert (getattr(caught.value, "rows_done", None), items.count()) == (20, 20)
    assert any("20 rows" in note for note in caught.value.__notes__)


def test_a_load_in_one_commit_has_no_rows_that_stand(items: Table[Any]) -> None:
    with pytest.raises(errors.WrongTypeError) as caught:
        items.bulk_create(rows(bad=25), chunk_rows=10)
    assert (caught.value.rows_done, caught.value.outcome, items.count()) == (None, "rolled back", 0)


def test_inside_a_transaction_no_chunk_can_commit(db: DataFlow) -> None:
    items = fresh(db, Item)
    with db.transaction():
        with pytest.raises(errors.TransactionStateError) as caught:
            items.bulk_create(rows(), chunk_rows=10, atomic=False)
        items.create(code="usable")
    assert (caught.value.path, items.count()) == ("atomic", 1)


def test_a_load_in_chunks_that_is_cancelled_tells_what_stands(items: Table[Any]) -> None:
    async def main() -> object:
        waiting = asyncio.Event()

        async def source() -> AsyncIterator[dict[str, Any]]:
            for row in rows(20):
                yield row
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(items.abulk_create(source(), chunk_rows=10, atomic=False))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return getattr(caught.value, "rows_done", None)

    assert asyncio.run(main()) == items.count() == 20


@pytest.mark.parametrize("awaited", [False, True])
def test_a_node_is_not_tried_again_with_what_is_left_of_a_source(items: Table[Any], awaited: bool) -> None:
    items.create(code="old", sku=25)
    workflow = WorkflowBuilder()
    retry = {"attempts": 3, "backoff_ms": 1, "on": ["UniqueViolation"]}
    options = {"data": rows(), "chunk_rows": 10}
    workflow.add_node(f"{items._model.name}BulkCreateNode", "load", options, retry=retry)
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(workflow.build(), awaited=awaited)
    assert isinstance(caught.value.__cause__, errors.UniqueViolationError)
    assert items.count() == 1


@pytest.mark.parametrize("awaited", [False, True])
def test_a_node_whose_chunks_stand_says_so(items: Table[Any], awaited: bool) -> None:
    workflow = WorkflowBuilder()
    retry = {"attempts": 3, "backoff_ms": 1, "on": ["WrongType"]}
    options = {"data": list(rows(bad=25)), "chunk_rows": 10, "atomic": False}
    workflow.add_node(f"{items._model.name}BulkCreateNode", "load", options, retry=retry)
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(workflow.build(), awaited=awaited)
    assert caught.value.stands == ("load",)
    assert isinstance(caught.value.__cause__, errors.DataFlowError)
    assert (caught.value.__cause__.rows_done, items.count()) == (20, 20)
