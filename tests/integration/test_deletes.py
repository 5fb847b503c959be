"""`delete` and `bulk_delete`: by key, filter, instance or many keys."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dataflow import DataFlow, errors
from tests.integration.fresh import fresh
from tests.integration.places import four_places


class Item:
    name: str
    size: int = 0


@pytest.fixture
def items(db: DataFlow) -> Any:
    table = fresh(db, Item)
    table.bulk_create([{"id": n, "name": "tea", "size": n} for n in (1, 2, 3, 4)])
    return table


@pytest.fixture
def places(db: DataFlow) -> Any:
    return four_places(db)


def ids(table: Any) -> list[int]:
    return [row.id for row in table.list()]


def counts(result: Any) -> dict[str, int]:
    """The outcomes that are not 0."""
    return {name: count for name, count in result.items() if count and "second" not in name}


def test_one_row_goes_by_key_filter_or_instance(items: Any) -> None:
    assert [items.delete(1), items.delete({"size": 2}), items.delete(items.read(3))] == [1, 1, 1]
    assert ids(items) == [4]


async def test_the_awaited_twins_do_the_same(items: Any) -> None:
    assert await items.adelete(1) == 1
    with pytest.raises(errors.NotFoundError):
        await items.adelete(1)
    assert counts(await items.abulk_delete({"size": {"$lt": 3}})) == {"deleted": 1, "matched": 1}
    assert counts(await items.abulk_delete(keys=[3, 3, 9])) == {"deleted": 1, "duplicate": 1, "missing": 1}
    assert ids(items) == [4]


@pytest.mark.parametrize("row", [9, {"size": 9}, {"id": {"$in": []}}])
def test_deleting_a_missing_row_is_an_error(items: Any, row: Any) -> None:
    with pytest.raises(errors.NotFoundError):
        items.delete(row)
    assert ids(items) == [1, 2, 3, 4]


def test_a_filter_that_matches_several_deletes_nothing(items: Any) -> None:
    with pytest.raises(errors.MultipleRowsError):
        items.delete({"size": {"$gt": 2}})
    assert ids(items) == [1, 2, 3, 4]


@pytest.mark.parametrize("filter", [{}, {"$and": []}, {"$or": [{}]}, {"$or": [{"id": 1}, {}]}, {"$not": {"$or": []}}])
def test_an_empty_filter_deletes_nothing_unless_all_rows_are_meant(items: Any, filter: Any) -> None:
    for delete in (items.delete, items.bulk_delete):
        with pytest.raises(errors.UnfilteredWriteError):
            delete(filter)
    assert ids(items) == [1, 2, 3, 4]
    assert counts(items.bulk_delete(filter, all_rows=True)) == {"deleted": 4, "matched": 4}
    assert ids(items) == []


def test_a_bulk_delete_of_nothing_said_is_refused(items: Any) -> None:
    for options in ({}, {"filter": None}, {"max_affected": 9}):
        with pytest.raises(errors.UnfilteredWriteError):
            items.bulk_delete(**options)
    assert counts(items.bulk_delete(all_rows=True)) == {"deleted": 4, "matched": 4}


def test_a_composite_key_is_a_tuple(places: Any) -> None:
    assert places.delete(("a", 1)) == 1
    with pytest.raises(errors.InvalidFilterError):
        places.delete("a")
    assert counts(places.bulk_delete(keys=[("b", 1), ("b", 9)])) == {"deleted": 1, "missing": 1}
    assert [(row.region, row.no) for row in places.list()] == [("a", 2), ("b", 2)]


KEYS: dict[str, Callable[[Any], Any]] = {
    "scalars": lambda table: [2, 9, 2, 3],
    "tuples": lambda table: [(2,), (9,), (2,), (3,)],
    "dicts": lambda table: [{"id": 2}, {"id": 9, "size": 1}, {"id": 2}, {"id": 3, "name": "x"}],
    "instances": lambda table: [table.read(2), table._cls(id=9, name="x"), table.read(2), table.read(3)],
    "mixed": lambda table: [2, {"id": 9}, (2,), table.read(3)],
    "generator": lambda table: (key for key in (2, 9, 2, 3)),
    "pandas": lambda table: pd.DataFrame({"id": [2, 9, 2, 3]}),
    "polars": lambda table: pl.DataFrame({"id": [2, 9, 2, 3], "size": [0, 0, 0, 0]}),
    "arrow": lambda table: pa.table({"id": pa.array([2, 9, 2, 3], pa.int32())}),
}


@pytest.mark.parametrize("form", KEYS)
def test_keys_come_in_every_form(items: Any, form: str) -> None:
    result = items.bulk_delete(keys=KEYS[form](items))
    assert counts(result) == {"deleted": 2, "duplicate": 1, "missing": 1}
    assert ids(items) == [1, 4]


@pytest.mark.parametrize(
    "keys", [[], (), pa.table({"id": pa.array([], pa.int64())}), pd.DataFrame({"id": []}, dtype=int)]
)
def test_no_keys_delete_nothing(items: Any, keys: Any) -> None:
    assert counts(items.bulk_delete(keys=keys)) == {}
    assert ids(items) == [1, 2, 3, 4]


def test_rows_that_were_read_are_keys(items: Any) -> None:
    assert counts(items.bulk_delete(keys=items.list({"size": {"$gt": 2}}))) == {"deleted": 2}
    assert ids(items) == [1, 2]


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ("12", errors.UnsupportedDataError),
        ({"id": 1}, errors.UnsupportedDataError),
        (5, errors.UnsupportedDataError),
        ([(1, 2)], errors.UnsupportedDataError),
        ([1, "x"], errors.WrongTypeError),
        ([1, None], errors.MissingValueError),
        ([{"name": "tea"}], errors.MissingValueError),
        (pa.table({"name": ["tea"]}), errors.MissingValueError),
        (pa.table({"id": [1, None]}), errors.MissingValueError),
    ],
)
def test_keys_that_are_none_delete_nothing(items: Any, keys: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        items.bulk_delete(keys=keys)
    assert ids(items) == [1, 2, 3, 4]


def test_more_than_max_affected_deletes_nothing(items: Any) -> None:
    with pytest.raises(errors.LimitExceededError) as caught:
        items.bulk_delete({"size": {"$gt": 1}}, max_affected=2)
    assert caught.value.path == "max_affected"
    assert ids(items) == [1, 2, 3, 4]
    assert counts(items.bulk_delete({"size": {"$gt": 1}}, max_affected=3)) == {"deleted": 3, "matched": 3}
    assert counts(items.bulk_delete({"size": 9}, max_affected=0)) == {}


def test_an_exceeded_limit_leaves_the_savepoint_around_it(db: DataFlow, items: Any) -> None:
    with db.transaction():
        items.delete(1)
        with pytest.raises(errors.LimitExceededError), db.transaction():
            items.bulk_delete({"size": {"$gt": 1}}, max_affected=2)
        assert ids(items) == [2, 3, 4]
    assert ids(items) == [2, 3, 4]


def test_a_dry_run_only_counts(items: Any) -> None:
    result = items.bulk_delete({"size": {"$gt": 1}}, dry_run=True)
    assert counts(result) == {"matched": 3}
    assert counts(items.bulk_delete(dry_run=True)) == {"matched": 4}
    assert ids(items) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "options", [{"max_affected": 1}, {"all_rows": True}, {"filter": {"id": 1}}, {"max_affected": -1}]
)
def test_options_that_contradict_keys_are_refused(items: Any, options: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidOptionError):
        items.bulk_delete(keys=[1], **options)
    assert ids(items) == [1, 2, 3, 4]


def test_deletes_inside_a_rolled_back_transaction_are_undone(db: DataFlow, items: Any) -> None:
    with pytest.raises(RuntimeError), db.transaction():
        items.delete(1)
        items.bulk_delete(keys=[2])
        items.bulk_delete({"size": 3})
        assert ids(items) == [4]
        raise RuntimeError
    assert ids(items) == [1, 2, 3, 4]


def test_every_key_of_many_batches_is_deleted(db: DataFlow) -> None:
    table = fresh(db, Item)
    table.bulk_create([{"id": n, "name": "x"} for n in range(1, 2_001)])
    result = table.bulk_delete(keys=[n for n in range(2_000, 0, -1) if n % 10])
    assert counts(result) == {"deleted": 1_800}
    assert table.count() == table.count({"id": {"$in": list(range(10, 2_001, 10))}}) == 200
