"""Operands of update operators at their edges: what is no number, long texts, paths."""

from collections.abc import Callable
from decimal import Decimal
from math import inf, isnan, nan
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Precision, Table, errors
from tests.integration.fresh import fresh


class Item:
    id: int
    ratio: float | None = None
    ratios: list[float] | None = None
    tags: list[Annotated[str, MaxLength(3)]] | None = None
    meta: dict[str, Any] | None = None


def stored(db: DataFlow, **fields: Any) -> Table[Any]:
    table = fresh(db, Item)
    table.create(id=1, **fields)
    return table


def one(table: Table[Any], updates: dict[str, Any]) -> Any:
    return table.update(1, updates)


def many(table: Table[Any], updates: dict[str, Any]) -> Any:
    table.bulk_update({"id": 1}, updates)
    return table.read(1)


def told(table: Table[Any], updates: dict[str, Any]) -> Any:
    table.bulk_update({"id": 1}, updates, return_rows=True)
    return table.read(1)


def upsert(table: Table[Any], updates: dict[str, Any]) -> Any:
    return table.upsert({"id": 1}, updates=updates)


Way = Callable[[Table[Any], dict[str, Any]], Any]
every_way = pytest.mark.parametrize("way", [one, many, told, upsert])


@every_way
@pytest.mark.parametrize("database", ["postgres", "sqlite"], indirect=True)
def test_min_and_max_take_an_infinity_that_the_column_keeps(db: DataFlow, way: Way) -> None:
    table = stored(db, ratio=2.5)
    assert way(table, {"$min": {"ratio": inf}}).ratio == 2.5
    assert way(table, {"$max": {"ratio": inf}}).ratio == inf
    assert way(table, {"$min": {"ratio": -inf}}).ratio == -inf


@every_way
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_nan_is_the_largest_float(db: DataFlow, way: Way) -> None:
    table = stored(db, ratio=2.5)
    assert way(table, {"$min": {"ratio": nan}}).ratio == 2.5
    assert isnan(way(table, {"$max": {"ratio": nan}}).ratio)
    assert isnan(way(table, {"$max": {"ratio": 1.0}}).ratio)
    assert way(table, {"$min": {"ratio": 1.0}}).ratio == 1.0


@every_way
@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ({"$inc": {"ratio": inf}}, "arithmetic takes no NaN and no infinity"),
        ({"$mul": {"ratio": nan}}, "arithmetic takes no NaN and no infinity"),
        ({"$push": {"ratios": nan}}, "a list holds no NaN and no infinity"),
        ({"$addToSet": {"ratios": {"$each": [inf]}}}, "a list holds no NaN and no infinity"),
        ({"$set": {"meta.a": nan}}, "JSON holds no NaN and no infinity"),
    ],
)
def test_what_is_no_number_is_refused_for_what_it_is(
    db: DataFlow, way: Way, updates: dict[str, Any], message: str
) -> None:
    table = stored(db, ratio=2.5)
    with pytest.raises(errors.NotFiniteError) as caught:
        way(table, updates)
    assert message in str(caught.value)


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_min_and_max_refuse_what_the_column_does_not_keep(db: DataFlow) -> None:
    with pytest.raises(errors.NotFiniteError) as caught:
        many(stored(db, ratio=2.5), {"$max": {"ratio": inf}})
    assert caught.value.path == "updates.$max.ratio"


@every_way
def test_objects_are_sorted_by_what_lies_behind_a_path(db: DataFlow, way: Way) -> None:
    objects = [{"at": {"n": 2}}, {"at": {"n": 1}, "x": 1}, {"at.n": 0}, {"at": 7}, {"at": {"n": 1}, "x": 0}]
    table = stored(db, meta={"l": objects})
    row = way(table, {"$push": {"meta.l": {"$each": [], "$sort": {"at.n": 1, "x": -1}}}})
    assert row.meta["l"] == [objects[at] for at in (2, 3, 1, 4, 0)]


@pytest.mark.parametrize("by", ["", "a.", ".a", "a..b", ".".join("a" * 40)])
def test_a_path_to_sort_by_has_keys(db: DataFlow, by: str) -> None:
    with pytest.raises((errors.InvalidUpdateError, errors.LimitExceededError)) as caught:
        one(stored(db), {"$push": {"meta.l": {"$each": [], "$sort": {by: 1}}}})
    assert caught.value.path == f"updates.$push.meta.l.$sort.{by}"


@every_way
def test_a_longer_text_is_pulled_from_nowhere(db: DataFlow, way: Way) -> None:
    table = stored(db, tags=["a", "abc"])
    assert way(table, {"$pull": {"tags": "abcdef"}}).tags == ["a", "abc"]
    assert way(table, {"$pullAll": {"tags": ["abcdef", "abc"]}}).tags == ["a"]
    with pytest.raises(errors.DataTooLongError):
        way(table, {"$push": {"tags": "abcdef"}})


@every_way
def test_paths_beside_values_alone_are_set(db: DataFlow, way: Way) -> None:
    row = way(stored(db, meta={"a": {"b": 1}, "c": 2}), {"meta.a.b": 3, "ratio": 0.5})
    assert (row.meta, row.ratio) == ({"a": {"b": 3}, "c": 2}, 0.5)


@pytest.mark.parametrize(
    ("updates", "kind", "path"),
    [
        ({"mata.a": 1}, errors.UnknownFieldError, "updates.mata.a"),
        ({"ratio.a": 1}, errors.InvalidUpdateError, "updates.$set.ratio.a"),
        ({"meta.a": 1, "rato": 1}, errors.UnknownFieldError, "updates.$set.rato"),
        ({"meta.a": 1, "meta": {}}, errors.InvalidUpdateError, "updates.$set.meta.a"),
    ],
)
def test_wrong_paths_beside_values_are_refused(
    db: DataFlow, updates: dict[str, Any], kind: type[Any], path: str
) -> None:
    with pytest.raises(kind) as caught:
        one(stored(db), updates)
    assert caught.value.path == path


@pytest.mark.parametrize("modifier", ["$slice", "$position"])
def test_a_modifier_beyond_64_bits_is_out_of_range(db: DataFlow, modifier: str) -> None:
    with pytest.raises(errors.OutOfRangeError) as caught:
        one(stored(db), {"$push": {"tags": {"$each": ["a"], modifier: 2**63}}})
    assert caught.value.path == f"updates.$push.tags.{modifier}"


def test_a_list_takes_no_none(db: DataFlow) -> None:
    with pytest.raises(errors.NullValueError) as caught:
        one(stored(db), {"$push": {"tags": None}})
    assert caught.value.hint == "leave the item out"


class Stock:
    id: int
    qty: int = 2**63 - 1
    cost: Annotated[Decimal, Precision(6, 2)] = Decimal("9999.99")
    price: int = 1


@pytest.mark.parametrize("way", [one, many, told, upsert])
@pytest.mark.parametrize("field", ["qty", "cost"])
def test_of_several_sums_the_one_beyond_is_named(db: DataFlow, way: Way, field: str) -> None:
    table = fresh(db, Stock)
    table.create(id=1, **{"qty": 1, "cost": 1, field: getattr(Stock, field)})
    before = table.read(1)
    with pytest.raises(errors.OutOfRangeError) as caught:
        way(table, {"$inc": {"qty": 1, "cost": 1}, "$max": {"price": 5}})
    assert f"updates.$inc.{field}" in f"{caught.value.path} {caught.value.hint}"
    assert "price" not in f"{caught.value.path} {caught.value.hint}"
    assert table.read(1) == before
