"""Filters written with Python's operators: the documents they are, and what they match."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from dataflow.query.expression import Column, Condition, Relation


class Item:
    name: str
    qty: int | None = None
    meta: dict[str, Any] | None = None
    list: int = 0


@pytest.fixture(scope="module")
def items() -> Table[Any]:
    db = DataFlow("sqlite:///:memory:")
    table: Table[Any] = db.table(db.model(Item))
    table.bulk_create([{"name": "a", "qty": 1}, {"name": "b", "qty": 2}, {"name": "c"}])
    return table


C: Column[Any] = Column("qty")
L: Column[Any] = Column("low")
R = Relation("books")
COMPARISONS: list[tuple[Condition, dict[str, Any]]] = [
    (C == 5, {"qty": {"$eq": 5}}),
    (C != 5, {"qty": {"$ne": 5}}),
    (C == None, {"qty": {"$eq": None}}),  # noqa: E711
    (C < 5, {"qty": {"$lt": 5}}),
    (C <= 5, {"qty": {"$lte": 5}}),
    (C > 5, {"qty": {"$gt": 5}}),
    (C >= 5, {"qty": {"$gte": 5}}),
    (C < 5, {"qty": {"$lt": 5}}),
    (C.isin(iter([1, 2])), {"qty": {"$in": [1, 2]}}),
    (C.notin(iter([1, 2])), {"qty": {"$nin": [1, 2]}}),
    (C.istype("string", "null"), {"qty": {"$type": ["string", "null"]}}),
    (C.mod(3, -1), {"qty": {"$mod": [3, -1]}}),
    (C < L, {"$expr": {"$lt": ["$qty", "$low"]}}),
    (C == L, {"$expr": {"$eq": ["$qty", "$low"]}}),
    (R.some(), {"books": {"$some": {}}}),
    (R.some(C == 1), {"books": {"$some": {"qty": {"$eq": 1}}}}),
    (R.every({"a": 1}), {"books": {"$every": {"a": 1}}}),
    (R.none(), {"books": {"$none": {}}}),
    (R.none(C == 1), {"books": {"$none": {"qty": {"$eq": 1}}}}),
    (~C.isin([]), {"$not": {"qty": {"$in": []}}}),
    (C.exists(), {"qty": {"$exists": True}}),
    (C.exists(False), {"qty": {"$exists": False}}),
    (C.contains("x"), {"qty": {"$contains": "x"}}),
    (C.startswith("x"), {"qty": {"$startsWith": "x"}}),
    (C.endswith("x"), {"qty": {"$endsWith": "x"}}),
    (C.like("x%"), {"qty": {"$like": "x%"}}),
    (C.ilike("x%"), {"qty": {"$ilike": "x%"}}),
    (C.matches("^x"), {"qty": {"$regex": "^x"}}),
    (C.matches("^x", "im"), {"qty": {"$regex": "^x", "$options": "im"}}),
    (C.icontains("x"), {"qty": {"$icontains": "x"}}),
    (C.all(iter([1, 2])), {"qty": {"$all": [1, 2]}}),
    (C.element({"$gt": 1}), {"qty": {"$elemMatch": {"$gt": 1}}}),
    (C.size(2), {"qty": {"$size": 2}}),
    (C["city"]["zip"] == 1, {"qty.city.zip": {"$eq": 1}}),
]


@pytest.mark.parametrize(("condition", "document"), COMPARISONS)
def test_a_comparison_is_a_document(condition: Condition, document: dict[str, Any]):
    assert type(condition) is Condition
    assert dict(condition) == document


def test_a_value_may_stand_on_the_left():
    assert dict(C < 5) == {"qty": {"$lt": 5}}
    assert dict(C == 5) == {"qty": {"$eq": 5}}


def test_conditions_are_put_together_with_operators():
    a, b = C == 1, C == 2
    assert a & b == {"$and": [a, b]}
    assert a | b == {"$or": [a, b]}
    assert ~(a & ~b) == {"$not": {"$and": [a, {"$not": b}]}}
    assert a & {"name": "x"} == {"$and": [a, {"name": "x"}]}
    assert a & b & a == {"$and": [a, b, a]}
    assert (a | b) & a | b == {"$or": [{"$and": [{"$or": [a, b]}, a]}, b]}


def test_a_dict_on_the_left_loses_no_condition():
    a, b = C == 1, C == 2
    assert dict(a) | b == {"$or": [a, b]}
    assert dict(a) & b == {"$and": [a, b]}
    either = C == 1
    either |= b
    both = C == 1
    both &= b
    assert (either, both) == ({"$or": [a, b]}, {"$and": [a, b]})
    assert a.copy() | b == {"$or": [a, b]}


def test_a_text_is_no_list_of_letters(items: Table[Any]):
    for condition in (items.c.name.isin("ab"), items.c.name.notin("ab")):
        with pytest.raises(errors.InvalidFilterError):
            items.count(condition)


@pytest.mark.parametrize("use", [list, lambda c: "x" in c, lambda c: items_of(c), lambda c: C.isin(c)])
@pytest.mark.parametrize("part", [lambda c: c, lambda c: c.name])
def test_columns_are_no_sequences(items: Table[Any], use: Callable[[Any], Any], part: Callable[[Any], Any]):
    with pytest.raises(TypeError):
        use(part(items.c))


def items_of(columns: Any) -> list[Any]:
    return [*columns]


def test_a_condition_gives_plain_dicts():
    filter = (~(C == 1) & R.some(C > 2)).to_filter()
    assert filter == {"$and": [{"$not": {"qty": {"$eq": 1}}}, {"books": {"$some": {"qty": {"$gt": 2}}}}]}
    assert {type(part) for part in (filter, *filter["$and"], filter["$and"][0]["$not"])} == {dict}


@pytest.mark.parametrize("use", [bool, lambda c: c and c, lambda c: c or c, lambda c: not c, lambda c: 1 if c else 2])
def test_a_condition_is_neither_true_nor_false(use: Callable[[Condition], object]):
    with pytest.raises(TypeError, match="write `&`"):
        use(C == 1)
    with pytest.raises(TypeError):
        1 < C < 5  # noqa: B015


def test_a_column_has_no_hash():
    with pytest.raises(TypeError):
        {C: 1}  # noqa: B018


FOUND: list[tuple[Callable[[Any], Any], list[str]]] = [
    (lambda c: c.qty == 1, ["a"]),
    (lambda c: c.qty != 1, ["b", "c"]),
    (lambda c: ~(c.qty == 1), ["b", "c"]),
    (lambda c: (c.qty == 1) | (c.name == "c"), ["a", "c"]),
    (lambda c: (c.qty >= 1) & (c["name"] > "a"), ["b"]),
    (lambda c: c.qty.exists(False), ["c"]),
    (lambda c: c.name.isin({"a", "c"}) & {"qty": None}, ["c"]),
    (lambda c: c.list == 0, ["a", "b", "c"]),
]


@pytest.mark.parametrize(("condition", "names"), FOUND)
def test_a_condition_finds_rows(items: Table[Any], condition: Callable[[Any], Any], names: list[str]):
    assert [row.name for row in items.list(condition(items.c))] == names
    assert items.count({"$and": [condition(items.c)]}) == len(names)


def test_conditions_are_filters_of_every_write(items: Table[Any]):
    c = items.c
    assert items.bulk_update(c.name == "a", {"list": 1}).updated == 1
    assert items.update((c.list == 1) & (c.qty == 1), {"list": 0}).name == "a"
    assert items.bulk_delete(c.qty > 1, dry_run=True).matched == 1
    assert items.bulk_delete(c.qty > 100).deleted == 0
    with pytest.raises(errors.NotFoundError):
        items.delete(c.name == "z")


@pytest.mark.parametrize("look", [lambda c: c.nmae, lambda c: c["nmae"]])
def test_an_unknown_column_is_answered_with_the_one_meant(items: Table[Any], look: Callable[[Any], Any]):
    with pytest.raises(errors.UnknownFieldError) as caught:
        look(items.c)
    assert (caught.value.path, caught.value.hint) == ("nmae", "did you mean `name`?")


def test_columns_are_listed_and_shown(items: Table[Any]):
    assert dir(items.c) == ["id", "list", "meta", "name", "qty"]
    assert repr(items.c.qty) == "<Column qty>"
    assert not hasattr(items.c, "__len__")
    assert repr(copy.copy(items.c).meta["a"]) == "<Column meta.a>"
