"""`bulk_sync`: the data becomes all that is stored within a filter."""

from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Table, Unique, errors
from tests.integration.fresh import fresh
from tests.integration.nodes import counts


class Price:
    __dataflow__ = {"unique": [["day", "code"]]}  # noqa: RUF012
    day: int
    code: Annotated[str | None, MaxLength(10)]
    price: int = 0
    slot: Annotated[int | None, Unique()] = None


class Kept:
    __dataflow__ = {"key": "code", "soft_delete": True, "multi_tenant": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]
    price: int = 0


@pytest.fixture
def prices(db: DataFlow) -> Table[Any]:
    table = fresh(db, Price)
    table.bulk_create([{"day": day, "code": code, "price": day} for day in (1, 2) for code in "abc"])
    return table


def shown(table: Table[Any]) -> list[tuple[int, str, int]]:
    return [(row.day, row.code, row.price) for row in table.list(order_by=["day", "code"])]


NEW = [{"day": 2, "code": "b", "price": 9}, {"day": 2, "code": "c", "price": 2}, {"day": 2, "code": "d", "price": 4}]
SECOND_DAY = [(2, "b", 9), (2, "c", 2), (2, "d", 4)]
FIRST_DAY = [(1, "a", 1), (1, "b", 1), (1, "c", 1)]
ENDS = {"inserted": 1, "updated": 1, "unchanged": 1, "deleted": 1}
OPTIONS: dict[str, Any] = {"within": {"day": 2}, "conflict_on": ["day", "code"]}


@pytest.mark.parametrize("form", [list, iter, pa.Table.from_pylist])
def test_the_data_is_all_that_is_left_within_the_filter(prices: Table[Any], form: Any) -> None:
    assert counts(prices.bulk_sync(form(NEW), **OPTIONS)) == ENDS
    assert shown(prices) == FIRST_DAY + SECOND_DAY
    assert counts(prices.bulk_sync(form(NEW), **OPTIONS)) == {"unchanged": 3}


async def test_the_awaited_twin_does_the_same(prices: Table[Any]) -> None:
    assert counts(await prices.abulk_sync(NEW, **OPTIONS)) == ENDS
    assert shown(prices) == FIRST_DAY + SECOND_DAY


def test_no_data_leaves_nothing_within_the_filter(prices: Table[Any]) -> None:
    assert counts(prices.bulk_sync([], within={"day": 2})) == {"deleted": 3}
    assert shown(prices) == FIRST_DAY


def test_many_rows_are_found_and_removed(db: DataFlow) -> None:
    table = fresh(db, Price)
    table.bulk_create([{"day": n % 2, "code": str(n)} for n in range(3_000)])
    data = [{"day": 1, "code": str(n), "price": 7} for n in range(1, 3_000, 6)]
    assert counts(table.bulk_sync(data, within={"day": 1}, conflict_on=["day", "code"])) == {
        "updated": 500,
        "deleted": 1_000,
    }
    assert (table.count({"day": 0}), table.count({"day": 1, "price": 7}), table.count()) == (1_500, 500, 2_000)


def test_a_filter_that_matches_every_row_has_to_be_meant(prices: Table[Any]) -> None:
    for within in (None, {}, {"$and": []}):
        with pytest.raises(errors.UnfilteredWriteError) as caught:
            prices.bulk_sync(NEW, within=within, conflict_on=["day", "code"])
        assert caught.value.path == "within"
    assert len(shown(prices)) == 6
    result = prices.bulk_sync(NEW, all_rows=True, conflict_on=["day", "code"])
    assert (counts(result), shown(prices)) == (ENDS | {"deleted": 4}, SECOND_DAY)


def test_a_row_outside_of_the_filter_is_refused(prices: Table[Any]) -> None:
    with pytest.raises(errors.CheckViolationError) as caught:
        prices.bulk_sync([*NEW, {"day": 1, "code": "z"}], **OPTIONS)
    assert caught.value.path == "data[3]"
    assert caught.value.outcome == "rolled back"
    assert shown(prices) == [*FIRST_DAY, (2, "a", 2), (2, "b", 2), (2, "c", 2)]


def test_a_row_that_moves_into_the_filter_is_within_it(prices: Table[Any]) -> None:
    first = prices.list({"day": 1, "code": "a"})[0].id
    result = prices.bulk_sync([{"id": first, "day": 2, "code": "a"}], within={"day": 2})
    assert (counts(result), shown(prices)[2:]) == ({"updated": 1, "deleted": 3}, [(2, "a", 1)])


@pytest.mark.parametrize("row", [{"day": 2, "code": None}, {"day": 2, "code": "b", "price": 1}])
def test_a_row_without_what_it_is_found_by_is_refused(prices: Table[Any], row: dict[str, Any]) -> None:
    target = "id" if row["code"] else ["day", "code"]
    with pytest.raises((errors.MissingValueError, errors.InvalidOptionError)):
        prices.bulk_sync([row], within={"day": 2}, conflict_on=target)
    assert len(shown(prices)) == 6


def test_a_unique_value_of_a_row_that_goes_is_free(prices: Table[Any]) -> None:
    prices.bulk_update({"day": 2, "code": "a"}, {"slot": 7})
    prices.bulk_sync([{"day": 2, "code": "n", "slot": 7}], **OPTIONS)
    assert [row.code for row in prices.list({"slot": 7})] == ["n"]


def test_more_than_max_affected_writes_nothing(prices: Table[Any]) -> None:
    with pytest.raises(errors.LimitExceededError):
        prices.bulk_sync(NEW[:1], **OPTIONS, max_affected=1)
    assert len(shown(prices)) == 6
    assert prices.bulk_sync(NEW[:1], **OPTIONS, max_affected=2).deleted == 2


def test_a_dry_run_tells_and_keeps_all(prices: Table[Any]) -> None:
    assert counts(prices.bulk_sync(NEW, **OPTIONS, dry_run=True)) == ENDS
    assert len(shown(prices)) == 6
    assert (2, "d", 4) not in shown(prices)


def test_rows_in_pieces_are_refused(prices: Table[Any]) -> None:
    rows = ({"day": 2, "code": str(n)} for n in range(70_000))
    with pytest.raises(errors.InvalidOptionError) as caught:
        prices.bulk_sync(rows, **OPTIONS)
    assert caught.value.path == "data"
    assert len(shown(prices)) == 6


def test_a_load_id_lets_it_happen_once(prices: Table[Any]) -> None:
    assert prices.bulk_sync(NEW, **OPTIONS, load_id="x").deleted == 1
    prices.create(day=2, code="late")
    again = prices.bulk_sync(NEW, **OPTIONS, load_id="x")
    assert (again.replayed, counts(again) == ENDS | {"load_id": "x"}, prices.count({"day": 2})) == (True, True, 4)
    with pytest.raises(errors.LoadMismatchError):
        prices.bulk_sync(NEW, **{**OPTIONS, "within": {"day": {"$gte": 2}}}, load_id="x")


def test_a_soft_delete_and_the_tenant_are_kept(db: DataFlow) -> None:
    table = fresh(db, Kept)
    for tenant in ("one", "two"):
        with db.tenant(tenant):
            table.bulk_create([{"code": code} for code in "abc"])
    with db.tenant("one"):
        assert table.bulk_sync([{"code": "b"}], within={"price": 0}).deleted == 2
        assert [row.code for row in table.list()] == ["b"]
        assert table.count(include_deleted=True) == 3
        assert counts(table.bulk_sync([{"code": "a"}, {"code": "b"}], within={"price": 0})) == {
            "updated": 1,
            "unchanged": 1,
        }
        assert table.bulk_sync([], all_rows=True, hard=True).deleted == 2
    with db.tenant("two"):
        assert [row.code for row in table.list()] == ["a", "b", "c"]


def test_a_filter_that_is_wrong_is_told_by_its_name(prices: Table[Any]) -> None:
    with pytest.raises(errors.UnknownFieldError) as caught:
        prices.bulk_sync(NEW, within={"dya": 2})
    assert caught.value.path == "within.dya"
