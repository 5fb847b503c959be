"""Instances of a few fields: what was not read is an error, never a default."""

from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from dataflow import DataFlow, Rows, Table, auto, errors
from dataflow.query.partial import partial_class


class Item:
    name: str
    qty: int = 5
    tags: list[str] = ["x"]  # noqa: RUF012

    @property
    def label(self) -> str:
        return f"{self.name} {self.qty}"


@pytest.fixture
def items() -> Table[Any]:
    db = DataFlow("sqlite:///:memory:")
    table: Table[Any] = db.table(db.model(Item))
    table.create(name="a", qty=1)
    return table


def test_only_the_fields_asked_for_are_known(items: Table[Any]):
    rows: Rows[Any] = items.list(fields=["name"])
    assert (rows[0].name, rows.records(), rows.to_arrow().column_names) == ("a", [{"name": "a"}], ["name"])
    for name in ("id", "qty", "tags", "label"):
        with pytest.raises(errors.FieldNotLoadedError) as caught:
            getattr(rows[0], name)
    assert caught.value.path == "qty"
    assert caught.value.hint == "add it to fields=[…, 'qty']"


def test_a_partial_instance_is_one_of_the_model(items: Table[Any]):
    (row,) = items.list(fields=("qty", "name"))
    assert (isinstance(row, Item), type(row).__name__, repr(row)) == (True, "Item", "Item(name='a', qty=1, …)")
    assert row.label == "a 1"
    with pytest.raises(errors.FieldNotLoadedError):
        row.tags = []


def test_a_partial_instance_is_no_row_to_store(items: Table[Any]):
    (row,) = items.list(fields=["id", "name"])
    for call in (items.create, items.upsert, items.update, lambda row: items.bulk_create([row])):
        with pytest.raises(errors.FieldNotLoadedError):
            call(row)
    assert items.update(row.id, {"name": "b"}).qty == 1


@pytest.mark.parametrize(("fields", "path"), [(["nmae"], "fields[0]"), (["name", "x"], "fields[1]"), ([], "fields")])
def test_fields_are_names_of_the_model(items: Table[Any], fields: list[str], path: str):
    with pytest.raises((errors.UnknownFieldError, errors.InvalidFilterError)) as caught:
        items.list(fields=fields)
    assert caught.value.path == path


def test_a_text_is_no_list_of_fields(items: Table[Any]):
    with pytest.raises(errors.InvalidFilterError) as caught:
        items.list(fields="name")
    assert caught.value.hint == 'write fields=["name"]'


def test_the_class_of_the_same_fields_is_made_once(items: Table[Any]):
    model = items._model
    assert partial_class(model, ["name", "id"]) is partial_class(model, ("id", "name"))
    assert partial_class(model, ["name"]) is not partial_class(model, ["id"])


@pytest.mark.parametrize("options", [{"frozen": True}, {"slots": True}, {"slots": True, "frozen": True}])
def test_a_dataclass_of_any_kind_is_read_in_part(options: dict[str, bool]):
    @dataclass(**options)
    class Point:
        id: int = auto()
        x: int = 0
        y: int = 0

    db = DataFlow("sqlite:///:memory:")
    points: Table[Any] = db.table(db.model(Point))
    points.create(x=1, y=2)
    (point,) = points.list(fields=["y"])
    assert (point.y, isinstance(point, Point)) == (2, True)
    with pytest.raises(errors.FieldNotLoadedError):
        print(point.x)


def test_a_pydantic_model_is_read_in_part():
    class Person(pydantic.BaseModel):
        id: int = auto()
        name: str = "x"
        age: int = 18

    db = DataFlow("sqlite:///:memory:")
    people: Table[Any] = db.table(db.model(Person))
    people.create(name="a", age=1)
    (person,) = people.list(fields=["name"])
    assert (person.name, isinstance(person, Person), repr(person)) == (
        "a",
        True,
        "Person(name='a', …)".replace("Person", type(person).__qualname__),
    )
    with pytest.raises(errors.FieldNotLoadedError):
        print(person.age)
