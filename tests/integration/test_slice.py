"""One row in, rows out: create, read, list, count and bulk_create."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest

from dataflow import DataFlow, MaxLength, Precision, auto, errors, field
from tests.integration.fresh import fresh

MADE = datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)


class Item:
    name: str
    price: Annotated[Decimal, Precision(10, 2)] | None = None
    quantity: int = 1
    state: Annotated[str, MaxLength(10)] = field(default="new")
    made: datetime | None = None


class Plain:
    """Every name that some database or library reserves."""

    id: int = auto()
    name: str
    description: str
    version: int
    tags: str
    author: str
    select: str
    order: int
    group: str
    index: int
    key: str
    value: str
    table: str
    user: str
    limit: int
    offset: int
    default: str
    check: str
    rowid_: int
    oid: int
    self: str
    cls: str
    filter: str
    instance: str


def test_a_created_row_reads_back_equal(db: DataFlow) -> None:
    items = fresh(db, Item)
    made = items.create(name="Tea", price=Decimal("4.20"), quantity=3, made=MADE)
    assert (made.name, made.price, made.quantity, made.state, made.made) == ("Tea", Decimal("4.20"), 3, "new", MADE)
    assert items.read(made.id) == made
    assert list(items.list()) == [made]
    assert items.count() == 1


async def test_the_awaited_twins_do_the_same(db: DataFlow) -> None:
    items = fresh(db, Item)
    made = await items.acreate(name="Tea", made=MADE)
    result = await items.abulk_create([{"name": "Coffee"}, {"name": "Milk"}])
    assert result.inserted == 2
    assert await items.aread(made.id) == made
    assert [item.name for item in await items.alist(order_by="name")] == ["Coffee", "Milk", "Tea"]
    assert await items.acount({"name": {"$ne": "Tea"}}) == 2


def test_an_instance_is_stored_like_its_fields(db: DataFlow) -> None:
    items = fresh(db, Item)
    cls: Any = items.create(name="x").__class__
    given = cls(name="Tea", quantity=9)
    made = items.create(given)
    assert (made.name, made.quantity, made.state) == ("Tea", 9, "new")
    assert made is not given


def test_absent_fields_take_their_defaults_and_none_is_kept(db: DataFlow) -> None:
    items = fresh(db, Item)
    made = items.read(items.create(name="Tea").id)
    assert (made.price, made.quantity, made.state, made.made) == (None, 1, "new", None)
    made = items.read(items.create(name="Tea", price=None, made=None).id)
    assert (made.price, made.made) == (None, None)


def test_bulk_rows_take_defaults_row_by_row(db: DataFlow) -> None:
    items = fresh(db, Item)
    items.bulk_create([{"name": "a"}, {"name": "b", "quantity": 2}, {"name": "c", "price": "1.5", "state": "old"}])
    found = [(i.name, i.quantity, i.price, i.state) for i in items.list(order_by="name")]
    assert found == [("a", 1, None, "new"), ("b", 2, None, "new"), ("c", 1, Decimal("1.50"), "old")]


def test_any_field_name_works(db: DataFlow) -> None:
    plain = fresh(db, Plain)
    fields = {n: h for n, h in Plain.__annotations__.items() if n != "id"}
    row = {name: 7 if hint is int else f"{name} value" for name, hint in fields.items()}
    bulk = {**row, "order": 8}
    made = plain.bulk_create([row, bulk]) and plain.list(order_by=["-order", "select"])
    assert [{k: v for k, v in record.items() if k != "id"} for record in made.records()] == [bulk, row]
    assert plain.count({"select": "select value", "order": {"$in": [7, 8]}, "group": {"$ne": None}}) == 2
    assert vars(plain.read(made[0].id)) == made.records()[0]


@pytest.mark.parametrize("name", ["select", "Order", "group by", 'a"b', "a`b", "a.b", "naïve ü", "x" * 63])
def test_any_table_name_works(db: DataFlow, name: str) -> None:
    class Odd:
        __tablename__ = name
        word: str

    odd = db.table(db.model(Odd))
    odd.bulk_create([{"word": "a"}, {"word": "b"}])
    assert odd.read(odd.create(word="c").id).word == "c"
    assert odd.count() == 3


def test_a_single_row_takes_names_that_are_also_parameters(db: DataFlow) -> None:
    plain = fresh(db, Plain)
    numbers = {"version": 1, "order": 2, "index": 3, "limit": 4, "offset": 5, "rowid_": 6, "oid": 7}
    texts = dict.fromkeys(
        [
            "name",
            "description",
            "tags",
            "author",
            "select",
            "group",
            "key",
            "value",
            "table",
            "user",
            "default",
            "check",
        ],
        "x",
    )
    more = {"self": "s", "cls": "c", "filter": "f", "instance": "i"}
    made = plain.create(**numbers, **texts, **more)
    assert (made.self, made.cls, made.filter, made.instance, made.limit) == ("s", "c", "f", "i", 4)


@pytest.mark.parametrize("key", [0, -1, 2**63 - 1])
def test_read_of_nothing_raises(db: DataFlow, key: int) -> None:
    items = fresh(db, Item)
    with pytest.raises(errors.NotFoundError) as caught:
        items.read(key)
    assert (caught.value.code, caught.value.path) == ("DF-4004", "id")


async def test_awaited_read_of_nothing_raises(db: DataFlow) -> None:
    with pytest.raises(errors.NotFoundError):
        await fresh(db, Item).aread(1)


def test_text_is_stored_byte_for_byte(db: DataFlow) -> None:
    items = fresh(db, Item)
    texts = [
        "please select from the menu; drop table x --",
        " trailing ",
        "'\"`\\",
        "%s %(a)s {} ?1 $1",
        "\u00e9",
        "e\u0301",
    ]
    items.bulk_create([{"name": text} for text in texts])
    assert [item.name for item in items.list()] == texts
    assert [items.count({"name": text}) for text in texts] == [1] * len(texts)


def test_a_key_of_another_type_is_refused(db: DataFlow) -> None:
    items = fresh(db, Item)
    for key in ("x", {"$gt": 0}, [1], UUID(int=1), 1.5, True):
        with pytest.raises(errors.WrongTypeError):
            items.read(key)
