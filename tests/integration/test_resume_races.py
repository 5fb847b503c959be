"""Runs of one load at the same time: they take turns, each row is written once, and every run has the whole result."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from dataflow import BulkResult, DataFlow, Table, errors
from tests.integration.fresh import fresh
from tests.integration.test_races import race

TIMES = 10
COUNT = 60


class Item:
    code: str


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    table = fresh(db, Item)
    table.count()
    return table


def rows(turn: int) -> list[dict[str, Any]]:
    return [{"code": f"{turn}-{n}"} for n in range(COUNT)]


def once(table: Table[Any], turns: int) -> None:
    """Every row of every turn is there once."""
    stored = Counter(row.code for row in table.list(limit=None))
    assert stored == Counter(row["code"] for turn in range(turns) for row in rows(turn))


@pytest.mark.parametrize("runs", [2, 4])
def test_runs_of_one_load_take_turns(items: Table[Any], runs: int) -> None:
    for turn in range(TIMES):

        def load(run: int, turn: int = turn) -> BulkResult:
            return items.bulk_create(iter(rows(turn)), chunk_rows=5 + run, atomic=False, load_id=f"{turn}")

        results = race(load, runs)
        assert [result.inserted for result in results] == [COUNT] * runs
        assert not all(result.replayed for result in results)
    once(items, TIMES)


def test_a_run_goes_on_after_what_another_did_meanwhile(items: Table[Any]) -> None:
    def source() -> Iterator[dict[str, Any]]:
        yield from rows(0)[:12]
        # Another run goes further, and ends in the middle of a chunk of this one.
        with pytest.raises(LookupError):
            items.bulk_create(torn(0, 40), chunk_rows=7, atomic=False, load_id="0")
        yield from rows(0)[12:45]
        result = items.bulk_create(rows(0), chunk_rows=50, atomic=False, load_id="0")
        assert (result.inserted, result.replayed) == (COUNT, False)
        yield from rows(0)[45:]

    result = items.bulk_create(source(), chunk_rows=5, atomic=False, load_id="0")
    assert (result.inserted, result.replayed, result.resumed_at) == (COUNT, False, 0)
    once(items, 1)


def torn(turn: int, at: int) -> Iterator[dict[str, Any]]:
    yield from rows(turn)[:at]
    raise LookupError("torn")


def test_a_run_with_other_rows_is_told_so(items: Table[Any]) -> None:
    def source() -> Iterator[dict[str, Any]]:
        yield from rows(0)[:12]
        items.bulk_create(rows(0), chunk_rows=7, atomic=False, load_id="0")
        yield {"code": "other"}
        yield from rows(0)[13:]

    with pytest.raises(errors.LoadMismatchError) as caught:
        items.bulk_create(source(), chunk_rows=5, atomic=False, load_id="0")
    assert caught.value.path == "load_id"
    once(items, 1)


def test_loads_in_one_transaction_wait_for_each_other(items: Table[Any]) -> None:
    for turn in range(TIMES):

        def load(run: int, turn: int = turn) -> BulkResult:
            return items.bulk_create(iter(rows(turn)), chunk_rows=20, load_id=f"{turn}")

        results = race(load, 3)
        assert [result.inserted for result in results] == [COUNT] * 3
        assert sorted(result.replayed for result in results) == [False, True, True]
    once(items, TIMES)


def test_one_in_a_transaction_and_one_in_chunks_do_not_mix(items: Table[Any]) -> None:
    """Who comes second replays, or is told that rows are committed already."""
    ends: Counter[str] = Counter()
    for turn in range(TIMES):

        def load(run: int, turn: int = turn) -> str:
            try:
                result = items.bulk_create(iter(rows(turn)), chunk_rows=5, atomic=run == 0, load_id=f"{turn}")
            except errors.LoadMismatchError as error:
                assert run == 0
                assert "neither all nor nothing" in error.message
                return "refused"
            assert result.inserted == COUNT
            return "replayed" if result.replayed else "written"

        both = race(load, 2)
        ends.update(both)
        assert both.count("written") == 1
    assert set(ends) <= {"written", "replayed", "refused"}
    once(items, TIMES)
