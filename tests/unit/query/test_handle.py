"""Keys, instances and filters: how one row is named, and the clock of a table."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dataflow import UNSET, DataFlow, Table, errors
from dataflow.query.handle import read_order


class Item:
    __dataflow__ = {"key": ["a", "b"]}  # noqa: RUF012
    a: int
    b: int
    name: str = "x"


class Numbered:
    name: str


@pytest.fixture
def db() -> DataFlow:
    return DataFlow("sqlite:///:memory:")


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    return db.table(db.model(type("Item", (Item,), {})))


@pytest.fixture
def numbered(db: DataFlow) -> Table[Any]:
    return db.table(db.model(type("Numbered", (Numbered,), {})))


def test_a_key_becomes_a_filter_of_equalities(items: Table[Any], numbered: Table[Any]):
    assert items._key_filter((1, 2)) == {"a": {"$eq": 1}, "b": {"$eq": 2}}
    assert numbered._key_filter(5) == numbered._key_filter((5,)) == {"id": {"$eq": 5}}
    assert numbered._key_filter({"$gt": 0}) == {"id": {"$eq": {"$gt": 0}}}
    assert numbered._key_filter([1]) == {"id": {"$eq": [1]}}


@pytest.mark.parametrize("key", [1, (1,), (1, 2, 3), (), None, "ab", [1, 2]])
def test_a_key_has_its_number_of_parts(items: Table[Any], key: Any):
    with pytest.raises(errors.InvalidFilterError) as caught:
        items._key_filter(key)
    assert (caught.value.path, caught.value.hint) == ("key", "give a tuple of 2 values, in this order")
    assert "(a, b)" in caught.value.message


def test_a_row_is_named_by_key_filter_or_instance(items: Table[Any]):
    by_key = {"a": {"$eq": 1}, "b": {"$eq": 2}}
    assert items._row_filter((1, 2)) == by_key
    assert items._row_filter(items._cls(a=1, b=2, name="other")) == by_key
    assert items._row_filter({"name": "x"}) == {"name": "x"}
    assert items._row_filter(items.c.name == "x") == {"name": {"$eq": "x"}}


def test_an_instance_without_key_was_never_stored(numbered: Table[Any]):
    made = numbered._cls(name="a")
    for call in (numbered.delete, lambda row: numbered.update(row, {"name": "b"})):
        with pytest.raises(errors.InvalidFilterError) as caught:
            call(made)
        assert (caught.value.path, caught.value.hint) == ("id", "create it, or read it first")


def test_fields_are_given_by_name_or_by_an_instance(items: Table[Any]):
    assert items._fields(None, {"a": 1}, "create") == {"a": 1}
    assert items._fields(items._cls(a=1, b=2), {}, "create") == {"a": 1, "b": 2, "name": "x"}
    assert items._fields(items._cls(a=1, b=2, name=UNSET), {}, "create") == {"a": 1, "b": 2}
    for wrong in ({"a": 1}, 5, Item, [1]):
        with pytest.raises(errors.UnsupportedDataError) as caught:
            items._fields(wrong, {}, "create")
        assert caught.value.path == "instance"


@pytest.mark.parametrize(
    ("order", "names"),
    [(None, []), ("a", ["a"]), ("-a", ["-a"]), (["a", "-b"], ["a", "-b"]), (("a",), ["a"]), ([], [])],
)
def test_an_order_is_a_name_or_several(order: Any, names: list[str]):
    assert read_order(order) == names


@pytest.mark.parametrize("order", [5, [5], {"a": 1}, {"a"}, b"a", ["a", None]])
def test_anything_else_is_no_order(order: Any):
    with pytest.raises(errors.InvalidFilterError) as caught:
        read_order(order)
    assert caught.value.path == "order_by"


class Stamped:
    __dataflow__ = {"timestamps": True}  # noqa: RUF012
    name: str


NOW = datetime(2024, 5, 17, 1, 2, 3, 456_789, tzinfo=UTC)


@pytest.mark.parametrize("now", [NOW, NOW.astimezone(), datetime.min.replace(tzinfo=UTC) + timedelta(1)])
def test_the_clock_may_be_the_callers(now: datetime):
    with DataFlow("sqlite:///:memory:", clock=lambda: now) as db:
        table: Table[Any] = db.table(db.model(type("Stamped", (Stamped,), {})))
        assert table.create(name="a").created_at == now
        assert {row.updated_at for row in table.list()} == {now}


def test_a_clock_of_wall_time_is_refused():
    clock: Callable[[], datetime] = lambda: datetime(2024, 1, 1)  # noqa: E731
    with DataFlow("sqlite:///:memory:", clock=clock) as db:
        table: Table[Any] = db.table(db.model(type("Stamped", (Stamped,), {})))
        with pytest.raises(errors.UnsupportedDataError) as caught:
            table.create(name="a")
        assert caught.value.path == "clock"
