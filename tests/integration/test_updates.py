"""`update`: one row, by key, filter or instance."""

import asyncio
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Unique, errors
from tests.integration.fresh import fresh
from tests.integration.places import four_places


class Item:
    __dataflow__ = {"checks": {"qty_not_negative": {"qty": {"$gte": 0}}}}  # noqa: RUF012
    sku: Annotated[str, MaxLength(20), Unique()]
    name: str
    qty: int = 5
    note: str | None = None


@pytest.fixture
def items(db: DataFlow) -> Any:
    table = fresh(db, Item)
    table.bulk_create([{"id": n, "sku": f"s{n}", "name": "tea", "note": "old"} for n in (1, 2, 3)])
    return table


@pytest.fixture
def places(db: DataFlow) -> Any:
    return four_places(db)


def test_only_the_named_fields_change(items: Any) -> None:
    made = items.update(2, {"qty": 7})
    assert (made.id, made.sku, made.name, made.qty, made.note) == (2, "s2", "tea", 7, "old")
    assert [row.qty for row in items.list()] == [5, 7, 5]
    assert items.read(2) == made


async def test_the_awaited_twin_does_the_same(items: Any) -> None:
    assert (await items.aupdate(2, {"qty": 7})).qty == 7
    with pytest.raises(errors.NotFoundError):
        await items.aupdate(9, {"qty": 7})
    assert [row.qty for row in await items.alist()] == [5, 7, 5]


def test_none_writes_null(items: Any) -> None:
    assert items.update(1, {"note": None}).note is None
    assert items.read(1).note is None


@pytest.mark.parametrize("row", [9, {"id": 9}, {"sku": "nobody"}, {"name": "tea", "qty": {"$gt": 5}}])
def test_update_of_a_missing_row_is_an_error(items: Any, row: Any) -> None:
    before = items.list().records()
    with pytest.raises(errors.NotFoundError):
        items.update(row, {"qty": 7})
    assert items.list().records() == before


def test_a_filter_that_matches_several_writes_nothing(items: Any) -> None:
    before = items.list().records()
    with pytest.raises(errors.MultipleRowsError):
        items.update({"name": "tea"}, {"qty": 7})
    assert items.list().records() == before
    assert items.update({"name": "tea", "sku": "s3"}, {"qty": 7}).id == 3


@pytest.mark.parametrize("filter", [{}, {"$and": []}, {"$or": [{}]}, {"$and": [{}, {}]}, {"$not": {"id": {"$in": []}}}])
def test_an_empty_filter_is_refused(items: Any, filter: Any) -> None:
    items.bulk_delete({"id": {"$gt": 1}})  # even where it would match one row only
    with pytest.raises(errors.UnfilteredWriteError):
        items.update(filter, {"qty": 7})
    assert items.read(1).qty == 5


def test_a_key_never_changes(items: Any, places: Any) -> None:
    for change in ({"id": 4}, {"id": 2, "qty": 7}):
        with pytest.raises(errors.KeyMismatchError) as caught:
            items.update(1, change)
    assert (caught.value.path or "").endswith("id")
    with pytest.raises(errors.KeyMismatchError):
        places.update(("a", 1), {"no": 3, "name": "x"})
    assert [row.id for row in items.list()] == [1, 2, 3]
    assert items.update(1, {"id": 1, "qty": 7}).qty == 7


def test_a_key_of_several_fields_is_a_tuple(places: Any) -> None:
    assert places.update(("b", 1), {"name": "x"}).region == "b"
    assert places.update({"region": "a", "no": 2}, {"name": "y"}).name == "y"
    assert [row.name for row in places.list()] == ["", "y", "x", ""]
    for key in ("b", ("b",), ("b", 1, 2)):
        with pytest.raises(errors.InvalidFilterError) as caught:
            places.update(key, {"name": "x"})
    assert caught.value.path == "key"


def test_an_instance_is_its_key_and_its_values(items: Any) -> None:
    item = items.read(2)
    item.qty, item.note = 9, None
    made = items.update(item)
    assert (made.qty, made.note, made is item) == (9, None, False)
    assert items.update(item, {"name": "milk"}).qty == 9
    assert items.read(2).name == "milk"


def test_an_instance_that_was_never_stored_is_refused(items: Any) -> None:
    with pytest.raises(errors.InvalidFilterError, match="never stored"):
        items.update(items._cls(sku="s9", name="x"))
    with pytest.raises(errors.NotFoundError):
        items.update(items._cls(id=9, sku="s9", name="x"))


def test_a_partly_read_instance_is_no_row_of_values(items: Any) -> None:
    (item,) = items.list({"id": 1}, fields=["id", "name"])
    with pytest.raises(errors.FieldNotLoadedError):
        items.update(item)
    assert items.read(1).sku == "s1"


@pytest.mark.parametrize(
    ("updates", "kind"),
    [
        (None, errors.UnsupportedDataError),
        (5, errors.UnsupportedDataError),
        ({"nmae": "x"}, errors.UnknownFieldError),
        ({"qty": "many"}, errors.WrongTypeError),
        ({"name": None}, errors.NullValueError),
        ({"qty": -1}, errors.CheckViolationError),
        ({"sku": "s2"}, errors.UniqueViolationError),
        ({"sku": "x" * 21}, errors.DataTooLongError),
    ],
)
def test_a_bad_update_changes_nothing(items: Any, updates: Any, kind: type[Exception]) -> None:
    before = items.list().records()
    with pytest.raises(kind):
        items.update(1, updates)
    assert items.list().records() == before


def test_a_bad_update_names_the_field(items: Any) -> None:
    with pytest.raises(errors.WrongTypeError) as caught:
        items.update(1, {"name": "x", "qty": "many"})
    assert caught.value.path == "updates.qty"
    with pytest.raises(errors.UnknownFieldError) as unknown:
        items.update(1, {"nmae": "x"})
    assert (unknown.value.path, unknown.value.hint) == ("updates.nmae", "did you mean `name`?")


@pytest.mark.parametrize("key", [{"$gt": 0}, {"id": 1}, {}, {"$or": [{}]}])
def test_a_dict_is_no_key_of_a_read(items: Any, key: Any) -> None:
    with pytest.raises(errors.WrongTypeError):
        items.read(key)


def test_an_unchanged_row_is_given_back(items: Any) -> None:
    assert items.update(1, {"qty": 5}) == items.read(1)
    assert items.update(1, {}) == items.read(1)


def test_text_is_never_rewritten_by_an_update(items: Any) -> None:
    text = "please select from the menu; drop table x -- '\"`\\ %s"
    assert items.update({"name": "tea", "id": 1}, {"name": text}).name == text
    assert items.read(1).name == text
    assert items.update({"name": text}, {"note": text}).note == text


def test_an_update_inside_a_rolled_back_transaction_is_undone(db: DataFlow, items: Any) -> None:
    with pytest.raises(RuntimeError), db.transaction():
        items.update(1, {"qty": 7})
        assert items.read(1).qty == 7
        raise RuntimeError
    assert items.read(1).qty == 5


async def test_tasks_update_rows_of_their_own(items: Any) -> None:
    await asyncio.gather(*(items.aupdate(key, {"qty": key * 10}) for key in (1, 2, 3)))
    assert [row.qty for row in await items.alist()] == [10, 20, 30]
