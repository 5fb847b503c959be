"""What the table handle itself decides: spelling of arguments, what is not built, one row or none."""

from typing import Any

import pytest

from dataflow import UNSET, DataFlow, Table, errors


class Item:
    name: str
    qty: int = 0


@pytest.fixture
def items() -> Table[Item]:
    db = DataFlow("sqlite:///:memory:")
    return db.table(db.model(Item))


def test_a_row_is_created_from_fields_or_an_instance(items: Table[Item]):
    given = Item(name="b")  # type: ignore[call-arg]
    assert [vars(items.create(name="a", id=UNSET)), vars(items.create(given))] == [
        {"id": 1, "name": "a", "qty": 0},
        {"id": 2, "name": "b", "qty": 0},
    ]
    assert given.id is UNSET  # type: ignore[attr-defined]


async def test_the_awaited_twins_do_the_same(items: Table[Item]):
    await items.acreate(name="a")
    assert (await items.abulk_create([{"name": "b", "qty": 2}])).inserted == 1
    assert (await items.aread(2)).name == "b"
    assert [row.name for row in await items.alist({"qty": 0})] == ["a"]
    assert await items.acount() == 2


@pytest.mark.parametrize("arguments", [({"name": "a"},), (5,), (Item,)])
def test_create_takes_no_dict(items: Table[Item], arguments: tuple[Any]):
    with pytest.raises(errors.UnsupportedDataError, match="create takes one Item"):
        items.create(*arguments)


def test_create_takes_an_instance_or_fields(items: Table[Item]):
    with pytest.raises(errors.UnsupportedDataError):
        items.create(Item(name="a"), qty=1)  # type: ignore[call-arg, call-overload]


def test_a_key_that_is_not_there_is_an_error(items: Table[Item]):
    with pytest.raises(errors.NotFoundError, match="no Item has this key"):
        items.read(1)
    with pytest.raises(errors.NotFoundError):
        items.read(None)


def test_a_dict_is_no_key(items: Table[Item]):
    items.create(name="a")
    with pytest.raises(errors.WrongTypeError):
        items.read({"$gt": 0})


@pytest.mark.parametrize("order", ["-qty", ["-qty"], ("-qty", "name")])
def test_an_order_is_a_name_or_several(items: Table[Item], order: Any):
    items.bulk_create([{"name": "a", "qty": 1}, {"name": "b", "qty": 2}])
    assert [row.name for row in items.list(order_by=order, limit=None)] == ["b", "a"]
    assert [row.name for row in items.list(order_by=order, limit=1, offset=1)] == ["a"]


@pytest.mark.parametrize(
    "arguments", [{"order_by": 5}, {"order_by": [5]}, {"limit": -1}, {"limit": "5"}, {"limit": True}, {"offset": 2**63}]
)
def test_an_argument_that_is_not_well_formed_is_refused(items: Table[Item], arguments: dict[str, Any]):
    with pytest.raises(errors.InvalidFilterError) as caught:
        items.list(**arguments)
    assert caught.value.path in arguments


@pytest.mark.parametrize("name", ["watch", "awatch"])
def test_an_operation_for_later_is_not_built(items: Table[Item], name: str):
    with pytest.raises(errors.NotBuiltError) as caught:
        getattr(items, name)
    assert caught.value.path == f"Item.{name}"


def test_any_other_name_is_an_attribute_error(items: Table[Item]):
    assert not hasattr(items, "creat")
