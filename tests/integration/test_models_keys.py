"""Keys of every kind, of one field and of several, with and without a tenant."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import RFC_4122, UUID

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Table, auto, errors
from tests.database import Database
from tests.integration.fresh import fresh


class Numbered:
    name: str


class Event:
    id: UUID = auto()
    name: str


class Stock:
    __dataflow__ = {"key": ["region", "no"]}  # noqa: RUF012
    region: Annotated[str, MaxLength(8)]
    no: int
    qty: int = 0


# In ascending order.
NATURAL = [
    (int, [-(2**63), -1, 0, 7, 2**63 - 1]),
    (Annotated[str, MaxLength(20)], ["", " ", "A", "B", "a", "a ", "aa", "Ä", "\U0001f600"]),
    (UUID, [UUID(int=0), UUID(int=1), UUID(int=1 << 127), UUID(int=2**128 - 1)]),
    (date, [date.min, date(1969, 12, 31), date(2024, 2, 29), date.max]),
    (Decimal, [Decimal(-10) ** 27, Decimal("-1.5"), Decimal(0), Decimal("0.0000000001"), Decimal(2), Decimal(10)]),
]
PAIRS = [("a", -1), ("a", 2), ("a", 10), ("b", 1)]


@pytest.fixture(params=[False, True], ids=["alone", "tenant"])
def shop(request: pytest.FixtureRequest, database: Database) -> Iterator[DataFlow]:
    """Whether the tenant leads every key must make no difference."""
    with DataFlow(database.url, multi_tenant=request.param) as db, db.tenant("a"):
        yield db


@pytest.fixture
def stock(shop: DataFlow) -> Table[Any]:
    table = fresh(shop, Stock)
    table.bulk_create([{"region": region, "no": no} for region, no in reversed(PAIRS)])
    return table


def natural(shop: DataFlow, hint: Any) -> Table[Any]:
    """A table whose key is given by the caller."""
    model = type("Named", (), {"__annotations__": {"no": hint, "name": str}, "__dataflow__": {"key": ["no"]}})
    return fresh(shop, model)


def keys(table: Table[Any]) -> list[tuple[str, int]]:
    return [(row.region, row.no) for row in table.list()]


def test_automatic_uuids_are_of_version_seven_and_rise(shop: DataFlow) -> None:
    table = fresh(shop, Event)
    made = [table.create(name="single").id for _ in range(5)]
    rows = table.bulk_create([{"name": str(at)} for at in range(500)], return_rows=True).rows
    assert rows is not None
    made += [row.id for row in rows]
    made.append(table.create(name="last").id)
    assert {(type(key), key.version, key.variant) for key in made} == {(UUID, 7, RFC_4122)}
    assert made == sorted(set(made))
    assert [row.id for row in table.list(limit=None)] == made


@pytest.mark.parametrize("form", ["dicts", "arrow"])
def test_given_uuids_are_kept_beside_new_ones(shop: DataFlow, form: str) -> None:
    table, given = fresh(shop, Event), [UUID(int=5), None, UUID(int=2**128 - 1), None]
    assert table.create(id=UUID(int=1), name="single").id == UUID(int=1)
    rows: Any = [{"id": key, "name": str(at)} for at, key in enumerate(given)]
    if form == "arrow":
        rows = pa.table({"id": pa.array(given, pa.uuid()), "name": ["0", "1", "2", "3"]})
    table.bulk_create(rows)
    found = {row.name: row.id for row in table.list()}
    assert (found["0"], found["2"], len(set(found.values()))) == (given[0], given[2], 5)
    assert {found["1"].version, found["3"].version} == {7}


@pytest.mark.parametrize("model", [Numbered, Event])
def test_arrow_without_the_key_column_gets_keys(shop: DataFlow, model: type[Any]) -> None:
    table = fresh(shop, model)
    names = [str(at) for at in range(50)]
    rows = table.bulk_create(pa.table({"name": names}), return_rows=True).rows
    assert rows is not None
    assert [row.name for row in rows] == names
    assert [row.name for row in table.list(limit=None)] == names
    assert [row.id for row in rows] == [row.id for row in table.list(limit=None)]


@pytest.mark.parametrize(("hint", "values"), NATURAL)
def test_a_natural_key_finds_changes_and_removes_its_row(shop: DataFlow, hint: Any, values: list[Any]) -> None:
    table = natural(shop, hint)
    for value in reversed(values):
        assert table.create(no=value, name="old").no == value
    assert [row.no for row in table.list()] == values
    for at, value in enumerate(values):
        assert table.update(value, {"name": str(at)}).no == value
        assert table.upsert({"no": value, "name": f"up{at}"}).created is False
    assert [row.name for row in table.list()] == [f"up{at}" for at in range(len(values))]
    assert table.delete(values[0]) == 1
    assert [row.no for row in table.list()] == values[1:]
    with pytest.raises(errors.NotFoundError):
        table.read(values[0])


@pytest.mark.parametrize(("hint", "values"), NATURAL)
def test_natural_keys_in_bulk(shop: DataFlow, hint: Any, values: list[Any]) -> None:
    table = natural(shop, hint)
    rows = [{"no": value, "name": str(at)} for at, value in enumerate(values)]
    table.bulk_create(rows[:2])
    result = table.bulk_upsert([{**row, "name": "new"} for row in rows])
    assert (result.inserted, result.updated) == (len(rows) - 2, 2)
    assert table.bulk_update(data=[{"no": value, "name": "newer"} for value in values]).updated == len(rows)
    assert [(row.no, row.name) for row in table.list()] == [(value, "newer") for value in values]
    assert table.bulk_delete(keys=values[1:]).deleted == len(rows) - 1
    assert [row.no for row in table.list()] == values[:1]


def test_rows_come_in_the_order_of_the_whole_key(stock: Table[Any]) -> None:
    assert keys(stock) == PAIRS
    assert [(row.region, row.no) for row in stock.list(order_by="-no")] == [("a", 10), ("a", 2), ("b", 1), ("a", -1)]


def test_a_tuple_is_the_key_of_several_fields(stock: Table[Any]) -> None:
    assert (stock.read(("a", 10)).no, stock.read(("b", 1)).region) == (10, "b")
    assert stock.update(("a", 10), {"qty": 5}).qty == 5
    assert [row.qty for row in stock.list()] == [0, 0, 5, 0]
    assert stock.delete(("a", 2)) == 1
    assert keys(stock) == [("a", -1), ("a", 10), ("b", 1)]
    for missing in (("a", 2), ("b", 10), ("c", 1)):
        with pytest.raises(errors.NotFoundError):
            stock.read(missing)


def test_upserts_meet_rows_by_the_whole_key(stock: Table[Any]) -> None:
    assert stock.upsert({"region": "a", "no": 10, "qty": 1}).created is False
    assert stock.upsert({"region": "b", "no": 10, "qty": 2}).created is True
    rows = [{"region": "b", "no": 10, "qty": 3}, {"region": "c", "no": 10}, {"region": "a", "no": 2}]
    result = stock.bulk_upsert(rows)
    assert (result.inserted, result.updated, result.unchanged) == (1, 1, 1)
    assert [(*key, row.qty) for key, row in zip(keys(stock), stock.list(), strict=True)] == [
        *[("a", -1, 0), ("a", 2, 0), ("a", 10, 1), ("b", 1, 0), ("b", 10, 3), ("c", 10, 0)]
    ]


def test_bulk_update_finds_rows_by_the_whole_key(stock: Table[Any]) -> None:
    rows = [{"region": "b", "no": 1, "qty": 4}, {"region": "a", "no": 10, "qty": 5}]
    assert stock.bulk_update(data=rows).updated == 2
    assert [row.qty for row in stock.list()] == [0, 0, 5, 4]
    with pytest.raises(errors.NotFoundError) as caught:
        stock.bulk_update(data=[{"region": "a", "no": 10, "qty": 9}, {"region": "b", "no": 10, "qty": 9}])
    assert caught.value.path == "data[1]"
    assert [row.qty for row in stock.list()] == [0, 0, 5, 4]
    assert stock.bulk_update(data=pa.table({"no": [1], "qty": [6], "region": ["b"]})).updated == 1
    assert stock.read(("b", 1)).qty == 6


def test_bulk_delete_takes_tuples_dicts_and_columns(stock: Table[Any]) -> None:
    result = stock.bulk_delete(keys=[("a", 2), ("b", 2)])
    assert (result.deleted, result.missing) == (1, 1)
    assert stock.bulk_delete(keys=[{"no": -1, "region": "a"}, stock.read(("b", 1))]).deleted == 2
    assert stock.bulk_delete(keys=pa.table({"region": ["a", "b"], "no": [10, 10]})).deleted == 1
    assert keys(stock) == []


@pytest.mark.parametrize("key", ["a", ("a",), ("a", 1, 2), (), 1, None])
def test_a_key_with_another_number_of_parts_is_refused(stock: Table[Any], key: Any) -> None:
    for call in (stock.read, stock.delete, lambda key: stock.update(key, {"qty": 1})):
        with pytest.raises(errors.InvalidFilterError) as caught:
            call(key)
        assert caught.value.path == "key"
    with pytest.raises(errors.UnsupportedDataError) as caught_bulk:
        stock.bulk_delete(keys=[("a", 2), key])
    assert caught_bulk.value.path == "keys[1]"
    assert keys(stock) == PAIRS


def test_every_part_of_the_key_must_be_given(stock: Table[Any]) -> None:
    for call in (stock.bulk_create, stock.bulk_upsert, lambda rows: stock.bulk_update(data=rows)):
        with pytest.raises(errors.MissingValueError) as caught:
            call([{"region": "x", "no": 1}, {"region": "x", "qty": 1}])
        assert caught.value.path == "data[1].no"
    with pytest.raises(errors.NullValueError):
        stock.create(region="x", no=None)
    with pytest.raises(errors.UniqueViolationError):
        stock.create(region="a", no=2)
    assert keys(stock) == PAIRS


def test_a_key_is_never_changed(stock: Table[Any]) -> None:
    with pytest.raises(errors.KeyMismatchError):
        stock.update(("a", 2), {"no": 3})
    assert stock.update(("a", 2), {"no": 2, "qty": 1}).qty == 1
    assert keys(stock) == PAIRS


def test_tenants_have_the_same_keys_apart(database: Database) -> None:
    with DataFlow(database.url, multi_tenant=True) as db:
        table = fresh(db, Stock)
        for tenant in ("a", "b"):
            with db.tenant(tenant):
                table.create(region="x", no=1)
                assert table.upsert({"region": "x", "no": 1, "qty": ord(tenant)}).created is False
        with db.tenant("b"):
            assert table.bulk_delete(keys=[("x", 1)]).deleted == 1
        with db.tenant("a"):
            assert table.read(("x", 1)).qty == ord("a")


@pytest.mark.parametrize("given", [0, 5, 3000])
def test_the_generator_stands_above_upserted_keys(shop: DataFlow, given: int) -> None:
    table = fresh(shop, Numbered)
    made = table.upsert({"id": given, "name": "given"})
    assert (made.id, made.created) == (given, True)
    assert table.create(name="next").id > given
    table.bulk_upsert([{"id": given + 100, "name": "a"}, {"name": "b"}, {"id": given, "name": "changed"}])
    found = {row.name: row.id for row in table.list()}
    assert (found["a"], found["changed"], len(found)) == (given + 100, given, 4)
    assert table.create(name="last").id > max(found.values())


@pytest.mark.parametrize("model", [Numbered, Event])
def test_an_upsert_needs_the_key_of_one_row_at_least(shop: DataFlow, model: type[Any]) -> None:
    table = fresh(shop, model)
    for call in (lambda: table.upsert({"name": "x"}), lambda: table.bulk_upsert([{"name": "x"}, {"name": "y"}])):
        with pytest.raises(errors.InvalidOptionError) as caught:
            call()
        assert caught.value.path == "conflict_on"
    key = table.create(name="old").id
    result = table.bulk_upsert([{"name": "new"}, {"id": key, "name": "changed"}, {"name": "new"}])
    assert (result.inserted, result.updated) == (2, 1)
    assert [row.name for row in table.list()] == ["changed", "new", "new"]
